"""(a) The floor: the dialplan looks the number up in Asterisk's own database and dials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchkit.contenders.base import Contender

if TYPE_CHECKING:
    from benchkit.site import Site

FAMILY = "bench"


class Plain(Contender):
    key = "a"
    title = "plain dialplan: AstDB, Dial()"
    prefix = "81"

    def extensions(self, site: Site) -> str:
        return look_up_and_dial(self.prefix)


def look_up_and_dial(prefix: str) -> str:
    """The dialplan for two digits, with an order code after them."""
    return f"""\
exten => _{prefix}XXXX,1,Set(NUMBER=${{DB({FAMILY}/${{EXTEN:2}})}})
 same => n,Dial(PJSIP/${{NUMBER}}@trunk,45)
"""
