"""ETags: which state of an order or a customer somebody has seen, and whether it is so still (RFC 9110)."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Annotated, Final, TypeVar, cast

from fastapi import Header, Response

from bridge.api.desk.shapes import Told
from bridge.api.problems import Problem

_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")
"""So that no ETag looks like a phone number, to a person or to a search for one."""

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=2000,
        description="Do it only if one of these is still its ETag; `*`: only if it is there.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=2000,
        description="Not if one of these is its ETag; `*`: not if it is there.",
    ),
]


ToldT = TypeVar("ToldT", bound=Told)


def etag_of(told: Told) -> str:
    return f'"{hashlib.sha256(told.model_dump_json().encode()).hexdigest()[:32].translate(_LETTERS)}"'


def expect_match(if_match: str | None, told: Told | None) -> None:
    """Raises Problem (412)."""
    if if_match is not None and (told is None or not _names(if_match, etag_of(told))):
        detail = (
            "It is not what it was when this ETag was given. Get it again, and look before you change it."
        )
        raise Problem(HTTPStatus.PRECONDITION_FAILED, "changed-meanwhile", detail)


def expect_none(if_none_match: str | None, told: Told | None) -> None:
    """Raises Problem (412)."""
    if if_none_match is not None and told is not None and _names(if_none_match, etag_of(told)):
        detail = "It is there already."
        raise Problem(HTTPStatus.PRECONDITION_FAILED, "changed-meanwhile", detail)


def unless_known(told: ToldT, if_none_match: str | None, response: Response) -> ToldT:
    """It with its ETag, or, where who asks has it as it is, an answer that says so (section 15.4.5)."""
    etag = etag_of(told)
    if if_none_match is not None and _names(if_none_match, etag):
        not_modified = Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
        return cast(ToldT, not_modified)  # FastAPI hands a Response on as it is
    response.headers["ETag"] = etag
    return told


def _names(header: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or etag in tags
