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
        return f"""\
exten => _81XXXX,1,Set(NUMBER=${{DB({FAMILY}/${{EXTEN:2}})}})
 same => n,Dial(PJSIP/${{NUMBER}}@trunk,45)
"""
