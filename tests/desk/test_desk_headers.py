"""What every answer carries, and the requests that get no further than the gate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from example_daemon import ExampleDaemon
from served import Browser, served_desk

from bridge.desk.headers import ALWAYS


async def answers_of_all_kinds(desk: Browser) -> dict[str, object]:
    script = re.findall(r'<script src="([^"]+)"', (await desk.get("/")).text)[0]
    return {
        "page": await desk.get("/"),
        "asset": await desk.get(script),
        "not found": await desk.get("/no-such-page"),
        "not signed in": await desk.get("/", signed_in=False),
        "sign-in": await desk.get("/sign-in", signed_in=False),
        "from elsewhere": await desk.ask("POST", "/next"),
        "too large": await desk.post("/next", {"text": "x" * 70_000}),
        "method": await desk.ask("DELETE", "/next", **{"Sec-Fetch-Site": "same-origin"}),
        "unreadable": await desk.post("/orders/1042/notes", {"note_id": "x"}),
        "redirect": await desk.post("/next"),
    }


async def test_every_answer_carries_the_headers(desk: Browser) -> None:
    answers = await answers_of_all_kinds(desk)
    statuses = [answer.status for answer in answers.values()]
    assert statuses == [200, 200, 404, 303, 200, 403, 413, 405, 422, 303]
    for kind, answer in answers.items():
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS, kind
        assert "Server" not in answer.headers, kind


async def test_an_answer_that_failed_carries_them_too_and_no_word_of_why(
    desk: Browser, daemon: ExampleDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("+447700900123")

    monkeypatch.setattr("bridge.desk.pages.orders.card_values", fail)
    page = await desk.get("/orders/1042")
    assert page.status == 500
    assert {name: page.headers.get(name) for name in ALWAYS} == ALWAYS
    assert "900123" not in page.text


async def test_browsers_keep_files_and_no_page(desk: Browser) -> None:
    answers = await answers_of_all_kinds(desk)
    kept = {kind for kind, answer in answers.items() if answer.headers["Cache-Control"] != "no-store"}
    assert kept == {"asset"}


async def test_a_file_is_known_by_its_content(desk: Browser) -> None:
    script = re.findall(r'<script src="([^"]+)"', (await desk.get("/")).text)[0]
    _, folder, digest, name = script.split("/")
    assert (await desk.get(f"/{folder}/{digest[::-1]}/{name}")).status == 404
    assert (await desk.get(f"/{folder}/{digest}/../app.py")).status == 404


async def test_only_behind_tls_browsers_are_told_to_insist_on_it(desk: Browser, tmp_path: Path) -> None:
    assert "Strict-Transport-Security" not in (await desk.get("/")).headers
    (tmp_path / "tls").mkdir()
    async with served_desk(
        ExampleDaemon(), tmp_path / "tls", origin="https://desk.example.net"
    ) as behind_tls:
        assert "Strict-Transport-Security" in (await behind_tls.get("/")).headers


async def test_another_sites_page_cannot_even_read(desk: Browser) -> None:
    embedded = await desk.get(
        "/watermark.svg", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    )
    assert embedded.status == 403
    linked = await desk.get("/", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert linked.status == 200
