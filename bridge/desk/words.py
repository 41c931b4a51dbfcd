"""The words for what the daemon tells in words of its own: each value of the API has its text here, or falls
back to one that is true of all.
"""

from __future__ import annotations

from typing import Final

from bridge.desk.language import marked as _
from bridge.rules import Role
from bridge.rules.doubts import Hint, Settlement
from bridge.rules.worklist import Outcome, Why

ROLES: Final = {
    Role.MANAGER: _("Manager"),
    Role.SUPERVISOR: _("Supervisor"),
    Role.OWNER: _("Owner"),
}

WHYS: Final = {
    Why.NEW: _("New order"),
    Why.CALL_BACK: _("Call back"),
    Why.NO_ANSWER: _("No answer"),
    Why.CUSTOMER_CALLED: _("Customer called"),
    Why.DONE: _("Nothing to call"),
}

OUTCOMES: Final = {
    Outcome.CONFIRMED: _("Confirmed"),
    Outcome.CALL_BACK: _("Call back later"),
    Outcome.NO_ANSWER: _("No answer"),
    Outcome.LEFT_MESSAGE: _("Left a message"),
    Outcome.WRONG_NUMBER: _("Wrong number"),
    Outcome.REFUSED: _("Refused"),
    Outcome.DO_NOT_CALL: _("Do not call again"),
}
"""In the order of their keys, 1 to 7."""

OUTCOME_TONES: Final = {
    Outcome.CONFIRMED: "good",
    Outcome.CALL_BACK: "due",
    Outcome.NO_ANSWER: "plain",
    Outcome.LEFT_MESSAGE: "plain",
    Outcome.WRONG_NUMBER: "bad",
    Outcome.REFUSED: "bad",
    Outcome.DO_NOT_CALL: "bad",
}

FILTERS: Final = {
    "to-call": _("To call"),
    "due": _("Due"),
    "new": _("New"),
    "no-answer": _("No answer"),
    "later": _("Later"),
    "done": _("Done"),
    "all": _("All"),
}

STATES: Final = {
    "ringing-you": _("Ringing your phone"),
    "calling": _("Calling the customer"),
    "ringing-customer": _("Ringing the customer"),
    "talking": _("Talking"),
    "ending": _("Ending"),
    "ended": _("Ended"),
}
"""Of a live call, as CallNow.state has them."""

WALL_STATES: Final = STATES | {"ringing-you": _("Ringing the manager")}
"""The same, as somebody else sees it."""

RESULTS: Final = {
    "talked": _("Talked"),
    "busy": _("Busy"),
    "no-answer": _("No answer"),
    "declined": _("Declined by the customer"),
    "invalid-number": _("The number does not exist"),
    "congestion": _("No free line"),
    "carrier-down": _("The telephone network is down"),
    "cancelled": _("Cancelled"),
    "manager-unreachable": _("Your phone did not answer"),
    "refused": _("Not allowed"),
    "failed": _("Failed"),
    "missed": _("The customer hung up before a manager answered"),
    "passed-on": _("No manager answered the customer"),
}
"""What a call came to: bridge.calls.model.Result."""

TEMPLATES: Final = {
    "tried-to-reach": _("We tried to reach you"),
    "missed-call": _("We missed your call"),
}
"""Text messages that every shop has; all others are named by the shop itself."""

TEXT_OUTCOMES: Final = {
    "waiting": _("waiting to be sent"),
    "sent": _("sent"),
    "failed": _("could not be sent"),
}

IN_PROGRESS: Final = _("In progress")

NOT_TALKED: Final = _("Not talked")

OTHER_RESULTS: Final = _("Others")

LINE_TYPES: Final = {
    "mobile": _("Mobile"),
    "fixed_line": _("Landline"),
    "fixed_line_or_mobile": _("Landline or mobile"),
    "voip": _("Internet telephone"),
    "toll_free": _("Freephone"),
    "premium_rate": _("Premium rate"),
    "shared_cost": _("Shared cost"),
}

LABELS: Final = {
    "given by the customer": _("Given by the customer, %(time)s"),
    "entered by a supervisor": _("Entered by a supervisor, %(time)s"),
    "given by a link": _("Given by a link, %(time)s"),
    "repaired": _("Repaired, %(time)s"),
    "has called from it": _("Has called from it, %(time)s"),
}
"""The labels that the daemon itself gives to contacts; all others are somebody's own words."""

