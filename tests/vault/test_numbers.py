"""read_number takes what people write, and what it refuses it does not quote."""

import inspect
import traceback

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.vault import NumberFault, NumberRefused, ReadNumber, canary, is_canary, read_number

MOBILE = "+447700900123"
LONDON = "+442079460123"
UNITED_STATES = "+12025550123"


@pytest.mark.parametrize(
    ("text", "home_region", "e164"),
    [
        ("07700 900123", "GB", MOBILE),
        ("(07700) 900-123", "GB", MOBILE),
        ("0 (7700) 900-123", "GB", MOBILE),
        ("+44 (0)7700 900123", "GB", MOBILE),
        ("+44\u00a07700\u2009900\u202f123", "RU", MOBILE),
        ("00 44 7700 900123", "GB", MOBILE),
        ("00 44 7700 900123", "RU", MOBILE),
        ("0044(7700)900123", "US", MOBILE),
        ("0011 44 7700 900123", "AU", MOBILE),
        ("011 44 7700 900123", "US", MOBILE),
        ("44 7700 900123", "GB", MOBILE),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB", MOBILE),
        ("０７７００ ９００１２３", "GB", MOBILE),
        ("＋44 7700 900123", "GB", MOBILE),
        ("'07700900123", "GB", MOBILE),
        ("’+44 7700 900123", "GB", MOBILE),
        ("tel:+44-7700-900123", "RU", MOBILE),
        ("TEL: 07700 900123", "GB", MOBILE),
        ("\u202a+44 7700 900123\u202c", "GB", MOBILE),
        ("\ufeff07700900123\r\n", "GB", MOBILE),
        ("07700–900—123", "GB", MOBILE),
        ("07700.900.123", "GB", MOBILE),
        ("020 7946 0123", "GB", LONDON),
        ("(202) 555-0123", "US", UNITED_STATES),
        ("1-202-555-0123", "US", UNITED_STATES),
    ],
)
def test_what_people_write_is_read(text: str, home_region: str, e164: str) -> None:
    assert read_number(text, home_region).number.reveal() == e164


