"""A client of call-bridge's API for integrators, of Python's own library alone: copy it, and make it yours.

shop = CallBridge("https://pbx.example.net", token)
order = shop.put_order("1042", name="Harriet Vane", phones=["+44 7700 900123"], manager="Anna")
shop.call(order["code"])
for event in shop.events():
    ...
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

Json = dict[str, Any]

_TRIES: Final = 5
_SECONDS: Final = 30


class Refused(Exception):
    """The answer is a problem (RFC 9457). Go by `reason`; `errors` names parts of the request."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status} {problem.get('reason')}: {problem.get('detail')}")
        self.status = status
        self.reason: str = problem.get("reason", "")
        self.errors: list[Json] = problem.get("errors", [])


@dataclass(frozen=True)
class Event:
    id: str
    name: str
    data: Json


class CallBridge:
    def __init__(self, url: str, token: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("an http or https URL is wanted")
        self._url = url.rstrip("/")
        self._token = token

    def put_order(
        self, code: str, *, name: str, phones: Sequence[str], manager: str | None = None, **more: Any
    ) -> Json:
        """Bring an order in, or bring it up to date. `more`: summary, items, priority."""
        order = {"code": code, "customer": {"name": name, "phones": list(phones)}, "manager": manager}
        return self._post("/v1/orders", order | more)

    def order(self, code: str) -> Json:
        return self._json(self._request("GET", f"/v1/orders/{code}"))

    def close_order(self, code: str) -> Json:
        """Nobody is to call about it any more."""
        return self._json(self._request("PATCH", f"/v1/orders/{code}", {"state": "closed"}))

    def call(self, code: str) -> Json:
        """Ring the manager who serves the order's customer, and then the customer."""
        return self._post("/v1/calls", {"order": code})

    def results(self, since_ms: int = 0) -> Iterator[Json]:
        """What managers said came of calls, newest first, page by page."""
        asked: Json = {"since_ms": since_ms}
        while True:
            page = self._json(self._request("GET", f"/v1/results?{urllib.parse.urlencode(asked)}"))
            yield from page["results"]
            if page["next_cursor"] is None:
                return
            asked["cursor"] = page["next_cursor"]

    def events(self, last_id: str | None = None) -> Iterator[Event]:
        """Calls as they move, for ever: where the connection is lost, from where it was."""
        while True:
            headers = {} if last_id is None else {"Last-Event-ID": last_id}
            try:
                with urllib.request.urlopen(self._request("GET", "/v1/events", headers=headers)) as stream:
                    for event in _parsed(line.decode().rstrip("\n") for line in stream):
                        last_id = event.id
                        yield event
            except urllib.error.HTTPError as error:
                raise _refused(error) from None
            except OSError:
                time.sleep(2)

    def _post(self, path: str, body: Json) -> Json:
        """With a key of its own, by which it may be sent again without being done twice."""
        return self._json(self._request("POST", path, body, {"Idempotency-Key": str(uuid.uuid4())}))

    def _request(
        self, method: str, path: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib.request.Request:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return urllib.request.Request(self._url + path, data, sent | dict(headers or {}), method=method)

    def _json(self, request: urllib.request.Request) -> Json:
        for tries_left in reversed(range(_TRIES)):
            try:
                with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                    told: Json = json.load(answer)
                    return told
            except urllib.error.HTTPError as error:
                wait = int(error.headers.get("Retry-After", 1))
                again = error.code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
                if not again or not tries_left:
                    raise _refused(error) from None
            except OSError:
                wait = 1
                if not tries_left:
                    raise
            time.sleep(wait)
        raise AssertionError


def _refused(error: urllib.error.HTTPError) -> Refused:
    return Refused(error.code, json.loads(error.read() or b"{}"))


def _parsed(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}
