"""Checks of single settings of endpoints and AORs: one table row each, the same look for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bridge.doctor.conf import Section
from bridge.doctor.model import Check, Facts, Gravity, Spot, correct
from bridge.doctor.pjsip import MANAGERS_CONTEXT, same, value_of

Sections = Callable[[Facts], Iterable[Section]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A setting's right value, and what any other one leads to."""

    name: str
    value: str
    gravity: Gravity
    meaning: str


N, W, C = Gravity.NOTICE, Gravity.WARNING, Gravity.CRITICAL

FOR_BOTH = (
    Wanted("send_pai", "no", C, "P-Asserted-Identity headers name the other side of the call."),
    Wanted("send_rpid", "no", C, "Remote-Party-ID headers name the other side of the call."),
    Wanted("send_diversion", "no", C, "Diversion headers name by way of whom a call came."),
    Wanted("send_history_info", "no", C, "History-Info headers name everybody that a call went by."),
    Wanted("send_connected_line", "no", C, "Updates during a call name the other side."),
    Wanted("rpid_immediate", "no", C, "The other side is named while its phone still rings."),
    Wanted("send_aoc", "no", W, "Advice of charge passes on the carrier's own text."),
    Wanted("trust_id_inbound", "no", W, "What one side claims to be is believed and passed on to the other."),
    Wanted("trust_id_outbound", "no", W, "Identities that are marked private are sent all the same."),
    Wanted("trust_connected_line", "no", W, "Identities that one side sends during a call are passed on."),
    Wanted(
        "direct_media", "no", C, "Sound goes past Asterisk, so that each side learns the other's address."
    ),
    Wanted("t38_udptl", "no", W, "Fax over IP is one more road for what the other side sends."),
    Wanted("fax_detect", "no", W, "A fax tone takes the call out of the daemon's hands."),
    Wanted("max_video_streams", "0", W, "Video is one more road for what the other side sends."),
    Wanted("max_audio_streams", "1", W, "A second stream of sound is a road that nobody watches."),
    Wanted("allow_transfer", "no", C, "A transfer (REFER) dials on the shop's account, past the daemon."),
    Wanted("allow_subscribe", "no", C, "Subscriptions tell who talks with whom."),
    Wanted(
        "allow_overlap", "no", W, "Numbers that are dialled digit by digit are taken before they are whole."
    ),
    Wanted(
        "message_context",
        "call-bridge-refuse",
        C,
        "SIP text messages reach a dialplan that was not made to refuse them.",
    ),
    Wanted("force_rport", "yes", N, "Answers go to where a request claims to come from."),
    Wanted("rtp_symmetric", "yes", N, "Sound is sent to where the other side claims to be."),
    Wanted(
        "dtmf_mode",
        "auto",
        N,
        "Keys that are pressed travel in another way than the one that is filtered.",
    ),
)
FOR_MANAGERS = (
    *FOR_BOTH,
    Wanted("context", MANAGERS_CONTEXT, W, "This phone lands in another context than the one for order codes."),  # noqa: E501
    Wanted("identify_by", "username", C, "A phone is known by something that any program on a computer can imitate."),  # noqa: E501
    Wanted("suppress_q850_reason_headers", "yes", W, "Reason headers pass on the cause that a carrier gave."),
    Wanted("redirect_method", "user", C, "A phone that answers 302 makes Asterisk dial what it likes."),
    Wanted("rewrite_contact", "yes", N, "A phone behind a router can't be reached."),
    Wanted("one_touch_recording", "no", C, "A call can be recorded from the phone."),
    Wanted("call_group", "", W, "Colleagues can pick up this phone's calls."),
    Wanted("pickup_group", "", W, "This phone can pick up other people's calls."),
    Wanted("named_call_group", "", W, "Colleagues can pick up this phone's calls."),
    Wanted("named_pickup_group", "", W, "This phone can pick up other people's calls."),
)  # fmt: skip
FOR_MANAGERS_AORS = (
    Wanted("max_contacts", "1", W, "A second phone can register as this manager and ring along unnoticed."),
    Wanted(
        "remove_existing",
        "yes",
        N,
        "A manager who changes desks is locked out until the old phone's time is over.",
    ),
)


def settings_checks(prefix: str, wanted: Iterable[Wanted], sections: Sections) -> list[Check]:
    """A check for each setting, called `prefix-setting-name`."""
    return [_check(prefix, each, sections) for each in wanted]


def _check(prefix: str, wanted: Wanted, sections: Sections) -> Check:
    def look(facts: Facts) -> Iterator[Spot]:
        for section in sections(facts):
            yield from spots(section, wanted.name, wanted.value)

    return Check(
        id=f"{prefix}-{wanted.name.replace('_', '-')}",
        gravity=wanted.gravity,
        meaning=wanted.meaning,
        remedy=f"Set `{wanted.name}={wanted.value}`, or leave it to the template from `dialplan/`.",
        look=look,
    )


def spots(section: Section, name: str, wanted: str) -> Iterator[Spot]:
    """The setting where it has another value than the wanted one."""
    if same(value_of(section, name), wanted):
        return
    setting = section.last(name)
    how = "is set otherwise" if setting else "is not set, and Asterisk's default is otherwise"
    yield Spot(
        setting.place if setting else section.place,
        f"[{section.name}] {name} {how}",
        correct(section, setting, f"{name}={wanted}"),
    )
