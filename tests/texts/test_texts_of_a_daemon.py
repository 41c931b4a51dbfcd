"""What the daemon makes of the section `texts`: a gateway with its token, or none, and no failed start."""

from __future__ import annotations

from pathlib import Path

import pytest

import bridge.daemon
from bridge.config import Config, config_of
from bridge.texts.http_gateway import HttpGateway

SHOP = """\
shop: {name: Example Shop, country: GB, timezone: Europe/London}
trunk: {caller_id_name: Example Shop, caller_id_number: "+442079460000", direct: "PJSIP/{number}@trunk"}
keys: {file: keys}
"""


def config(folder: Path, texts: str) -> Config:
    return config_of(
        f"{SHOP}texts: {{enabled: true, url: 'https://sms.example/', {texts}}}\n", folder / "c.yaml"
    )


def headers_of(config: Config) -> dict[str, str]:
    gateway = bridge.daemon._text_gateway(config)
    assert isinstance(gateway, HttpGateway)
    return gateway._headers


def test_the_token_is_that_of_a_file_that_nobody_else_can_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    file.chmod(0o644)
    made = config(tmp_path, "token_file: token")
    assert bridge.daemon._text_gateway(made) is None
    file.chmod(0o600)
    assert headers_of(made)["Authorization"] == "Bearer abc"


def test_the_token_may_be_a_credential_of_systemds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = config(tmp_path, "token_credential: texts-token")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert bridge.daemon._text_gateway(made) is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert bridge.daemon._text_gateway(made) is None
    (tmp_path / "texts-token").write_text("abc\n")
    assert headers_of(made)["Authorization"] == "Bearer abc"


def test_where_they_are_off_there_is_no_gateway(tmp_path: Path) -> None:
    assert bridge.daemon._text_gateway(config_of(SHOP, tmp_path / "c.yaml")) is None
    assert "Authorization" not in headers_of(config(tmp_path, "per_customer_per_day: 1"))


def test_the_words_are_those_of_the_shop(tmp_path: Path) -> None:
    wording = bridge.daemon._wording(config(tmp_path, "templates: {ready: {en: 'Order {order} is ready.'}}"))
    assert set(wording.templates) == {"tried-to-reach", "missed-call", "ready"}
    assert (wording.language, wording.shop, wording.number) == ("en", "Example Shop", "+442079460000")


def test_what_follows_which_result_is_as_the_configuration_says(tmp_path: Path) -> None:
    following = bridge.daemon._following(config(tmp_path, "after: {missed: missed-call}"))
    assert (following.after, following.most_a_day) == ({"missed": "missed-call"}, 3)
