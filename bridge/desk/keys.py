"""The keys that do things, and what: the help that `?` opens. desk.js binds exactly these."""

from __future__ import annotations

from typing import Final

from bridge.desk.language import marked as _

HELP: Final = {
    "j": _("the next order of the queue; also the arrow down"),
    "k": _("the order before it; also the arrow up"),
    "Enter": _("opens the order"),
    "c": _("calls the customer"),
    "a": _("answers the phone, where the browser is it"),
    "h": _("hangs up, or cancels the call"),
    "n": _("takes the next order to call"),
    "1–7": _("say what came of the call"),
    "u": _("undoes the result that was just given"),
    "e": _("goes to the notes"),
    "/": _("searches"),
    "Esc": _("leaves a field, stops the countdown, closes this"),
    "?": _("shows these keys"),
}
"""Key, as it is printed on keyboards, and its effect."""
