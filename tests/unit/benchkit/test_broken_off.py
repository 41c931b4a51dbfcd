"""What an hour has measured is shown and written, though the next minute fails."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchkit import command
from benchkit.contenders.plain import Plain
from benchkit.ladder import Climb, Rung
from labkit.errors import LabError


def test_a_bench_that_breaks_off_shows_and_writes_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def climb(site: object, **_options: object) -> object:
        one = Climb(Plain())
        one.rungs.append(Rung(20, 5, 100, 0, 0.002, 0.003))
        yield [one]
        raise LabError("Asterisk has ended")

    site = SimpleNamespace(lab=SimpleNamespace(asterisk=SimpleNamespace(version="22")))
    monkeypatch.setattr(command, "open_site", lambda *_arguments, **_settings: nullcontext(site))
    monkeypatch.setattr(command.ladder, "climb", climb)
    written = tmp_path / "results.json"
    code = command.main(["--parts", "ladder", "--ways", "a", "--json", str(written)])
    shown = capsys.readouterr()
    assert code == command.FAILED
    assert "bench: broken off: Asterisk has ended" in shown.err
    assert "(a)" in shown.out
    results = json.loads(written.read_text())
    assert results["broken_off"] == "Asterisk has ended"
    assert [each["rate"] for each in results["ladder"][0]["rungs"]] == [20]
