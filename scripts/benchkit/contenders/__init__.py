"""The ways to reach a customer that are compared, each in a file of its own."""

from benchkit.contenders.agi import Agi
from benchkit.contenders.ami import AmiClick
from benchkit.contenders.ari import Ari
from benchkit.contenders.bare import Bare
from benchkit.contenders.base import Contender
from benchkit.contenders.callbridge import Direct, Sealed
from benchkit.contenders.curl import Curl
from benchkit.contenders.fastagi import FastAgi
from benchkit.contenders.plain import Plain
from benchkit.contenders.token import Token

ALL: tuple[type[Contender], ...] = (
    Plain,
    Curl,
    Agi,
    FastAgi,
    AmiClick,
    Ari,
    Sealed,
    Direct,
    Token,
    Bare,
)

COMPARED = (Plain.key, Sealed.key, Direct.key)
"""Keys of those that are looked at closely: the floor, and call-bridge."""

__all__ = ["ALL", "COMPARED", "Contender"]
