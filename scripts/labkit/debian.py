"""Debian packages without root: apt-get downloads and dpkg-deb unpacks, into .cache/debian.

The mirror, the way to the network and the trusted keys are the machine's own; nothing of the machine's
package state is read or written.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labkit import aptsources
from labkit.errors import LabError
from labkit.locks import locked
from labkit.places import CACHE
from labkit.progress import StatusLine

DEBIAN = CACHE / "debian"
APT_SOURCES = Path("/etc/apt")
OLDEST_ASTERISK = 20
# Releases that have no Asterisk, or one too old: asking their archives would only cost time.
RELEASES_WITHOUT = {"bullseye", "bookworm", "trixie", "focal", "jammy"}
# Where to look when the machine's own release has none. Ubuntu keeps Asterisk in universe.
FALLBACK_SUITES = {"debian": ("forky", "sid"), "ubuntu": ("noble",)}
COMPONENTS = {"debian": ("main",), "ubuntu": ("main", "universe")}
# What unpacking takes, as a multiple of the download; measured 4.4 for Asterisk, archives included.
DISK_FACTOR = 5
# Debian's package scripts make these links; unpacking alone does not run them.
SOUND_LINKS = {"en": "en_US_f_Allison", "ru": "ru_RU_f_IvrvoiceRU"}


@dataclass(frozen=True)
class PackageSet:
    """Packages that are unpacked together, with all they depend on, into one folder named `name`.

    `machines_loader`: run by the machine's own dynamic loader and C library, not by those of the folder. Such
    packages are of the machine's own release, or would not fit.

    `to_be_root`: of the machine's own release, with its C library: programs see nothing but the folder.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    machines_loader: bool = False
    to_be_root: bool = False


ASTERISK = PackageSet(
    "asterisk", "Asterisk", ("asterisk", "asterisk-core-sounds-en", "asterisk-core-sounds-ru")
)
SYSTEMD = PackageSet("systemd", "systemd-analyze", ("systemd",))
BUBBLEWRAP = PackageSet("bubblewrap", "bubblewrap", ("bubblewrap",))
PROMETHEUS = PackageSet("prometheus", "promtool", ("prometheus",))
FAIL2BAN = PackageSet("fail2ban", "fail2ban-regex", ("fail2ban",))
SIP_PEERS = PackageSet("sip-peers", "SIP peers for tests", ("sip-tester", "baresip-core"))
# A browser starts itself again and again, by the path of what runs: with a loader of ours that is the loader.
CHROMIUM = PackageSet(
    "chromium", "Chromium", ("chromium", "fonts-inter", "fonts-dejavu-core"), machines_loader=True
)
# As little of the machine's own release as dpkg can install a package of Python's into, for a chroot.
SMALL_SYSTEM = PackageSet(
    "small-system",
    "a small Debian",
    (
        *("python3", "dpkg", "passwd", "bash", "dash", "coreutils", "sed", "grep", "findutils", "diffutils"),
        *("libc-bin", "libstdc++6"),
    ),
    to_be_root=True,
)
C_LIBRARY = "libc6"


@dataclass(frozen=True)
class UnpackedRoot:
    """A folder that holds packages as they would lie under /."""

    path: Path

    @property
    def libraries(self) -> Path:
        """The folder of the architecture's shared libraries, C library and dynamic loader included."""
        found = sorted(self.path.glob("usr/lib/*-linux-gnu*/libc.so.6"))
        if not found:
            raise LabError(f"{self.path} holds no C library: remove the folder and start again")
        return found[0].parent

    def command(self, program: str) -> list[str]:
        """The command line for `program` ("usr/sbin/asterisk"), run by the root's own loader."""
        libraries = self.libraries
        loader = next(libraries.glob("ld-linux*.so.*"))
        path = ":".join(str(libraries / folder) for folder in (".", "asterisk", "systemd"))
        return [str(loader), "--library-path", path, str(self.path / program)]


@dataclass(frozen=True)
class Download:
    """One package file that apt would fetch; the size is in bytes."""

    file_name: str
    size: int

    @property
    def is_c_library(self) -> bool:
        return self.file_name.startswith(f"{C_LIBRARY}_")


def unpacked(wanted: PackageSet) -> UnpackedRoot:
    """The root of `wanted`, downloading and unpacking it first where it is missing. Raises LabError."""
    root = DEBIAN / wanted.name
    if not _is_complete(root, wanted):
        with locked(DEBIAN / "provision.lock", "another run that is fetching Debian packages"):
            if not _is_complete(root, wanted):
                _provision(wanted, root)
    return UnpackedRoot(root)


def _marker(root: Path) -> Path:
    return root / ".call-bridge-packages.json"


def _is_complete(root: Path, wanted: PackageSet) -> bool:
    """Folders get their final name only when complete; one made for other packages is out of date."""
    try:
        return bool(json.loads(_marker(root).read_text()) == list(wanted.packages))
    except (OSError, ValueError):
        return False


