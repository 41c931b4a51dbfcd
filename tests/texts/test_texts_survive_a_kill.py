"""A text that was confirmed is never sent again, whenever the process is killed; none that waits is lost."""

from __future__ import annotations

import json
import sqlite3
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections import Counter
from contextlib import closing
from pathlib import Path

from text_shop import CALLED_OUT, TextShop

import bridge
from bridge.vault import KeyFile, KeyRing, Vault, read_key_ring, write_key_file

ROUNDS = 4
MOST_A_DAY = 10_000
ROOT = Path(bridge.__file__).parent.parent
PATHS = [ROOT, ROOT / "scripts", ROOT / "tests" / "webhooks", Path(__file__).parent]


async def send_for_ever(path: Path, key_file: Path, url: str) -> None:
    """What the child does: it asks for texts, each printed once it is on disk, and sends them meanwhile."""
    from text_shop import LOOPBACK, POLICY, TOKEN

    from bridge.config import TextsHttp
    from bridge.logs import set_up_logs
    from bridge.store.database import Database, now_ms
    from bridge.store.texts import TextAsked, ask_for_text
    from bridge.switchboard.tasks import Tasks
    from bridge.texts import Settings, sender
    from bridge.texts.http_gateway import HttpGateway

    set_up_logs("error", "json")  # what is printed is the texts
    vault, tasks = Vault(read_key_ring(KeyFile(key_file))), Tasks()
    sender.SECONDS_BETWEEN_LOOKS = 0.005  # type: ignore[misc]
    gateway = HttpGateway(Settings(url, TOKEN, frozenset(LOOPBACK), TextsHttp().model_dump()))
    async with await Database.open(path) as database:
        sending = sender.TextSender(database, lambda: vault, gateway, lambda: CALLED_OUT, lambda _: True)
        tasks.start(sending.run(), name="texts")
        asked = TextAsked("1042", "tried-to-reach", 1, None, "desk:101")
        for number in range(MOST_A_DAY):
            await ask_for_text(database, asked, POLICY, most_a_day=MOST_A_DAY, now_ms=now_ms())
            print(number, flush=True)  # noqa: T201


def confirmed_in(path: Path) -> set[str]:
    """The ids of texts that are on disk as sent."""
    with closing(sqlite3.connect(path)) as database:
        return {row[0] for row in database.execute("SELECT message_id FROM texts WHERE sent_ms IS NOT NULL")}


def handed_over(shop: TextShop) -> Counter[str]:
    return Counter(json.loads(taken.body)["id"] for taken in shop.operator.taken())


async def test_what_was_confirmed_is_sent_once_and_what_waits_is_sent_after_any_kill(
    shop: TextShop, tmp_path: Path
) -> None:
    key_file, ring = tmp_path / "keys", KeyRing.new()
    write_key_file(key_file, ring)
    await shop.sealed_anew_with(Vault(ring))
    confirmed: dict[str, int] = {}
    for round_ in range(ROUNDS):
        child = await create_subprocess_exec(
            sys.executable, __file__, str(shop.database.path), str(key_file), shop.operator.url("/ok"),
            stdout=PIPE, env={"PYTHONPATH": ":".join(map(str, PATHS))},
        )  # fmt: skip
        assert child.stdout is not None
        # In each round after another number of texts, with some of them being sent.
        for _ in range(5 + 7 * round_):
            assert await child.stdout.readline(), "the child ended by itself"
        child.kill()
        await child.stdout.read()
        await child.wait()
        taken = handed_over(shop)
        confirmed |= {each: taken[each] for each in confirmed_in(shop.database.path) - set(confirmed)}
    assert confirmed, "no kill fell into the sending"
    await shop.look_for(hours=0.5)
    taken = handed_over(shop)
    assert {each: taken[each] for each in confirmed} == confirmed, "what was confirmed was sent again"
    assert await shop.rows("count(*)") == [(len(taken),)], "one is lost"
    assert await shop.query("SELECT count(*) FROM texts WHERE sent_ms IS NULL") == [(0,)]
    # In flight when the process was killed: the operator knows them by their ids.
    assert len([each for each, times in taken.items() if times > 1]) <= ROUNDS


if __name__ == "__main__":
    import uvloop

    uvloop.run(send_for_ever(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
