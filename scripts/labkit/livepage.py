"""Fills docs/live-calls.md with what runs of scripts/crowd and scripts/soak have found."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from labkit.places import CHECKOUT

PAGE = CHECKOUT / "docs" / "live-calls.md"
PICTURE = CHECKOUT / "docs" / "soak.svg"
RUNS = ("crowd", "soak")


def filled(page: str, name: str, text: Sequence[str]) -> str:
    """The page with these lines between the marks of `name`. Raises LookupError where it has none."""
    block = "\n".join([f"<!-- {name} -->", "```", *text, "```", f"<!-- /{name} -->"])
    new, count = re.subn(rf"<!-- {name} -->.*<!-- /{name} -->", lambda _: block, page, flags=re.DOTALL)
    if count != 1:
        raise LookupError(f"the page has no place for {name}")
    return new


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m labkit.livepage", description=__doc__)
    for name in RUNS:
        parser.add_argument(f"--{name}", type=Path, help=f"the folder of a run of scripts/{name}")
    given = {name: folder for name, folder in vars(parser.parse_args(arguments)).items() if folder}
    if not given:
        parser.error("say whose run is to be shown: " + ", ".join(f"--{name}" for name in RUNS))
    page = PAGE.read_text()
    for name, folder in given.items():
        page = filled(page, name, json.loads((folder / f"{name}.json").read_text())["text"])
    PAGE.write_text(page)
    if "soak" in given:
        shutil.copyfile(given["soak"] / "soak.svg", PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