CAPTURES: Final = {
    "asking": _("The customer is keying in a number"),
    "saved": _("The number is saved"),
    "not-valid": _("No valid number was keyed in"),
    "not-saved": _("The number could not be saved"),
    "cancelled": _("You took the customer back"),
    "cut-off": _("You are together again"),
}
"""Of CallNow.capture."""

OTHER_LINE: Final = _("Telephone")

STANDINGS: Final = {
    "usable": _("usable"),
    "suspect": _("suspect: it may be wrong"),
    "wrong": _("wrong"),
}

HINTS: Final = {
    Hint.PREFIX_DOUBLED: _("a prefix is there twice (8 and +7)"),
    Hint.EIGHT_FOR_SEVEN: _("8 instead of +7"),
    Hint.NO_COUNTRY_CODE: _("the country code, or the plus before it, is missing"),
    Hint.SWAPPED: _("two digits next to each other are swapped"),
    Hint.TOO_FEW: _("one digit too few"),
    Hint.TOO_MANY: _("one digit too many"),
    Hint.NO_SUCH_OPERATOR: _("the operator or area code does not exist"),
}
"""What is probably wrong with a number, as an import has found it."""

NO_HINT: Final = _("the telephone network knows no such number")
"""Why a number is doubted that came without a hint: its calls have said so."""

SETTLEMENTS: Final = {
    Settlement.REPAIR: _("Accept the likely repair?"),
    Settlement.RIGHT: _("Is the number right?"),
    Settlement.WRONG: _("Is the number wrong?"),
}

SETTLED: Final = {
    Settlement.REPAIR: _(
        "The number as it was probably meant takes its place, at once. You are not shown it, and the "
        "mistyped one is called no more. Whether it is the customer's, a call tells."
    ),
    Settlement.RIGHT: _(
        "It is called in its turn again. If it came mistyped, the shop's rules still decide whether it is "
        "called."
    ),
    Settlement.WRONG: _("It is called no more. Only a new number of the customer's undoes that."),
}
"""What each of them does, said before it is done."""

ORDER_STATES: Final = {"open": _("open"), "closed": _("closed")}

FOUND: Final = {
    ("phone", True): _(
        "A telephone number was taken out of your note. It is kept safe, "
        "for a supervisor to add to the customer."
    ),
    ("phone", False): _("A telephone number was taken out of your note. A supervisor sees that it happened."),
    ("email", True): _(
        "An e-mail address was taken out of your note. It is kept safe, "
        "for a supervisor to add to the customer."
    ),
    ("email", False): _("An e-mail address was taken out of your note. A supervisor sees that it happened."),
}
"""By Found.kind and Found.kept."""

ALARMS: Final = {
    "note-number": _("A number in a note"),
    "note-email": _("An e-mail address in a note"),
    "reading-fast": _("Many orders read fast"),
    "locked-out": _("Locked out after wrong codes"),
    "sign-in-attacks": _("Many wrong passwords"),
    "disclosure": _("A number was shown"),
    "webhook-disabled": _("A program can't be told of calls any more"),
    "sip-attacks": _("Somebody tries passwords or names at the telephone exchange"),
    "shop-not-pulled": _("A shop has given no orders for an hour"),
}


OWN_LIMITS: Final = {
    "calls_per_hour": _("Calls in an hour"),
    "calls_per_day": _("Calls in a day"),
    "minutes_per_day": _("Minutes in a day"),
    "spend_per_day": _("Money in a day"),
    "hours": _("Hours of calling"),
}
"""By their fields in OwnLimits."""

