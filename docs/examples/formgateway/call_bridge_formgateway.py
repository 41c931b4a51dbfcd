"""A gateway that takes a form, and answers with a word: OK, or why not."""

from urllib.parse import urlencode

from bridge.outgoing import NotPosted, Reach, post
from bridge.texts import Answer, Came, Settings, Text


class FormGateway:
    takes_ids = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reach = Reach.of(settings.private_networks)

    async def send(self, text: Text) -> Answer:
        form = {"key": self._settings.token or "", "sender": self._settings.options["sender"]}
        form |= {"phone": text.number, "msg": text.words, "ref": text.id}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Encoding": "identity"}
        came = await post(
            self._settings.url, headers, urlencode(form).encode(), self._reach, seconds=15, most_read=100
        )
        if isinstance(came, NotPosted):
            return Answer(Came.UNSURE if came.may_have_arrived else Came.LATER)
        said = came.body.strip()
        return Answer(Came.SENT if said == b"OK" else Came.REFUSED if said == b"BAD" else Came.UNSURE)
