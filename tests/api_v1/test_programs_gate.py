"""Who gets in: a good token, in its scopes, at a pace, with a body that can be read."""

from __future__ import annotations

from typing import Any

import pytest
from program_shop import CANARIES, DAY_MS, ProgramShop, found_in, order
from prometheus_client import REGISTRY
from sqlalchemy.exc import OperationalError
from work_shop import until

from bridge.api.v1 import gate
from bridge.api.v1.gate import LARGEST_BODY
from bridge.rules.scopes import Scope
from bridge.store.api_tokens import list_tokens, revoke_token
from bridge.store.managers import disable_manager
from bridge.switchboard.metrics import ProgramAnswer

HARRIET = CANARIES[0]

NEEDED = {
    ("POST", "/v1/orders"): Scope.ORDERS_WRITE,
    ("PATCH", "/v1/orders/{code}"): Scope.ORDERS_WRITE,
    ("GET", "/v1/orders"): Scope.ORDERS_READ,
    ("GET", "/v1/orders/{code}"): Scope.ORDERS_READ,
    ("POST", "/v1/customers"): Scope.CUSTOMERS_WRITE,
    ("PATCH", "/v1/customers/{customer_id}"): Scope.CUSTOMERS_WRITE,
    ("GET", "/v1/customers"): Scope.CUSTOMERS_READ,
    ("GET", "/v1/customers/{customer_id}"): Scope.CUSTOMERS_READ,
    ("POST", "/v1/calls"): Scope.CALLS_WRITE,
    ("GET", "/v1/calls"): Scope.CALLS_READ,
    ("GET", "/v1/calls/{call_id}"): Scope.CALLS_READ,
    ("GET", "/v1/results"): Scope.RESULTS_READ,
    ("GET", "/v1/events"): Scope.EVENTS_READ,
}

BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/orders"): order(),
    ("PATCH", "/v1/orders/{code}"): {"priority": 1},
    ("POST", "/v1/customers"): {"name": "Peter", "phones": [HARRIET]},
    ("PATCH", "/v1/customers/{customer_id}"): {"name": "Peter"},
    ("POST", "/v1/calls"): {"order": "1042"},
}


def path_of(path: str) -> str:
    return path.format(code="1042", customer_id="1", call_id="abcd")


async def test_every_request_has_its_scope_in_this_table(shop: ProgramShop) -> None:
    served = {
        (method.upper(), path) for path, methods in shop.app.openapi()["paths"].items() for method in methods
    }
    assert served == set(NEEDED)


@pytest.mark.parametrize("request_", NEEDED, ids=" ".join)
async def test_a_token_is_good_for_its_scopes_alone(shop: ProgramShop, request_: tuple[str, str]) -> None:
    method, path = request_
    others = await shop.new_token("others", set(Scope) - {NEEDED[request_]})
    refused = await shop.ask(method, path_of(path), BODIES.get(request_), token=others)
    assert (refused.status, refused.reason) == (403, "out-of-scope")
    assert NEEDED[request_] in refused.body["detail"]
    if path != "/v1/events":  # which does not end
        own = await shop.new_token("own", {NEEDED[request_]})
        assert (await shop.ask(method, path_of(path), BODIES.get(request_), token=own)).status != 403


