"""What a daemon has when it begins to serve is not looked through again while calls wait."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bridge import daemon


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("thawed")
def test_the_collector_leaves_alone_what_was_there_before_the_first_call() -> None:
    gc.disable()  # as while the daemon is imported
    was_there = [object, {"a": ["schema"]}]
    garbage: list[object] = []
    garbage.append(garbage)
    del garbage
    daemon._spare_collector()
    came_later = [{"a": "call"}]
    looked_at = {id(each) for each in gc.get_objects()}
    assert id(was_there) not in looked_at
    assert id(came_later) in looked_at
    assert gc.collect() == 0, "garbage was not kept for good"
    assert gc.isenabled()
