"""The wheel and the Debian package hold all that an installation needs, and work away from the checkout.

They are made once, and of one another, as making them takes long: hence one file for both.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import container
import newcomer
import pytest
from machine import Machine
from small_system import SmallSystem

from bridge import __version__
from labkit import debian
from labkit.asterisk import find_asterisk
from labkit.deb import build
from labkit.errors import LabError
from labkit.places import CHECKOUT
from labkit.processes import start
from labkit.readiness import answers_ok, wait_until_ready
from labkit.wheel import build_wheel, make_environment, pip

NEXT = f"{__version__}+next"
ANSWERS = ("--shop-name", "Shop", "--shop-number", "+442079460000", "--carrier", "192.0.2.10")

by_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its root and have dpkg there")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has nothing but the wheel and what it needs; of Debian's own Python where that will do."""
    place = tmp_path_factory.mktemp("installed") / "environment"
    make_environment(place, wheel, sys.executable if why_no_package() else build.PYTHON)
    return place


def why_no_package() -> str | None:
    try:
        build.require_python()
    except LabError as error:
        return str(error)
    return None


# --- The wheel ----------------------------------------------------------------------------------------


class Installed:
    """`call-bridge` of an environment that has nothing else, away from the checkout."""

    def __init__(self, place: Path, elsewhere: Path) -> None:
        self.place = place
        self.elsewhere = elsewhere

    def __call__(self, *arguments: str | Path, **variables: str) -> str:
        done = subprocess.run(
            [self.place / "bin" / "call-bridge", *arguments],
            cwd=self.elsewhere,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(environment, tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def root(installed: Installed) -> Path:
    """A copy of a plain Asterisk's configuration, on which the installed command has run `init`."""
    root = installed.elsewhere / "root"
    etc = root / "etc/asterisk"
    etc.mkdir(parents=True)
    (root / "etc/timezone").write_text("Europe/London\n")
    for name in ("extensions", "pjsip", "ari", "http"):
        (etc / f"{name}.conf").write_text("[general]\n")
    installed("init", "--root", root, "--yes", *ANSWERS)
    return root


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in listed.stdout.splitlines() if (CHECKOUT / name).exists()}


def test_every_file_of_the_product_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert tracked("bridge") - names == set()
    data = f"call_bridge-{__version__}.data/data/share"
    for name in tracked("dialplan") | {"config.yaml"}:
        assert f"{data}/call-bridge/{name}" in names, name
    for name in tracked("docs/man"):
        assert f"{data}/man/man1/{Path(name).name}" in names, name


def test_nothing_of_the_tests_and_scripts_is_in_it(wheel: Path) -> None:
    top = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    stem = f"call_bridge-{__version__}"
    assert top == {"bridge", f"{stem}.data", f"{stem}.dist-info"}


def test_each_command_shows_its_help(installed: Installed) -> None:
    assert "doctor" in installed("--help")
    for command in ("doctor", "serve", "desk", "prove", "init"):
        assert "--help" in installed(command, "--help")
    assert installed("--version") == f"call-bridge {__version__}\n"


def test_init_finds_what_it_brings_along(installed: Installed, root: Path) -> None:
    for name in ("extensions-call-bridge.conf", "pjsip-managers.conf", "pjsip-trunk.conf"):
        shipped = (CHECKOUT / "dialplan" / name).read_bytes()
        assert (root / "etc/asterisk/call-bridge" / name).read_bytes() == shipped
    assert "Nothing to do" in installed("init", "--root", root, "--yes")


def test_a_database_is_made_and_the_doctor_looks_at_the_pbx(installed: Installed, root: Path) -> None:
    config = root / "etc/call-bridge/config.yaml"
    config.write_text(config.read_text().replace("/var/lib/", f"{root}/var/lib/"))
    installed("--config", config, "managers", "add", "101", "--name", "Anna")
    assert "101" in installed("--config", config, "managers", "list", "--json")
    doctor = ("doctor", "--offline", "--asterisk-etc", root / "etc/asterisk")
    checked = subprocess.run(
        [installed.place / "bin/call-bridge", "--config", config, *doctor],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode in (20, 21), checked.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_writes_the_completion_of_a_shell(installed: Installed, shell: str) -> None:
    assert "_CALL_BRIDGE_COMPLETE=complete_" in installed(_CALL_BRIDGE_COMPLETE=f"source_{shell}")


# --- The Debian package -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packages(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """This version, and the next one."""
    if why := why_no_package():
        pytest.skip(why)
    work = tmp_path_factory.mktemp("package")
    tree = build.stage(work, environment)
    return build.pack(tree, work, version=__version__, fast=True), build.pack(
        tree, work, version=NEXT, fast=True
    )


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSystem]:
    root = tmp_path_factory.mktemp("small") / "root"
    yield SmallSystem.new(root, (find_asterisk().root or Path("/")) / "etc/asterisk")
    shutil.rmtree(root)


def files_of(package: Path) -> set[str]:
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True)
    return {line.split()[5].removeprefix("./") for line in listed.stdout.splitlines()}


