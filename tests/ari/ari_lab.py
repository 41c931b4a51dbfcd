"""A real Asterisk of the tests' own: ARI and Local channels, nothing else, on a free port of the loopback."""

from __future__ import annotations

import asyncio
import base64
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from bridge.asterisk.ari import Event, EventStream
from labkit import ports

APP = "ari-test"
USER, PASSWORD = "tester", "secret"

# In this order: res_ari does not load before res_websocket_client, nor that before res_sorcery_config.
MODULES = """
res_sorcery_config res_timing_timerfd pbx_config res_http_websocket res_websocket_client
res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop
res_stasis_device_state
res_ari res_ari_model res_ari_events res_ari_channels res_ari_bridges res_ari_playbacks res_ari_applications
res_ari_endpoints res_ari_asterisk app_stasis bridge_simple bridge_softmix bridge_holding
format_pcm codec_ulaw chan_bridge_media
""".split()  # noqa: SIM905 - one name a line would fill a screen

EXTENSIONS = f"""
[ari-test]
exten = answers,1,Answer()
 same = n,Wait(60)
exten = rings,1,Ringing()
 same = n,Wait(60)
exten = enters,1,Stasis({APP},order,1042)
 same = n,Wait(60)
"""


class RunningAsterisk:
    def __init__(self, root: Path, home: Path) -> None:
        self._root = root
        self._home = home
        self._port = ports.free_port("127.0.0.1", socket.SOCK_STREAM)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        self.api_description = root / "usr/share/asterisk/rest-api"
        self.address = ("127.0.0.1", self._port)
        self._write_configuration()

    def start(self) -> float:
        """Start it and wait until ARI answers. Returns that moment (time.monotonic)."""
        with (self._home / "output").open("ab") as output:
            self._process = subprocess.Popen(self._command(), stdout=output, stderr=output, cwd=self._home)
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None, (self._home / "output").read_text()
            assert time.monotonic() < deadline, (self._home / "output").read_text()
            time.sleep(0.02)
        return time.monotonic()

    def kill(self) -> None:
        """kill -9, as the kernel does when memory is short."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.url}/ari/asterisk/ping", headers={"Authorization": f"Basic {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _command(self) -> list[str]:
        arguments = [
            str(self._root / "usr/sbin/asterisk"),
            "-C",
            str(self._home / "etc/asterisk.conf"),
            "-f",
            "-n",
        ]
        if self._root == Path("/"):
            return arguments
        # Unpacked, not installed: it runs with the loader and the libraries that were unpacked beside it.
        modules = _modules_folder(self._root).parent
        libraries = modules.parent
        loader = next(libraries.glob("ld-linux-*.so.*"))
        return [str(loader), "--library-path", f"{libraries}:{modules}", *arguments]

    def _write_configuration(self) -> None:
        for folder in ("etc", "var", "run", "log", "spool", "data/sounds/en"):
            (self._home / folder).mkdir(parents=True)
        # Modules read the documentation of their own options before they accept any.
        documentation = self._root / "usr/share/asterisk/documentation"
        (self._home / "data/documentation").symlink_to(documentation)
        (self._home / "data/sounds/en/quiet.ulaw").write_bytes(b"\xff" * 8000 * 20)
        loads = "\n".join(f"{'preload' if name == MODULES[0] else 'load'}={name}.so" for name in MODULES)
        files = {
            "asterisk.conf": self._folders(),
            "modules.conf": f"[modules]\nautoload=no\n{loads}\n",
            "http.conf": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={self._port}\n",
            "ari.conf": f"[general]\nenabled=yes\n[{USER}]\ntype=user\npassword={PASSWORD}\n",
            "extensions.conf": EXTENSIONS,
            "logger.conf": "[logfiles]\nconsole => warning,error\n",
        }
        for name, text in files.items():
            (self._home / "etc" / name).write_text(text)

    def _folders(self) -> str:
        home = self._home
        return (
            "[directories]\n"
            f"astmoddir => {_modules_folder(self._root)}\n"
            f"astetcdir => {home}/etc\nastdatadir => {home}/data\nastvarlibdir => {home}/var\n"
            f"astdbdir => {home}/var\nastkeydir => {home}/var\nastagidir => {home}/var\n"
            f"astspooldir => {home}/spool\nastrundir => {home}/run\nastlogdir => {home}/log\n"
        )


def _modules_folder(root: Path) -> Path:
    places = [*root.glob("usr/lib/*/asterisk/modules"), *root.glob("usr/lib/asterisk/modules")]
    return places[0]


def url_of(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()
    return f"http://{host}:{port}"


def _is_about(event: Event, ids: Mapping[str, str]) -> bool:
    return all(event[resource]["id"] == an_id for resource, an_id in ids.items())


class Ear:
    """Listens to a stream for one thing at a time."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream

    async def hear(self, event_type: str, **ids: str) -> Event:
        """The next event of a type, about these resources: hear("StasisStart", channel="c.1")."""
        async with asyncio.timeout(5):
            async for item in self.stream:
                if isinstance(item, dict) and item["type"] == event_type and _is_about(item, ids):
                    return item
        raise AssertionError("the stream ended")

    async def next(self, seconds: float = 5) -> object:
        async with asyncio.timeout(seconds):
            return await anext(self.stream)
