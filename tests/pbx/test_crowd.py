"""A small crowd of live calls through everything that scripts/crowd does to a big one."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.crowd.command import Plan, live
from labkit.progress import StatusLine

pytestmark = pytest.mark.alone

CALLS = 20


async def test_conversations_do_not_notice_what_befalls_the_daemon(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "lab", calls=CALLS, packets_a_second=10, window=1.0)
    story = await live(plan, StatusLine())
    assert [promise for promise in story.promises() if not promise.kept and not promise.timed] == []
    assert story.undisturbed.heard.packets > CALLS * plan.packets_a_second
    assert all(passage.heard.packets > CALLS * plan.packets_a_second for passage in story.passages)
    assert [passage.name for passage in story.passages if passage.takeover] == ["kill", "restart", "together"]