WRONG = {
    "nothing": {},
    "no scheme": {"Authorization": HARRIET},
    "another scheme": {"Authorization": "Basic {token}"},
    "an empty one": {"Authorization": "Bearer "},
    "a number": {"Authorization": f"Bearer {HARRIET}"},
    "a longer one": {"Authorization": "Bearer {token}a"},
    "a part of one": {"Authorization": "Bearer callbridge-"},
    "a very long one": {"Authorization": f"Bearer {'a' * 5000}"},
    "no ASCII": {"Authorization": "Bearer \u00fc"},
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/orders"), ("POST", "/v1/orders"), ("GET", f"/{HARRIET}")]
)
async def test_without_a_good_token_nothing_is_told(
    shop: ProgramShop, method: str, path: str, what: str
) -> None:
    sent = {name: value.replace("{token}", shop.token) for name, value in WRONG[what].items()}
    answer = await shop.send(method, path, b"{" if method == "POST" else None, sent)
    assert (answer.status, answer.reason) == (401, "no-token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="call-bridge"'


async def test_a_token_ends_and_is_revoked_from_one_request_to_the_next(shop: ProgramShop) -> None:
    short = await shop.new_token("short", days=1)
    assert (await shop.ask("GET", "/v1/orders", token=short)).status == 200
    shop.pass_time(DAY_MS)
    assert (await shop.ask("GET", "/v1/orders", token=short)).status == 401
    assert (await shop.ask("GET", "/v1/orders")).status == 200
    await revoke_token(shop.database, "crm", actor="cli:test", now_ms=shop.now_ms)
    assert (await shop.ask("GET", "/v1/orders")).status == 401


async def test_when_a_token_was_last_used_is_on_record_to_the_minute(shop: ProgramShop) -> None:
    async def seen() -> int | None:
        return next(each.seen_ms for each in await list_tokens(shop.database) if each.name == "crm")

    first = shop.now_ms
    await shop.ask("GET", "/v1/orders")
    shop.pass_time(59_000)
    await shop.ask("GET", "/v1/orders")
    assert await seen() == first
    shop.pass_time(1_000)
    await shop.ask("GET", "/v1/orders")
    assert await seen() == shop.now_ms


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/v1/nothing", 404, "not-found"),
        ("GET", "/", 404, "not-found"),
        ("GET", f"/v1/orders/{HARRIET}/", 404, "not-found"),
        ("GET", "/v1/orders/", 404, "not-found"),
        ("GET", f"/v1/calls/{HARRIET}", 422, "unreadable"),
        ("GET", f"/v1/orders/{HARRIET}", 422, "unreadable"),
        ("GET", "/v1/orders/447700900123", 404, "not-found"),
        ("GET", "/v1/customers/447700900123", 404, "not-found"),
        ("GET", "/docs", 404, "not-found"),
        ("GET", "/metrics", 404, "not-found"),
        ("PUT", "/v1/orders", 405, "method-not-allowed"),
        ("DELETE", "/v1/orders/1042", 405, "method-not-allowed"),
        ("HEAD", "/v1/orders", 405, None),
        ("OPTIONS", "/v1/orders", 405, "method-not-allowed"),
        ("TRACE", "/v1/orders", 405, "method-not-allowed"),
        (HARRIET.removeprefix("+"), "/v1/orders", 405, "method-not-allowed"),
    ],
)
async def test_what_is_not_served_is_a_problem_too(
    shop: ProgramShop, method: str, path: str, status: int, reason: str | None
) -> None:
    answer = await shop.ask(method, path)
    assert answer.status == status
    assert reason is None or answer.reason == reason
    if status == 405:
        assert answer.headers["Allow"] == ("GET, POST" if path == "/v1/orders" else "GET, PATCH")


async def test_a_body_has_to_be_json_and_to_say_so(shop: ProgramShop) -> None:
    sent = {"Authorization": f"Bearer {shop.token}"}
    for media_type in ("", "text/plain", "application/x-www-form-urlencoded", HARRIET):
        answer = await shop.send("POST", "/v1/orders", b"{}", sent | {"Content-Type": media_type})
        assert (answer.status, answer.reason) == (415, "not-json")
    for body in (b"", b"{", f'{{"{HARRIET}'.encode(), b"\xff", b"[" * 60_000):
        answer = await shop.send("POST", "/v1/orders", body, sent | {"Content-Type": "application/json"})
        assert answer.status in (400, 422)
        assert answer.reason in ("no-json", "unreadable")


async def test_a_body_is_no_larger_than_it_may_be_whatever_it_says_of_itself(shop: ProgramShop) -> None:
    sent = {"Authorization": f"Bearer {shop.token}", "Content-Type": "application/json"}
    too_much = b'{"code": "' + b"1" * LARGEST_BODY + b'"}'

    async def in_pieces() -> Any:
        for start in range(0, len(too_much), 1000):
            yield too_much[start : start + 1000]

    for data in (too_much, in_pieces()):
        answer = await shop.send("POST", "/v1/orders", data, sent)
        assert (answer.status, answer.reason) == (413, "too-large")
    assert (await shop.ask("GET", "/v1/orders")).status == 200


