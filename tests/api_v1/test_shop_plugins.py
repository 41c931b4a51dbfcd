"""Plug-ins of others: the documents' example, installed as anybody installs one; and broken ones."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest
from plugin_examples import install_example, lines_of_example
from program_shop import open_program_shop

from bridge.shops.plugins import kinds, load_shops
from bridge.store.records import Dialled, dial_facts
from bridge.store.shops import add_shop

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "shopify"
RECORDED = ROOT / "tests" / "shops" / "recorded" / "shopify-orders-create.json"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example(EXAMPLE, tmp_path_factory.mktemp("plugin"))


def test_the_example_has_no_more_than_seventy_lines() -> None:
    assert lines_of_example(EXAMPLE) <= 70


async def test_an_order_that_an_installed_plug_in_reads_can_be_dialled(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "shopify" not in kinds()
    monkeypatch.syspath_prepend(installed)
    assert kinds() >= {"shopify", "woocommerce", "insales"}
    body = RECORDED.read_bytes()
    signed = base64.b64encode(hmac.digest(b"shpss_secret", body, "sha256")).decode()
    headers = {"Content-Type": "application/json", "X-Shopify-Topic": "orders/create"}
    async with open_program_shop(tmp_path) as shop:
        assert shop.vault is not None
        sealer, at_ms = shop.vault.program_secrets, shop.now_ms
        await add_shop(
            shop.database, sealer, "s", "shopify", "shpss_secret", ["101"], actor="cli:test", now_ms=at_ms
        )
        refused = await shop.send(
            "POST", "/v1/shops/s/orders", body, headers | {"X-Shopify-Hmac-Sha256": "x"}
        )
        assert refused.status == 401
        taken = await shop.send(
            "POST", "/v1/shops/s/orders", body, headers | {"X-Shopify-Hmac-Sha256": signed}
        )
        assert [each["outcome"] for each in taken.body["orders"]] == ["added"]
        facts = await dial_facts(shop.database, Dialled("101", "1234", at_ms))
        assert facts.contact is not None
        assert (await shop.ask("GET", "/v1/orders/1234")).body["items"] == ["IPod Nano - 8GB × 2"]


def test_a_plug_in_that_can_not_be_loaded_hinders_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken-1.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (broken / "entry_points.txt").write_text("[call_bridge.shops]\nbroken = broken_plugin:Shop\n")
    (tmp_path / "broken_plugin.py").write_text("raise RuntimeError('07700 900123')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "broken" in kinds()
    assert set(load_shops()) >= {"woocommerce", "insales"}
    assert "broken" not in load_shops()


async def test_a_plug_in_that_raises_tells_nothing_of_what_it_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raising = tmp_path / "raising-1.dist-info"
    raising.mkdir()
    (raising / "METADATA").write_text("Metadata-Version: 2.1\nName: raising\nVersion: 1\n")
    (raising / "entry_points.txt").write_text("[call_bridge.shops]\nraising = raising_plugin:Shop\n")
    code = ["class Shop:", "    def orders(self, delivery, secret):", "        raise KeyError(delivery.body)"]
    (tmp_path / "raising_plugin.py").write_text("\n".join(code))
    monkeypatch.syspath_prepend(tmp_path)
    async with open_program_shop(tmp_path) as shop:
        assert shop.vault is not None
        sealer, at_ms = shop.vault.program_secrets, shop.now_ms
        await add_shop(shop.database, sealer, "s", "raising", "key", ["101"], actor="cli:test", now_ms=at_ms)
        answer = await shop.send("POST", "/v1/shops/s/orders", b"+447700900123", {})
        assert (answer.status, answer.reason) == (422, "unreadable")
        assert b"900123" not in bytes(shop.received)
    said = capsys.readouterr()
    assert "KeyError" in said.out + said.err
    assert "900123" not in said.out + said.err
