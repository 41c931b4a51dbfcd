"""Phone numbers and email addresses in what people write, however they write them, in English and Russian.

Theory of operation
-------------------
The text is first made plain: compatibility forms folded, every script's digits made ASCII, marks that don't
show dropped; each plain character remembers where it came from. What is known to be something else (dates,
times, amounts of money and goods, the order's own codes) is set aside. What is left is read as *atoms*: runs
of digits, letters that pass for digits among them, number words. Atoms with nothing but separators between
them form a *chain*, and in each chain stretches of atoms are tried as numbers.

Whether a stretch is a number is not decided here alone: `is_number` knows the numbering plans. What it takes
is found in any dress. What it doesn't is found where its dress gives it away: a plus, a word such as "phone"
before it, digits spelled out one by one. Codes and amounts are as long as numbers are, so what is neither
stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate
from typing import Final, NamedTuple

SHORTEST: Final = 7
"""Digits of the shortest number that is looked for."""

_LONGEST: Final = 17
"""Fifteen digits (E.164) after "00" for the plus."""

_MOST_TRIED: Final = 400
"""Of one text. What comes after so many is taken for a number unseen: no honest note has so many digits."""


class Kind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch of the text that has no business there. `number`: as `is_number` has taken it, if it has."""

    start: int
    end: int
    kind: Kind
    number: str | None = field(default=None, repr=False)


IsNumber = Callable[[str], bool]
"""Whether digits are a phone number: of some country with a plus before them, of the shop's own without."""

REMOVED: Final = {Kind.PHONE: "[number removed]", Kind.EMAIL: "[email removed]"}


def find(text: str, is_number: IsNumber, codes: Collection[str] = ()) -> list[Found]:
    """Every phone number and email address, in the order of the text. `codes` are orders', and stay."""
    plain = _plain(text)
    emails = list(_emails(plain.text))
    rest = _blanked(plain.text, emails)
    numbers = _Tries(is_number).numbers_in(_blanked(rest, _something_else(rest, codes)))
    found = [Found(start, end, Kind.EMAIL) for start, end in emails] + numbers
    return sorted((plain.in_original(each) for each in found), key=lambda each: each.start)


def without(text: str, found: Sequence[Found]) -> str:
    """The text with each of them replaced by the words that it was removed."""
    for each in reversed(found):
        text = text[: each.start] + REMOVED[each.kind] + text[each.end :]
    return text


FEW_DIGITS: Final = 3
"""An hour, a floor, a number of chairs: with so many, nobody knows which number it is going to be."""


def settled(text: str) -> int:
    """How much of a text that is still being typed may be looked at and stored.

    All of it, unless it ends in digits, or words for them, that may go on: then what comes before. A number
    that is half typed is no number yet, and would be stored as it stands.
    """
    plain = _plain(text)
    begun = _last_word_begun(plain.text)
    chains = list(_chains(begun))
    if not chains or len(chains[-1].digits) <= FEW_DIGITS or not _goes_on(begun, chains[-1]):
        return len(text)
    return plain.places[_start(chains[-1], 0, plain.text)]


def _last_word_begun(plain: str) -> str:
    """The text without its last word, where that is going to be a word for a digit when it is typed out."""
    begun = _LAST_LETTERS.search(plain)
    known = (*_NUMBER_WORDS, *_TIMES, *_PLUS, *_JOINING, _HUNDRED)
    if begun and begun[0] not in known and any(word.startswith(begun[0]) for word in known):
        return plain[: begun.start()]
    return plain


def _goes_on(plain: str, last: _Chain) -> bool:
    """Whether the digit that is typed next would belong to the text's last chain."""
    rest = plain[last.atoms[-1].end :]
    words = [token.text for token in _tokens(rest) if token.text[0].isalnum()]
    return len(rest.strip()) <= _WIDEST_GAP and all(word in _JOINING or word in _PLUS for word in words)


_LAST_LETTERS: Final = re.compile(r"(?<![^\W_])[^\W\d_]+\Z")

# --- plain text ---


@dataclass(frozen=True, slots=True)
class _Plain:
    """A text made plain, and for each of its characters the place of the one that it was made of."""

    text: str
    places: list[int]

    def in_original(self, found: Found) -> Found:
        return replace(found, start=self.places[found.start], end=self.places[found.end - 1] + 1)


