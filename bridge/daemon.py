"""The composition root: the one place that knows all the parts, and when each begins and ends."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import stat
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from bridge import __version__
from bridge.api.app import Readiness, make_app
from bridge.api.server import serve_on_socket
from bridge.asterisk.ari import ApplicationReplaced, AriClient, AriError, Connected, Disconnected
from bridge.asterisk.carrier import CarrierWatch
from bridge.asterisk.happenings import Reader
from bridge.asterisk.pbx import Pbx, ShopLine
from bridge.asterisk.sealed import RedirectServer, Tokens
from bridge.asterisk.trunk import DirectTrunk, SealedTrunk, Trunk
from bridge.calls.model import Timings
from bridge.config import Config, Keys, load_config
from bridge.logs import set_up_logs
from bridge.store.database import Database, now_ms
from bridge.store.tolls import calls_of_a_day
from bridge.switchboard import metrics
from bridge.switchboard.admission import Admission
from bridge.switchboard.board import Switchboard
from bridge.switchboard.ledger import Ledger
from bridge.switchboard.live_call import Parts
from bridge.switchboard.panic_watch import PanicWatch
from bridge.switchboard.recovery import Recovery
from bridge.switchboard.tasks import Tasks
from bridge.switchboard.toll_watch import TollWatch
from bridge.switchboard.tolls import TollBook
from bridge.unlock import unlock
from bridge.vault import Vault, VaultError

log = structlog.get_logger()

_SECONDS_TO_END_CALLS: Final = 2.0
_SECONDS_TO_WRITE: Final = 2.0
_SECONDS_TO_NEXT_TRY: Final = 1.0


class NotStarted(Exception):
    """The daemon can't run; the message says what to do."""


def run(config_path: Path) -> int:
    """Run the daemon until SIGTERM or SIGINT. Returns the exit code.

    Raises ConfigError, DatabaseUnusable, NotStarted, SocketInUse and OSError of a start that failed. A
    missing or wrong key is no failed start: the daemon then runs sealed, says so, and dials nothing.
    """
    config = load_config(config_path)
    set_up_logs(config.log.level, config.log.format)
    # A core dump would hold every number that is being dialled.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asyncio.run(_serve(config))
    return 0


async def _serve(config: Config) -> None:
    log.info("starting", version=__version__)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        config.store.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = await stack.enter_async_context(await Database.open(config.store.path, migrate=True))
        vault = await _open_vault(config.keys, database)
        client = await stack.enter_async_context(_client(config))
        tasks = Tasks()
        trunk = await _trunk(config, client, tasks, stack)
        book = await _toll_book(config, database)
        daemon = Daemon(config, client, trunk, database, book, vault, tasks)
        await stack.enter_async_context(serve_on_socket(make_app(daemon), config.api.socket, daemon.tasks))
        daemon.start()
        log.info("serving", version=__version__, path=str(config.api.socket))
        await stop.wait()
        await daemon.stop()


async def _open_vault(keys: Keys, database: Database) -> Vault | None:
    """The vault, or None where there is no key, or not that of this database."""
    try:
        return await unlock(keys, database)
    except VaultError as error:
        log.error("SEALED: nothing will be dialled", reason=str(error))
        return None


async def _toll_book(config: Config, database: Database) -> TollBook:
    """What calls have come to since yesterday, those included that a daemon before this one has left."""
    book = TollBook(config.policy().tolls, longest_seconds=config.calls.max_seconds)
    book.load(await calls_of_a_day(database, now_ms()))
    return book


def _client(config: Config) -> AriClient:
    asterisk = config.asterisk
    return AriClient(
        asterisk.ari_url,
        asterisk.ari_user,
        _read_password(asterisk.ari_password_file),
        app=asterisk.application,
    )


