"""A header that says who calls becomes a hidden number, or nothing; it never becomes a text."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.asterisk.callers import CallerLine
from bridge.vault import HiddenNumber

LINE = CallerLine("From", "+e164", "GB")
WITHOUT_PLUS = CallerLine("From", "e164", "GB")
NUMBER = HiddenNumber("+447700900123")


def number_in(line: CallerLine, header: str) -> HiddenNumber | None:
    read = line.number_in(header)
    return None if read is None else read.number


@pytest.mark.parametrize(
    "header",
    [
        "<sip:+447700900123@192.0.2.10>;tag=x",
        '"Harriet Vane" <sip:+447700900123@192.0.2.10:5060;user=phone>;tag=x',
        '"+447700900999" <sip:+447700900123@192.0.2.10>',
        '"<sip:+447700900999@x>" <sip:+447700900123@192.0.2.10>',
        "sip:+447700900123@192.0.2.10;tag=x",
        "<sips:07700900123@carrier.example>",
        "<sip:00447700900123@carrier.example>",
        "<sip:%2B447700900123@carrier.example>",
        "<sip:+447700900123;npdi;rn=1@carrier.example;user=phone>",
        "<tel:+44-7700-900-123>",
        "<tel:+447700900123;phone-context=example.net>",
        "<SIP:+447700900123@carrier.example>",
    ],
)
def test_the_number_is_that_of_the_uri(header: str) -> None:
    assert number_in(LINE, header) == NUMBER


def test_a_carrier_that_leaves_the_plus_out_is_understood() -> None:
    assert number_in(WITHOUT_PLUS, "<sip:447700900123@x>") == NUMBER
    assert number_in(WITHOUT_PLUS, "<sip:12025550123@x>") == HiddenNumber("+12025550123")
    assert number_in(WITHOUT_PLUS, "<sip:07700900123@x>") == NUMBER


@pytest.mark.parametrize(
    "header",
    [
        "",
        '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=x',
        "<sip:unavailable@192.0.2.10>",
        "<sip:192.0.2.10>",
        "<sip:@192.0.2.10>",
        "<sip:101@192.0.2.10>",
        "<sip:+447700900123+447700900124@192.0.2.10>",
        "<sip:+4477009001231234567890123456789012345678901234567890@192.0.2.10>",
        "+447700900123",
        "<mailto:+447700900123@example.net>",
        "<sip:%00%ff@x>",
    ],
)
def test_what_tells_no_number_is_nobodys(header: str) -> None:
    assert LINE.number_in(header) is None


@given(st.text(max_size=200))
def test_no_header_at_all_upsets_it(header: str) -> None:
    for line in (LINE, WITHOUT_PLUS):
        try:
            line.number_in(header)
        except Exception:
            pytest.fail(traceback.format_exc(limit=0))


def test_what_it_returns_shows_no_number() -> None:
    assert "447700900123" not in repr(LINE.number_in("<sip:+447700900123@x>"))
