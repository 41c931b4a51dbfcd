"""An Asterisk to work with, run privately: the machine's own where it is new enough, else one from Debian."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labkit import debian
from labkit.errors import LabError
from labkit.processes import Process, start
from labkit.readiness import wait_until_ready

# Set to "private" to leave the machine's own Asterisk alone.
CHOICE_VARIABLE = "CALL_BRIDGE_ASTERISK"
NEEDED_MODULES = ("chan_pjsip.so", "res_ari.so", "res_stasis.so")
MODULE_FOLDERS = (
    "/usr/lib/*/asterisk/modules",
    "/usr/lib*/asterisk/modules",
    "/usr/local/lib*/asterisk/modules",
)
DATA_FOLDERS = ("/usr/share/asterisk", "/var/lib/asterisk", "/usr/local/share/asterisk")
# A Unix socket's path must fit into sockaddr_un (unix(7)), its closing zero included.
LONGEST_SOCKET_PATH = 107


@dataclass(frozen=True)
class Installation:
    """Where an Asterisk lies and how it is run."""

    version: str
    command: tuple[str, ...]
    modules: Path
    data: Path
    root: Path | None = None
    """The unpacked packages; None for the machine's own Asterisk."""


def find_asterisk() -> Installation:
    """The machine's own Asterisk where it serves, else the private one. Raises LabError."""
    own = None if os.environ.get(CHOICE_VARIABLE) == "private" else installed_asterisk()
    return own or private_asterisk()


def installed_asterisk() -> Installation | None:
    """The machine's own Asterisk; None when it is missing, too old or lacks modules that we need."""
    program = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    modules = _first_with(MODULE_FOLDERS, NEEDED_MODULES)
    data = _first_with(DATA_FOLDERS, ("sounds",))
    if not program or not modules or not data:
        return None
    version = _version_of((program,))
    if major(version) < debian.OLDEST_ASTERISK:
        return None
    return Installation(version, (program,), modules, data)


def private_asterisk() -> Installation:
    """The Asterisk unpacked from Debian packages; downloads them where they are missing. Raises LabError."""
    root = debian.unpacked(debian.ASTERISK)
    command = tuple(root.command("usr/sbin/asterisk"))
    version = _version_of(command)
    if not version:
        raise LabError(f"the Asterisk in {root.path} does not run: remove the folder and start again")
    modules = root.libraries / "asterisk" / "modules"
    return Installation(version, command, modules, root.path / "usr" / "share" / "asterisk", root.path)


def _first_with(patterns: Iterable[str], names: Iterable[str]) -> Path | None:
    wanted = tuple(names)
    for pattern in patterns:
        for folder in sorted(Path("/").glob(pattern.removeprefix("/"))):
            if all((folder / name).exists() for name in wanted):
                return folder
    return None


def _version_of(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return parse_version(done.stdout)


def parse_version(output: str) -> str:
    """The version in the answer of `asterisk -V`: "22.10.1" of "Asterisk 22.10.1~dfsg"; empty when unknown.

    Certified releases, "Asterisk certified/20.7-cert2", count by the release they are made of.
    """
    found = re.match(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)*)", output)
    return found[1] if found else ""


def major(version: str) -> int:
    """22 for "22.10.1"; 0 for an unknown version."""
    return int(version.partition(".")[0]) if version else 0


def short_run_folder() -> Path:
    """A new private folder for sockets, its path short enough for them wherever the lab itself lies."""
    parents = (tempfile.gettempdir(), "/tmp", "/var/tmp")  # in this order: TMPDIR may be long
    room = LONGEST_SOCKET_PATH - len("/call-bridge-12345678/call-bridge.sock")
    parent = next(parent for parent in parents if len(os.fsencode(parent)) < room)
    return Path(tempfile.mkdtemp(prefix="call-bridge-", dir=parent))


class Asterisk:
    """One private Asterisk: configuration, data and logs below `folder`, its sockets in `run_folder`.

    `folder`/etc/asterisk holds the configuration; all of it but asterisk.conf is the caller's to write.
    """

    def __init__(
        self, installation: Installation, folder: Path, run_folder: Path, process: Process | None = None
    ) -> None:
        self.installation = installation
        self.folder = folder
        self.run_folder = run_folder
        self.process = process

    @property
    def version(self) -> str:
        return self.installation.version

    @property
    def etc(self) -> Path:
        return self.folder / "etc" / "asterisk"

    @property
    def log_folder(self) -> Path:
        return self.folder / "log"

    @property
    def console_log(self) -> Path:
        """What Asterisk writes to its standard output, errors before its logger runs included."""
        return self.log_folder / "asterisk-console.log"

    @property
    def _command(self) -> list[str]:
        return [*self.installation.command, "-C", str(self.etc / "asterisk.conf")]

    def write_main_configuration(self, more: str = "") -> None:
        """Write asterisk.conf, which keeps all that Asterisk writes in our folders; `more` is its end."""
        places = {
            "astetcdir": self.etc,
            "astmoddir": self.installation.modules,
            "astdatadir": self.installation.data,
            "astagidir": self.installation.data / "agi-bin",
            "astvarlibdir": self.folder / "lib",
            "astdbdir": self.folder / "lib",
            "astkeydir": self.folder / "lib",
            "astspooldir": self.folder / "spool",
            "astcachedir": self.folder / "cache",
            "astlogdir": self.log_folder,
            "astrundir": self.run_folder,
            "astsbindir": Path(self.installation.command[-1]).parent,
        }
        for name in ("astetcdir", "astvarlibdir", "astspooldir", "astcachedir", "astlogdir"):
            places[name].mkdir(parents=True, exist_ok=True)
        directories = "".join(f"{name} => {path}\n" for name, path in places.items())
        (self.etc / "asterisk.conf").write_text(f"[directories]\n{directories}\n{more}")

    def start(self) -> None:
        """Start it and return when it has fully booted. Raises LabError, with its last words."""
        self.process = start([*self._command, "-f", "-n"], log=self.console_log, folder=self.folder)
        try:
            wait_until_ready("Asterisk", self.process, self._is_booted, self.console_log)
        except BaseException:
            self.kill()
            raise

    def _is_booted(self) -> bool:
        """The control socket appears early; the command on it answers when every module is loaded."""
        if not (self.run_folder / "asterisk.ctl").exists():
            return False
        try:
            return "fully booted" in self.rx("core waitfullybooted")
        except LabError:
            return False

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.alive

    def rx(self, command: str) -> str:
        """The answer to a command on Asterisk's console (`asterisk -rx`). Raises LabError."""
        try:
            done = subprocess.run(
                [*self._command, "-rx", command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=30,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError("Asterisk's console does not answer") from None
        if done.returncode != 0:
            raise LabError(f"Asterisk's console cannot be reached: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def stop(self) -> None:
        """End it, and with it every call."""
        if self.process:
            self.process.end()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process:
            self.process.kill()
