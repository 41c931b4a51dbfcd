"""Numbers and addresses in notes: found in every dress, and little else taken for one."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rules.notes import FEW_DIGITS, Found, Kind, find, settled, without
from bridge.vault import NumberRefused, read_number

GB = "+447700900123"
LONDON = "+442079460123"
RU = "+79161234567"
US = "+12025550123"


def is_number(home: str):  # type: ignore[no-untyped-def]
    def accepted(text: str) -> bool:
        try:
            read_number(text, home)
        except NumberRefused:
            return False
        return True

    return accepted


def phones(text: str, home: str, codes: tuple[str, ...] = ()) -> list[str | None]:
    """Each found number in E.164, None for one that no plan has."""
    found = [each for each in find(text, is_number(home), codes) if each.kind is Kind.PHONE]
    return [e164(each.number, home) if each.number else None for each in found]


def e164(number: str, home: str) -> str:
    """As a number is sealed. "00" is a plus, as where it is read."""
    parsed = phonenumbers.parse(number.replace("00", "+", 1) if number.startswith("00") else number, home)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


HOLD_A_NUMBER = [
    ("call 07700900123", "GB", GB),
    ("call 07700 900123 after six", "GB", GB),
    ("call 07700-900-123", "GB", GB),
    ("call 07700.900.123", "GB", GB),
    ("call (07700) 900123", "GB", GB),
    ("07700/900/123", "GB", GB),
    ("07700_900_123", "GB", GB),
    ("+44 7700 900123", "GB", GB),
    ("+44 (0)7700 900123", "GB", GB),
    ("0044 7700 900123", "GB", GB),
    ("447700900123", "GB", GB),
    ("7700900123", "GB", GB),
    ("7700 900 123", "GB", GB),
    ("0 7 7 0 0 9 0 0 1 2 3", "GB", GB),
    ("0-7-7-0-0-9-0-0-1-2-3", "GB", GB),
    ("0,7,7,0,0,9,0,0,1,2,3", "GB", GB),
    ("0\n7700\n900\n123", "GB", GB),
    ("07700\t900123", "GB", GB),
    ("07700\u00a0900\u2009123", "GB", GB),
    ("07700\u2013900\u2014123", "GB", GB),
    ("0\u200b7\u200b7\u200b0\u200b0\u200b900123", "GB", GB),
    ("\uff10\uff17\uff17\uff10\uff10 \uff19\uff10\uff10\uff11\uff12\uff13", "GB", GB),
    ("٠٧٧٠٠٩٠٠١٢٣", "GB", GB),
    ("0️⃣7️⃣7️⃣0️⃣0️⃣9️⃣0️⃣0️⃣1️⃣2️⃣3️⃣", "GB", GB),
    ("⓪⑦⑦⓪⓪⑨⓪⓪①②③", "GB", GB),
    ("o77oo 9oo123", "GB", GB),
    ("O77OO9OO123", "GB", GB),
    ("О77ОО9ОО123", "GB", GB),
    ("zero seven seven zero zero nine zero zero one two three", "GB", GB),
    ("oh seven seven double oh nine double oh one two three", "GB", GB),
    ("zero, double seven, double zero, nine hundred, one two three", "GB", GB),
    ("ZERO SEVEN SEVEN ZERO ZERO 900 123", "GB", GB),
    ("plus forty four seven seven double oh nine double oh one two three", "GB", GB),
    ("plus forty-four 7700 nine hundred one two three", "GB", GB),
    ("07700 nine hundred one hundred twenty three", "GB", GB),
    ("zero seven seven hundred nine hundred one twenty three", "GB", GB),
    ("07700 and then 900 then 123", "GB", GB),
    ("07700 dash 900 dash 123", "GB", GB),
    ("seven seven zero zero nine zero zero one two three", "GB", GB),
    ("order 1042, ring 020 7946 0123 not the mobile", "GB", LONDON),
    ("her number:02079460123.", "GB", LONDON),
    ("tel07700900123", "GB", GB),
    ("delivery 24.11.2026 15:00, 07700 900123", "GB", GB),
    ("paid £120.50, 07700 900123", "GB", GB),
    ("her neighbour's is +1 202 555 0123", "GB", US),
    ("(202) 555-0123", "US", US),
    ("202-555-0123", "US", US),
    ("202.555.0123", "US", US),
    ("two oh two five five five oh one two three", "US", US),
    ("звоните 89161234567", "RU", RU),
    ("8 (916) 123-45-67", "RU", RU),
    ("8-916-123-45-67 после шести", "RU", RU),
    ("+7 916 123 45 67", "RU", RU),
    ("7 916 123 45 67", "RU", RU),
    ("916 123 45 67", "RU", RU),
    ("9161234567", "RU", RU),
    ("8.916.123.45.67", "RU", RU),
    ("восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь", "RU", RU),
    ("плюс семь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь", "RU", RU),
    ("восемь девять один шесть один два три четыре пять шесть семь", "RU", RU),
    ("восемь 916 сто двадцать три 45 67", "RU", RU),
    ("8 девятьсот шестнадцать 123 тире 45 тире 67", "RU", RU),
    ("восемь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь", "RU", RU),
    ("Восемь девятьсот шестнадцать потом сто двадцать три и сорок пять и шестьдесят семь", "RU", RU),
    ("8 916 один два три 4567", "RU", RU),
    ("89I6 I23 45 67", "RU", RU),
    ("8 9 1 6 1 2 3 4 5 6 7", "RU", RU),
    ("8916\n1234567", "RU", RU),
    ("тел.89161234567 Анна", "RU", RU),
    ("второй номер 8(916)1234567, перезвонить в 15:30", "RU", RU),
    ("0044 7700 900123 английский", "RU", GB),
]  # fmt: skip

IS_NO_NUMBER = [
    "order 1042",
    "orders 1042, 1043 and 1044",
    "order code 104255512",
    "order 123456789012",
    "the order number is 0042",
    "paid £1,250.00 of £3,499.99",
    "$1,250,000",
    "total 1250000 rub",
    "call back at 15:00",
    "between 10:00 and 12:30",
    "call back on 24.11.2026 at 15:30",
    "24/11/2026",
    "2026-11-24 15:30:00",
    "24.11.26 - 30.11.26",
    "2 chairs, 4 tables, 1 lamp",
    "12 x 400 mm, 1200 x 800 x 600",
    "1200x800x600",
    "10 000 pcs",
    "SW1A 1AA",
    "EC1A 1BB, 221B Baker Street",
    "flat 12, 45 High Street",
    "SKU AB-1234-5678",
    "SKU-100200300",
    "KX1234567890",
    "article 123-4567",
    "ISBN 978-3-16-148410-0",
    "EAN 4006381333931",
    "version 10.4.22",
    "192.168.100.200",
    "100% cotton, 220V 50Hz",
    "size 38-40, colour 7",
    "one or two days",
    "two of three lamps",
    "she has two cats, three dogs and four children",
    "twenty five chairs for one hundred pounds",
    "first, second, third floor",
    "from 9 to 5, 7 days",
    "3 of 10 boxes, 12 left",
    "invoice 20261124",
    "ref: 99887766",
    "tracking RR123456789GB",
    "tracking 80110012345678",
    "serial 5F3A-99B1-22C4",
    "model WX-2000/15",
    "temperature -20 to +40",
    "price + 20 %",
    "Room 101, 2nd floor",
    "заказ 1042",
    "заказы 1042, 1043, 1044",
    "номер заказа 104255",
    "оплатил 12 500 руб., осталось 3 499,90 руб",
    "цена 1 250 000 рублей",
    "перезвонить в 15:00",
    "с 10:00 до 12:30 24 ноября",
    "доставка 24.11.2026",
    "25.12.2026 в 18:30",
    "2 стула, 4 стола, 1 лампа",
    "10 000 шт",
    "индекс 101000",
    "г. Москва, 125009, ул. Тверская, д. 7, кв. 12",
    "арт. 12345678",
    "артикул 123-4567",
    "накладная 1234567",
    "счёт № 100200",
    "двадцать пять стульев",
    "один или два дня",
    "две лампы и три полки",
    "сто рублей, двести рублей",
    "подъезд 3, этаж 12, код 4578",
    "просил перезвонить через 2 часа 30 минут",
    "размер 44-46, рост 170-176",
    "180 x 200 см",
    "паспорт не нужен, оплата 50/50",
    "первый, второй, третий",
    "раз в неделю по 2-3 раза",
]


@pytest.mark.parametrize(("text", "home", "number"), HOLD_A_NUMBER)
def test_a_number_is_found_however_it_is_written(text: str, home: str, number: str) -> None:
    assert phones(text, home) == [number]


@pytest.mark.parametrize("home", ["GB", "RU"])
@pytest.mark.parametrize("text", IS_NO_NUMBER)
def test_what_is_no_number_stays(text: str, home: str) -> None:
    assert find(text, is_number(home)) == []


def test_the_lists_are_as_long_as_they_are_said_to_be() -> None:
    assert len(HOLD_A_NUMBER) >= 60
    assert len(IS_NO_NUMBER) >= 60


@pytest.mark.parametrize(
    ("text", "home"),
    [
        ("call 555-0123", "US"),
        ("тел. 123-45-67", "RU"),
        ("123-45-67", "RU"),
        ("phone 1234567", "GB"),
        ("+99 123 456 789", "GB"),
        ("mobile is 07700 90012", "GB"),
        ("one two three four five six seven eight", "GB"),
        ("0123 456 7890", "RU"),
    ],
)
def test_what_is_dressed_as_a_number_is_found_though_no_plan_has_it(text: str, home: str) -> None:
    assert phones(text, home) == [None]


HOLD_AN_ADDRESS = [
    "write to anna@example.com",
    "Anna.Smith+shop@mail.example.co.uk today",
    "anna @ example . com",
    "anna at example dot com",
    "anna dot smith at example dot co dot uk",
    "anna(at)example.com",
    "anna [at] example [dot] com",
    "anna at gmail.com",
    "anna собака mail.ru",
    "анна собака яндекс точка ру",
    "anna собака mail точка ру",
    "почта ivan.kotov@yandex.ru",
    "ivan собачка yandex.ru",
    "иван@почта.рф",
    "anna\uff20example.com",
    "anna@gmail",
    "ANNA@EXAMPLE.COM",
    "anna_smith эт гмейл ком",
]
HOLD_NO_ADDRESS = [
    "meet at noon. Come early",
    "at the door",
    "look at the example",
    "у него собака. Лает громко",
    "собака на даче, осторожно",
    "2 pcs @ 5 each",
    "look at shop.com",
    "call at 5. com port is broken",
    "эта лампа. Ру",
    "@anna in the chat",
]


@pytest.mark.parametrize("text", HOLD_AN_ADDRESS)
def test_an_address_is_found_however_it_is_written(text: str) -> None:
    assert [each.kind for each in find(text, is_number("GB"))] == [Kind.EMAIL]


@pytest.mark.parametrize("text", HOLD_NO_ADDRESS)
def test_what_is_no_address_stays(text: str) -> None:
    assert find(text, is_number("GB")) == []


def test_an_own_order_code_stays_though_it_could_be_a_number() -> None:
    assert phones("order 7700900123", "GB") == [GB]
    assert phones("order 7700900123", "GB", codes=("7700900123",)) == []


def test_what_was_found_is_replaced_and_nothing_else() -> None:
    text = "Ring (07700) 900123, or +1 202 555 0123; anna@example.com. Floor 3."
    found = find(text, is_number("GB"))
    assert without(text, found) == ("Ring [number removed], or [number removed]; [email removed]. Floor 3.")
    assert find(without(text, found), is_number("GB")) == []


def test_what_was_found_shows_no_number() -> None:
    assert "7700" not in repr(find("07700900123", is_number("GB")))


SEPARATORS = ["", " ", "-", ".", "/", " - ", "\u2009", "\u2011", "  ", " . ", ")", "_"]
DIGITS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９", "۰۱۲۳۴۵۶۷۸۹"]
ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
RUSSIAN = ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"]
FICTION = st.one_of(
    st.integers(0, 999).map(lambda last: ("GB", f"+447700900{last:03}")),
    st.integers(0, 999).map(lambda last: ("GB", f"+442079460{last:03}")),
    st.integers(100, 199).map(lambda last: ("US", f"+12025550{last:03}")),
    st.integers(1000000, 9999999).map(lambda last: ("RU", f"+7916{last}")),
)


SPELLED = {*ENGLISH, *RUSSIAN}
BEFORE = ["", "call ", "звони ", "2 chairs. ", "24.11.2026 ", "at 15:00, ", "№ "]
AFTER = [" after six", ", Анна", ".", "!"]


@st.composite
def dressed(draw: st.DrawFn) -> tuple[str, str, str]:
    """A home region, a number, and the number as somebody might write it."""
    home, number = draw(FICTION)
    parsed = phonenumbers.parse(number)
    national = str(parsed.national_number)
    prefix = draw(
        st.sampled_from(
            {"GB": ["0", "+44", "0044", "44", "+44(0)"], "US": ["", "1", "+1"], "RU": ["8", "+7", "7"]}[home]
        )
    )
    written = prefix + national
    dress = draw(st.sampled_from(["separators", "english", "russian", "digits"]))
    match dress:
        case "separators":
            separator = draw(st.sampled_from(SEPARATORS))
            every = draw(st.integers(1, 5))
            body = separator.join(national[at : at + every] for at in range(0, len(national), every))
            written = prefix + (draw(st.sampled_from(["", " ", "-"])) if prefix else "") + body
        case "english" | "russian":
            words = ENGLISH if dress == "english" else RUSSIAN
            plus = "plus" if dress == "english" else "плюс"
            spelled = [
                plus if char == "+" else words[int(char)] for char in prefix + national if char not in "()"
            ]
            written = draw(st.sampled_from([" ", ", ", "-", "\n"])).join(spelled)
        case "digits":
            written = written.translate(str.maketrans(DIGITS[0], draw(st.sampled_from(DIGITS))))
    return home, number, draw(st.sampled_from(BEFORE)) + written + draw(st.sampled_from(["", *AFTER]))


@settings(max_examples=300)
@given(dressed())
def test_every_number_is_found_in_every_dress(case: tuple[str, str, str]) -> None:
    home, number, text = case
    found = find(text, is_number(home))
    assert len(found) >= 1
    left = without(text, found)
    assert sum(char.isdecimal() for char in left.replace("24.11.2026", "").replace("15:00", "")) <= 1
    if "(0)" not in text:
        assert number in phones(text, home)


@given(st.text(max_size=200), st.sampled_from(["GB", "RU", "US"]))
def test_any_text_is_read_and_nothing_is_found_twice(text: str, home: str) -> None:
    found = find(text, is_number(home))
    ends = [0, *(each.end for each in found)]
    assert all(
        isinstance(each, Found) and before <= each.start < each.end
        for before, each in zip(ends, found, strict=False)
    )
    clean = without(text, found)
    assert [each for each in find(clean, is_number(home)) if each.number] == []


def test_a_note_full_of_digits_takes_no_longer_than_a_few_calls_of_the_plan() -> None:
    tried = 0

    def never(_: str) -> bool:
        nonlocal tried
        tried += 1
        return False

    assert find("1 2 3 4 5 6 7 8 9 " * 200, never) != [], "nobody reads so far: it is taken for numbers"
    assert tried <= 400


@settings(max_examples=200)
@given(dressed())
def test_of_a_number_that_is_being_typed_a_few_digits_are_stored_and_no_more(
    case: tuple[str, str, str],
) -> None:
    number = next((case[2].removesuffix(after) for after in AFTER if case[2].endswith(after)), case[2])
    for end in range(len(number) + 1):
        stored = "Ring " + number[:end]
        stored = stored[: settled(stored)]
        for other in BEFORE:
            stored = stored.replace(other.strip(), "")
        assert sum(char.isdecimal() for char in stored) <= FEW_DIGITS, stored
        assert sum(word in SPELLED for word in re.findall(r"[^\W\d_]+", stored)) <= FEW_DIGITS, stored


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Ring +49 151 23", "Ring "),
        ("Ring +49 151 23 tomorrow", "Ring +49 151 23 tomorrow"),
        ("Ring (0151) 2", "Ring "),
        ("Two chairs, room 214", "Two chairs, room 214"),
        ("Call after 6", "Call after 6"),
        ("four nine one five on", ""),
        ("Звонить восемь девять один шесть две", "Звонить "),
        ("Ring +49 151 23, she says", "Ring +49 151 23, she says"),
        ("٠١٥١٢", ""),
        ("", ""),
    ],
)
def test_what_may_go_on_waits_until_it_is_finished(typed: str, stored: str) -> None:
    assert typed[: settled(typed)] == stored


@given(st.text(max_size=100))
def test_any_text_is_settled_up_to_some_place_and_then_wholly(text: str) -> None:
    end = settled(text)
    assert 0 <= end <= len(text)
    assert settled(text + " finished.") == len(text) + len(" finished.")
