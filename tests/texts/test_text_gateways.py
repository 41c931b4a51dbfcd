"""Gateways of others: the documents' example, installed as anybody installs one; and broken ones."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from plugin_examples import install_example, lines_of_example
from text_shop import HARRIET, TextShop

from bridge.texts import Settings
from bridge.texts.http_gateway import HttpGateway
from bridge.texts.plugins import load_gateway

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "formgateway"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example(EXAMPLE, tmp_path_factory.mktemp("gateway"))


def test_the_example_has_no_more_than_fifty_lines() -> None:
    assert lines_of_example(EXAMPLE) <= 50


@pytest.mark.parametrize(("says", "answer"), [("OK", "sent"), ("BAD", "refused"), ("later", "unsure")])
async def test_a_text_is_sent_by_an_installed_gateway(
    installed: Path, monkeypatch: pytest.MonkeyPatch, shop: TextShop, says: str, answer: str
) -> None:
    monkeypatch.syspath_prepend(installed)
    base = shop.settings(f"/says/{says}")
    settings = Settings(base.url, base.token, base.private_networks, {"sender": "EXAMPLE"})
    gateway = load_gateway("form", settings)
    assert gateway is not None
    shop.sending("", gateway=gateway)
    await shop.ask()
    await shop.look()
    (taken,) = shop.operator.taken()
    form = parse_qs(taken.body)
    assert form["phone"] == [HARRIET]
    assert form["sender"] == ["EXAMPLE"]
    assert form["ref"] == [row[0] for row in await shop.rows("message_id")]
    assert await shop.rows("answer") == [(answer,)]


def test_ours_is_found_by_its_name(shop: TextShop) -> None:
    assert isinstance(load_gateway("http", shop.settings("/ok")), HttpGateway)


def test_one_that_is_not_installed_or_can_not_be_made_hinders_nothing(
    installed: Path, monkeypatch: pytest.MonkeyPatch, shop: TextShop
) -> None:
    assert load_gateway("of-nobody", shop.settings("/ok")) is None
    assert load_gateway("http", Settings("https://sms.example/send")) is None
