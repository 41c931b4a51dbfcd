"""Who is in a call: the counts that are kept are those that a look at every call would give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.switchboard.engagements import Engagements

EXTENSIONS = ("101", "102")
steps = st.lists(
    st.tuples(st.sampled_from("abcd"), st.none() | st.tuples(st.sampled_from(EXTENSIONS), st.booleans())),
    max_size=30,
)


@given(steps)
def test_what_is_counted_is_what_is_there(steps: list[tuple[str, tuple[str, bool] | None]]) -> None:
    engagements, there = Engagements(), dict[str, tuple[str, bool]]()
    for call_id, engaged in steps:
        if engaged is None:
            engagements.release(call_id)
            there.pop(call_id, None)
        else:
            there[call_id] = engaged
            engagements.engage(call_id, engaged[0], counted=engaged[1])
        counting = [extension for extension, counted in there.values() if counted]
        for extension in EXTENSIONS:
            assert engagements.counted(extension) == (counting.count(extension), len(counting))
        assert engagements.extensions == {extension for extension, _ in there.values()}
