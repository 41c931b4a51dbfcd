"""The composition root: the one place that knows all the parts, and when each begins and ends."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import stat
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import uvloop

from bridge import __version__
from bridge.agi.commands import Commands
from bridge.agi.server import AgiServer
from bridge.api.app import ConfigStatus, Readiness, Status, make_app
from bridge.api.desk.app import make_desk_app
from bridge.api.server import MOST_OF_THE_DESK, serve_on_address, serve_on_socket
from bridge.asterisk.ami.happenings import Reader as AmiReader
from bridge.asterisk.ari import AriClient
from bridge.asterisk.callers import CallerLine
from bridge.asterisk.carrier import CarrierWatch
from bridge.asterisk.happenings import Reader
from bridge.asterisk.pbx import Pbx, ShopLine
from bridge.asterisk.sealed import RedirectServer, Tokens
from bridge.asterisk.trunk import DirectTrunk, Gateway, Gateways, SealedTrunk, Trunk
from bridge.calls.capture import CaptureTimings
from bridge.calls.model import Result, Timings
from bridge.config import Config, Keys
from bridge.logs import errors, set_up_logs
from bridge.notify import ServiceManager
from bridge.outgoing import Reach
from bridge.pulling.asking import Asker
from bridge.pulling.puller import Puller
from bridge.reload import RunningConfig
from bridge.rules import GuessBook
from bridge.rules.code_entry import CodeTries
from bridge.rules.hours import within_hours
from bridge.rules.keypad import Codes
from bridge.shops.plugins import load_shops
from bridge.store.database import Database, now_ms
from bridge.store.own_limits import all_own_limits
from bridge.store.records import DAY_MS, open_calls
from bridge.store.tolls import calls_of_a_day
from bridge.store.voice_messages import Keeping
from bridge.supervision import Supervision
from bridge.switchboard import metrics
from bridge.switchboard.admission import Admission, past_guesses
from bridge.switchboard.answering_machine import AnsweringMachine, Habits
from bridge.switchboard.board import Switchboard
from bridge.switchboard.callers_captures import CallersCaptures
from bridge.switchboard.capture import Captures
from bridge.switchboard.ledger import Ledger
from bridge.switchboard.link import Link
from bridge.switchboard.live_call import Parts
from bridge.switchboard.loop_lag import watch_loop_lag
from bridge.switchboard.panic_watch import PanicWatch
from bridge.switchboard.phones import Phones
from bridge.switchboard.proofs import Proofs
from bridge.switchboard.reception import CodeEntry, Reception
from bridge.switchboard.recovery import Recovery
from bridge.switchboard.strangers import Strangers
from bridge.switchboard.tasks import Tasks
from bridge.switchboard.token_calls import TokenCalls
from bridge.switchboard.toll_watch import TollWatch
from bridge.switchboard.tolls import TollBook
from bridge.texts import Gateway as TextGateway
from bridge.texts import Settings
from bridge.texts.follower import CallFollower, Following
from bridge.texts.plugins import OURS, load_gateway
from bridge.texts.sender import TextSender, Wording
from bridge.unlock import unlock
from bridge.vault import Vault, VaultError
from bridge.webhooks.courier import Courier
from bridge.webhooks.sender import Sender

if TYPE_CHECKING:
    from bridge.switchboard.ami_watch import AmiWatch
    from bridge.telemetry import TraceExport

log = structlog.get_logger()

# A stop is over within 5 s, whether or not Asterisk and the database answer.
_SECONDS_TO_END_CALLS: Final = 1.5
_SECONDS_TO_CLOSE_LINK: Final = 1.0
_SECONDS_TO_WRITE: Final = 1.5
_SECONDS_TO_SEND_TRACES: Final = 0.5
_SECONDS_TO_STOP: Final = 5.0

_SECONDS_BETWEEN_LOOKS: Final = 0.05

_PROGRAMS: Final = "programs"

_NEEDED_TASKS: Final = ("api", "desk", "ledger", "panic watch", "toll watch", "events", "sweep")
"""Those without which the daemon is of no use: only a new one has them again."""

_ASTERISKS_SECONDS: Final = 2.0
"""For what takes a thousandth of that: a call waits meanwhile, and so do those who hold its phones."""


class NotStarted(Exception):
    """The daemon can't run; the message says what to do."""