def _plain(text: str) -> _Plain:
    chars: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        for plain in _plain_char(char):
            chars.append(plain)
            places.append(place)
    return _Plain("".join(chars), places)


def _plain_char(char: str) -> str:
    if char.isascii():
        return char.lower() if char.isprintable() else " "
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    if unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return ""
    folded = unicodedata.normalize("NFKC", char).casefold().replace("ё", "е")
    return "".join(each for each in folded if unicodedata.category(each) not in ("Mn", "Me"))


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with these spans made of what joins nothing."""
    for start, end in spans:
        text = text[:start] + _NOTHING * (end - start) + text[end:]
    return text


_NOTHING: Final = "\0"

# --- email addresses ---

_TOP: Final = (
    r"(?:com|ru|net|org|co\.uk|uk|de|fr|it|es|io|me|info|biz|by|kz|ua|su|eu|us|edu|gov|example|test"
    r"|рф|ру|ком|нет|орг|юа|бай)"
)
_PROVIDER: Final = (
    r"(?:gmail|googlemail|yandex|ya|mail|yahoo|outlook|hotmail|live|icloud|proton|protonmail|rambler|bk|inbox"
    r"|list|гмейл|гмаил|джимейл|яндекс|мейл|маил|майл|мэйл|рамблер|аутлук|хотмейл|айклауд)"
)
_LABEL: Final = r"[^\W_](?:[\w-]{0,62}[^\W_])?"
_DOT_WORD: Final = r"(?:\s+(?:dot|точка|тчк)\s+|\s*[\[({<]\s*(?:dot|точка|\.)\s*[\])}>]\s*)"
_DOT: Final = rf"(?:\.|{_DOT_WORD})"
_LOOSE_DOT: Final = rf"(?:\s*\.\s*|{_DOT_WORD})"
_LOCAL: Final = (
    rf"[\w%+'-]+(?:(?:\.|{_DOT_WORD}|\s+(?:underscore|dash|нижнее подчеркивание|тире|дефис)\s+)[\w%+'-]+)*"
)
_AT_SIGN: Final = r"(?:\s{0,3}@\s{0,3}|\s*[\[({<]\s*(?:at|эт|собака|@)\s*[\])}>]\s*)"
_AT_DOG: Final = r"\s+(?:собака|собачка|собакой|эт|commercial at)\s+"
_EMAIL: Final = re.compile(
    rf"(?<![\w.]){_LOCAL}"
    rf"(?:{_AT_SIGN}(?:{_LABEL}(?:{_DOT}{_LABEL})*{_DOT}[^\W\d_]{{2,24}}"
    rf"|{_LABEL}(?:{_LOOSE_DOT}{_LABEL})*{_LOOSE_DOT}{_TOP}|{_PROVIDER})"
    rf"|{_AT_DOG}(?:{_LABEL}(?:{_DOT}{_LABEL})*{_LOOSE_DOT}{_TOP}|{_PROVIDER})"
    rf"|\s+at\s+(?:{_LABEL}(?:{_DOT_WORD}{_LABEL})*{_DOT_WORD}{_TOP}|{_PROVIDER}{_LOOSE_DOT}{_TOP}))"
    r"(?!\w)"
)


def _emails(plain: str) -> Iterator[tuple[int, int]]:
    if "@" in plain or "at" in plain or "соба" in plain or "эт" in plain:
        yield from (match.span() for match in _EMAIL.finditer(plain))


# --- what is something else ---

_ALONE: Final = r"(?<!\d)(?<!\d[\-./(+])(?<![+(])"
_NOT_GOING_ON: Final = r"(?!\d)(?!\s?[\-./()]\s?\d)"
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_TIME: Final = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_SOMETHING_ELSE: Final = (
    re.compile(
        rf"{_ALONE}(?:{_YEAR}-{_MONTH}-{_DAY}|{_DAY}[./]{_MONTH}[./](?:{_YEAR}|\d\d)|{_YEAR}/{_MONTH}/{_DAY})"
        rf"(?:[t\s,]{{1,2}}{_TIME})?{_NOT_GOING_ON}"
    ),
    re.compile(rf"(?<![\d:]){_TIME}(?:\s?-\s?{_TIME})?(?![\d:])"),
    re.compile(rf"{_ALONE}(?:{_OCTET}\.){{3}}{_OCTET}{_NOT_GOING_ON}"),  # an IP address
)
_UNITS: Final = (
    r"(?:[£$€₽%°]|руб|р\b|rub|rur|usd|eur|gbp|pounds?|dollars?|euros?|pence|евро|долл|грн|тенге|коп|тыс|млн|"
    r"шт|штук|pcs|pieces|items|упак|уп\b|box|pack|kg|кг|гр?\b|g\b|mm|мм|cm|см|км|km|м2|m2|м3|m3|м\b|m\b|ml|мл|л\b|"
    r"w\b|вт|квт|kw|mah|мач|gb|гб|mb|мб|лет|дней|days|hours|часов|мин)"
)
_AMOUNT: Final = re.compile(
    rf"(?<![\d+])(?:[£$€₽]\s?(?P<sum>\d(?:[\d .,']*\d)?)|(?P<count>\d(?:[\d .,']*\d)?)\s?{_UNITS})"
)
_MOST_DIGITS_OF_AN_AMOUNT: Final = 9


def _something_else(plain: str, codes: Collection[str]) -> list[tuple[int, int]]:
    """Dates, times, amounts and the order's own codes."""
    spans = [match.span() for pattern in _SOMETHING_ELSE for match in pattern.finditer(plain)]
    for match in _AMOUNT.finditer(plain):
        amount = match["sum"] or match["count"]
        if sum(map(str.isdigit, amount)) <= _MOST_DIGITS_OF_AN_AMOUNT:
            spans.append(match.span())
    for code in codes:
        spans += [match.span() for match in re.finditer(rf"(?<!\d){code}(?!\d)", plain)]
    return spans