def _read_password(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise NotStarted(f"{path}: other users can read it; close it to them: chmod 600 {path}")
            password = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotStarted(f"{path}: the ARI password can't be read ({type(error).__name__})") from None
    if not password:
        raise NotStarted(f"{path}: the ARI password is empty")
    return password


class Daemon:
    """The running parts."""

    def __init__(
        self,
        config: Config,
        client: AriClient,
        trunk: Trunk,
        database: Database,
        book: TollBook,
        vault: Vault | None,
        tasks: Tasks,
    ) -> None:
        self.tasks = tasks
        self._client = client
        self._trunk = trunk
        self._reader = Reader(config.managers.endpoint)
        self._pbx = _pbx(config, client, trunk)
        self._ledger = Ledger(database)
        self._link = False
        self._sealed = vault is None
        self._calls = Tasks()
        policy, language = config.policy(), config.shop.language
        admission = Admission(database, policy, book, language=language, sealed=self._sealed)
        parts = Parts(self._pbx, admission, self._ledger, book, vault, _timings(config), language)
        self.switchboard = Switchboard(parts, self._calls, max_live=config.calls.max_live)
        self._recovery = Recovery(self.switchboard, parts)
        self._panic = PanicWatch(database, self.switchboard)
        self._toll_watch = TollWatch(book, policy.tolls, database, self.switchboard)

    @property
    def readiness(self) -> Readiness:
        return Readiness(link=self._link, sealed=self._sealed, panic=self._panic.on)

    def measure(self) -> None:
        """Bring the gauges up to date."""
        metrics.link_up.set(self._link)
        metrics.carrier_up.set(not self._trunk.carrier_is_down())
        metrics.sealed.set(self._sealed)
        metrics.panic.set(self._panic.on)
        metrics.backlog.set(self._ledger.backlog)
        metrics.tasks.set(len(asyncio.all_tasks()))

    def start(self) -> None:
        self.tasks.start(self._ledger.run(), name="ledger")
        self.tasks.start(self._panic.run(), name="panic watch")
        self.tasks.start(self._toll_watch.run(), name="toll watch")
        self.tasks.start(self._listen(), name="events")

    async def stop(self) -> None:
        """End what is no conversation yet; conversations go on in Asterisk. Then write what is owed."""
        log.info("stopping", calls=len(self.switchboard))
        self.switchboard.give_up_unanswered()
        await self._calls.finish(_SECONDS_TO_END_CALLS)
        await self._client.close()
        if not await self._ledger.flush(_SECONDS_TO_WRITE):
            log.error("some results could not be written")
        await self.tasks.finish(seconds=0)

    async def _listen(self) -> None:
        async for item in self._client.events():
            match item:
                case Connected():
                    self.tasks.start(self._connected(), name="connected")
                case Disconnected(reason):
                    self._link_lost(reason.value)
                case ApplicationReplaced():
                    self._link_lost("another daemon took the application over")
                case event:
                    if (happening := self._reader.read(event)) is not None:
                        self.switchboard.hear(happening)

    async def _connected(self) -> None:
        """Catch up with what happened without us. The stream is read on meanwhile."""
        try:
            await self._pbx.listen()
            await self._catch_up()
            self._link = True
            log.info("connected to Asterisk")
            await self._recovery.remove_orphans()
        except AriError as error:
            log.warning("the link came and went", operation=error.operation, status=error.status)

    async def _catch_up(self) -> None:
        """Raises AriError. A database that fails is asked again: until then nothing new is dialled."""
        while True:
            try:
                return await self._recovery.catch_up()
            except DBAPIError as error:
                log.error("the records of live calls can't be read", error=type(error.orig).__name__)
            await asyncio.sleep(_SECONDS_TO_NEXT_TRY)

    def _link_lost(self, reason: str) -> None:
        self._link = False
        log.warning("no link to Asterisk; conversations go on without us", reason=reason)


async def _trunk(config: Config, client: AriClient, tasks: Tasks, stack: AsyncExitStack) -> Trunk:
    """The way to the carrier; for a sealed one the redirect server and the carrier's watch are started."""
    sealed, number_format = config.trunk.sealed, config.trunk.number_format
    if sealed is None:
        assert config.trunk.direct is not None  # noqa: S101 - the configuration holds one of the two
        return DirectTrunk(config.trunk.direct, number_format)
    tokens = Tokens()
    server = RedirectServer(tokens, carrier=sealed.carrier, number_format=number_format)
    host, _, port = sealed.listen.rpartition(":")
    try:
        await stack.enter_async_context(server.listening((host, int(port))))
    except (OSError, OverflowError) as error:
        raise NotStarted(f"trunk.sealed.listen: {sealed.listen} can't be used ({error})") from None
    clock = asyncio.get_running_loop().time
    return SealedTrunk(
        sealed.endpoint,
        issue=lambda number: tokens.issue(number, clock()),
        is_down=_carrier_watch(client, sealed.watch, tasks),
    )


def _carrier_watch(client: AriClient, endpoint: str | None, tasks: Tasks) -> Callable[[], bool]:
    if endpoint is None:
        return lambda: False
    watch = CarrierWatch(client, endpoint)
    tasks.start(watch.run(), name="carrier watch")
    return lambda: watch.is_down


def _pbx(config: Config, client: AriClient, trunk: Trunk) -> Pbx:
    shop = ShopLine(config.trunk.caller_id_name, config.trunk.caller_id_number)
    return Pbx(client, trunk=trunk, manager_endpoint=config.managers.endpoint, shop=shop)


def _timings(config: Config) -> Timings:
    calls = config.calls
    return Timings(
        ring=calls.ring_seconds,
        manager_ring=calls.manager_ring_seconds,
        talk=calls.max_seconds,
        refusal=config.rules.refusal_delay_ms / 1000,
    )