def run(config_path: Path) -> int:
    """Run the daemon until SIGTERM or SIGINT. Returns the exit code.

    Raises ConfigError, DatabaseUnusable, NotStarted, SocketInUse and OSError of a start that failed. A
    missing or wrong key is no failed start: the daemon then runs sealed, says so, and dials nothing.
    """
    running = RunningConfig(config_path)
    set_up_logs(running.config.log.level, running.config.log.format)
    uvloop.run(_serve(running, ServiceManager.of(os.environ)))
    return 0


class _Signals:
    """What the process was told: to stop, not to wait for calls either, to read its configuration again."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.stop_at_once = asyncio.Event()
        self.reload = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGINT, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)

    def _stop(self) -> None:
        (self.stop_at_once if self.stop.is_set() else self.stop).set()


async def _serve(running: RunningConfig, manager: ServiceManager) -> None:
    log.info("starting", version=__version__)
    signals = _Signals()
    config = running.config
    async with AsyncExitStack() as stack:
        config.store.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = await stack.enter_async_context(await Database.open(config.store.path, migrate=True))
        database.time_commits(metrics.commits.observe)
        vault = await _open_vault(config.keys, database)
        client = await stack.enter_async_context(_client(config))
        tasks = Tasks()
        trunk = await _trunk(config, client, tasks, stack)
        book = await _toll_book(config, database)
        guesses = await past_guesses(database, config.policy().lock_out)
        daemon = Daemon(running, client, trunk, database, book, guesses, vault, tasks, manager)
        await stack.enter_async_context(serve_on_socket(make_app(daemon), config.api.socket, tasks))
        desk = make_desk_app(daemon)
        daemon.puller.tell_of_changes(desk.state.work.listeners.queue_changed)
        await stack.enter_async_context(
            serve_on_socket(
                desk,
                config.api.desk_socket,
                tasks,
                name="desk",
                most_connections=MOST_OF_THE_DESK,
            )
        )
        if config.api.listen is not None:
            # A tenth of all that is loaded, and most shops have no program.
            from bridge.api.v1.app import make_v1_app  # noqa: PLC0415

            programs = make_v1_app(daemon, desk.state.work)
            await _listen_at(
                "api.listen",
                config.api.listen,
                lambda address: serve_on_address(programs, address, tasks, name=_PROGRAMS),
                stack,
            )
            log.info("serving programs", address=config.api.listen)
        await daemon.adopt_token_calls()
        if config.agi.listen is not None:
            await _listen_at(
                "agi.listen", config.agi.listen, lambda address: daemon.agi.listening(*address), stack
            )
        _spare_collector()
        daemon.start()
        log.info("serving", version=__version__, path=str(config.api.socket))
        tasks.start(daemon.reload_when(signals.reload), name="reload")
        await signals.stop.wait()
        await daemon.stop(signals.stop_at_once)


def _spare_collector() -> None:
    """Let Python's collector of cycles leave alone what is there now: nearly all of it stays to the end.

    It stops everything while it looks, and to look at all modules, classes and schemas of a daemon takes a
    tenth of a second and more: every few hundred calls all of them would wait for that.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


async def _listen_at(
    key: str,
    listen: str,
    serving: Callable[[tuple[str, int]], AbstractAsyncContextManager[object]],
    stack: AsyncExitStack,
) -> None:
    """Serve at the address that the configuration's `key` names. Raises NotStarted."""
    host, port = _address(listen)
    try:
        await stack.enter_async_context(serving((host.strip("[]"), port)))
    except (OSError, OverflowError) as error:
        raise NotStarted(f"{key}: {listen} can't be used ({error})") from None


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
    book.limit(await all_own_limits(database))
    book.load(await calls_of_a_day(database, now_ms()))
    return book


def _client(config: Config) -> AriClient:
    asterisk = config.asterisk
    return AriClient(
        asterisk.ari_url,
        asterisk.ari_user,
        _read_secret(asterisk.ari_password_file, "the ARI password"),
        app=asterisk.application,
        timeout=_ASTERISKS_SECONDS,
    )


def _read_secret(path: Path, what: str) -> str:
    """The text of a file that nobody else can read. Raises NotStarted."""
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise NotStarted(f"{path}: other users can read it; close it to them: chmod 600 {path}")
            secret = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotStarted(f"{path}: {what} can't be read ({type(error).__name__})") from None
    if not secret:
        raise NotStarted(f"{path}: {what} is empty")
    return secret