async def test_a_token_has_a_pace_and_another_one_is_not_held_up_by_it(shop: ProgramShop) -> None:
    other = await shop.new_token("other")
    shop.app.middleware_stack = None  # made anew, by the configuration of now
    shop.configured("  requests_per_minute: 5\n")
    for _ in range(5):
        assert (await shop.ask("GET", "/v1/orders")).status == 200
    refused = await shop.ask("GET", "/v1/orders")
    assert (refused.status, refused.reason, refused.headers["Retry-After"]) == (429, "too-fast", "12")
    assert (await shop.ask("GET", "/v1/orders", token=other)).status == 200
    shop.pass_time(12_000)
    assert (await shop.ask("GET", "/v1/orders")).status == 200
    assert (await shop.ask("GET", "/v1/orders")).status == 429


async def test_an_address_that_tries_tokens_has_to_wait_and_others_have_not(shop: ProgramShop) -> None:
    shop.app.middleware_stack = None
    shop.configured("  requests_per_minute: 50\n")
    statuses = [
        (await shop.ask("GET", "/v1/orders", token="wrong", X_Forwarded_For="192.0.2.7")).status
        for _ in range(8)
    ]
    assert statuses == [401] * 5 + [429] * 3
    own = await shop.ask("GET", "/v1/orders", X_Forwarded_For="192.0.2.7")
    assert (own.status, own.reason) == (429, "too-fast")
    assert int(own.headers["Retry-After"]) >= 1
    assert (await shop.ask("GET", "/v1/orders", X_Forwarded_For="192.0.2.8")).status == 200


async def test_the_description_needs_no_token_and_has_a_pace(shop: ProgramShop) -> None:
    shop.app.middleware_stack = None
    shop.configured("  requests_per_minute: 1\n")
    statuses = [(await shop.send("GET", "/v1/openapi.json", None, {})).status for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_no_more_is_done_at_once_than_the_daemon_takes(
    shop: ProgramShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_MOST_AT_ONCE", 1)
    async with shop.stream() as response:
        assert response.status == 200
        refused = await shop.ask("GET", "/v1/orders")
        assert (refused.status, refused.reason, refused.headers["Retry-After"]) == (503, "busy", "1")

    async def takes_again() -> bool:
        return (await shop.ask("GET", "/v1/orders")).status == 200

    await until(takes_again)


async def test_each_answer_is_counted(shop: ProgramShop, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted() -> dict[str, float]:
        return {
            answer: REGISTRY.get_sample_value("callbridge_program_requests_total", {"answer": answer}) or 0
            for answer in ProgramAnswer
        }

    shop.app.middleware_stack = None
    shop.configured("  requests_per_minute: 50\n")
    before = counted()
    await shop.ask("POST", "/v1/orders", order())
    await shop.ask("GET", "/v1/orders/9999")
    await shop.ask("POST", "/v1/orders", order("A1"))
    shop.vault = None
    await shop.ask("POST", "/v1/orders", order())
    for _ in range(6):
        await shop.ask("GET", "/v1/orders", token="wrong")
    now = counted()
    came = {answer: now[answer] - before[answer] for answer in now}
    assert came == {"done": 1, "refused": 2, "failed": 1, "no-token": 5, "too-fast": 1}


async def test_no_answer_is_kept_by_a_cache(shop: ProgramShop) -> None:
    for answer in (
        await shop.ask("GET", "/v1/orders"),
        await shop.ask("GET", "/v1/nothing"),
        await shop.ask("GET", "/v1/orders", token="wrong"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Server" not in answer.headers


async def test_a_fault_of_ours_and_of_the_databases_tells_nothing(
    shop: ProgramShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, status, reason in (
        (RuntimeError(HARRIET), 500, "unforeseen"),
        (OperationalError(HARRIET, {"phone": HARRIET}, Exception(HARRIET)), 503, "unavailable"),
    ):

        async def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        for place in ("bridge.api.v1.orders.put_order", "bridge.api.v1.gate.token_of"):
            with monkeypatch.context() as patch:
                patch.setattr(place, fail)
                if status == 503 or "orders" in place:
                    answer = await shop.ask("POST", "/v1/orders", order())
                    assert (answer.status, answer.reason) == (status, reason)


async def test_a_disabled_manager_gets_no_customers(shop: ProgramShop) -> None:
    await disable_manager(shop.database, "101", "cli:test")
    assert (await shop.ask("POST", "/v1/orders", order())).pointers == ["#/manager"]


def test_the_search_of_all_answers_would_find_a_number() -> None:
    assert found_in(b'{"detail": "07700 900123"}')
