"""A Debian in a folder, with as little in it as its packages can be installed into."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from labkit import debian

# What dpkg, useradd and the like keep of their own doing.
_NOT_OURS = ("var/lib/dpkg/", "var/log/", "tmp/", "dev/", "proc/")
_BACKUPS = (
    "etc/.pwd.lock",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
    "etc/subuid-",
    "etc/subgid-",
)


class SmallSystem:
    """Its programs see nothing else. It takes root to run them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def new(cls, root: Path, asterisks_files: Path | None) -> SmallSystem:
        """One as after the installation of an Asterisk that has these configuration files, if any."""
        shutil.copytree(debian.unpacked(debian.SMALL_SYSTEM).path, root, symlinks=True)
        for folder in ("dev", "proc", "tmp", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "etc"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name in ("status", "available"):
            (root / "var/lib/dpkg" / name).touch()
        (root / "dev/null").touch()
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
        (root / "etc/group").write_text("root:x:0:\n")
        (root / "etc/timezone").write_text("Europe/London\n")
        if asterisks_files is not None:
            shutil.copytree(asterisks_files, root / "etc/asterisk")
        return cls(root)

    def __call__(self, *command: str, user: str = "root") -> str:
        done = subprocess.run(
            ["chroot", f"--userspec={user}", self.root, *command],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "DEBIAN_FRONTEND": "noninteractive",
                "TERM": "dumb",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def install(self, package: Path) -> str:
        shutil.copy(package, self.root / "tmp" / "call-bridge.deb")
        # Of what it depends on dpkg knows nothing here: those packages were only unpacked.
        return self("dpkg", "--force-depends,unsafe-io", "--install", "/tmp/call-bridge.deb")

    def picture(self) -> dict[str, tuple[int, bytes | str]]:
        found: dict[str, tuple[int, bytes | str]] = {}
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if name.startswith(_NOT_OURS) or name in _BACKUPS or "__pycache__" in name:
                continue
            if path.is_symlink():
                found[name] = (0, str(path.readlink()))
            elif path.is_file():
                # Of the package's own there is too much to be read again and again.
                content = str(path.stat().st_size) if name.startswith("opt/") else path.read_bytes()
                found[name] = (path.stat().st_mode, content)
        return found
