"""The short way to a plainly written number finds what phonenumbers does, or nothing."""

import phonenumbers
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType
from phonenumbers.timezone import time_zones_for_number

from bridge.vault import read_number
from bridge.vault.numbering_plans import Placed, place

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
EXAMPLES = [
    (region, found)
    for region in REGIONS
    for kind in PhoneNumberType.values()
    if (found := phonenumbers.example_number_for_type(region, kind)) is not None
]


def by_the_library(text: str, home_region: str) -> Placed | None:
    """A valid number, read by the library alone."""
    try:
        parsed = phonenumbers.parse(text, home_region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed) or parsed.extension:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return Placed(e164, parsed.country_code or 0, region or "", phonenumbers.number_type(parsed))


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A number of some plan with slips in it, in one of the ways people write it; and their country."""
    region, number = draw(st.sampled_from(EXAMPLES))
    digits = list(phonenumbers.national_significant_number(number))
    for place_of_slip, digit in draw(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), max_size=4)):
        digits[place_of_slip % len(digits)] = str(digit)
    end = draw(st.sampled_from(["", "", "", "0", "7"]))
    national = "".join(digits)[: draw(st.sampled_from([20, 20, 20, -1]))] + end
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    country, prefix = number.country_code, metadata.national_prefix or "0"
    way = draw(
        st.sampled_from(["+{1}{0}", "{2}{0}", "+{1} ({2}) {0}", "{1}{0}", "{0}", "+{1}{2}{0}", "00{1}{0}"])
    )
    text = way.format(national, country, prefix)
    for mark, where in draw(st.lists(st.tuples(st.sampled_from(" -.()/~"), st.integers(1, 20)), max_size=3)):
        text = text[:where] + mark + text[where:]
    return text, draw(st.sampled_from([region, region, "GB", "US", "RU", "AU", "IT", "BR", "KZ", "CA"]))


@given(written())
@example(("+44 (0)20 7946 0000", "GB"))
@example(("8 495 123 45 67", "RU"))
def test_what_is_found_is_what_the_library_finds(given_text: tuple[str, str]) -> None:
    text, home_region = given_text
    found = place(text, home_region)
    assume(found is not None)
    assert found == by_the_library(text, home_region)


@given(st.from_regex(r"\A\+?[0-9 ().~/;x,#-]{0,24}\Z"), st.sampled_from(REGIONS))
def test_of_any_text_nothing_is_found_that_the_library_does_not_find(text: str, home_region: str) -> None:
    found = place(text, home_region)
    assert found is None or found == by_the_library(text, home_region)


@pytest.mark.parametrize(("region", "number"), EXAMPLES[::7])
def test_its_time_is_that_of_the_place_that_the_library_tells(
    region: str, number: phonenumbers.PhoneNumber
) -> None:
    text = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if phonenumbers.is_valid_number(number) and len(text) <= 16:
        zone = read_number(text, region).timezone
        assert zone is None or zone in time_zones_for_number(number)


@pytest.mark.parametrize("text", ["+442079460000", "+44 20 7946 0000", "020 7946 0000", "(020) 7946-0000"])
def test_a_plain_number_is_found(text: str) -> None:
    assert place(text, "GB") == Placed("+442079460000", 44, "GB", PhoneNumberType.FIXED_LINE)


@pytest.mark.parametrize(
    "text",
    ["", "0", "+", "+447700900123", "++442079460000", "+44 20 7946 0000 x1", "+44 20 7946 000~1", "+99912"],
)
def test_whatever_else_it_is_is_left_to_the_library(text: str) -> None:
    """Ofcom's numbers for fiction, too: the library doesn't know them, and `numbers` does."""
    assert place(text, "GB") is None
