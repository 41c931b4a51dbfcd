"""Text messages to customers: what may stand in one, and who may be sent one. Pure.

A text is made of a template of the shop's, and of nothing that anybody has typed at the desk: so no number
gets out in one, and none to be called back gets in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from typing import Final

from bridge.rules.policy import LineType, Policy

MOST_CHARACTERS: Final = 300
"""Of a template. Operators cut a text into parts of 153 Latin or 67 Cyrillic letters, each paid for."""

SHIPPED: Final[Mapping[str, Mapping[str, str]]] = {
    "tried-to-reach": {
        "en": "{shop}: we tried to reach you about order {order}. Please call us: {number}",
        "ru": "{shop}: не смогли дозвониться по заказу {order}. Позвоните нам: {number}",
    },
    "missed-call": {
        "en": "{shop}: sorry, we missed your call. We will call you back, or call us: {number}",
        "ru": "{shop}: извините, мы пропустили ваш звонок. Перезвоним, или звоните: {number}",
    },
}
"""Templates that every shop has, by name and language, unless it has others of these names."""

_MOBILE: Final = frozenset({LineType.MOBILE.value, LineType.FIXED_LINE_OR_MOBILE.value})


class Placeholder(StrEnum):
    """What a template may have filled in, as `{order}`."""

    ORDER = "order"
    """The order's code."""
    SHOP = "shop"
    """The shop's name."""
    NUMBER = "number"
    """The shop's own public number."""


class TemplateRefused(ValueError):
    """No template; the message ends the sentence "must ..."."""


def check_template(words: str) -> None:
    """Raises TemplateRefused."""
    if not words.strip() or not words.isprintable() or len(words) > MOST_CHARACTERS:
        raise TemplateRefused(f"be a text on one line, {MOST_CHARACTERS} characters at most")
    try:
        fields = [field for _, *field in Formatter().parse(words)]
    except ValueError:
        raise TemplateRefused("have each { closed by a }") from None
    for name, form, conversion in fields:
        if name is not None and (name not in set(Placeholder) or form or conversion):
            raise TemplateRefused("have no placeholders but {order}, {shop} and {number}")


def filled(words: str, values: Mapping[Placeholder, str]) -> str:
    """A checked template with what it asks for; braces in a value are its own."""
    return words.format_map({each.value: values[each] for each in Placeholder})


def in_language(template: Mapping[str, str], *languages: str | None) -> str:
    """The template in the first of the languages that it has; in any, where it has none of them."""
    known = (each for each in languages if each is not None and each in template)
    return template[next(known, next(iter(template)))]


class TextRefusal(StrEnum):
    """Why a customer is sent no text."""

    DO_NOT_CALL = "do-not-call"
    """They have asked not to be called, or a supervisor wants their numbers left alone."""
    NO_MOBILE = "no-mobile"
    """No number of theirs may be that of a mobile in a country that may be called."""
    TOO_MANY = "too-many-texts"


@dataclass(frozen=True, slots=True)
class TextContact:
    """A contact that may be right; `wanted`: nobody has asked that it is not called."""

    id: int
    region: str
    line_type: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class TextFacts:
    """A customer who may be sent a text. `contacts`: the one to be tried first on top."""

    do_not_call: bool
    contacts: Sequence[TextContact]
    texts_last_day: int


def contact_for_text(facts: TextFacts, policy: Policy, most_a_day: int) -> int | TextRefusal:
    """The id of the contact that a text goes to, or why there is to be none.

    Where every number that could be texted is one that nobody wants called, that is the reason.
    """
    if facts.do_not_call:
        return TextRefusal.DO_NOT_CALL
    fit = [each for each in facts.contacts if _takes_texts(each, policy)]
    wanted = [each for each in fit if each.wanted]
    if not wanted:
        return TextRefusal.DO_NOT_CALL if fit else TextRefusal.NO_MOBILE
    return TextRefusal.TOO_MANY if facts.texts_last_day >= most_a_day else wanted[0].id


def _takes_texts(contact: TextContact, policy: Policy) -> bool:
    """What kind of line a number is, is not always known: then it is texted where it would be called."""
    if contact.region not in policy.countries.allowed:
        return False
    unknown = contact.line_type == LineType.OTHER.value and contact.line_type in policy.line_types.allowed
    return contact.line_type in _MOBILE or unknown
