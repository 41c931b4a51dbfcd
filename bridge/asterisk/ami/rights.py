"""What the daemon's user of AMI may do: hear of phones and of who is turned away, and nothing else.

`call-bridge init` writes it and `call-bridge doctor` compares with it.
"""

from __future__ import annotations

from typing import Final

from bridge.asterisk.ami.happenings import EVENTS

READ: Final = ("system", "security")
"""Classes of events. Numbers are dialled in `call` and `dialplan`, and keys pressed in `dtmf`."""

WRITE: Final = ()
"""No action at all. `system`, which a reload by AMI would take, has actions that list calls, read files with
passwords in them, and add filters to a session that let more through: we reload by ARI."""

FILTERS: Final = (
    *(f"^Event: {name}" for name in EVENTS),
    # Whoever is not known to Asterisk is named by their From: in a call that the carrier brings from an
    # address that it has not brought any from, that is a customer's number.
    "!AccountID: ([^[:alnum:]]*[0-9]){7}",
)
"""Regular expressions, as Asterisk 20 and newer read them, over the text of a whole event."""

PERMIT: Final = "127.0.0.1/255.255.255.255"


def manager_conf_user(user: str) -> tuple[str, ...]:
    """The lines of the user's section in manager.conf, but for the secret."""
    return (
        f"[{user}]",
        "deny=0.0.0.0/0.0.0.0",
        f"permit={PERMIT}",
        f"read={','.join(READ)}",
        f"write={','.join(WRITE)}",
        *(f"eventfilter={each}" for each in FILTERS),
    )
