"""What the audit and the alarms say, in the reader's language.

On record it is said once, in words of the daemon's own that commands and searches go by. Pages show each act
as a sentence, and each piece of a detail that is known here as people say it. What isn't known is shown as it
is: an older daemon's word, or what somebody has given as a reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from bridge.desk.language import marked as _
from bridge.desk.words import LINE_TYPES, OUTCOMES, RESULTS, ROLES
from bridge.rules import Role
from bridge.rules.worklist import Outcome

ACTS: Final = {
    "absence": _("Gave somebody's customers to others, for an absence"),
    "alarm": _("A limit of the day is nearly used up"),
    "assign": _("Gave a customer to a manager"),
    "backup": _("Made a backup"),
    "call-ask": _("Asked for a call, as a program"),
    "callback": _("Called the shop"),
    "callback-code": _("Called the shop, and keyed in an order's code"),
    "caller-attach": _("Attached an unknown caller's call to an order"),
    "code-wrong": _("Gave a wrong code of the app"),
    "contact-add": _("Typed a customer's number in; it was sealed"),
    "contact-again": _("Let one of a customer's numbers be called again"),
    "contact-capture": _("Had a number keyed in by the customer"),
    "contact-habits": _("Said when, or in which language, a customer is called at one of their numbers"),
    "contact-never": _("Marked one of a customer's numbers as never to be called"),
    "contact-propose": _("Wrote a number into a note; it was sealed"),
    "customer-change": _("Changed a customer, as a program"),
    "customer-put": _("Brought a customer, as a program"),
    "departure": _("Disabled somebody who leaves, and gave their customers to others"),
    "dial": _("Called the customer"),
    "disclose": _("Was shown a number"),
    "do-not-call-add": _("Noted that a number is not to be called"),
    "do-not-call-remove": _("Noted that a number may be called again"),
    "doubt-repair": _("Accepted the likely repair of a number, unseen"),
    "doubt-right": _("Said that a doubted number is right"),
    "doubt-wrong": _("Said that a doubted number is wrong"),
    "erase": _("Erased a customer"),
    "invitation-used": _("Used a link, and set a password"),
    "invite": _("Made a link to set a password"),
    "keys-new": _("Made the first key"),
    "keys-retire": _("Took a key out of use"),
    "keys-rotate": _("Made a new key"),
    "manager-add": _("Added a manager"),
    "manager-disable": _("Disabled a manager"),
    "manager-enable": _("Enabled a manager"),
    "manager-extension": _("Gave a manager another extension"),
    "manager-limits": _("Changed a manager's limits"),
    "message-attach": _("Gave an unknown caller's message to an order"),
    "message-hear": _("Listened to a customer's message"),
    "number-compare": _("Compared a number that a customer said with the one that is kept"),
    "number-link": _("Made a link for a customer to give a number"),
    "number-link-failed": _("Could not give a number by a link"),
    "do-not-call-link": _("Asked by a link to be called no more"),
    "number-link-used": _("Gave a number by a link"),
    "order-add": _("Added an order"),
    "order-change": _("Changed an order, as a program"),
    "order-put": _("Brought an order, as a program"),
    "orders-import": _("Imported orders"),
    "outcome": _("Said what came of a call"),
    "outcome-undo": _("Undid what was said of a call"),
    "panic": _("Stopped all calls"),
    "panic-off": _("Allowed calls again"),
    "password": _("Changed the password"),
    "password-wrong": _("Gave a wrong old password"),
    "phone-browser": _("Used the browser as the phone"),
    "phone-forget": _("Let a manager's phone be set up from the desk no more"),
    "phone-link": _("Made a link to set up their phone"),
    "phone-link-failed": _("Could not set up a phone by a link"),
    "phone-link-used": _("Had their phone set up by the link"),
    "phone-password": _("Let a manager's phone be set up from the desk"),
    "proposal-accept": _("Accepted a number from a note"),
    "proposal-reject": _("Rejected a number from a note"),
    "prove": _("Made a call of a proof"),
    "refuse": _("Was refused a call"),
    "restore": _("Restored a backup"),
    "second-factor-confirmed": _("Set up the second factor"),
    "second-factor-new": _("Began to set up a second factor"),
    "session-end": _("Ended a session"),
    "sign-in": _("Signed in"),
    "sign-in-begun": _("Gave the password; the code is still to come"),
    "sign-in-failed": _("Could not sign in"),
    "sign-out": _("Signed out"),
    "shop-add": _("Let a shop send its orders"),
    "shop-pull-from": _("Let a shop be asked for its orders"),
    "shop-pull-stop": _("Let a shop be asked for its orders no more"),
    "shop-remove": _("Let a shop send its orders no more"),
    "text-ask": _("Had a text message sent to the customer"),
    "text-fail": _("Gave a text message up"),
    "text-retry": _("Had a text message sent after all"),
    "text-send": _("Handed a text message to the operator"),
    "token-add": _("Made a token for a program"),
    "token-revoke": _("Took a program's token back"),
    "webhook-add": _("Let a program be told of calls"),
    "webhook-disable": _("Stopped telling a program that did not answer"),
    "webhook-enable": _("Let a program be told of calls again"),
    "webhook-remove": _("Let a program be told of calls no more"),
}
"""By the audit's word. Who did it stands beside."""

