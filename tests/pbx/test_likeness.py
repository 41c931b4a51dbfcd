"""The comparison itself: that it finds differences, and only differences."""

from __future__ import annotations

import math
import random

import pytest
from likeness import SURELY_DIFFERENT, Heard, differences, normalised, p_value, visible_shift_ms

ANSWER = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:40001;rport=40001;received=127.0.0.1;branch=z9hG4bKone\r\n"
    b"Call-ID: 11aa\r\nFrom: <sip:101@127.0.0.1>;tag=ab\r\nTo: <sip:*1042@127.0.0.1>;tag=cd\r\n"
    b"CSeq: 2 INVITE\r\n"
    b"Server: Asterisk\r\nContent-Length: 31\r\n\r\nv=0\r\no=- 12 34 IN IP4 127.0.0.1"
)
ANOTHER_CALLS = (
    ANSWER.replace(b"40001", b"5555")
    .replace(b"one", b"two")
    .replace(b"11aa", b"22bb")
    .replace(b"=ab", b"=ef")
).replace(b"*1042", b"*7777")


def test_what_must_be_unique_makes_no_difference() -> None:
    assert normalised(ANSWER, "101", "1042") == normalised(ANOTHER_CALLS, "101", "7777")


@pytest.mark.parametrize(
    ("was", "is_"),
    [
        (b"200 OK", b"200 Ok"),
        (b"Server: Asterisk\r\n", b""),
        (b"Server", b"X-Why: locked\r\nServer"),
        (b"v=0\r\no=", b"v=0\r\ns="),
    ],
)
def test_everything_else_does(was: bytes, is_: bytes) -> None:
    assert was in ANSWER
    assert normalised(ANSWER.replace(was, is_), "101", "1042") != normalised(ANSWER, "101", "1042")


def calls(messages: str, audio: str, seconds: float, times: int = 20) -> list[Heard]:
    """Alike but for a little jitter; a letter is a message, or a packet."""
    return [
        Heard(
            tuple(letter.encode() for letter in messages),
            tuple((8, False, letter.encode()) for letter in audio),
            {"200": seconds + each / 1000},
        )
        for each in range(times)
    ]


def test_calls_that_are_alike_but_for_what_a_busy_machine_does_do_not_differ() -> None:
    resent_and_lost = calls("TOOB", "adio", 0.5, times=2)
    assert differences(calls("TOB", "audio", 0.5), calls("TOB", "audio", 0.501) + resent_and_lost) == set()


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (calls("TOB", "audiX", 0.5), {"audio"}),
        (calls("TOB", "audi", 0.5), {"audio", "packets"}),
        (calls("OTB", "audio", 0.5), {"their order"}),
        (calls("TOB", "audio", 0.5) + calls("TOXB", "audio", 0.5, times=1), {"messages"}),
        (calls("TOB", "audio", 0.55), {"200"}),
        ([Heard(call.messages, call.audio, {}) for call in calls("TOB", "audio", 0.5)], {"200"}),
    ],
)
def test_each_difference_is_found(other: list[Heard], expected: set[str]) -> None:
    assert differences(calls("TOB", "audio", 0.5), other) == expected


@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_p_value_is_never_lower_than_chance_would_have_it(size: int) -> None:
    """Of two samples that don't overlap, chance makes 2 in (2n choose n)."""
    first, second = range(size), range(size, 2 * size)
    assert p_value(first, second) >= 2 / math.comb(2 * size, size)
    assert p_value(first, first) == 1


def test_samples_of_one_distribution_are_called_different_as_seldom_as_the_p_value_says() -> None:
    chance = random.Random(7)

    def sample() -> list[float]:
        return [chance.lognormvariate(0, 1) for _ in range(24)]

    p_values = [p_value(sample(), sample()) for _ in range(5000)]
    assert min(p_values) > SURELY_DIFFERENT
    assert sum(p < 0.05 for p in p_values) / len(p_values) < 0.05


def test_a_shift_far_below_the_noise_is_not_found_and_one_above_it_is() -> None:
    chance = random.Random(7)
    times = [chance.gauss(0.5, 0.003) for _ in range(32)]
    assert 3 < visible_shift_ms(times) < 15
