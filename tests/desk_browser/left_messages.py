"""Messages that customers, and others, have left."""

from __future__ import annotations

import io
import wave

from stage import Stage

from bridge.asterisk import names
from bridge.config import load_config
from bridge.store.database import Database, now_ms
from bridge.store.voice_messages import (
    Begun,
    Keeping,
    Sound,
    begin_message,
    begin_strangers_message,
    keep_message,
)
from bridge.unlock import unlock


async def left(stage: Stage, code: str | None) -> str:
    """A customer has left a message, of a second without a word; None for somebody whom nobody knows."""
    config = load_config(stage.lab.config_path)
    sound = io.BytesIO()
    with wave.open(sound, "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(bytes(2 * 8000))
    message = Begun(names.new_message_id(), now_ms())
    async with await Database.open(config.store.path) as database:
        vault = await unlock(config.keys, database)
        assert vault is not None
        if code is None:
            await begin_strangers_message(database, vault, message, 7)
        else:
            assert await begin_message(database, message, code)
        keeping = Keeping(config.callbacks.voicemails_kept, config.callbacks.voicemail_days)
        spoken = Sound(sound.getvalue(), 1)
        assert await keep_message(database, vault, message, spoken, keeping, now_ms=now_ms())
    return message.id
