"""Customers call and are called at once: each reaches whom they should, and no number reaches anybody."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from labkit.mixedcalls import Tally, mixed

CALLS, MANAGERS = 100, 6


@pytest.mark.alone
async def test_each_of_many_calls_in_and_out_reaches_the_right_person(tmp_path: Path) -> None:
    tally = await mixed(tmp_path, managers=MANAGERS, calls=CALLS, seed=7, show=lambda _: None)
    assert tally.faults() == []
    assert tally.calls == CALLS
    assert set(tally.made) == {
        "dial and talk",
        "dial busy",
        "dial and cancel",
        "pick up",
        "miss",
    }, "every kind of call has come up"


RECORD = ("callback", "5000", "101", "talked")


@pytest.mark.parametrize(
    "tally",
    [
        Tally(wrong=["101 was shown Order 5002"]),
        Tally(leaks=["a number at 101: plain"]),
        Tally(silent=["no sound in a call of 101"]),
        Tally(left=1),
        Tally(numbers_in_files=["daemon.log"]),
        Tally(expected=Counter([RECORD])),
        Tally(on_record=Counter([RECORD])),
        Tally(expected=Counter([RECORD]), on_record=Counter([("callback", "5000", "102", "talked")])),
    ],
)
def test_whatever_went_wrong_is_told(tally: Tally) -> None:
    assert tally.faults()
    assert Tally(expected=Counter([RECORD]), on_record=Counter([RECORD])).faults() == []