# --- atoms ---


class _Atom(NamedTuple):
    """Digits as they are written, in one piece. `spelled`: as a word."""

    digits: str
    start: int
    end: int
    spelled: bool = False


class _Word(NamedTuple):
    """A number word: its value, and of which size it is (1, 10 or 100)."""

    value: int
    size: int


def _words(size: int, first: int, *names: str) -> dict[str, _Word]:
    step = {1: 1, 10: 10, 100: 100}[size]
    return {
        name: _Word(first + place * step, size)
        for place, each in enumerate(names)
        for name in each.split("|")
    }


_NUMBER_WORDS: Final = {
    **_words(
        1, 0,
        "zero|oh|nought|naught|nil|null|ноль|нуль|нолик|ноля|нуля|нулей|нулями|зеро",
        "one|один|одна|одно|единица|единичка|единицы|адин",
        "two|два|две|двойка|двойки|двоек",
        "three|три|тройка|тройки|троек",
        "four|четыре|четверка|четверки|четверок",
        "five|пять|пятерка|пятерки|пятерок",
        "six|шесть|шестерка|шестерки|шестерок",
        "seven|семь|семерка|семерки|семерок",
        "eight|восемь|восьмерка|восьмерки|восьмерок",
        "nine|девять|девятка|девятки|девяток",
    ),
    **_words(
        1, 10,
        "ten|десять", "eleven|одиннадцать", "twelve|двенадцать", "thirteen|тринадцать",
        "fourteen|четырнадцать", "fifteen|пятнадцать", "sixteen|шестнадцать", "seventeen|семнадцать",
        "eighteen|восемнадцать", "nineteen|девятнадцать",
    ),
    **_words(
        10, 20,
        "twenty|двадцать", "thirty|тридцать", "forty|fourty|сорок", "fifty|пятьдесят",
        "sixty|шестьдесят", "seventy|семьдесят", "eighty|восемьдесят", "ninety|девяносто",
    ),
    **_words(
        100, 100,
        "сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот",
        "девятьсот",
    ),
}  # fmt: skip
_NOUN: Final = re.compile(
    r"нол(?:я|ика)|нул(?:я|ей)|единицы|(?:дво|тро)(?:йки|ек)|четвер(?:ки|ок)"
    r"|(?:пят|шест|сем|восьм)ер(?:ки|ок)|девят(?:ки|ок)"
)
"""What Russian counts digits by: two sevens."""
_PLURALS: Final = {
    "zeros": 0, "zeroes": 0, "ones": 1, "twos": 2, "threes": 3, "fours": 4, "fives": 5, "sixes": 6,
    "sevens": 7, "eights": 8, "nines": 9,
}  # fmt: skip
_TIMES: Final = {"double": 2, "dbl": 2, "triple": 3, "treble": 3, "дважды": 2, "трижды": 3}
_HUNDRED: Final = "hundred"
_PLUS: Final = ("plus", "плюс")
_JOINING: Final = {
    "dash", "hyphen", "minus", "space", "dot", "point", "slash", "and", "then", "bracket", "brackets", "open",
    "close",
    "тире", "дефис", "минус", "черточка", "пробел", "точка", "слеш", "и", "потом", "затем", "далее", "дальше",
    "еще", "скобка", "скобки", "скобках",
}  # fmt: skip
_PASS_FOR_DIGITS: Final = {"o": "0", "о": "0", "l": "1", "i": "1", "і": "1", "|": "1", "з": "3"}
_TOKEN: Final = re.compile(r"[0-9]+|[^\W\d_]+|\W|_")
_LOOKS_LIKE_DIGITS: Final = re.compile(r"(?<![^\W_])(?=[oоliіз|]{0,8}[0-9])[0-9oоliіз|]+(?![^\W_])")
_WIDEST_GAP: Final = 12


