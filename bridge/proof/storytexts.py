"""The words of a call's story and of its verdict, in English and Russian."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class StoryTexts:
    """Words in braces are filled in by the caller."""

    phone: str
    pbx: str
    carrier: str
    milliseconds: str
    only_the_carrier: str
    audio: str
    verdict: str
    yes: str
    no: str
    not_proven: str
    checked: str
    not_answered: str
    no_audio: str
    not_refused: str
    not_cancelled: str
    not_told: str
    carrier_got_no_number: str
    scanner_blind: str
    settings_closed: str
    settings_open: str


ENGLISH = StoryTexts(
    phone="manager's phone",
    pbx="Asterisk",
    carrier="carrier",
    milliseconds="ms",
    only_the_carrier="the number, as only the carrier sees it",
    audio="audio: {sent} packets sent, {received} received, {codec}",
    verdict="Hidden number seen by the manager: {answer}",
    yes="YES",
    no="no",
    not_proven="not proven",
    checked="Checked: {datagrams} datagrams, all that the manager's phone received; a number planted among "
    "them is found.",
    not_answered="the manager's call was not answered",
    no_audio="too little audio arrived on both sides",
    not_refused="the carrier did not refuse the call",
    not_cancelled="the carrier was not told that the manager hung up",
    not_told="the manager's phone was not told the end of the call",
    carrier_got_no_number="the carrier was not called under the hidden number",
    scanner_blind="a number planted in what the phone received is not found",
    settings_closed="Every setting that keeps the number hidden is in place (call-bridge doctor).",
    settings_open="Settings that would show a number, though this call's did not show: {count}",
)

RUSSIAN = StoryTexts(
    phone="телефон менеджера",
    pbx="Asterisk",
    carrier="оператор связи",
    milliseconds="мс",
    only_the_carrier="номер, каким его видит только оператор",
    audio="звук: отправлено пакетов {sent}, получено {received}, {codec}",
    verdict="Скрытый номер виден менеджеру: {answer}",
    yes="ДА",
    no="нет",
    not_proven="не доказано",
    checked="Проверено датаграмм: {datagrams}, всё, что получил телефон менеджера; подброшенный к ним номер "
    "находится.",
    not_answered="на звонок менеджера не ответили",
    no_audio="звука дошло слишком мало, хотя бы с одной стороны",
    not_refused="оператор не отклонил звонок",
    not_cancelled="оператору не сообщили, что менеджер положил трубку",
    not_told="телефону менеджера не сообщили, что звонок окончен",
    carrier_got_no_number="оператора не вызвали по скрытому номеру",
    scanner_blind="номер, подброшенный к полученному телефоном, не находится",
    settings_closed="Все настройки, которые скрывают номер, на месте (call-bridge doctor).",
    settings_open="Настройки, которые могли бы показать номер, хотя в этом звонке он не виден: {count}",
)

LANGUAGES = {"en": ENGLISH, "ru": RUSSIAN}


def language_of(locale: str) -> str:
    """The key of LANGUAGES: "ru" for a Russian locale such as "ru_RU.UTF-8", else "en"."""
    return "ru" if locale.lower().startswith("ru") else "en"


def language_of_locale() -> str:
    """The key of LANGUAGES for this process's locale, as setlocale(3) picks it for messages."""
    return language_of(
        os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    )
