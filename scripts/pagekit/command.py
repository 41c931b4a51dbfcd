"""The command scripts/write-pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge.api.v1.app import description
from labkit.places import CHECKOUT
from pagekit import config_page, man_pages

_DOCS: Final = CHECKOUT / "docs"
_MANUAL: Final = _DOCS / "man"


def main(arguments: Sequence[str]) -> int:
    wanted = all_pages()
    outdated = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    left_over = [path for path in _MANUAL.glob("*.1") if path not in wanted]
    if "--check" in arguments:
        for path in (*outdated, *left_over):
            print(f"{path.relative_to(CHECKOUT)} is not up to date: run scripts/write-pages")
        return 1 if outdated or left_over else 0
    _MANUAL.mkdir(exist_ok=True)
    for path in outdated:
        path.write_text(wanted[path])
    for path in left_over:
        path.unlink()
    return 0


def all_pages() -> dict[Path, str]:
    """Every page that is made, by its path."""
    manual = {_MANUAL / name: text for name, text in man_pages.pages().items()}
    return {
        _DOCS / "config.md": config_page.page(CHECKOUT / "config.yaml"),
        _DOCS / "openapi.json": json.dumps(description(), indent=2, ensure_ascii=False) + "\n",
        **manual,
    }
