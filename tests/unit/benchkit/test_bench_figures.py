"""What the bench computes from its stamps, and how it judges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchkit import fiction, parts, wire
from benchkit.blocks import Block, Measured
from benchkit.contenders.callbridge import Sealed
from benchkit.contenders.plain import Plain
from benchkit.crowd import Crowd
from benchkit.figures import median_of_blocks, percentile
from benchkit.growth import Growth
from benchkit.ladder import Climb, Rung
from benchkit.lag import loop_lag_p99
from benchkit.peers import Stamps
from benchkit.plot import Bar, draw
from benchkit.report import PARTS, markdown, with_part
from benchkit.results import Machine, Results
from benchkit.targets import Target, judge

INVITE = (
    b"INVITE sip:+447700900123@127.0.0.2:5070 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n"
    b"From: <sip:shop@127.0.0.1>;tag=1\r\nTo: <sip:x@127.0.0.2>\r\n"
    b"Contact: <sip:asterisk@127.0.0.1:5060>\r\nCall-ID: abc\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
)


def results(*measured: Measured) -> Results:
    return Results(Machine("", 1, 1.0, "", 0.0), {}, {}, measured=list(measured))


def block(*milliseconds: float) -> Block:
    seconds = [each / 1000 for each in milliseconds]
    return Block(to_carrier=seconds, to_answer=seconds, to_sound=seconds)


def named(targets: list[Target], name: str) -> Target:
    return next(target for target in targets if target.name == name)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = list(range(1, 101))
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (50, 99, 100)
    assert percentile([3.0], 99) == 3.0


def test_one_disturbed_block_does_not_decide() -> None:
    assert median_of_blocks([[1.0], [1.2], [900.0]], 99) == 1.2


def test_set_up_is_judged_against_the_plain_call_of_the_same_run() -> None:
    plain, ours = Measured(Plain(), [block(2, 2, 2)]), Measured(Sealed(), [block(3.7, 3.7, 3.9)])
    p50 = named(judge(results(plain, ours), "calls"), "(g) INVITE to 200, p50, against (a)")
    assert p50.value == pytest.approx(1.85)
    assert p50.verdict == "reached"
    slower = Measured(Sealed(), [block(3.9, 3.9, 3.9)])
    p50 = named(judge(results(plain, slower), "calls"), "(g) INVITE to 200, p50, against (a)")
    assert p50.verdict == "missed"


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    assert {target.verdict for part in PARTS for target in judge(results(), part)} == {"not measured"}


def rung(rate: int, *, failed: int = 0, p99: float = 0.02, seconds: float = 10) -> Rung:
    return Rung(rate, seconds, round(rate * seconds), failed, 0.01, p99)


def test_the_sustained_rate_ends_at_the_first_one_that_holds_in_no_try() -> None:
    holds, late, fails = rung(10), rung(20, p99=0.3), rung(40, failed=1)
    climb = Climb(Plain(), [holds, late])
    assert (climb.sustained, climb.broken) == (10, late)
    climb.rungs.append(replace(late, p99=0.02))
    assert (climb.sustained, climb.broken) == (20, None)
    climb.rungs += [fails, replace(fails, failed=2)]
    assert (climb.sustained, climb.broken) == (20, replace(fails, failed=2))


def test_a_climb_that_was_broken_off_is_neither_compared_nor_judged() -> None:
    plain, sealed = Climb(Plain(), [rung(60), rung(80)]), Climb(Sealed(), [rung(60), rung(80, failed=1)])
    found = results()
    found.climbs = [plain, sealed]
    assert named(judge(found, "ladder"), "(g) calls/s, against (a)").verdict == "not measured"
    assert "| at least 80 | - |" in markdown(found, "ladder")
    plain.rungs.append(rung(100, failed=1))
    assert named(judge(found, "ladder"), "(g) calls/s, against (a)").value == 0.75
    assert "| at least 80" not in markdown(found, "ladder")


def test_of_rates_held_for_long_the_first_that_lasts_is_judged() -> None:
    plain = Climb(Plain(), [rung(100)], [rung(100, seconds=300)])
    sealed = Climb(Sealed(), [rung(60), rung(80)], [rung(80, failed=1, seconds=300)])
    found = results()
    found.climbs = [plain, sealed]

    def target() -> Target:
        return named(judge(found, "ladder"), "(g) calls/s held for long, against (a)")

    assert (target().value, target().verdict) == (0, "missed")
    sealed.long.append(rung(70, seconds=300))
    assert (target().value, target().verdict) == (0.7, "reached")
    plain.long.clear()
    assert target().verdict == "not measured"


def growth(orders: int, rows_a_second: float) -> Growth:
    return Growth(orders, orders, rows_a_second, 2**20, 2**20, 0.001, 0.002, 0.5)


def test_of_all_imports_that_of_the_millionth_order_has_to_be_fast() -> None:
    found = results()
    found.growth = [growth(1000, 100), growth(1_000_000, 21_000), growth(10_000_000, 19_000)]
    assert named(judge(found, "orders"), "import up to 1,000,000 orders").verdict == "reached"
    found.growth[1] = growth(1_000_000, 19_000)
    assert named(judge(found, "orders"), "import up to 1,000,000 orders").verdict == "missed"


def test_a_call_beside_five_hundred_others_has_to_be_as_fast_as_beside_ten() -> None:
    found = results()
    found.crowds = [
        Crowd(Sealed(), live, p50, p50, 0, 0, 0, 0, None) for live, p50 in ((10, 0.004), (500, 0.0049))
    ]
    name = "(g) INVITE to 200, p50, with 500 live calls, against 10"
    assert named(judge(found, "crowd"), name).verdict == "reached"
    found.crowds[1] = replace(found.crowds[1], p50=0.0051)
    assert named(judge(found, "crowd"), name).verdict == "missed"


def test_a_result_goes_between_its_marks_and_nowhere_else() -> None:
    page = "before\n<!-- results -->\nold\n<!-- /results -->\nafter\n"
    once = with_part(page, "results", ["new"])
    assert once == "before\n<!-- results -->\n\nnew\n\n<!-- /results -->\nafter\n"
    assert with_part(once, "results", ["new"]) == once
    with pytest.raises(ValueError, match="no part"):
        with_part("a page without marks", "results", ["new"])


def test_the_loops_lag_is_the_bucket_of_its_99th_percentile() -> None:
    bucket = 'callbridge_loop_lag_seconds_bucket{{le="{}"}} {}\n'
    metrics = "".join(bucket.format(*each) for each in (("0.001", 90.0), ("0.005", 99.0), ("+Inf", 100.0)))
    assert loop_lag_p99(metrics) == 0.005
    assert loop_lag_p99("") is None
    assert loop_lag_p99(metrics, before=metrics) is None
    later = "".join(bucket.format(*each) for each in (("0.001", 90.0), ("0.005", 104.0), ("+Inf", 105.0)))
    assert loop_lag_p99(later, before=metrics) == 0.005


def test_a_peer_answers_with_what_a_dialog_is_made_of() -> None:
    answer = wire.response(INVITE, b"200 OK", b"sip:127.0.0.2:5070", b"v=0\r\n")
    assert answer.startswith(b"SIP/2.0 200 OK\r\n")
    assert wire.header(answer, b"To") == b"<sip:x@127.0.0.2>;tag=bench"
    assert wire.header(answer, b"CSeq") == b"7 INVITE"
    assert answer.endswith(b"Content-Length: 5\r\n\r\nv=0\r\n")


def test_a_peer_reads_who_is_called_and_by_whom() -> None:
    assert wire.user(INVITE) == "+447700900123"
    assert wire.method(INVITE) == b"INVITE"
    assert wire.contact_uri(INVITE) == b"sip:asterisk@127.0.0.1:5060"
    assert (wire.status(INVITE), wire.status(b"SIP/2.0 486 Busy Here\r\n\r\n")) == (0, 486)


def test_made_up_numbers_are_all_different() -> None:
    numbers = list(fiction.numbers())
    assert len(set(numbers)) == len(numbers) > 100_000


def test_a_picture_has_a_bar_for_each_value() -> None:
    svg = draw("times", [Bar("(a) plain <call>", 2.0, 4.0, "2 / 4"), Bar("(g)", 3.0, None, "3")])
    assert svg.count("<rect") == 3
    assert "plain &lt;call&gt;" in svg


def traced(*, answer_told: bool = True, led_on: float = 1.005) -> parts.TracedCall:
    """A call each of whose parts takes a millisecond."""
    stamps = Stamps(asked=1.0, carrier_invited=1.006, carrier_answered=1.007, answered=1.01, heard=1.02)
    began = {
        "event: StasisStart": (1.001, 1.003),
        "ARI: channels.create": (1.002,),
        "redirect server: a datagram answered": (1.004,),
        "redirect server: the token leads to the number": (led_on,),
        "event: ChannelStateChange": (1.008,) if answer_told else (),
        "ARI: channels.answer": (1.009,),
    }
    marks = [parts.Mark(what, at, at + 0.001) for what, times in began.items() for at in times]
    return parts.TracedCall(stamps, sorted(marks, key=lambda mark: mark.began))


def test_the_parts_of_a_call_follow_each_other_and_are_all_of_it() -> None:
    found = parts.medians([traced(), traced(), traced(answer_told=False)])
    assert [part for part, _ in found] == list(parts.PARTS)
    assert [seconds for _, seconds in found] == pytest.approx([0.001] * len(parts.PARTS))


def test_a_disk_that_is_quicker_than_asterisk_is_not_waited_for() -> None:
    found = {part.what: seconds for part, seconds in parts.medians([traced(led_on=1.0035)])}
    assert found["waiting for the rules, then for the disk"] == 0
    assert found["dialling the carrier"] == pytest.approx(0.002)
