"""Keys are rotated under calls, as scripts/rotation-time does it with many more customers."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import rotationtime

pytestmark = pytest.mark.alone

CUSTOMERS = 3000


def test_no_call_fails_of_a_rotation_that_is_killed_and_continued(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--customers", str(CUSTOMERS), "--seconds", "2", "--dir", str(tmp_path / "shop")]
    assert rotationtime.main(options) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"{CUSTOMERS} customers")
    assert " data keys to go; run again, it took " in told[3]
    placed, failed = told[-1].removeprefix("while it ran").split()[:2]
    assert int(placed) > 0
    assert failed == "0"


def test_the_page_has_been_filled() -> None:
    page = rotationtime.PAGE.read_text()
    place = page.partition("<!-- rotation -->")[2].partition("<!-- /rotation -->")[0]
    assert "cores" in place, "run scripts/rotation-time --write"