class Daemon:
    """The running parts."""

    def __init__(
        self,
        running: RunningConfig,
        client: AriClient,
        trunk: Trunk,
        database: Database,
        book: TollBook,
        guesses: GuessBook,
        vault: Vault | None,
        tasks: Tasks,
        manager: ServiceManager,
    ) -> None:
        config = running.config
        self.tasks = tasks
        self.desk_tasks = Tasks()
        self._running = running
        self._reloading = asyncio.Lock()
        self._manager = manager
        self._client = client
        self._trunk = trunk
        self._database = database
        self._book = book
        pbx = _pbx(config, client, trunk)
        self._ledger = Ledger(database)
        self._started_ms = now_ms()
        self._stopping = False
        self._calls = Tasks()
        policy, language = config.policy(), config.shop.language
        self._admission = Admission(database, policy, book, guesses, language=language, sealed=vault is None)
        self._traces = _trace_export(config)
        self.phones = Phones()
        self._ami = self._ami_watch()
        self._reception = Reception(
            database,
            pbx,
            _caller_line(config),
            config.callbacks.stand_ins,
            _code_entry(config),
            language=language,
            hours=config.opening_hours(),
            phones=self.phones,
        )
        captures = _captures(config, database)
        self._parts = Parts(
            pbx,
            self._admission,
            self._reception,
            self._ledger,
            book,
            vault,
            _timings(config),
            language,
            next_contact_after=_next_contact_after(config),
            captures=captures,
            codes=_codes(config),
            tracer=self._traces.offer if self._traces else None,
        )
        self.switchboard = Switchboard(self._parts, self._calls, max_live=config.calls.max_live)
        self._machine = self._answering_machine(pbx)
        self.proofs = Proofs(self.switchboard, self._parts, database)
        recovery = Recovery(self.switchboard, self._parts)
        reader = Reader(config.managers.endpoint, config.callbacks.endpoints)
        # On a trunk that is dialled directly a dial string has the number: no dialplan is given one.
        make_blank = trunk.blank if isinstance(trunk, SealedTrunk) else None
        callers_captures = CallersCaptures(self._parts, captures, pbx, self._calls)
        self.switchboard.capture_by(callers_captures)
        self._token_calls = TokenCalls(self.switchboard, self._parts, make_blank, self._calls)
        commands = Commands(
            pbx,
            reader,
            self._admission,
            self._reception,
            self._parts,
            self.switchboard,
            self._token_calls,
            callers_captures,
        )
        self.agi = AgiServer(commands, peers=config.agi.peers)
        self._link = Link(client, reader, pbx, trunk, self.switchboard, recovery, tasks)
        self._panic = PanicWatch(database, self.switchboard)
        self._toll_watch = TollWatch(book, database, self.switchboard)
        self._webhooks = Sender(
            database,
            lambda: self._parts.vault,
            Courier(Reach.of(config.webhooks.private_networks)),
            tasks,
            disable_after_ms=config.webhooks.disable_after_days * DAY_MS,
        )
        self.puller = Puller(
            database,
            lambda: self._parts.vault,
            Asker(load_shops(), Reach.of(config.shops.private_networks)),
            tasks,
            lambda: self.config.shop.country,
            every_ms=config.shops.pull_every_seconds * 1000,
        )
        self._texts = self._text_sender()
        self._follower = CallFollower(database, lambda: _following(self.config))

    def _text_sender(self) -> TextSender | None:
        gateway = _text_gateway(self.config)
        if gateway is None:
            return None
        return TextSender(
            self._database,
            lambda: self._parts.vault,
            gateway,
            lambda: _wording(self.config),
            lambda at_ms: not self._panic.on and within_hours(at_ms, self.config.working_hours()),
        )

    def _ami_watch(self) -> AmiWatch | None:
        """What listens to AMI, where it is on. Raises NotStarted."""
        ami = self.config.ami
        if not ami.enabled:
            return None
        try:
            from bridge.asterisk.ami.connection import AmiAccess  # noqa: PLC0415 - they need an extra
            from bridge.switchboard.ami_watch import AmiWatch  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            raise NotStarted(
                f"ami.enabled: {missing.name} is not installed; into call-bridge's own environment:"
                " pip install 'panoramisk>=1.4,<2'"
            ) from None
        secret = _secret(ami.secret_file, ami.secret_credential, "the secret of AMI's user")
        if secret is None or not secret.isprintable():
            raise NotStarted("ami: the secret of AMI's user must be one line")
        access = AmiAccess(ami.host, ami.port, ami.user, secret)
        reader = AmiReader(self.config.managers.endpoint)
        return AmiWatch(access, self._client, reader, self.phones, self._database)

    def _answering_machine(self, pbx: Pbx) -> AnsweringMachine | None:
        """What takes messages, where the shop wants any."""
        habits = _habits(self._running.config)
        if habits is None:
            return None
        machine = AnsweringMachine(self._database, pbx, lambda: self._parts.vault, self._calls, habits)
        self._reception.machine = machine
        self.switchboard.answer_with(machine)
        return machine

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._running.config

    @property
    def database(self) -> Database:
        return self._database

    @property
    def toll_book(self) -> TollBook:
        return self._book

    @property
    def strangers(self) -> Strangers:
        """Callers whom nobody knew, of late."""
        return self._reception.strangers

    @property
    def vault(self) -> Vault | None:
        """None while the daemon is sealed."""
        return self._parts.vault

    @property
    def readiness(self) -> Readiness:
        return Readiness(
            link=self._link.up_since_ms is not None,
            sealed=self._parts.vault is None,
            panic=self._panic.on,
            stopping=self._stopping,
        )

    @property
    def status(self) -> Status:
        return Status(
            version=__version__,
            started_ms=self._started_ms,
            link_since_ms=self._link.up_since_ms,
            carrier_up=not self._trunk.carrier_is_down(),
            calls=len(self.switchboard),
            conversations=self.switchboard.conversations,
            backlog=self._ledger.backlog,
            last_error=errors.latest,
            config=_config_status(self._running),
        )

    def measure(self) -> None:
        """Bring the gauges up to date."""
        now, reload = self.readiness, self._running.last_reload
        metrics.link_up.set(now.link)
        metrics.carrier_up.set(not self._trunk.carrier_is_down())
        metrics.sealed.set(now.sealed)
        metrics.config_loaded.set(reload is None or reload.loaded)
        metrics.panic.set(self._panic.on)
        metrics.working_hours.set(within_hours(now_ms(), self.config.working_hours()))
        metrics.live_calls_limit.set(self.config.calls.max_live)
        metrics.conversations.set(self.switchboard.conversations)
        metrics.backlog.set(self._ledger.backlog)
        metrics.tasks.set(len(asyncio.all_tasks()))

    async def adopt_token_calls(self) -> None:
        """Go on with the calls that dialplans have begun with a daemon before this one."""
        self._token_calls.adopt(await open_calls(self._database))

    def start(self) -> None:
        self.tasks.start(self._ledger.run(), name="ledger")
        self.tasks.start(self._panic.run(), name="panic watch")
        self.tasks.start(self._toll_watch.run(), name="toll watch")
        self.tasks.start(self._link.listen(), name="events")
        self.tasks.start(self._token_calls.run(), name="token calls")
        self.tasks.start(self._webhooks.run(), name="webhooks")
        self.tasks.start(self.puller.run(), name="shops")
        if self._machine is not None:
            self.tasks.start(self._machine.run(), name="voice messages")
        if self._texts is not None:
            self.tasks.start(self._texts.run(), name="texts")
            if self.config.texts.after:
                self.tasks.start(self._follower.run(), name="texts after calls")
        if self._ami is not None:
            self.tasks.start(self._ami.run(), name="ami")
        self.tasks.start(watch_loop_lag(), name="loop lag")
        supervision = Supervision(self._manager, self._link.came_up, self._headline, self._healthy)
        self.tasks.start(supervision.run(), name="supervision")
        self.tasks.start(self._link.keep_in_step(), name="sweep")

    # --- what the service manager hears, and asks for ---

    async def reload_when(self, told: asyncio.Event) -> None:
        """Read the configuration and the keys again, each time when told to."""
        while True:
            await told.wait()
            told.clear()
            await self.reload()

    async def reload(self) -> None:
        """Read the configuration and the keys again; `status` has what came of it."""
        async with self._reloading:
            self._manager.reloading("reading the configuration")
            try:
                await self._running.reload(lambda keys: unlock(keys, self._database), self._take_over)
            finally:
                self._manager.ready(self._headline())

    def _take_over(self, config: Config, vault: Vault) -> None:
        """Go by another configuration, from one moment to the next: nothing here waits, or can fail."""
        policy, language = config.policy(), config.shop.language
        self._admission.follow(policy, language=language, sealed=False)
        self._reception.follow(language=language, hours=config.opening_hours())
        self._book.follow(policy.tolls, longest_seconds=config.calls.max_seconds)
        self.agi.follow(peers=config.agi.peers)
        self._webhooks.follow(
            Reach.of(config.webhooks.private_networks),
            disable_after_ms=config.webhooks.disable_after_days * DAY_MS,
        )
        self.puller.follow(
            Reach.of(config.shops.private_networks), every_ms=config.shops.pull_every_seconds * 1000
        )
        self.switchboard.follow(max_live=config.calls.max_live)
        self._parts.vault, self._parts.timings, self._parts.language = vault, _timings(config), language
        self._parts.next_contact_after, self._parts.codes = _next_contact_after(config), _codes(config)
        set_up_logs(config.log.level, config.log.format)

    def _healthy(self) -> bool:
        listens = self.config.api.listen is not None
        return all(map(self.tasks.runs, (*_NEEDED_TASKS, *([_PROGRAMS] if listens else []))))

    def _headline(self) -> str:
        """How things are, in one line."""
        now = self.readiness
        hindrances = {
            "stopping": now.stopping,
            "no link to Asterisk": not now.link,
            "SEALED": now.sealed,
            "PANIC": now.panic,
        }
        told = ", ".join(words for words, holds in hindrances.items() if holds) or "ready"
        return f"{told}; calls: {len(self.switchboard)}"

    # --- the end ---

    async def stop(self, at_once: asyncio.Event) -> None:
        """Take no new calls, wait for the others if that is wanted and not `at_once`, and write what is owed.

        Conversations that are left go on in Asterisk.
        """
        self._stopping = True
        self._admission.stop()
        self._reception.stop()
        calls = self._running.config.calls
        patience = calls.drain_seconds if calls.on_stop == "drain" else 0
        log.info("stopping", calls=len(self.switchboard), seconds=patience)
        self._manager.stopping(self._headline(), within_seconds=patience + _SECONDS_TO_STOP)
        await _wait_until(lambda: not self.switchboard or at_once.is_set(), patience)
        await self._give_up_unanswered()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_CLOSE_LINK):
                await self._client.close()
        written, _ = await asyncio.gather(
            self._ledger.flush(_SECONDS_TO_WRITE), self.desk_tasks.finish(_SECONDS_TO_WRITE)
        )
        if not written:
            log.error("some results could not be written")
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close, _SECONDS_TO_SEND_TRACES)
        await self.tasks.finish(seconds=0)

    async def _give_up_unanswered(self) -> None:
        """End what is no conversation yet; then nobody here looks after the conversations any more."""
        self.switchboard.give_up_unanswered()
        await _wait_until(
            lambda: len(self.switchboard) == self.switchboard.conversations, _SECONDS_TO_END_CALLS
        )
        await self._calls.finish(seconds=0)


