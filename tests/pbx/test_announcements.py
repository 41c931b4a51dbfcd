"""What people are told: every recording is there, in both languages, on the Asterisk that plays it."""

from __future__ import annotations

import pytest
from shop import sound_folder

from bridge.asterisk.announcements import (
    AFTER_THE_NUMBER,
    BEFORE_THE_NUMBER,
    COMPARISON_BEGUN,
    COMPARISONS,
    LEFT_ALONE,
    NOT_LEFT_ALONE,
    OUTCOMES,
    PROMPTS,
    SOUNDS,
)
from bridge.config import Callbacks
from labkit.lab import Lab


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_message_is_recorded_in_each_language(lab: Lab, language: str) -> None:
    folder = sound_folder(lab) / language
    said = [*SOUNDS.values(), *PROMPTS.values(), *OUTCOMES.values(), BEFORE_THE_NUMBER, AFTER_THE_NUMBER]
    said += [*COMPARISONS.values(), COMPARISON_BEGUN, LEFT_ALONE, NOT_LEFT_ALONE, Callbacks().code_prompt]
    names = {name for sounds in said for name in sounds}
    assert {name for name in names if not list(folder.glob(f"{name}.*"))} == set()
