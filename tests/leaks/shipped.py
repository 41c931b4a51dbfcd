"""Every setting that is shipped: whether an opening turns it red, and if none does, why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

from families import FAMILIES
from left_open import LEFT_OPEN
from openings import ARI, ASTERISK, HTTP, LOGGER, MANAGERS, MODULES, PJPROJECT, RTP, TRUNK, Closing

from labkit.places import DIALPLAN

CCSS, INDICATIONS, UDPTL = "asterisk/ccss.conf", "asterisk/indications.conf", "asterisk/udptl.conf"

MODULES_LEFT_OUT = "left out"
"""In the place of a file: the list in modules.conf of what it does not load."""

Item = tuple[str, str]
"""A file's place below dialplan/, and a line of it; or a module that is left out."""

_LEFT_OUT = re.compile(r"^;   (\w[\w*, ]*?)  +\S", re.MULTILINE)


def shipped() -> list[Item]:
    """All settings, and the modules left out. What modules.conf does load closes nothing."""
    paths = [DIALPLAN / MANAGERS, DIALPLAN / TRUNK, *sorted((DIALPLAN / "asterisk").glob("*.conf"))]
    files = [str(path.relative_to(DIALPLAN)) for path in paths]
    settings = [(file, line) for file in files for line in _settings((DIALPLAN / file).read_text())]
    left_out = _LEFT_OUT.findall((DIALPLAN / MODULES).read_text())
    return [
        *settings,
        *((MODULES_LEFT_OUT, module) for modules in left_out for module in modules.split(", ")),
    ]


