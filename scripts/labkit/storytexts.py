"""What scripts/quickstart says, in English and Russian."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Texts:
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
    carrier_got_no_number: str
    scanner_blind: str
    settings_closed: str
    settings_open: str
    starting: str
    calling: str
    talking: str
    stopping: str
    use_it: str
    already_up: str


ENGLISH = Texts(
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
    carrier_got_no_number="the carrier was not called under the hidden number",
    scanner_blind="a number planted in what the phone received is not found",
    settings_closed="Every setting that keeps the number hidden is in place (call-bridge doctor).",
    settings_open="Settings that would show a number, though this call's did not show: {count}",
    starting="Starting a lab in {folder}: Asterisk, call-bridge, a carrier",
    calling="Manager {extension} dials {dialled}",
    talking="Talking for two seconds",
    stopping="Stopping the lab",
    use_it="""\
The lab is up. Call with a phone of your own:
  user {extension}, password {password}, server {host}:{port}, transport UDP or TCP
  dial {dialled} (orders: {orders})
Logs are in {logs}. Ctrl-C here stops everything.""",
    already_up="a quickstart runs already in {folder}.\n"
    "Stop it by Ctrl-C where it runs (or: scripts/lab down --dir {folder}), or use another --dir.",
)

RUSSIAN = Texts(
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
    carrier_got_no_number="оператора не вызвали по скрытому номеру",
    scanner_blind="номер, подброшенный к полученному телефоном, не находится",
    settings_closed="Все настройки, которые скрывают номер, на месте (call-bridge doctor).",
    settings_open="Настройки, которые могли бы показать номер, хотя в этом звонке он не виден: {count}",
    starting="Запускается стенд в {folder}: Asterisk, call-bridge, оператор связи",
    calling="Менеджер {extension} набирает {dialled}",
    talking="Разговор, две секунды",
    stopping="Стенд останавливается",
    use_it="""\
Стенд работает. Позвоните со своего телефона:
  имя {extension}, пароль {password}, сервер {host}:{port}, транспорт UDP или TCP
  наберите {dialled} (заказы: {orders})
Журналы лежат в {logs}. Ctrl-C здесь останавливает всё.""",
    already_up="quickstart уже работает в {folder}.\n"
    "Остановите его (Ctrl-C там, где он запущен, или: scripts/lab down --dir {folder})\n"
    "или укажите другой --dir.",
)

LANGUAGES = {"en": ENGLISH, "ru": RUSSIAN}


def language_of(locale: str) -> str:
    """The key of LANGUAGES: "ru" for a Russian locale such as "ru_RU.UTF-8", else "en"."""
    return "ru" if locale.lower().startswith("ru") else "en"
