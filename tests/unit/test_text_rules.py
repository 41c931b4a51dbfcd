"""Texts: a template holds nothing but words and what is filled in; who may be sent one, and how many."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge
from bridge.config import load_config
from bridge.intake.masking import holds_number
from bridge.rules.texts import (
    MOST_CHARACTERS,
    SHIPPED,
    Placeholder,
    TemplateRefused,
    TextContact,
    TextFacts,
    TextRefusal,
    check_template,
    contact_for_text,
    filled,
    in_language,
)

POLICY = load_config(Path(bridge.__file__).parent.parent / "config.yaml").policy()
VALUES = {Placeholder.ORDER: "1042", Placeholder.SHOP: "{order} & Sons", Placeholder.NUMBER: "+442079460000"}

pieces = st.sampled_from(
    [*(f"{{{each}}}" for each in Placeholder), "{{", "}}", "{", "}", "{0}", "{}", "{order!r}", "{shop:>9}",
     "{order.code}", "{shop[0]}", "{name}", "word ", "слово", "%s", "\n", "\u202e"]
)  # fmt: skip
templates = st.lists(st.one_of(pieces, st.text(max_size=5)), max_size=8).map("".join)
contacts = st.builds(
    TextContact,
    id=st.integers(1, 99),
    region=st.sampled_from(["GB", "RU", "001"]),
    line_type=st.sampled_from(["mobile", "fixed_line", "fixed_line_or_mobile", "premium_rate", "other"]),
    wanted=st.booleans(),
)
customers = st.builds(
    TextFacts,
    do_not_call=st.booleans(),
    contacts=st.lists(contacts, max_size=4),
    texts_last_day=st.integers(0, 5),
)


@given(templates)
def test_a_template_that_is_taken_is_filled_in_with_the_three_values_and_nothing_else(words: str) -> None:
    try:
        check_template(words)
    except TemplateRefused:
        return
    text = filled(words, VALUES)
    # Another way to fill it in: from left to right, each brace that is doubled, and each name.
    assert text == re.sub(r"\{\{|\}\}|\{(\w+)\}", _filled_in, words)
    assert text.isprintable()


def _filled_in(found: re.Match[str]) -> str:
    return found[0][0] if found[1] is None else VALUES[Placeholder(found[1])]


@pytest.mark.parametrize(
    "words",
    ["", " ", "two\nlines", "{name}", "{}", "{0}", "{order", "order}", "{order!r}", "{order:>12}",
     "{order.code}", "{shop[0]}", "\u202ebackwards", "x" * (MOST_CHARACTERS + 1)],
)  # fmt: skip
def test_what_is_no_template_is_refused(words: str) -> None:
    with pytest.raises(TemplateRefused):
        check_template(words)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_template_that_comes_along_is_one_in_english_and_in_russian(name: str) -> None:
    assert set(SHIPPED[name]) == {"en", "ru"}
    for words in SHIPPED[name].values():
        check_template(words)
        assert not holds_number(words)


@given(
    st.dictionaries(st.sampled_from(["en", "ru"]), st.text(string.ascii_letters, min_size=1), min_size=1),
    st.sampled_from(["en", "ru", "de", None]),
    st.sampled_from(["en", "ru"]),
)
def test_a_customers_language_comes_before_the_shops_and_any_before_none(
    template: dict[str, str], theirs: str | None, shops: str
) -> None:
    told = in_language(template, theirs, shops)
    assert told in template.values()
    if theirs in template:
        assert told == template[theirs]
    elif shops in template:
        assert told == template[shops]


@given(customers, st.integers(1, 5))
def test_a_text_goes_to_a_wanted_mobile_of_a_country_that_is_called_or_to_none(
    facts: TextFacts, most_a_day: int
) -> None:
    came = contact_for_text(facts, POLICY, most_a_day)
    fit = fit_and_wanted(facts.contacts)
    if facts.do_not_call:
        assert came is TextRefusal.DO_NOT_CALL
    elif not fit:
        assert came in {TextRefusal.DO_NOT_CALL, TextRefusal.NO_MOBILE}
    elif facts.texts_last_day >= most_a_day:
        assert came is TextRefusal.TOO_MANY
    else:
        assert came == fit[0].id


def fit_and_wanted(among: Sequence[TextContact]) -> list[TextContact]:
    mobiles = {"mobile", "fixed_line_or_mobile"}
    return [each for each in among if each.wanted and each.region == "GB" and each.line_type in mobiles]


def test_what_nobody_wants_called_is_told_from_what_is_no_mobile() -> None:
    mobile, landline = TextContact(1, "GB", "mobile", False), TextContact(2, "GB", "fixed_line", True)
    assert contact_for_text(TextFacts(False, [mobile, landline], 0), POLICY, 3) is TextRefusal.DO_NOT_CALL
    assert contact_for_text(TextFacts(False, [landline], 0), POLICY, 3) is TextRefusal.NO_MOBILE
