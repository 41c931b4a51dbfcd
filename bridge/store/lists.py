"""Many values as one parameter, so that a statement is compiled once however many there are.

They come as JSON (SQLite's json_each), which has no bytes: keyed hashes, all of one length, come end to end.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import Integer, LargeBinary, Select, String, bindparam, column, func, select


def values_of(name: str, of_type: type[Integer] | type[String]) -> Select[Any]:
    """The values that `as_json` has put into the parameter of this name."""
    listed = func.json_each(bindparam(name)).table_valued(column("value", of_type()), name=f"of_{name}")
    return select(listed.c.value)


def as_json(values: Collection[int] | Collection[str]) -> str:
    return json.dumps(list(values))


def hashes_of(name: str) -> Select[Any]:
    """The values that `end_to_end` has put into the parameters of this name."""
    listed = func.json_each(bindparam(f"{name}_begin")).table_valued(column("value", Integer()))
    joined = bindparam(name, type_=LargeBinary())
    return select(func.substr(joined, listed.c.value, bindparam(f"{name}_size"), type_=LargeBinary()))


def end_to_end(name: str, hashes: Collection[bytes]) -> dict[str, Any]:
    """Empty ones, which erased contacts have, are left out. Raises ValueError where they differ in length."""
    present = [each for each in hashes if each]
    size = len(present[0]) if present else 1
    if any(len(each) != size for each in present):
        raise ValueError("hashes of one kind have one length")
    joined = b"".join(present)
    return {name: joined, f"{name}_begin": as_json(range(1, len(joined) + 1, size)), f"{name}_size": size}
