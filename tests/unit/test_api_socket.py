"""A socket that can't be made is named: who reads the error knows which folder, and which key of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI

from bridge.api.server import serve_on_socket
from bridge.switchboard.tasks import Tasks


@pytest.mark.parametrize("path", ["missing/desk.sock", f"{'long' * 40}.sock"], ids=["no folder", "too long"])
async def test_the_path_is_in_the_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(OSError, match=path):
        async with serve_on_socket(FastAPI(), tmp_path / path, Tasks()):
            pytest.fail("it was made")
