"""Facts of a configuration folder that a test has written, with nothing else around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bridge.doctor.gather import gather
from bridge.doctor.model import Facts


def facts_of(folder: Path, texts: Mapping[str, str]) -> Facts:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return gather(folder, folder / "config.yaml", running=False)
