"""(c) A classic AGI script in Python, started by Asterisk for every call; then Dial()."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchkit.contenders.base import Contender

if TYPE_CHECKING:
    from benchkit.site import Site

# As an integrator would write it: the standard library alone, which starts fastest.
SCRIPT = """\
#!{python} -IS
import sqlite3, sys

for line in sys.stdin:
    if not line.strip():
        break
database = sqlite3.connect("file:{numbers}?mode=ro", uri=True)
row = database.execute("SELECT number FROM numbers WHERE code = ?", (sys.argv[1],)).fetchone()
print('SET VARIABLE NUMBER "%s"' % (row[0] if row else ""), flush=True)
sys.stdin.readline()
"""


class Agi(Contender):
    key = "c"
    title = "AGI script in Python, Dial()"
    prefix = "83"

    def extensions(self, site: Site) -> str:
        return f"""\
exten => _83XXXX,1,AGI({_script(site)},${{EXTEN:2}})
 same => n,Dial(PJSIP/${{NUMBER}}@trunk,45)
"""

    def start(self, site: Site) -> None:
        path = _script(site)
        path.write_text(SCRIPT.format(python=sys.executable, numbers=site.settings.numbers))
        path.chmod(0o700)


def _script(site: Site) -> Path:
    return site.folder / "number.py"