def _provision(wanted: PackageSet, root: Path) -> None:
    print(f"{wanted.title}: asking the machine's Debian mirror.", flush=True)
    apt = Apt(DEBIAN / "apt", DEBIAN / f"{wanted.name}.archives", wanted.title)
    if wanted.machines_loader or wanted.to_be_root:
        apt.choose_machines_suite(wanted.packages[0])
    else:
        apt.choose_suite()
    downloads = apt.downloads(wanted.packages)
    _require_disk(sum(download.size for download in downloads) * DISK_FACTOR)
    _forget_other_versions(apt.archives, downloads)
    with StatusLine() as status:
        apt.download(wanted.packages, lambda: status.show(_arrived(wanted.title, apt.archives, downloads)))
        partial = DEBIAN / f"{wanted.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        needed = [
            download for download in downloads if not wanted.machines_loader or not download.is_c_library
        ]
        _unpack([apt.archives / download.file_name for download in needed], partial, wanted.title, status)
    _link_sounds(partial)
    _marker(partial).write_text(json.dumps(wanted.packages))
    shutil.rmtree(root, ignore_errors=True)
    partial.rename(root)
    shutil.rmtree(apt.archives)


class Apt:
    """apt-get confined to `folder`; downloads stay in `archives` until they are unpacked, so they resume."""

    def __init__(self, folder: Path, archives: Path, title: str) -> None:
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise LabError(
                f"this machine has no apt-get and dpkg-deb to fetch {title} with: install it yourself "
                f"(Asterisk: {OLDEST_ASTERISK} or newer)"
            )
        self.archives = archives
        self._folder = folder
        self._sources = folder / "mirror.sources"
        self._config = folder / "apt.conf"
        (folder / "state" / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "no-archives" / "partial").mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        self._config.write_text(self._configuration())

    def _configuration(self) -> str:
        """Everything is private but what the machine says of the network: proxies, certificates."""
        machine = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
        network = [
            line
            for line in machine.splitlines()
            if line.startswith("Acquire::") and "::IndexTargets" not in line
        ]
        ours = {
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": "/dev/null",
            "Dir::Etc::sourcelist": self._sources,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": self._folder / "state",
            "Dir::State::status": self._folder / "status",
            "Dir::Cache": self._folder,
            "Dir::Cache::archives": self.archives,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "APT::Update::Error-Mode": "any",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Debug::NoLocking": "true",
        }
        return "\n".join([*network, *(f'{name} "{value}";' for name, value in ours.items()), ""])

    def choose_suite(self) -> None:
        """Point at the first suite of the mirror whose Asterisk is new enough. Raises LabError."""
        identity, codename = _release()
        suites = (codename, *FALLBACK_SUITES.get(identity, ()))
        for suite in suites:
            if suite in RELEASES_WITHOUT:
                continue
            self._point_at(suite)
            if self._version_of("asterisk") >= OLDEST_ASTERISK:
                return
        raise LabError(
            f"the machine's mirror has no Asterisk {OLDEST_ASTERISK} or newer in {', '.join(suites)}"
        )

    def choose_machines_suite(self, package: str) -> None:
        """Point at the machine's own release, which has to have `package`. Raises LabError."""
        _, codename = _release()
        self._point_at(codename)
        if not self._version_of(package):
            raise LabError(f"the machine's mirror has no {package} in {codename}: install it yourself")

    def _point_at(self, suite: str) -> None:
        """Ask the mirror for what it has in `suite`."""
        identity, codename = _release()
        archive = aptsources.main_archive(_machine_sources(), codename)
        if archive is None:
            raise LabError(
                f"found no source of {codename!r} packages in {APT_SOURCES}: cannot tell the mirror"
            )
        components = COMPONENTS.get(identity, archive.components)
        self._sources.write_text(
            aptsources.AptSource(archive.uris, (suite,), components, archive.trust).stanza(suite)
        )
        self._run("apt-get", "update")

    def _version_of(self, package: str) -> int:
        """The mirror's major version of the package; 0 when it has none."""
        return candidate_major(self._run("apt-cache", "policy", package))

    def downloads(self, packages: tuple[str, ...]) -> list[Download]:
        """Every file that `packages` need on a machine that has nothing."""
        nothing_fetched = f"Dir::Cache::archives={self._folder / 'no-archives'}"
        return parse_uris(
            self._run("apt-get", "install", "-y", "--print-uris", "-o", nothing_fetched, *packages)
        )

    def download(self, packages: tuple[str, ...], while_waiting: Callable[[], None]) -> None:
        log_path = self._folder / "download.log"
        with log_path.open("w") as log:
            apt = subprocess.Popen(
                ["apt-get", "install", "-y", "--download-only", *packages],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            with _ended(apt):
                while apt.poll() is None:
                    while_waiting()
                    time.sleep(0.2)
        while_waiting()
        if apt.returncode != 0:
            raise LabError(_why_apt_failed("download", log_path.read_text()))

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(_why_apt_failed(" ".join(command[:2]), done.stdout + done.stderr))
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "APT_CONFIG": str(self._config),
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
        }


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave no download running behind an interrupted script."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def _release() -> tuple[str, str]:
    """The machine's distribution and release, like ("debian", "bookworm")."""
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        facts = {}
    identity, codename = facts.get("ID", ""), facts.get("VERSION_CODENAME", "")
    if not codename:
        raise LabError(
            f"cannot tell this machine's release: install Asterisk {OLDEST_ASTERISK} or newer yourself"
        )
    return identity, codename


