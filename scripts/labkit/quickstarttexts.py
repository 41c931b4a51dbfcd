"""What scripts/quickstart says around a call's story, in English and Russian."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.proof import storytexts
from bridge.proof.storytexts import StoryTexts


@dataclass(frozen=True)
class QuickstartTexts:
    """Words in braces are filled in by the caller; `story` are those of the call's story."""

    story: StoryTexts
    starting: str
    calling: str
    talking: str
    stopping: str
    desk: str
    use_it: str
    already_up: str


ENGLISH = QuickstartTexts(
    story=storytexts.ENGLISH,
    starting="Starting a lab in {folder}: Asterisk, call-bridge, a carrier",
    calling="Manager {extension} dials {dialled}",
    talking="Talking for two seconds",
    stopping="Stopping the lab",
    desk="""\
The desk is open. {manager}'s phone is picked up by itself: open the link and click Call.
  {manager}, a manager: {manager_link}
  {owner}, the owner: {owner_link}""",
    use_it="""\
Or call with a phone of your own:
  user {extension}, password {password}, server {host}:{port}, transport UDP or TCP
  dial {dialled} (orders: {orders})
Logs are in {logs}. Ctrl-C here stops everything.""",
    already_up="a quickstart runs already in {folder}.\n"
    "Stop it by Ctrl-C where it runs (or: scripts/lab down --dir {folder}), or use another --dir.",
)

RUSSIAN = QuickstartTexts(
    story=storytexts.RUSSIAN,
    starting="Запускается стенд в {folder}: Asterisk, call-bridge, оператор связи",
    calling="Менеджер {extension} набирает {dialled}",
    talking="Разговор, две секунды",
    stopping="Стенд останавливается",
    desk="""\
Рабочее место открыто: откройте ссылку и нажмите «Позвонить». Телефон менеджера снимает трубку сам.
  менеджер, {manager}: {manager_link}
  владелец, {owner}: {owner_link}""",
    use_it="""\
Или позвоните со своего телефона:
  имя {extension}, пароль {password}, сервер {host}:{port}, транспорт UDP или TCP
  наберите {dialled} (заказы: {orders})
Журналы лежат в {logs}. Ctrl-C здесь останавливает всё.""",
    already_up="quickstart уже работает в {folder}.\n"
    "Остановите его (Ctrl-C там, где он запущен, или: scripts/lab down --dir {folder})\n"
    "или укажите другой --dir.",
)

LANGUAGES = {"en": ENGLISH, "ru": RUSSIAN}
