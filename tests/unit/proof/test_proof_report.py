"""The verdict of a proof's calls together. Without a PBX between phone and carrier, everything shows."""

from __future__ import annotations

import io
import string
from collections.abc import AsyncIterator
from dataclasses import fields

import pytest
import pytest_asyncio
from rich.console import Console

from bridge.proof.provetexts import ENGLISH, LANGUAGES, RUSSIAN
from bridge.proof.report import Answer, Report
from bridge.proof.sip.carrier import (
    Behaviour,
    Carrier,
    answer,
    refuse,
    refuse_naming_the_callee,
    ring_for_ever,
)
from bridge.proof.sip.phone import Phone
from bridge.proof.story import Ending, Story
from bridge.proof.trials import TRIALS

NUMBER = "+447700900123"
ANOTHER = "+447700900456"


@pytest_asyncio.fixture
async def carrier() -> AsyncIterator[Carrier]:
    async with Carrier(("127.0.0.2", 0)) as carrier:
        yield carrier


async def story(carrier: Carrier, behaviour: Behaviour, ending: Ending, *, number: str = NUMBER) -> Story:
    """A call to NUMBER, given up while it rings or else waited for; `number` is looked for."""
    carrier.behaviour = behaviour
    async with Phone("101", "unused", server=carrier.address) as phone:
        call = await phone.dial(f"sip:{NUMBER}@{carrier.address[0]}:{carrier.address[1]}")
        if ending is Ending.CANCELLED:
            await carrier.wait_for_request("INVITE")
            await call.hang_up()
        else:
            await call.settled()
        return Story(
            phone.recording, carrier.recording, number=number, region="GB", texts=ENGLISH.story, ending=ending
        )


def told(report: Report) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(report.render())
    return console.export_text()


async def test_a_refused_call_has_taken_its_course(carrier: Carrier) -> None:
    refused = await story(carrier, refuse(486), Ending.REFUSED, number=ANOTHER)
    assert refused.verdict().missing == (ENGLISH.story.carrier_got_no_number,)


async def test_a_number_in_a_refusals_reason_is_seen(carrier: Carrier) -> None:
    report = Report({"invalid": await story(carrier, refuse_naming_the_callee(404), Ending.REFUSED)}, ENGLISH)
    assert report.answer is Answer.YES
    assert "Hidden number seen by the manager: YES" in told(report)


async def test_a_number_seen_in_one_call_is_seen_whatever_was_not_proven_of_others(carrier: Carrier) -> None:
    report = Report(
        {
            "busy": await story(carrier, refuse(486), Ending.REFUSED, number=ANOTHER),
            "invalid": await story(carrier, refuse_naming_the_callee(404), Ending.REFUSED),
        },
        ENGLISH,
    )
    assert report.answer is Answer.YES
    assert [call["number_seen"] for call in report.as_json()["calls"]] == ["not-proven", "yes"]


@pytest.mark.parametrize(
    ("behaviour", "ending", "missing"),
    [
        (answer(after=0), Ending.REFUSED, ENGLISH.story.not_refused),
        (answer(after=0), Ending.TALKED, ENGLISH.story.no_audio),
        (refuse(486), Ending.TALKED, ENGLISH.story.not_answered),
        (refuse(486), Ending.CANCELLED, ENGLISH.story.not_cancelled),
    ],
)
async def test_a_call_that_took_another_course_proves_nothing(
    carrier: Carrier, behaviour: Behaviour, ending: Ending, missing: str
) -> None:
    report = Report({"busy": await story(carrier, behaviour, ending, number=ANOTHER)}, ENGLISH)
    assert report.answer is Answer.NOT_PROVEN
    assert f"- {ENGLISH.trials['busy']}: {missing}" in told(report)


async def test_a_call_given_up_while_it_rings_has_taken_its_course(carrier: Carrier) -> None:
    given_up = await story(carrier, ring_for_ever(), Ending.CANCELLED, number=ANOTHER)
    assert given_up.verdict().missing == (ENGLISH.story.carrier_got_no_number,)


def test_programs_are_told_no_number(carrier: Carrier) -> None:
    """The canary is nobody's, but what is printed for programs is kept and sent on."""
    empty = Story(carrier.recording, carrier.recording, number=NUMBER, region="GB", texts=ENGLISH.story)
    assert "7700900123" not in str(Report({"talked": empty}, ENGLISH).as_json())


def test_both_languages_name_every_call_and_fill_in_the_same_words() -> None:
    for texts in LANGUAGES.values():
        assert set(texts.trials) == {trial.name for trial in TRIALS}
    for field in fields(ENGLISH):
        if field.type == "str":
            assert places(getattr(ENGLISH, field.name)) == places(getattr(RUSSIAN, field.name)), field.name


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


async def test_a_call_that_was_cut_short_proves_nothing(carrier: Carrier) -> None:
    empty = Story(
        carrier.recording,
        carrier.recording,
        number=NUMBER,
        region="GB",
        texts=ENGLISH.story,
        known_to_be_missing=("cut short",),
    )
    assert "cut short" in empty.verdict().missing
