"""What `call-bridge prove` says around the stories of its calls, in English and Russian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.proof import storytexts
from bridge.proof.storytexts import StoryTexts


@dataclass(frozen=True)
class ProveTexts:
    """Words in braces are filled in by the caller. `trials` are by the names in `bridge.proof.trials`."""

    story: StoryTexts
    trials: Mapping[str, str]
    calling: str
    ask_for_it: str
    none_given: str
    heading: str
    seen: str
    settings_open: str
    not_made: str
    not_let_in: str
    pbx_silent: str
    pbx_refused: str
    no_sound: str
    carrier_not_called: str
    another_number: str
    cut_short: str


ENGLISH = ProveTexts(
    story=storytexts.ENGLISH,
    trials={
        "talked": "answered, by a carrier that names the callee in every answer",
        "busy": "busy, with the callee's name in every header",
        "invalid": "refused, with the number in the reason",
        "cancelled": "hung up by the manager while it rings",
    },
    calling="Extension {extension} places a proof call ({speaks}): {trial}",
    ask_for_it="Password of extension {extension} (not shown)",
    none_given="no password of extension {extension} was given. It is password= in the section of type auth "
    "that its endpoint names; of a phone that `call-bridge init` has made it is in a file of its own, "
    "sip-password-{extension}.conf. Type it when asked, or pipe it in.",
    heading="Call",
    seen="Seen by the manager",
    settings_open="Settings that would show a number, or keep calls from working: {count}. "
    "`call-bridge doctor` tells what to do.",
    not_made="No proof could be made: {why}",
    not_let_in="Asterisk does not take extension {extension} with this password ({answer}).",
    pbx_silent="Nobody answers SIP over {transport} at {server}. Name the address of the PBX with --server, "
    "and how it speaks there with --transport.",
    pbx_refused="Asterisk refused the call ({answer}). Does extension {extension} land in "
    "call-bridge-managers, and is {prefix!r} what is dialled before a code there (--prefix)?",
    no_sound="Asterisk does not take the sound that extension {extension} offers ({answer}). The proof "
    "offers SRTP where pjsip.conf says media_encryption=sdes for that endpoint, and it speaks no DTLS.",
    carrier_not_called="the call did not come to the carrier of the proof. The daemon's log says whether it "
    "came that far; with nothing there, look at the dialplan and at --prefix. With --transport tcp or tls "
    "the PBX needs such a transport for its trunk, and one of TLS must not have verify_server=yes: the "
    "carrier's certificate is made for the proof, and nobody vouches for it.",
    another_number="The carrier of the proof was called under a number that is none of the proof's.",
    cut_short="the call did not go the whole way ({what})",
)

RUSSIAN = ProveTexts(
    story=storytexts.RUSSIAN,
    trials={
        "talked": "отвечен оператором, который в каждом ответе называет абонента",
        "busy": "занято, имя абонента в каждом заголовке",
        "invalid": "отклонён, номер в тексте причины",
        "cancelled": "менеджер кладёт трубку, пока идут гудки",
    },
    calling="Номер {extension} совершает проверочный звонок ({speaks}): {trial}",
    ask_for_it="Пароль номера {extension} (не показывается)",
    none_given="пароль номера {extension} не указан. Это password= в разделе типа auth, который называет "
    "его endpoint; у телефона, заведённого командой `call-bridge init`, он в отдельном файле, "
    "sip-password-{extension}.conf. Введите его по запросу или передайте через канал.",
    heading="Звонок",
    seen="Видел менеджер",
    settings_open="Настройки, которые показали бы номер или помешали бы звонкам: {count}. "
    "Что делать, говорит `call-bridge doctor`.",
    not_made="Доказать не удалось: {why}",
    not_let_in="Asterisk не принимает номер {extension} с этим паролем ({answer}).",
    pbx_silent="По адресу {server} никто не отвечает по SIP ({transport}). Укажите адрес АТС ключом "
    "--server, а способ связи с ней — ключом --transport.",
    pbx_refused="Asterisk отклонил звонок ({answer}). Попадает ли номер {extension} в call-bridge-managers, "
    "и {prefix!r} ли набирают там перед кодом (--prefix)?",
    no_sound="Asterisk не принимает звук, который предлагает номер {extension} ({answer}). Проверка "
    "предлагает SRTP, если в pjsip.conf у этого абонента media_encryption=sdes; DTLS она не умеет.",
    carrier_not_called="звонок не дошёл до оператора проверки. Дошёл ли он до службы, сказано в её журнале; "
    "если там ничего нет, посмотрите план набора и --prefix. Для --transport tcp или tls у АТС должен быть "
    "такой транспорт и для линии, а у TLS не должно быть verify_server=yes: сертификат оператора сделан для "
    "проверки, и за него никто не ручается.",
    another_number="Оператора проверки вызвали по номеру, который не из этой проверки.",
    cut_short="звонок не прошёл весь путь ({what})",
)

LANGUAGES = {"en": ENGLISH, "ru": RUSSIAN}