def test_it_has_what_people_look_for_where_they_look(packages: tuple[Path, Path]) -> None:
    there = files_of(packages[0])
    for name in (
        "usr/bin/call-bridge",
        "opt/call-bridge/bin/call-bridge",
        "opt/call-bridge/share/call-bridge/dialplan/extensions-call-bridge.conf",
        "usr/lib/systemd/system/call-bridge.service",
        "usr/lib/systemd/system/call-bridge-backup.timer",
        "usr/share/man/man1/call-bridge-init.1.gz",
        "usr/share/bash-completion/completions/call-bridge",
        "usr/share/zsh/vendor-completions/_call-bridge",
        "usr/share/fish/vendor_completions.d/call-bridge.fish",
        "usr/share/doc/call-bridge/docs/install.md",
        "usr/share/doc/call-bridge/changelog.gz",
    ):
        assert name in there, name


def test_nothing_in_it_says_where_it_was_built(
    packages: tuple[Path, Path], environment: Path, tmp_path: Path
) -> None:
    subprocess.run(["dpkg-deb", "--raw-extract", packages[0], tmp_path / "tree"], check=True)
    built_in = (str(packages[0].parent).encode(), str(environment).encode())
    found = [
        str(path.relative_to(tmp_path))
        for path in (tmp_path / "tree").rglob("*")
        if path.is_file() and not path.is_symlink() and any(here in path.read_bytes() for here in built_in)
    ]
    assert found == []


@by_root
def test_installed_set_up_updated_and_purged_it_leaves_the_machine_as_it_was(
    packages: tuple[Path, Path], system: SmallSystem
) -> None:
    this, following = packages
    before = system.picture()

    assert "call-bridge init" in system.install(this)
    assert system("call-bridge", "--version") == f"call-bridge {__version__}\n"
    folder = system.root / "var/lib/call-bridge"
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) != (0, 0o755)

    assert "Files written" in system("call-bridge", "init", "--yes", *ANSWERS)
    # The units are the package's.
    assert not (system.root / "etc/systemd/system/call-bridge.service").exists()
    assert system("call-bridge", "check-config", user="call-bridge") == "ok\n"
    system("call-bridge", "managers", "add", "101", "--name", "Anna", user="call-bridge")
    for secret in (folder / "ari-password", system.root / "var/lib/call-bridge-keys/keys"):
        assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (folder.stat().st_uid, 0o600)

    config = system.root / "etc/call-bridge/config.yaml"
    config.write_text(config.read_text() + "# mine\n")
    mine = system.picture()
    system.install(following)
    after = system.picture()
    changed = {name for name in mine if after.get(name) != mine[name]}
    assert [name for name in changed if name.startswith(("etc/", "var/lib/call-bridge"))] == []
    assert "Nothing to do" in system("call-bridge", "init")
    assert "101" in system("call-bridge", "managers", "list", "--json", user="call-bridge")

    system("dpkg", "--remove", "call-bridge")
    removed = system.picture()
    assert [name for name in removed if name.startswith(("opt/", "usr/bin/call-bridge"))] == []
    assert removed["etc/call-bridge/config.yaml"] == mine["etc/call-bridge/config.yaml"]

    system("dpkg", "--purge", "call-bridge")
    after = system.picture()
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == set()


