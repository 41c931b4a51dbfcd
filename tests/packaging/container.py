"""The Containerfile, and what its image does, as far as that can be tried where nothing can build it.

The image's last stage is carried out in a small Debian: its COPY, RUN and ENV, but for what apt installs, and
that is there. The page's `podman run` then runs in it by bubblewrap: same user, same places, same walls.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from newcomer import PAGE
from small_system import SmallSystem

from labkit import debian
from labkit.places import CHECKOUT

CONTAINERFILE: Final = CHECKOUT / "Containerfile"


@dataclass(frozen=True)
class Step:
    """One instruction: RUN, with all that follows it on its lines."""

    name: str
    rest: str


def stages() -> list[list[Step]]:
    """The Containerfile's instructions, from each FROM on."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", "")
    found: list[list[Step]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Step(name, rest.strip()))
    return found


def copied(stage: Sequence[Step]) -> list[tuple[list[str], str]]:
    """What is copied from the checkout, and where to."""
    parts = [step.rest.split() for step in stage if step.name == "COPY" and "--from=" not in step.rest]
    return [(sources, target) for *sources, target in parts]


def only(stage: Sequence[Step], name: str) -> str:
    (rest,) = [step.rest for step in stage if step.name == name]
    return rest


def health_check() -> list[str]:
    command: list[str] = json.loads(only(stages()[-1], "HEALTHCHECK").partition("CMD")[2])
    return command


def documented(command: str) -> list[str]:
    """The words of the page's line that begins so, its variable filled in."""
    section = PAGE.read_text().partition("### In a container\n")[2].partition("\n## ")[0]
    places = re.search(r'^places="(.*)"$', section, re.MULTILINE)
    (line,) = re.findall(rf"^(?:.*\| )?({command}.*)$", section, re.MULTILINE)
    assert places
    return shlex.split(line.replace("$places", places[1]))


class Host:
    """A machine with an Asterisk's files, on which containers of the image run. It takes root."""

    def __init__(self, folder: Path, environment: Path, asterisks_group: int) -> None:
        self._folder = folder
        self._image = folder / "image"
        self._build(environment)
        etc = self.place("/etc/asterisk")
        shutil.copytree(debian.unpacked(debian.ASTERISK).path / "etc/asterisk", etc)
        subprocess.run(["chgrp", "-R", str(asterisks_group), etc], check=True)
        self.place("/etc/call-bridge").mkdir()

    def _build(self, environment: Path) -> None:
        """`environment` is what the build stage would have made."""
        system = SmallSystem.new(self._image, None)
        shutil.copytree(environment, self._image / "opt/call-bridge", symlinks=True)
        for sources, target in copied(stages()[-1]):
            for source in sources:
                shutil.copytree(CHECKOUT / source, self._image / target.lstrip("/"), dirs_exist_ok=True)
        for step in stages()[-1]:
            if step.name == "RUN" and "apt-get" not in step.rest:
                system("/bin/sh", "-c", step.rest)

    def place(self, where: str) -> Path:
        """A folder of the host's, or a volume, which is new as the image has it."""
        if where.startswith("/"):
            place = self._folder / "host" / where.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            return place
        return self._folder / where

    def _volume(self, name: str, target: str) -> Path:
        place, in_image = self.place(name), self._image / target.lstrip("/")
        if not place.exists():
            in_image.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", in_image, place], check=True)
        return place

    def command(self, podman_run: Sequence[str], instead: Sequence[str] = ()) -> list[str]:
        """What to run for this `podman run`; `instead` is run in a container of the same options."""
        options, arguments = _options(podman_run)
        last = stages()[-1]
        inside = instead or [
            *json.loads(only(last, "ENTRYPOINT")),
            *(arguments or json.loads(only(last, "CMD"))),
        ]
        variables = dict(each.split("=", 1) for each in only(last, "ENV").split())
        user = options.user or only(last, "USER")
        mounts: list[str] = []
        for source, target, *mode in (each.split(":") for each in options.volume):
            mounts += ["--ro-bind" if mode == ["ro"] else "--bind", str(self._volume(source, target)), target]
        return [
            *debian.unpacked(debian.BUBBLEWRAP).command("usr/bin/bwrap"),
            *("--ro-bind" if options.read_only else "--bind", str(self._image), "/", *mounts),
            *("--dev", "/dev", "--proc", "/proc", "--chdir", only(last, "WORKDIR")),
            *("--unshare-net", "--unshare-pid", "--die-with-parent", "--cap-add", "ALL", "--clearenv"),
            *(part for name, value in variables.items() for part in ("--setenv", name, value)),
            *("chroot", f"--userspec={user}", "--skip-chdir", "/", *inside),
        ]

    def run(self, podman_run: Sequence[str], *more: str, typed: str = "") -> str:
        done = subprocess.run(
            self.command([*podman_run, *more]), input=typed, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _options(podman_run: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Those that this stands in for; others are no options of podman's that the page may use."""
    parser = argparse.ArgumentParser()
    for flag in ("--rm", "-it", "-i", "--detach", "--read-only"):
        parser.add_argument(flag, action="store_true")
    for name in ("--name", "--network", "--user", "--cap-drop", "--security-opt", "--ulimit"):
        parser.add_argument(name)
    parser.add_argument("-v", dest="volume", action="append", default=[])
    parser.add_argument("words", nargs=argparse.REMAINDER)
    assert podman_run[:3] == ["sudo", "podman", "run"]
    options = parser.parse_args(podman_run[3:])
    assert options.words[0] == "localhost/call-bridge"
    return options, options.words[1:]