WHY_REFUSED: Final = {
    "unknown_manager": _("the extension is nobody's"),
    "manager_disabled": _("the manager is disabled"),
    "not_yours": _("nothing to call for this manager"),
    "locked_out": _("locked out after wrong codes"),
    "unknown_code": _("no order has this code"),
    "not_assigned": _("somebody else's order"),
    "no_contact": _("no number to call"),
    "country": _("a country that is not called"),
    "line_type": _("a kind of line that is not called"),
    "do_not_call": _("the customer is not to be called"),
    "panic": _("all calls were stopped"),
    "outside_hours": _("outside the hours for calls"),
    "contact_hours": _("outside the hours of that number"),
    "daily_limit": _("the manager's calls of the day were used up"),
    "daily_limit_in_all": _("the shop's calls of the day were used up"),
    "minutes_limit": _("the manager's minutes of the day were used up"),
    "minutes_limit_in_all": _("the shop's minutes of the day were used up"),
    "spend_limit": _("the manager's money of the day was used up"),
    "spend_limit_in_all": _("the shop's money of the day was used up"),
    "hourly_limit": _("the manager's calls of the hour were used up"),
    "already_talking": _("the manager was in a call"),
    "system_full": _("too many calls at once"),
    "sealed": _("the keys were missing"),
    "stopping": _("the telephone service was being restarted"),
}
"""Whatever the rules refuse a call for, the reasons among it that the manager is not told."""

LIMITS: Final = {
    "calls": _("calls of a day"),
    "minutes": _("minutes of a day"),
    "spend": _("money of a day"),
    "calls_in_all": _("the shop's calls of a day"),
    "minutes_in_all": _("the shop's minutes of a day"),
    "spend_in_all": _("the shop's money of a day"),
}

_AS_A_WHOLE: Final = {
    "address=everywhere": _("from many addresses"),
    "tried=passwords": _("passwords were tried"),
    "tried=names": _("names of accounts were tried"),
    "desk": _("the desk"),
    "own": _("their own"),
    "all calls": _("all calls"),
    "added": _("added"),
    "same": _("the same"),
    "different": _("different"),
    "updated": _("updated"),
    "unchanged": _("unchanged"),
    "number": _("a number"),
    "continued": _("continued"),
    "begun": _("begun"),
    "printed a new ring": _("printed the new keys"),
}