@pytest.mark.parametrize("trunk_prefix", ["8 ", "8-", "", "7 ", "+7 "])
def test_russian_numbers_are_read_with_each_prefix_people_put_before_them(trunk_prefix: str) -> None:
    # Russia keeps no numbers for fiction, so this one is the library's own example and not written down here.
    example = phonenumbers.example_number_for_type("RU", phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    written = trunk_prefix + national.removeprefix("8 ")
    assert "(" in written
    read = read_number(written, "RU")
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert read.number.reveal() == e164
    assert (read.region, read.line_type) == ("RU", "mobile")


@pytest.mark.parametrize(
    ("e164", "region", "line_type"),
    [
        (MOBILE, "GB", "mobile"),
        ("+447700900000", "GB", "mobile"),
        ("+447700900999", "GB", "mobile"),
        (LONDON, "GB", "fixed_line"),
        (UNITED_STATES, "US", "fixed_line_or_mobile"),
    ],
)
def test_region_and_line_type_are_told(e164: str, region: str, line_type: str) -> None:
    read = read_number(e164, "GB")
    assert (read.region, read.line_type) == (region, line_type)


@pytest.mark.parametrize(
    ("country", "kind", "line_type"),
    [
        ("GB", "TOLL_FREE", "toll_free"),
        ("GB", "PREMIUM_RATE", "premium_rate"),
        ("DE", "SHARED_COST", "shared_cost"),
        ("GB", "VOIP", "voip"),
        ("GB", "PAGER", "other"),
    ],
)
def test_each_type_of_line_has_its_name(country: str, kind: str, line_type: str) -> None:
    example = phonenumbers.example_number_for_type(country, getattr(phonenumbers.PhoneNumberType, kind))
    assert example is not None
    written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert read_number(written, "GB").line_type == line_type


REFUSED = [
    ("", NumberFault.EMPTY),
    (" \t\u00a0'", NumberFault.EMPTY),
    ("tel:", NumberFault.EMPTY),
    ("unknown", NumberFault.NOT_A_NUMBER),
    ("-", NumberFault.NOT_A_NUMBER),
    ("+", NumberFault.NOT_A_NUMBER),
    ("Anna 07700 900123", NumberFault.NOT_A_NUMBER),
    ("07700 900123 Anna", NumberFault.NOT_A_NUMBER),
    ("07700 ANNABE", NumberFault.NOT_A_NUMBER),
    ("07700 900123, 07700 900456", NumberFault.NOT_A_NUMBER),
    ("07700 900123; 07700 900456", NumberFault.NOT_A_NUMBER),
    ("anna07700900123@example.org", NumberFault.NOT_A_NUMBER),
    ("4.4770E+11", NumberFault.DIGITS_LOST),
    ("4,477E+11", NumberFault.DIGITS_LOST),
    ("'4.4770e11", NumberFault.DIGITS_LOST),
    ("4E+11", NumberFault.DIGITS_LOST),
    ("447700900123.0", NumberFault.DIGITS_LOST),
    ("07700 900123 ext. 12", NumberFault.EXTENSION),
    ("07700 900123 x12", NumberFault.EXTENSION),
    ("07700 900123 доб. 12", NumberFault.EXTENSION),
    ("07700 900123#12", NumberFault.EXTENSION),
    ("tel:+44-7700-900123;ext=12", NumberFault.EXTENSION),
    ("07700", NumberFault.TOO_SHORT),
    ("7946 0123", NumberFault.TOO_SHORT),
    ("07700 900123 07700 900456", NumberFault.TOO_LONG),
    ("07700900123" * 30, NumberFault.TOO_LONG),
    ("+49 181 1234 5678 901", NumberFault.TOO_LONG),  # Germany has such numbers; E.164 has not
    ("+999 123 456 789", NumberFault.UNKNOWN_COUNTRY),
    ("+44 1000 000 000", NumberFault.INVALID),
]


@pytest.mark.parametrize(("text", "fault"), REFUSED)
def test_what_is_no_usable_number_is_refused_for_its_reason(text: str, fault: NumberFault) -> None:
    with pytest.raises(NumberRefused) as caught:
        read_number(text, "GB")
    assert caught.value.reason is fault


@pytest.mark.parametrize("home_region", ["", "gb", "UK", "XX", "Britain"])
def test_a_home_region_that_is_none_is_refused(home_region: str) -> None:
    with pytest.raises(NumberRefused) as caught:
        read_number(MOBILE, home_region)
    assert caught.value.reason is NumberFault.UNKNOWN_HOME_REGION


def test_every_fault_explains_itself() -> None:
    explanations = {str(NumberRefused(fault)) for fault in NumberFault}
    assert len(explanations) == len(NumberFault)


@pytest.mark.parametrize("text", [text for text, _ in REFUSED if len(text) > 5])
def test_a_refusal_holds_nothing_of_the_text(text: str) -> None:
    refusal = refusal_of(text)
    assert refusal.__cause__ is None
    assert refusal.__context__ is None
    for shown in (str(refusal), repr(refusal), str(refusal.args), str(vars(refusal))):
        assert text not in shown
        assert "7700" not in shown


def test_a_refusal_shows_nothing_of_the_text_in_the_locals_of_its_frames() -> None:
    refusal = refusal_of("07700 900123 Anna")
    shown = [
        frame.f_locals
        for frame, _ in traceback.walk_tb(refusal.__traceback__)
        if is_ours(frame.f_code.co_filename)
    ]
    assert shown
    assert "900123" not in str(shown)


def is_ours(filename: str) -> bool:
    return filename == inspect.getsourcefile(read_number)


def refusal_of(text: str) -> NumberRefused:
    with pytest.raises(NumberRefused) as caught:
        read_number(text, "GB")
    return caught.value


def outcome_of(text: str, home_region: str) -> ReadNumber | NumberRefused:
    try:
        return read_number(text, home_region)
    except NumberRefused as refusal:
        return refusal


anything = st.text(max_size=40) | st.from_regex(r"\A[0-9 +().-]{0,20}\Z")


@given(anything, st.sampled_from(["GB", "US", "RU", "AU"]))
def test_any_text_is_read_or_refused_and_nothing_else(text: str, home_region: str) -> None:
    outcome = outcome_of(text, home_region)
    if isinstance(outcome, ReadNumber):
        assert read_number(outcome.number.reveal(), home_region) == outcome
    else:
        assert outcome.__context__ is None


punctuation = st.sampled_from(["", " ", "-", "/", "\u00a0", "\u2013", " (", ") "])


@given(st.integers(0, 999), st.lists(punctuation, min_size=10, max_size=10))
def test_punctuation_between_the_digits_changes_nothing(last: int, marks: list[str]) -> None:
    digits = f"07700900{last:03}"
    written = digits[0] + "".join(mark + digit for mark, digit in zip(marks, digits[1:], strict=True))
    assert read_number(written, "GB").number.reveal() == f"+447700900{last:03}"


def test_a_canary_is_a_number_that_nobody_has_and_another_each_time() -> None:
    drawn = {canary().reveal() for _ in range(100)}
    assert len(drawn) > 50
    assert all(is_canary(number) for number in drawn)


@pytest.mark.parametrize("number", ["+447700901000", "+4477009001234", "447700900123", "+442079460000", ""])
def test_no_other_number_is_a_canary(number: str) -> None:
    assert not is_canary(number)