def _machine_sources() -> list[aptsources.AptSource]:
    """The archives apt itself would use on this machine."""
    found: list[aptsources.AptSource] = []
    for path in [APT_SOURCES / "sources.list", *sorted((APT_SOURCES / "sources.list.d").glob("*"))]:
        if path.suffix == ".list" and path.is_file():
            found += aptsources.parse_one_line(path.read_text())
        elif path.suffix == ".sources":
            found += aptsources.parse_deb822(path.read_text())
    return found


def candidate_major(policy: str) -> int:
    """The major version in the answer of `apt-cache policy PACKAGE`; 0 when there is no candidate.

    Debian's version may have an epoch: "1:22.10.1+dfsg-1" is 22.
    """
    found = re.search(r"^\s*Candidate: (?:\d+:)?(\d+)", policy, re.MULTILINE)
    return int(found[1]) if found else 0


def parse_uris(output: str) -> list[Download]:
    """The files that `apt-get --print-uris` names, a line each: 'URI' FILE SIZE HASH."""
    return [
        Download(file_name=found[1], size=int(found[2]))
        for found in re.finditer(r"^'[^']*' (\S+\.deb) (\d+)\b", output, re.MULTILINE)
    ]


def _arrived(title: str, archives: Path, downloads: list[Download]) -> str:
    whole = [download for download in downloads if (archives / download.file_name).exists()]
    arriving = sum(_size(path) for path in (archives / "partial").iterdir())
    return progress_text(title, len(whole), sum(download.size for download in whole) + arriving, downloads)


def _size(path: Path) -> int:
    """In bytes; 0 for a file that apt has just moved away."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def progress_text(title: str, packages: int, size: int, downloads: list[Download]) -> str:
    """Like "Asterisk: 40 of 162 packages, 31 of 81 MB"; `size` in bytes."""
    total = sum(download.size for download in downloads)
    return f"{title}: {packages} of {len(downloads)} packages, {size // 10**6} of {total // 10**6} MB"


def _forget_other_versions(archives: Path, downloads: list[Download]) -> None:
    """An interrupted run of last month may have left versions that would be unpacked over today's."""
    wanted = {download.file_name for download in downloads}
    for path in archives.glob("*.deb"):
        if path.name not in wanted:
            path.unlink()


def _require_disk(size: int) -> None:
    free = shutil.disk_usage(DEBIAN).free
    if free < size:
        raise LabError(f"{DEBIAN} needs {size // 10**6} MB of disk, {free // 10**6} MB are free")


def _unpack(archives: list[Path], target: Path, title: str, status: StatusLine) -> None:
    target.mkdir(parents=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(lambda archive: _unpack_one(archive, target), archives), start=1):
            status.show(f"{title}: {done} of {len(archives)} packages unpacked")


def _unpack_one(archive: Path, target: Path) -> None:
    done = subprocess.run(["dpkg-deb", "-x", archive, target], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        archive.unlink(missing_ok=True)
        raise LabError(f"cannot unpack {archive.name} (removed; try again): {done.stderr.strip()}")


def _link_sounds(root: Path) -> None:
    sounds = root / "usr" / "share" / "asterisk" / "sounds"
    for language, folder in SOUND_LINKS.items():
        if (sounds / folder).is_dir() and not (sounds / language).exists():
            (sounds / language).symlink_to(folder)


def _why_apt_failed(step: str, output: str) -> str:
    """apt's own errors with the likely remedy before them."""
    errors = (
        "\n".join(line for line in output.splitlines() if line.startswith(("E:", "W:", "Err:")))
        or output.strip()
    )
    if "NO_PUBKEY" in errors or "is not signed" in errors or "keyring" in errors:
        remedy = "the machine does not know the mirror's key (a newer debian-archive-keyring package has it)"
    elif re.search(r"resolv|connect|timed out|unreachable", errors, re.IGNORECASE):
        remedy = "the machine's Debian mirror cannot be reached"
    elif "No space left" in errors:
        remedy = "the disk is full"
    else:
        remedy = "apt-get failed"
    return f"{remedy} ({step}):\n{errors}"
