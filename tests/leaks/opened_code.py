"""Takes away, in a daemon that runs, what its code does to keep numbers in.

`launcher` writes a `call-bridge` command whose daemon reads a file at each call: what that names is open.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.asterisk.ari import resources

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]

LAUNCHER = """\
#!{python}
import sys
from pathlib import Path
sys.path[:0] = [{checkout!r}, {here!r}]
import opened_code
opened_code.follow(Path({opened!r}))
from bridge.cli.main import main
sys.exit(main())
"""

CONNECTED_LINE = "inhibit_connected_line_updates"
PROXY_MEDIA = "proxy_media"
FRAME_DROP = "FRAME_DROP"
"""All of it: any frame hook at all keeps Asterisk from joining media."""
FRAME_DROP_OF = {
    frame: f"FRAME_DROP of {frame}"
    for frame in ("DTMF", "TEXT", "CONNECTED_LINE", "REDIRECTING", "VIDEO", "MODEM")
}
"""By the beginning of the frames' names."""


def launcher(path: Path, opened: Path) -> Path:
    """An executable in the place of `call-bridge`, whose daemon has open what `opened` names, a line each."""
    text = LAUNCHER.format(python=sys.executable, checkout=str(CHECKOUT), here=str(HERE), opened=str(opened))
    path.write_text(text)
    path.chmod(0o700)
    return path


def follow(opened: Path) -> None:
    """Let this process ask of Asterisk no more than the file leaves closed."""

    def is_open(name: str) -> bool:
        return name in opened.read_text().splitlines()

    def create_channel(options: dict[str, Any]) -> None:
        variables = dict(options.get("variables") or {})
        if is_open(FRAME_DROP):
            variables.pop("FRAME_DROP(RX)", None)
        elif frames := variables.get("FRAME_DROP(RX)"):
            kept = [frame for frame in frames.split(",") if not is_open(_closing_of(frame))]
            variables["FRAME_DROP(RX)"] = ",".join(kept)
        options["variables"] = variables

    def create_bridge(options: dict[str, Any]) -> None:
        if is_open(PROXY_MEDIA):
            options["type"] = "mixing"

    def add_channel(options: dict[str, Any]) -> None:
        if is_open(CONNECTED_LINE):
            options["inhibit_connected_line_updates"] = False

    _change(resources.Channels, "create", create_channel)
    _change(resources.Bridges, "create", create_bridge)
    _change(resources.Bridge, "add_channel", add_channel)


def _closing_of(frame: str) -> str:
    return next((name for start, name in FRAME_DROP_OF.items() if frame.startswith(start)), "")


def _change(owner: type, method: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Let `change` have the keyword arguments of each call before it is carried out."""
    original = getattr(owner, method)

    @functools.wraps(original)
    async def changed(self: object, *arguments: Any, **options: Any) -> Any:
        change(options)
        return await original(self, *arguments, **options)

    setattr(owner, method, changed)
