"""What a manager is told: every recording is there, in both languages, on the Asterisk that plays it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.asterisk.announcements import SOUNDS
from labkit.lab import Lab


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_message_is_recorded_in_each_language(lab: Lab, language: str) -> None:
    found = re.search(r"^\s*Data directory:\s*(\S+)", lab.asterisk.rx("core show settings"), re.MULTILINE)
    assert found is not None
    folder = Path(found[1]) / "sounds" / language
    names = {name for sounds in SOUNDS.values() for name in sounds}
    assert {name for name in names if not list(folder.glob(f"{name}.*"))} == set()
