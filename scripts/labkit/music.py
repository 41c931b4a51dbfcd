"""A lab's music on hold: packages bring none, and managers hear some while customers key a number in."""

from pathlib import Path
from typing import Final

from bridge.proof.sip.rtp import tone_second
from bridge.proof.sip.sdp import PCMU

FOLDER: Final = "music"
_NOTES_HZ: Final = (262, 330, 392, 523)
_QUIET: Final = 2000


def write(folder: Path) -> None:
    """Asterisk begins it anew whenever it is over."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "notes.ulaw").write_bytes(notes())


def notes() -> bytes:
    """Four of them, half a second each."""
    return b"".join(tone_second(hertz, PCMU, _QUIET)[:4000] for hertz in _NOTES_HZ)