class _Token(NamedTuple):
    text: str
    start: int
    end: int


@dataclass(slots=True)
class _Chain:
    """Atoms one after the other, with what stands before each. `plus`: one stands before the first.

    `before` is the text on the line up to the first atom: what it calls the number.
    """

    before: str
    plus: bool
    start: int
    atoms: list[_Atom] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    @property
    def digits(self) -> str:
        return "".join(atom.digits for atom in self.atoms)


def _tokens(plain: str) -> Iterator[_Token]:
    place = 0
    for match in _LOOKS_LIKE_DIGITS.finditer(plain):
        yield from (_Token(each[0], *each.span()) for each in _TOKEN.finditer(plain, place, match.start()))
        digits = "".join(_PASS_FOR_DIGITS.get(char, char) for char in match[0])
        yield _Token(digits, *match.span())
        place = match.end()
    yield from (_Token(each[0], *each.span()) for each in _TOKEN.finditer(plain, place))


def _chains(plain: str) -> Iterator[_Chain]:
    """Every chain of a text. Words that are no numbers end one; so do gaps that are too wide."""
    chain: _Chain | None = None
    gap_from = 0
    plus_at: int | None = None
    tokens = list(_tokens(plain))
    place = 0
    while place < len(tokens):
        token = tokens[place]
        atom, used = _atom(tokens, place)
        if atom is not None:
            gap = plain[gap_from : atom.start]
            plus = plus_at is not None
            if chain is not None and (plus or len(gap.strip()) > _WIDEST_GAP):
                yield chain
                chain = None
            if chain is None:
                start = atom.start if plus_at is None else plus_at
                chain = _Chain(plain[:start].rpartition("\n")[2][-_LABEL_WITHIN:], plus, start)
                gap = ""
            chain.atoms.append(atom)
            chain.gaps.append(gap)
            gap_from, plus_at = atom.end, None
        elif token.text == "+" or token.text in _PLUS:
            plus_at = token.start
        elif (token.text[0].isalnum() or token.text == _NOTHING) and token.text not in _JOINING:
            if chain is not None:
                yield chain
            chain, plus_at = None, None
        elif plus_at is not None and not token.text.isspace() and token.text not in "([":
            plus_at = None
        place += used
    if chain is not None:
        yield chain


def _atom(tokens: Sequence[_Token], place: int) -> tuple[_Atom | None, int]:
    """The atom that begins with a token, if one does, and of how many tokens it is."""
    token = tokens[place]
    if token.text[0] in "0123456789":
        return _Atom(token.text, token.start, token.end), 1
    times = _TIMES.get(token.text)
    word = _NUMBER_WORDS.get(token.text)
    if times is None and word is None:
        return None, 1
    following = _next_word(tokens, place)
    if times is not None:
        return _repeated(tokens, place, following, times)
    if word is None:
        return None, 1
    if following is not None and 2 <= word.value <= 4 and word.size == 1:
        noun = tokens[following].text
        digit = _NUMBER_WORDS[noun].value if _NOUN.fullmatch(noun) else _PLURALS.get(noun)
        if digit is not None:
            span = token.start, tokens[following].end
            return _Atom(str(digit) * word.value, *span, spelled=True), following - place + 1
    return _compound(tokens, place, word)