REASONS: Final = {
    # Of the rules, as a call is refused.
    "unknown_manager": _("Your extension is not known. Ask a supervisor."),
    "manager_disabled": _("You are disabled. Ask a supervisor."),
    "not_yours": _("There is nothing to call here for you."),
    "panic": _("All calls are stopped at the moment. Ask a supervisor."),
    "outside_hours": _("Customers are not called at this time of day."),
    "contact_hours": _(
        "At this number the customer is called at another time of day. Choose another one, or call later."
    ),
    "daily_limit": _("Your calls of today are used up."),
    "daily_limit_in_all": _("The shop's calls of today are used up."),
    "minutes_limit": _("You have talked for as long as may be in a day."),
    "minutes_limit_in_all": _("The shop has talked for as long as may be in a day."),
    "spend_limit": _("Your calls of today have cost as much as they may."),
    "spend_limit_in_all": _("The shop's calls of today have cost as much as they may."),
    "hourly_limit": _("Your calls of this hour are used up."),
    "already_talking": _("You are already in a call."),
    "system_full": _("Too many calls are in progress. Try again in a moment."),
    "sealed": _("This can't be done now: the keys are missing. Ask your administrator."),
    "stopping": _("The telephone service is being restarted. Try again in a moment."),
    "database": _("The call could not be put on record, so it was not placed. Try again in a moment."),
    "customer-busy": _("Somebody else is calling this customer at the moment."),
    "not-talking": _("A number can be asked for in a conversation alone."),
    "no-such-order": _("There is no such order."),
    "no-such-hours": _("Give both hours, such as 18:00 and 21:00, or none."),
    "not-a-number": _("This can't be dialled. Type it again, with its area or country code."),
    "no-such-call": _("The call is over."),
    # Of the desk's API.
    "signed-out": _("You have been signed out."),
    "wrong-login": _("This extension and password do not belong together."),
    "must-enrol": _("Set up a second factor first."),
    "busy": _("Too many people are signing in. Try again in a moment."),
    "owners-only": _("Only an owner may do this to an owner."),
    "last-owner": _("Somebody has to own the shop."),
    "nobody-to-take-over": _("There is no other manager to take over."),
    "manager-disabled": _("This manager is disabled."),
    "extension-taken": _("This extension already belongs to somebody."),
    "yourself": _("Somebody else has to do this to you."),
    "seal-broken": _("What is stored can't be opened. Ask your administrator."),
    "too-many-disclosures": _("You have been shown as many numbers as may be in a day."),
    "do_not_call": _("This customer is not to be called."),
    "no_link": _("Asterisk does not answer. Ask your administrator."),
    "wrong-code": _("This code is not right. Take the one that your app shows now."),
    "wrong-password": _("Your present password is not that."),
    "in-a-call": _("This manager is in a call. Try again after it."),
    "above-config": _("The shop's own rules allow less than that already. Take a lower limit, or none."),
    "weak-password": _("This password is too easy to guess. Take a longer one."),
    "common-password": _(
        "This password was stolen from others, and is tried first. Take a few words by chance."
    ),
    "too-many-tries": _("Too many tries. Wait a little, then try again."),
    "unforeseen": _("Something went wrong in the telephone service. Tell your administrator."),
    "unavailable": _("What is stored can't be reached at the moment. Try again."),
    "not-found": _("There is no such page, or it is not yours to see."),
    "nothing-to-call": _("Nothing is to be called now."),
    "reading-too-fast": _("You have opened many orders in a short time. Wait a little, then go on."),
    "too-late": _("It is too late to undo this."),
    "reason-or-code": _("A reason of at least ten letters, and a code of six digits, are needed."),
    "call-back": _("Choose a time to come for calling back."),
    "no-time": _("Say when to call back."),
    "past-time": _("This time is over. Choose a later one."),
    "not-from-the-desk": _("This page is too old. Open it again, then repeat what you did."),
    "no-such-caller": _(
        "Nobody has called under this number in the last hours, or the call is attached already."
    ),
    "number-links-off": _("There are no links for customers in this shop."),
    "phones-off": _("Phones are not set up from the desk in this shop."),
    "no-phone-password": _("Your phone can't be set up from here yet. Ask your administrator."),
    "disclosure-off": _("Numbers are never shown in this shop."),
    "comparisons-off": _("Numbers are not compared in this shop."),
    "too-many-comparisons": _("As many numbers were compared for this customer as may be in a day."),
    "texts-off": _("Customers are sent no text messages in this shop."),
    "no-such-template": _("The shop has no such text message."),
    "do-not-call": _("This customer is not to be called, and is sent no text messages."),
    "no-mobile": _("No number of this customer's takes text messages."),
    "too-many-texts": _("This customer was sent as many text messages as may be in a day."),
    "nothing-to-compare": _("Type the number that the customer says is theirs, then compare."),
}
"""What a refusal's `reason` means, for whoever is at the desk."""

_BY_STATUS: Final = {
    401: REASONS["signed-out"],
    403: _("You may not do this."),
    404: REASONS["not-found"],
    409: _("Somebody was faster: look at it again, then decide."),
    413: _("This is too long."),
    422: _("Something in this form is not as it should be."),
    429: _("That was too much at once. Wait a little, then try again."),
}

AWAY: Final = _("The telephone service does not answer. Calls that are in progress go on.")

_OTHERWISE: Final = _("This did not work. Try again in a moment.")


def words_of(reason: str, status: int) -> str:
    """The text for a refusal; for a reason that is not known, the one of its HTTP status."""
    return REASONS.get(reason) or _BY_STATUS.get(status, _OTHERWISE)
