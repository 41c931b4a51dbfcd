"""The one-command proof, as a newcomer runs it; and what it says when somebody has opened a setting."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from labkit import quickstart
from labkit.lab import Lab
from labkit.places import CHECKOUT
from labkit.quickstarttexts import LANGUAGES


def test_the_proof_succeeds_from_one_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [CHECKOUT / "scripts" / "quickstart", "--once", "--dir", tmp_path / "lab", "--language", "en"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Hidden number seen by the manager: no" in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_setting_opened_by_hand_is_named_and_fails_the_proof(lab: Lab, language: str) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    assert quickstart.tell_settings(lab, LANGUAGES[language], console) == 0
    pjsip = lab.asterisk.etc / "pjsip.conf"
    own = pjsip.read_text()
    pjsip.write_text(own.replace("[101](call-bridge-manager)", "[101](call-bridge-manager)\nsend_pai=yes", 1))
    try:
        assert quickstart.tell_settings(lab, LANGUAGES[language], console) == 1
    finally:
        pjsip.write_text(own)
    assert "manager-send-pai" in console.export_text()