def _repeated(
    tokens: Sequence[_Token], place: int, following: int | None, times: int
) -> tuple[_Atom | None, int]:
    """ "double oh", "triple 7": one digit, so many times."""
    if following is None:
        return None, 1
    repeated = tokens[following]
    word = _NUMBER_WORDS.get(repeated.text)
    digits = str(word.value) if word is not None else repeated.text
    if not digits.isdigit() or len(digits) != 1:
        return None, 1
    atom = _Atom(digits * times, tokens[place].start, repeated.end, spelled=True)
    return atom, following - place + 1


def _compound(tokens: Sequence[_Token], place: int, word: _Word) -> tuple[_Atom, int]:
    """ "Forty four" is 44, "nine hundred twelve" 912: a smaller word after a greater one adds to it.

    But "nine hundred one two three" is 900 123: a single digit after an English hundred that is not the last
    begins anew. In Russian a hundred is a word, and "девятьсот шесть" the 906 that numbers begin with.
    """
    value, size, last, of_hundred = word.value, word.size, place, False
    following = _next_word(tokens, place)
    while following is not None:
        text = tokens[following].text
        if text == _HUNDRED and 1 <= value <= 9:
            value, size, of_hundred = value * 100, 100, True
        elif (
            (more := _NUMBER_WORDS.get(text)) is None
            or not _adds_to(value, size, more)
            or (of_hundred and more.value < 10 and _is_number_word(tokens, _next_word(tokens, following)))
        ):
            break
        else:
            value, size = value + more.value, more.size
        last, following = following, _next_word(tokens, following)
    return _Atom(str(value), tokens[place].start, tokens[last].end, spelled=True), last - place + 1


def _is_number_word(tokens: Sequence[_Token], place: int | None) -> bool:
    return place is not None and (tokens[place].text in _NUMBER_WORDS or tokens[place].text == _HUNDRED)


def _adds_to(value: int, size: int, more: _Word) -> bool:
    """Whether a word goes on with a compound: only where it fills the places that are noughts."""
    if more.value == 0 or size == 1:
        return False
    return more.value < size and value % size == 0


def _next_word(tokens: Sequence[_Token], place: int) -> int | None:
    """The token after the blanks or the hyphen behind this one."""
    following = place + 1
    while following < len(tokens) and (tokens[following].text.isspace() or tokens[following].text == "-"):
        following += 1
    return following if following < len(tokens) and following - place <= 3 else None


# --- numbers ---

_LABEL_WITHIN: Final = 24
_CALLS_IT_A_NUMBER: Final = re.compile(
    r"\b(?:tel|phone|telephone|mobile|mob|cell|whatsapp|viber|telegram|ring"
    r"|call(?: (?:me|him|her|them|back))?(?: on| at)?"
    r"|тел|телефон\w*|моб|мобильн\w*|сотов\w*|ватсап\w*|вотсап\w*|вайбер\w*|звони\w*|позвони\w*|набери\w*)"
    r"\b[\s.:,№#=-]*(?:is|номер|number|no)?[\s.:=(-]*$"
)
_CALLS_IT_A_CODE: Final = re.compile(
    r"(?:\b(?:order|code|sku|item|art|article|ref|reference|invoice|bill|track(?:ing)?|parcel|serial|sn|inn|vat|iban"
    r"|isbn|ean|card|account|contract|model|id|заказ\w*|код\w*|арт|артикул\w*|счет\w*|накладн\w*|трек\w*"
    r"|посылк\w*|инн|кпп|огрн|индекс\w*|договор\w*|карт\w*|модел\w*|серийн\w*|инвойс\w*)|[№#])"
    r"[\s.:№#=-]*(?:no|number|номер)?[\s.:№#=-]*$"
)
_GROUPED_LIKE_A_NUMBER: Final = re.compile(
    r"\d{3}-\d{2}-\d{2}|\d{3}-\d{4}|\d{3} \d{2} \d{2}|\(\d{2,5}\)[\s-]*\d{2,4}(?:[\s-]*\d{2,4}){1,3}"
)
_WEAK: Final = re.compile(r"[,;:*#=<>\"]")