_PIECES: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"order (?P<code>\d{1,12}|\*+)", _("order %(code)s")),
        (r"contact (?P<id>\d+)", _("the customer's number no. %(id)s")),
        (r"customer (?P<id>\d+)", _("customer no. %(id)s")),
        (r"orders=(?P<count>\d+)", _("orders done with: %(count)s")),
        (r"proof call (?P<code>\w+)", _("call %(code)s of a proof")),
        (r"desk:(?P<extension>[\w-]+)", _("extension %(extension)s")),
        (r"extension=(?P<extension>[\w-]+)", _("extension %(extension)s")),
        (r"was=(?P<extension>[\w-]+)", _("extension %(extension)s before")),
        (r"address=(?P<address>[\w.:/]+)", _("from %(address)s")),
        (r"kind=(?P<kind>[\w.-]+)", _("kind: %(kind)s")),
        (r"webhook=(?P<id>\d+)", _("webhook no. %(id)s")),
        (r"shop=(?P<name>[a-z-]+)", _("shop %(name)s")),
        (r"pull=(?P<answer>[a-z-]+(?: \d{3})?)", _("what it answers: %(answer)s")),
        (r"host=(?P<host>[\w.:-]+)", _("at %(host)s")),
        (r"role=(?P<word>\w+)", _("role: %(word)s")),
        (r"to=all", _("to all who are there")),
        (r"to=(?P<extension>[\w-]+)", _("to extension %(extension)s")),
        (r"customers moved: (?P<count>\d+)", _("customers handed over: %(count)s")),
        (r"sessions ended: (?P<count>\d+)", _("sessions ended: %(count)s")),
        (r"other sessions ended: (?P<count>\d+)", _("other sessions ended: %(count)s")),
        (r"(?P<count>\d+)% used", _("%(count)s %% used")),
        (r"limit (?P<word>\w+)", _("limit: %(word)s")),
        (
            r"limit (?P<word>\w+) of extension (?P<extension>[\w-]+)",
            _("limit of extension %(extension)s: %(word)s"),
        ),
        (
            r"calls/h=(?P<hour>\S+) calls/day=(?P<calls>\S+) minutes/day=(?P<minutes>\S+) "
            r"spend/day=(?P<spend>\S+) hours=(?P<hours>\S+)",
            _(
                "calls in an hour: %(hour)s, calls in a day: %(calls)s, minutes: %(minutes)s, "
                "money: %(spend)s, hours: %(hours)s"
            ),
        ),
        (r"erased again: (?P<ids>[\d, ]+)", _("customers erased once more: %(ids)s")),
        (
            r"contact=(?P<id>\d+) reason=(?P<reason>.*)",
            _("the customer's number no. %(id)s, because: %(reason)s"),
        ),
        (
            r"rows=(?P<rows>\d+) added=(?P<added>\d+) updated=(?P<updated>\d+) unchanged=(?P<unchanged>\d+)"
            r" rejected=(?P<rejected>\d+)",
            _(
                "rows: %(rows)s, added: %(added)s, updated: %(updated)s, unchanged: %(unchanged)s, "
                "rejected: %(rejected)s"
            ),
        ),
        (
            r"rows=(?P<rows>\d+) added=(?P<added>\d+) updated=(?P<updated>\d+) unchanged=(?P<unchanged>\d+)"
            r" rejected=(?P<rejected>\d+) not_to_call=(?P<silent>\d+) doubtful=(?P<doubtful>\d+)",
            _(
                "rows: %(rows)s, added: %(added)s, updated: %(updated)s, unchanged: %(unchanged)s, "
                "rejected: %(rejected)s, not to be called: %(silent)s, doubtful: %(doubtful)s"
            ),
        ),
        (
            r"rows=(?P<rows>\d+) added=(?P<added>\d+) updated=(?P<updated>\d+) unchanged=(?P<unchanged>\d+)"
            r" rejected=(?P<rejected>\d+) not_to_call=(?P<silent>\d+)",
            _(
                "rows: %(rows)s, added: %(added)s, updated: %(updated)s, unchanged: %(unchanged)s, "
                "rejected: %(rejected)s, not to be called: %(silent)s"
            ),
        ),
    )
)

_OUTCOMES: Final = {outcome.value: OUTCOMES[outcome] for outcome in Outcome}
_ROLES: Final = {role.value: ROLES[role] for role in Role}
_WORDS: Final = {**RESULTS, **LINE_TYPES, **_AS_A_WHOLE, **_OUTCOMES, **_ROLES, **LIMITS, **WHY_REFUSED}

Translate = Callable[[str], str]
"""A marked text, in the reader's language."""


def said(text: str, translate: Translate) -> str:
    """A subject or a detail, as a whole or, where that is not known, piece by piece."""
    whole = _known(text, translate)
    if whole is not None:
        return whole
    for between in (", ", " -> "):
        if between in text:
            pieces = text.split(between)
            return between.join(_known(piece, translate) or piece for piece in pieces)
    return text


def _known(text: str, translate: Translate) -> str | None:
    if text in _WORDS:
        return translate(_WORDS[text])
    for pattern, template in _PIECES:
        if (match := pattern.fullmatch(text)) is not None:
            values = match.groupdict()
            if (word := values.get("word")) in _WORDS:
                values["word"] = translate(_WORDS[str(word)])
            return translate(template) % values
    return None
