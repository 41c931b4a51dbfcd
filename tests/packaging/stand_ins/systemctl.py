#!/usr/bin/python3
"""As much of systemctl as the documented commands need, for a machine without systemd.

It starts what the unit says, as whom the unit says, and waits until that says that it is ready. Of the walls
that the unit asks for it makes none: tests/pbx/test_units.py tries those.
"""

from __future__ import annotations

import os
import pwd
import re
import select
import shlex
import signal
import socket
import sys
from pathlib import Path

UNITS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
RUN = Path("/run/stand-in")
SECONDS = 60


def main(arguments: list[str]) -> None:
    match arguments:
        case ["daemon-reload"]:
            pass
        case ["restart", name]:
            stop(name)
            start(name)
        case ["enable", "--now", name]:
            start(name)
        case ["disable", "--now", name]:
            stop(name)
        case _:
            sys.exit(f"systemctl: {shlex.join(arguments)} can't be done here")


def start(name: str) -> None:
    settings = unit(name)
    RUN.mkdir(exist_ok=True)
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify = RUN / f"{name}.notify"
    notify.unlink(missing_ok=True)
    notices.bind(str(notify))
    notify.chmod(0o666)
    process = os.fork()
    if process == 0:
        become(name, settings, notify)
    (RUN / f"{name}.pid").write_text(str(process))
    watched = os.pidfd_open(process)
    while True:
        ready, _, _ = select.select([notices, watched], [], [], SECONDS)
        if watched in ready or not ready:
            sys.exit(f"Job for {name}.service failed. See /var/log/{name}.service.log.")
        if b"READY=1" in notices.recv(4096):
            return


def unit(name: str) -> dict[str, str]:
    """The last value of each setting."""
    path = next(folder / f"{name}.service" for folder in UNITS if (folder / f"{name}.service").exists())
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))


def become(name: str, settings: dict[str, str], notify: Path) -> None:
    os.setsid()
    log = os.open(f"/var/log/{name}.service.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    for stream, opened in enumerate((os.open("/dev/null", os.O_RDONLY), log, log)):
        os.dup2(opened, stream)
    os.chdir("/")
    os.umask(int(settings.get("UMask", "022"), 8))
    user = pwd.getpwnam(settings.get("User", "root"))
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    command = shlex.split(settings["ExecStart"])
    environment = {"PATH": "/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "NOTIFY_SOCKET": str(notify)}
    os.execve(command[0], command, environment)


def stop(name: str) -> None:
    try:
        process = int((RUN / f"{name}.pid").read_text())
        watched = os.pidfd_open(process)
    except (FileNotFoundError, ProcessLookupError):
        return
    os.kill(process, signal.SIGTERM)
    if not select.select([watched], [], [], SECONDS)[0]:
        sys.exit(f"{name} does not end")


if __name__ == "__main__":
    main(sys.argv[1:])
