"""What a manager is told: every recording is there, in both languages, on the Asterisk that plays it."""

from __future__ import annotations

import pytest
from shop import sound_folder

from bridge.asterisk.announcements import SOUNDS
from labkit.lab import Lab


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_message_is_recorded_in_each_language(lab: Lab, language: str) -> None:
    folder = sound_folder(lab) / language
    names = {name for sounds in SOUNDS.values() for name in sounds}
    assert {name for name in names if not list(folder.glob(f"{name}.*"))} == set()
