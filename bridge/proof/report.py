"""The calls of a proof together: one verdict, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bridge.proof.provetexts import ProveTexts
from bridge.proof.story import Story, Verdict, verdict_panel


class Answer(StrEnum):
    """To the question whether the manager saw the number."""

    NO = "no"
    YES = "yes"
    NOT_PROVEN = "not-proven"


class Report:
    """`stories` are by the names of their trials, in the order of the calls; there is at least one."""

    def __init__(self, stories: Mapping[str, Story], texts: ProveTexts) -> None:
        self._stories = stories
        self._texts = texts
        self._verdicts = {name: story.verdict() for name, story in stories.items()}

    @property
    def answer(self) -> Answer:
        """A number seen in one call is seen, whatever was not proven of others."""
        return _answer(self._in_all)

    @property
    def _in_all(self) -> Verdict:
        verdicts = self._verdicts.items()
        findings = tuple(finding for _, verdict in verdicts for finding in verdict.findings)
        if findings:
            return Verdict((), findings)
        missing = (f"{self._texts.trials[name]}: {text}" for name, each in verdicts for text in each.missing)
        return Verdict(tuple(missing), ())

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        return self._texts.story.verdict.format(answer=self._words[self.answer])

    @property
    def _words(self) -> Mapping[Answer, str]:
        story = self._texts.story
        return {Answer.NO: story.no, Answer.YES: story.yes, Answer.NOT_PROVEN: story.not_proven}

    def render(self) -> RenderableType:
        """The first call's story, a line for each call, and the verdict."""
        first = next(iter(self._stories.values()))
        checked = sum(story.checked for story in self._stories.values())
        verdict = verdict_panel(self._in_all, checked, self._texts.story)
        return Group(Text(), first.render_ladders(), Text(), self._table(), verdict)

    def _table(self) -> Table:
        table = Table(self._texts.heading, self._texts.seen, box=box.SIMPLE_HEAD)
        for name, verdict in self._verdicts.items():
            table.add_row(self._texts.trials[name], self._words[_answer(verdict)])
        return table

    def as_json(self) -> dict[str, Any]:
        """Without the canary, as all that call-bridge prints for programs."""
        return {
            "number_seen": self.answer.value,
            "calls": [
                {
                    "call": name,
                    "number_seen": _answer(verdict).value,
                    "datagrams": self._stories[name].checked,
                    "missing": list(verdict.missing),
                    "findings": [{"form": each.form, "where": each.where} for each in verdict.findings],
                }
                for name, verdict in self._verdicts.items()
            ],
        }


def _answer(verdict: Verdict) -> Answer:
    if verdict.findings:
        return Answer.YES
    return Answer.NO if verdict.proven else Answer.NOT_PROVEN