class _Tries:
    """Tries stretches of chains as numbers, as many of a text as is reasonable."""

    def __init__(self, is_number: IsNumber) -> None:
        self._is_number = is_number
        self._left = _MOST_TRIED

    def numbers_in(self, plain: str) -> list[Found]:
        return [found for chain in _chains(plain) for found in self._numbers_of(chain, plain)]

    def _numbers_of(self, chain: _Chain, plain: str) -> Iterator[Found]:
        if len(chain.digits) < _FEWEST_BY_LABEL:
            return
        first, found_any = 0, False
        while first < len(chain.atoms):
            taken = self._longest_from(chain, first, plain)
            if taken is None:
                first += 1
                continue
            last, number = taken
            found_any = True
            yield Found(_start(chain, first, plain), chain.atoms[last].end, Kind.PHONE, number)
            first = last + 1
        if not found_any and _gives_itself_away(chain, plain):
            yield Found(_start(chain, 0, plain), chain.atoms[-1].end, Kind.PHONE)

    def _longest_from(self, chain: _Chain, first: int, plain: str) -> tuple[int, str | None] | None:
        """The last atom of the longest number that begins with this one."""
        lengths = list(accumulate(len(atom.digits) for atom in chain.atoms[first : first + _LONGEST]))
        for last in range(first + len(lengths) - 1, first - 1, -1):
            if not SHORTEST <= lengths[last - first] <= _LONGEST:
                continue
            plus = chain.plus and first == 0
            number = self._read("".join(atom.digits for atom in chain.atoms[first : last + 1]), plus)
            if number is not None and (plus or not _is_by_chance(chain, first, last, number, plain)):
                return last, number or None
        return None

    def _read(self, digits: str, plus: bool) -> str | None:
        """As what it is a number: as written, or with a plus; "" where nobody looks any more."""
        for reading in (f"+{digits}",) if plus else (digits, f"+{digits}"):
            if self._left == 0:
                return ""
            if reading.startswith("+0") or (reading[0] == "+" and len(digits) < _SHORTEST_WITH_COUNTRY):
                continue
            self._left -= 1
            if self._is_number(reading):
                return reading
        return None


_FEWEST_BY_LABEL: Final = 6
_SHORTEST_WITH_COUNTRY: Final = 9
_TRUNK: Final = ("0", "8")
"""What a number begins with where it is dialled from home, in most countries and in Russia."""


def _start(chain: _Chain, first: int, plain: str) -> int:
    """Where a number begins, with its plus and an opening bracket."""
    start = chain.start if first == 0 else chain.atoms[first].start
    return start - 1 if start > 0 and plain[start - 1] in "([" else start


def _is_by_chance(chain: _Chain, first: int, last: int, number: str, plain: str) -> bool:
    """Whether digits that happen to be a number's more probably are something else.

    Nothing says that they are one: no plus, no trunk prefix, nothing that calls them so.
    """
    atoms = chain.atoms[first : last + 1]
    if atoms[0].digits[0] in _TRUNK and not number.startswith("+"):
        return False
    if any(atom.spelled for atom in atoms) or _CALLS_IT_A_NUMBER.search(chain.before):
        return False
    touching = plain[max(0, atoms[0].start - 1) : atoms[0].start] + plain[atoms[-1].end : atoms[-1].end + 1]
    if any(char.isalpha() or char == "_" for char in touching):
        return True  # a part of some code
    gaps = chain.gaps[first + 1 : last + 1]
    if any(_WEAK.search(gap) for gap in gaps):
        return True
    listed = len(atoms) > 1 and len({len(atom.digits) for atom in atoms}) == 1 and len(atoms[0].digits) >= 4
    return listed and any("\n" in gap for gap in gaps)


def _gives_itself_away(chain: _Chain, plain: str) -> bool:
    """Whether digits that are no country's number are dressed as one all the same."""
    count = len(chain.digits)
    if count > _LONGEST:
        return False
    if _CALLS_IT_A_NUMBER.search(chain.before):
        return count >= _FEWEST_BY_LABEL
    if count < SHORTEST:
        return False
    if sum(len(atom.digits) for atom in chain.atoms if atom.spelled) >= SHORTEST:
        return True
    if _CALLS_IT_A_CODE.search(chain.before):
        return False
    if chain.plus:
        return True
    written = plain[_start(chain, 0, plain) : chain.atoms[-1].end]
    if _GROUPED_LIKE_A_NUMBER.fullmatch(written):
        return True
    groups = len(chain.atoms)
    return (
        10 <= count <= 12
        and chain.digits[0] in _TRUNK
        and groups >= 2
        and not any(map(_WEAK.search, chain.gaps))
    )