def _settings(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if "=" in line and not line.startswith((";", "#", "[", "load=")):
            yield line


@dataclass(frozen=True)
class Unopened:
    """Settings that have no opening, what they are there for, and where that is seen.

    `checks` are the doctor's, for each of which a mutation exists that it must find; `tests` are path::name.
    """

    items: Mapping[str, tuple[str, ...]]
    because: str
    checks: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


HARDENING = "tests/pbx/test_hardening.py"
TEMPLATES = f"{HARDENING}::test_the_pjsip_templates_set_what_keeps_numbers_in"
STARTS = f"{HARDENING}::test_all_files_together_start_an_asterisk_that_has_nothing_to_complain_of"
LEFT_OUT = f"{HARDENING}::test_nothing_is_loaded_that_shows_or_keeps_numbers"

UNOPENED = (
    Unopened(
        {
            MANAGERS: ("type=endpoint", "type=auth", "auth_type=userpass", "type=aor"),
            TRUNK: ("type=endpoint", "type=aor"),
            ARI: ("type=user", "password_format=plain"),
            PJPROJECT: ("type=startup", "type=log_mappings"),
        },
        "they say what a section is",
        tests=(STARTS,),
    ),
    Unopened(
        {
            ARI: ("enabled=yes", "read_only=no", "pretty=no"),
            HTTP: ("enabled=yes", "bindport=8088"),
            TRUNK: ("redirect_method=uri_pjsip",),
        },
        "by them the daemon does its work; without them no customer is called",
        checks=("ari-disabled", "ari-read-only", "http-disabled", "ari-url-port", "sealed-redirect-method"),
        tests=("tests/pbx/test_calls.py::test_a_dialled_order_becomes_a_conversation",),
    ),
    Unopened(
        {
            RTP: ("rtpstart=10000", "rtpend=20000"),
            UDPTL: ("udptlstart=4000", "udptlend=4001"),
            CCSS: ("cc_max_requests=1",),
            INDICATIONS: (
                "country=uk",
                "description=United Kingdom",
                "ringcadence=400,200,400,2000",
                "dial=350+440",
                "busy=400/375,0/375",
                "ring=400+450/400,0/200,400+450/400,0/2000",
                "congestion=400/400,0/350,400/225,0/525",
            ),
            LOGGER: ("dateformat=%F %T.%3q",),
        },
        "ports, tones and a form of dates, without which Asterisk has its own",
        tests=(STARTS,),
    ),
    Unopened(
        {MANAGERS: ("webrtc=yes", "dtls_auto_generate_cert=yes")},
        "how a browser speaks; what it may be told is said by the template that theirs is made of",
        tests=("tests/desk_browser/test_browser_phone.py::test_a_call_by_the_phone_in_the_page",),
    ),
    Unopened(
        {MANAGERS: ("identify_by=username",)},
        "whoever a phone seems to be, it is asked for the password of that extension (`auth=`)",
        checks=("manager-identify-by", "manager-no-auth"),
        tests=("tests/leaks/test_attacks.py::test_nobody_registers_as_somebody_else", TEMPLATES),
    ),
    Unopened(
        {MANAGERS: ("allow_overlap=no",), TRUNK: ("allow_overlap=no",)},
        "the shipped contexts take any keys at once: for them no number is incomplete",
        checks=("manager-allow-overlap", "trunk-allow-overlap"),
        tests=("tests/pbx/test_dialplan_files.py::test_what_is_not_a_code_is_refused_aloud", TEMPLATES),
    ),
    Unopened(
        {
            MANAGERS: ("disallow=all", "outgoing_call_offer_pref=local_merge"),
            TRUNK: ("disallow=all",),
        },
        "which codecs there are is said by `allow=`, which is opened above; these begin and order the list",
        checks=("manager-codecs", "trunk-codecs"),
        tests=(
            "tests/pbx/test_codecs.py::test_a_click_offers_the_phone_the_codecs_in_the_order_of_the_template",
        ),
    ),
    Unopened(
        {MANAGERS: ("dtmf_mode=auto",), TRUNK: ("dtmf_mode=auto",)},
        "keys that Asterisk hears of in whatever way are dropped alike: in band, too, on a line without "
        "telephone events",
        checks=("manager-dtmf-mode", "trunk-dtmf-mode"),
        tests=("tests/leaks/test_managers_leg.py::test_nothing_that_a_carrier_says_reaches_the_manager",),
    ),
    Unopened(
        {
            MANAGERS: ("rtp_symmetric=yes", "force_rport=yes"),
            TRUNK: ("rtp_symmetric=yes", "force_rport=yes", "rewrite_contact=no"),
        },
        "where answers and sound go; who may send them is the matter of `strictrtp=yes`, opened above",
        checks=("manager-rtp-symmetric", "manager-force-rport", "trunk-rewrite-contact"),
        tests=(TEMPLATES,),
    ),
    Unopened(
        {
            MANAGERS: (
                "minimum_expiration=60",
                "default_expiration=300",
                "maximum_expiration=600",
                "qualify_frequency=30",
            ),
            TRUNK: ("qualify_frequency=30", "qualify_timeout=3.0", "qualify_frequency=0"),
        },
        "how soon a phone or a carrier that is gone is known to be",
        checks=("trunk-qualify", "sealed-qualify"),
        tests=("tests/pbx/test_trunks.py::test_a_carrier_that_never_says_a_word_is_down", TEMPLATES),
    ),
    Unopened(
        {ARI: ("channelvars=",)},
        "opened for `CHANNEL(pjsip,target_uri)` it puts what the carrier says in Contact into each event, "
        "and Asterisk once came to a standstill over it: no test for every day",
        checks=("ari-channelvars",),
    ),
    Unopened(
        {ASTERISK: ("dumpcore=no",)},
        "with `yes` the limit of core dumps stayed what it was where Asterisk was started",
        checks=("core-dump-option", "core-dumps"),
    ),
    Unopened(
        {ASTERISK: ("disable_remote_console_shell=yes",)},
        "whoever types at Asterisk's console has its passwords without a shell",
        checks=("console-shell",),
    ),
    Unopened(
        {ASTERISK: ("hide_messaging_ami_events=yes",)},
        "it closes nothing on Asterisk 22.10.1, whose events tell of text messages all the same; there are "
        "none, and no manager interface: both are opened above",
        checks=("ami-enabled", "module-messaging"),
        tests=(f"{HARDENING}::test_ami_is_off_and_http_is_on_loopback",),
    ),
    Unopened(
        {HTTP: ("enable_static=no", "tlsenable=no")},
        "Asterisk's own pages hold nothing of the shop's; without a certificate nothing listens",
        checks=("http-static", "http-tls-bind"),
    ),
    Unopened(
        {PJPROJECT: ("asterisk_debug=3,4,5,6",)},
        "no log takes debugging, which is opened above",
        checks=("pjproject-log", "log-debug"),
    ),
    Unopened(
        {MODULES: ("autoload=no",)},
        "what it keeps out is opened above module by module, or follows",
        checks=("modules-autoload",),
        tests=(LEFT_OUT,),
    ),
)


def opened() -> set[Item]:
    """Without these a case is red."""
    of_families = (closing for family in FAMILIES if not family.idle for closing in family.closings)
    return _items((*of_families, *(closing for way in LEFT_OPEN for closing in way.needs)))


def tried() -> set[Item]:
    """Taken away with all that closes the same, and nothing leaked: `Family.idle` says why."""
    return _items(closing for family in FAMILIES if family.idle for closing in family.closings) - opened()


def explained() -> list[Item]:
    return [(file, item) for each in UNOPENED for file, items in each.items.items() for item in items]


def _items(closings: Iterable[Closing]) -> set[Item]:
    closings = tuple(closings)
    return {item for item in shipped() if any(_takes_away(closing, item) for closing in closings)}


def _takes_away(closing: Closing, item: Item) -> bool:
    file, text = item
    if file == MODULES_LEFT_OUT:
        return any(fnmatch(module, text) for module in closing.modules)
    return any((file, text) == line[:2] for line in closing.lines)
