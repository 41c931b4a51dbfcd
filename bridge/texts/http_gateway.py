"""A gateway that takes texts as JSON by HTTP. What its fields are called, config.yaml says. docs/texts.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from bridge.outgoing import NotPosted, Posted, Reach, post
from bridge.texts import Answer, Came, Settings, Text

SECONDS: Final = 15.0
_MOST_READ: Final = 65_536

_OF_THIS_TEXT: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Said of the request itself. Other refusals may be of the token, the account or the address, and pass."""


class HttpGateway:
    def __init__(self, settings: Settings) -> None:
        self._url = settings.url
        self._reach = Reach.of(settings.private_networks)
        # As it comes: what a gateway compresses would have to be unpacked before it is known how long it is.
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if settings.token is not None:
            self._headers["Authorization"] = f"Bearer {settings.token}"
        options = settings.options
        self._number_field: str = options["number_field"]
        self._text_field: str = options["text_field"]
        self._id_field: str | None = options["id_field"]
        self._with_plus: bool = options["number_format"] == "+e164"
        self._more: Mapping[str, str] = options["more_fields"]
        self._accepted: Mapping[str, str] = options["accepted"]

    @property
    def takes_ids(self) -> bool:
        return self._id_field is not None

    async def send(self, text: Text) -> Answer:
        """Raises nothing but CancelledError."""
        most_read = _MOST_READ if self._accepted else 0
        came = await post(
            self._url, self._headers, self._body(text), self._reach, seconds=SECONDS, most_read=most_read
        )
        if isinstance(came, NotPosted):
            return Answer(Came.UNSURE if came.may_have_arrived else Came.LATER)
        return Answer(self._what_came(came), came.status)

    def _body(self, text: Text) -> bytes:
        number = text.number if self._with_plus else text.number.removeprefix("+")
        told = {**self._more, self._number_field: number, self._text_field: text.words}
        if self._id_field is not None:
            told[self._id_field] = text.id
        return json.dumps(told).encode()

    def _what_came(self, posted: Posted) -> Came:
        status = posted.status
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return self._what_it_says(posted.body) if self._accepted else Came.SENT
        if status in _OF_THIS_TEXT:
            return Came.REFUSED
        # A proxy before the gateway may say so while the gateway has the text.
        return Came.UNSURE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Came.LATER

    def _what_it_says(self, body: bytes) -> Came:
        """Of gateways that answer 200 to everything, and say in the body what they mean."""
        told = _json_object(body)
        if told is None or not all(name in told for name in self._accepted):
            return Came.UNSURE
        taken = all(_as_text(told[name]) == wanted for name, wanted in self._accepted.items())
        return Came.SENT if taken else Came.REFUSED


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _as_text(value: object) -> str:
    """As config.yaml would have it: `true`, `0`, `ok`."""
    return value if isinstance(value, str) else json.dumps(value)