# --- The newcomer -------------------------------------------------------------------------------------


@pytest.fixture
def machine(packages: tuple[Path, Path], tmp_path: Path) -> Iterator[Machine]:
    """One with a PBX at work, and the package."""
    root = tmp_path / "root"
    vanilla = debian.unpacked(debian.ASTERISK).path / "etc/asterisk"
    machine = Machine(SmallSystem.new(root, vanilla))
    for name, text in newcomer.OWN_FILES.items():
        with (root / "etc/asterisk" / name).open("a") as file:
            file.write(text)
    shutil.copy(packages[0], root / "tmp")
    with machine:
        assert machine.type("systemctl restart asterisk").code == 0
        yield machine
    shutil.rmtree(root)


@by_root
def test_a_newcomer_gets_from_the_package_to_a_masked_call_by_ten_documented_commands(
    machine: Machine,
) -> None:
    build_it, *typed = newcomer.commands("From a package to a proven call")
    assert len([build_it, *typed]) <= 10
    assert build_it == "scripts/build-deb /tmp", "by which the package has come into /tmp"
    etc, config = machine.root / "etc/asterisk", machine.root / "etc/call-bridge/config.yaml"
    before = {path: path.read_bytes() for path in etc.glob("*.conf")}
    shown = {}
    for line in typed:
        shown[line] = typed_by_newcomer(machine, line)
        if line == newcomer.INIT:
            written = config.read_text()
            config.write_text(newcomer.open_at_any_hour(written))
    # What init itself says to do next is what the page says.
    after_init = typed[typed.index(newcomer.INIT) + 1 : typed.index(newcomer.PROOF) + 1]
    told = shown[newcomer.INIT].partition("Next:\n")[2].splitlines()
    assert [line.strip() for line in told[: len(after_init)]] == [
        line.replace("Anna", "NAME") for line in after_init
    ]

    password = (etc / "call-bridge/sip-password-601.conf").read_text().removeprefix("password=").strip()
    machine.on_its_network(lambda: newcomer.dial_the_order(password))
    assert newcomer.NATIONAL not in machine.shown
    assert files_with(newcomer.NATIONAL, machine.root) == []

    pjsip = (etc / "pjsip.conf").read_bytes()
    newcomer.let_own_phone_dial_orders(etc / "pjsip.conf")
    for line in newcomer.commands("A phone that you have already"):
        typed_by_newcomer(machine, line)
    (etc / "pjsip.conf").write_bytes(pjsip)

    config.write_text(written)
    for line in newcomer.commands("Take it out again"):
        assert machine.type(line).code == 0, machine.shown
    assert {path: path.read_bytes() for path in etc.glob("*.conf")} == before
    machine.on_its_network(newcomer.call_as_ever)
    assert files_with(newcomer.NATIONAL, machine.root) == ["var/log/asterisk/cdr-csv/Master.csv"]


def typed_by_newcomer(machine: Machine, line: str) -> str:
    """What is shown then; a proof shows that the number was not seen."""
    done = machine.type(line, *newcomer.answers_to(line))
    if line not in {newcomer.PROOF, newcomer.OWN_PROOF}:
        assert done.code == 0, done.shown
        return done.shown
    # Its code is 1, as this PBX has settings that are open; its last line is the verdict.
    assert done.code == 1, done.shown
    assert "Hidden number seen by the manager: no\n[1]" in done.shown
    checks = re.findall(r"^- ([a-z0-9-]+)", done.shown, re.M)
    assert len(checks) == len(set(checks)) > 1, "each setting is told once"
    return done.shown


