"""Sealed dialling: Asterisk dials a one-time token, and never learns the number.

The customer's channel is dialled as `PJSIP/TOKEN@trunk-sealed`, whose only contact is our redirect server on
loopback. It answers 302 (RFC 3261, section 8.3) with the real Contact, and with `redirect_method=uri_pjsip`
PJSIP follows it below Asterisk's channels: no event, log line, variable, CDR or console has the number.

A token may be dialled before it is known whom it leads to: Asterisk's INVITE then waits here for its answer.

`tokens` knows what a token is worth, `sip` reads and writes the few messages there are, `redirect` serves.
"""

from bridge.asterisk.sealed.redirect import RedirectServer
from bridge.asterisk.sealed.tokens import Tokens

__all__ = ["RedirectServer", "Tokens"]