async def _trunk(config: Config, client: AriClient, tasks: Tasks, stack: AsyncExitStack) -> Trunk:
    """The way to the carrier; for a sealed one the redirect server and the carrier's watch are started."""
    sealed, number_format = config.trunk.sealed, config.trunk.number_format
    if sealed is None:
        assert config.trunk.direct is not None  # noqa: S101 - the configuration holds one of the two
        return DirectTrunk(config.trunk.direct, number_format)
    gateways = Gateways(
        tuple(Gateway(uri, _carrier_watch(client, watch, tasks)) for watch, uri in sealed.gateways)
    )
    server = RedirectServer(
        Tokens(), carrier=gateways.uri, number_format=number_format, asterisk=_address(sealed.asterisk)
    )
    try:
        await stack.enter_async_context(server.listening(_address(sealed.listen)))
    except (OSError, OverflowError) as error:
        raise NotStarted(f"trunk.sealed.listen: {sealed.listen} can't be used ({error})") from None
    return SealedTrunk(
        sealed.endpoint,
        reserve=server.reserve,
        issue=server.issue,
        void=server.void,
        gateways=gateways,
        know_version=server.know_asterisk,
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _carrier_watch(client: AriClient, endpoint: str | None, tasks: Tasks) -> Callable[[], bool]:
    if endpoint is None:
        return lambda: False
    watch = CarrierWatch(client, endpoint)
    tasks.start(watch.run(), name="carrier watch")
    return lambda: watch.is_down


def _pbx(config: Config, client: AriClient, trunk: Trunk) -> Pbx:
    shop = ShopLine(config.trunk.caller_id_name, config.trunk.caller_id_number)
    return Pbx(client, trunk=trunk, manager_endpoint=config.managers.endpoint, shop=shop)


def _caller_line(config: Config) -> CallerLine:
    return CallerLine(config.callbacks.caller_in, config.trunk.number_format, config.shop.country)


def _code_entry(config: Config) -> CodeEntry | None:
    callbacks = config.callbacks
    if not callbacks.ask_code:
        return None
    tries = CodeTries.limited_to(callbacks.codes_per_caller, callbacks.codes_in_all)
    return CodeEntry(callbacks.code_prompt, tries)


def _trace_export(config: Config) -> TraceExport | None:
    """Raises NotStarted."""
    if not config.telemetry.enabled:
        return None
    try:
        from bridge.telemetry import TraceExport  # noqa: PLC0415 - it needs an extra
    except ModuleNotFoundError as missing:
        raise NotStarted(
            f"telemetry.enabled: {missing.name} is not installed; into call-bridge's own environment: "
            "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
        ) from None
    return TraceExport(config.telemetry.endpoint)


def _habits(config: Config) -> Habits | None:
    callbacks = config.callbacks
    if not callbacks.voicemail:
        return None
    keeping = Keeping(callbacks.voicemails_kept, callbacks.voicemail_days)
    return Habits(callbacks.voicemail_prompt, callbacks.voicemail_seconds, keeping)


def _text_gateway(config: Config) -> TextGateway | None:
    """None where no texts are to be sent, or none can be, as the log tells: calls go on without."""
    texts = config.texts
    if not texts.enabled or texts.url is None:
        return None
    try:
        token = _secret(texts.token_file, texts.token_credential, "the token for text messages")
    except NotStarted as error:
        log.error("no text message can be sent", reason=str(error))
        return None
    options = texts.http.model_dump() if texts.gateway == OURS else texts.options
    return load_gateway(texts.gateway, Settings(texts.url, token, texts.private_networks, options))


def _secret(file: Path | None, credential: str | None, what: str) -> str | None:
    """From a file, or from a credential of systemd's; None where there is neither. Raises NotStarted."""
    if file is not None:
        return _read_secret(file, what)
    if credential is None:
        return None
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        raise NotStarted(f"{what}: systemd passed no credentials: add LoadCredential={credential}:PATH")
    try:
        # Its mode is systemd's, which shows access by an ACL as the group's.
        return (Path(folder) / credential).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotStarted(f"{what} can't be read ({type(error).__name__})") from None


def _following(config: Config) -> Following:
    texts = config.texts
    after = {str(result): template for result, template in texts.after.items()}
    return Following(after, config.policy(), texts.per_customer_per_day)


def _wording(config: Config) -> Wording:
    shop = config.shop
    return Wording(config.texts.all_templates, shop.language, shop.name, config.trunk.caller_id_number)


def _captures(config: Config, database: Database) -> Captures:
    captures = config.captures
    timings = CaptureTimings(keys=captures.key_seconds, whole=captures.longest_seconds)
    return Captures(database, config.shop.country, timings)


async def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition, for so long at most."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition() and loop.time() < deadline:  # noqa: ASYNC110 - calls end in many places
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)


def _config_status(running: RunningConfig) -> ConfigStatus:
    reload = running.last_reload
    return ConfigStatus(
        path=str(running.path),
        loaded_ms=running.loaded_ms,
        changed_on_disk=running.changed_on_disk,
        reload_ms=reload.at_ms if reload else None,
        problems=reload.problems if reload else (),
        restart_for=reload.restart_for if reload else (),
    )


def _next_contact_after(config: Config) -> frozenset[Result]:
    return frozenset(map(Result, config.calls.next_contact_after))


def _codes(config: Config) -> Codes:
    """Where the shop lets nobody compare numbers, there is no code for it."""
    compare = config.calls.compare_code if config.desk.comparisons_per_day else ""
    return Codes(config.captures.code, config.calls.do_not_call_code, compare)


def _timings(config: Config) -> Timings:
    calls = config.calls
    return Timings(
        ring=calls.ring_seconds,
        manager_ring=calls.manager_ring_seconds,
        talk=calls.max_seconds,
        callback_ring=config.callbacks.ring_seconds,
        hold=config.callbacks.first_seconds,
        code=config.callbacks.code_seconds,
        refusal=config.rules.refusal_delay_ms / 1000,
    )