def files_with(text: str, root: Path) -> list[str]:
    """Of all that has been written there: logs, call records, databases, configuration."""
    written = [path for folder in ("etc", "run", "root", "tmp", "var") for path in (root / folder).rglob("*")]
    searched = [path for path in written if path.is_file() and path.suffix != ".deb"]
    assert any(path.name == "call-bridge.db" for path in searched)
    return [str(path.relative_to(root)) for path in searched if text.encode() in path.read_bytes()]


# --- The container ------------------------------------------------------------------------------------


def test_what_the_image_is_built_of_makes_the_very_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = tmp_path / "src"
    for names, target in container.copied(container.stages()[0]):
        for name in names:
            to = tmp_path / target.lstrip("/")
            if (CHECKOUT / name).is_dir():
                shutil.copytree(CHECKOUT / name, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                to.mkdir(exist_ok=True)
                shutil.copy(CHECKOUT / name, to)
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source))
    (built,) = tmp_path.glob("*.whl")
    assert sorted(zipfile.ZipFile(built).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


@by_root
def test_the_image_sets_a_pbx_up_and_back_and_runs_the_daemon_as_a_user_of_its_own(
    packages: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    environment = packages[0].parent / "tree/opt/call-bridge"
    host = container.Host(tmp_path_factory.mktemp("host"), environment, asterisks_group=105)
    etc, state = host.place("/etc/asterisk"), host.place("call-bridge")
    before = {path: path.read_bytes() for path in etc.glob("*.conf")}
    init = container.documented("sudo podman run .* init")
    assert "Files written" in host.run(init, "--yes", *ANSWERS)
    assert (etc / "call-bridge/sip-password-601.conf").stat().st_gid == 105

    serve = container.documented("sudo podman run --detach")
    assert host.command(container.documented("sudo podman run .* prove")), "options that exist"
    volumes = json.loads(container.only(container.stages()[-1], "VOLUME"))
    assert {f"{Path(volume).name}:{volume}" for volume in volumes} <= set(serve)
    log = host.place("daemon.log")
    daemon = start(host.command(serve), log=log, folder=log.parent)
    try:
        wait_until_ready(
            "the daemon", daemon, lambda: answers_ok(state / "call-bridge.sock", "/healthz"), log
        )
        asked = subprocess.run(
            host.command(serve, container.health_check()), capture_output=True, text=True, check=False
        )
        _, _, _, name, *words = container.documented("sudo podman exec")
        assert name == serve[serve.index("--name") + 1]
        added = subprocess.run(host.command(serve, words), capture_output=True, text=True, check=False)
    finally:
        daemon.end()
    # There is no Asterisk here: so says the daemon, which has its keys and its database.
    assert "ready: no: it has no link to Asterisk\n" in asked.stdout, asked.stderr
    assert asked.returncode == 8
    assert "Anna may call from extension 601" in added.stdout, added.stderr
    owner = state.stat().st_uid
    assert owner != 0
    assert {path.stat().st_uid for path in state.rglob("*")} == {owner}

    host.run([*init[: init.index("init") + 1], "--undo"])
    assert {path: path.read_bytes() for path in etc.glob("*.conf")} == before


def builder() -> str | None:
    """A program that can build images here; one may be there without what it works by."""
    for name in ("podman", "docker"):
        if (
            shutil.which(name)
            and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0
        ):
            return name
    return None


def test_the_image_can_be_built_and_its_command_run() -> None:
    program = builder()
    if program is None:
        pytest.skip("neither podman nor docker can build an image on this machine")
    with tempfile.NamedTemporaryFile() as told:
        subprocess.run([program, "build", "--iidfile", told.name, str(CHECKOUT)], check=True)
        image = Path(told.name).read_text().strip()
    done = subprocess.run(
        [program, "run", "--rm", image, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"call-bridge {__version__}\n"
