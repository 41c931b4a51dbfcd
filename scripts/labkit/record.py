"""What a lab is: the facts that `lab up` decides on and writes to lab.json, for other programs to read."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from bridge.rules import Role
from labkit.processes import Process

FILE_NAME = "lab.json"
ARI_USER = "call-bridge"


@dataclass(frozen=True)
class LabManager:
    """Somebody with a phone account, whose password this is; the extension is the SIP user name as well."""

    name: str
    password: str = field(repr=False)
    role: str = Role.MANAGER.value


@dataclass
class LabRecord:
    """A lab's facts. Ports are on `bind` where nothing else is said; passwords are the lab's own and random.

    `prepared` tells that keys, managers and orders are in the database.
    """

    folder: Path
    run_folder: Path
    bind: str
    sip_port: int
    rtp_first_port: int
    rtp_last_port: int
    ari_port: int
    redirect_port: int
    desk_port: int
    ari_password: str = field(repr=False)
    carrier: str
    carrier_is_simulated: bool
    managers: dict[str, LabManager]
    prepared: bool = False
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def sip_address(self) -> str:
        return f"{self.bind}:{self.sip_port}"

    @property
    def redirect_address(self) -> str:
        """Where the daemon tells Asterisk what a token stands for."""
        return f"127.0.0.1:{self.redirect_port}"

    @property
    def desk_address(self) -> str:
        """Where browsers find the desk, on this machine alone: the lab has no certificate."""
        return f"127.0.0.1:{self.desk_port}"

    @property
    def desk_url(self) -> str:
        return f"http://{self.desk_address}"

    @property
    def ari_url(self) -> str:
        return f"http://127.0.0.1:{self.ari_port}/ari"

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def ari_password_path(self) -> Path:
        return self.secrets / "ari-password"

    @property
    def var(self) -> Path:
        return self.folder / "var"

    @property
    def log_folder(self) -> Path:
        return self.folder / "log"

    @property
    def database_path(self) -> Path:
        return self.var / "call-bridge.sqlite3"

    @property
    def carrier_recording(self) -> Path:
        """What the simulated carrier received and sent, as JSON lines."""
        return self.log_folder / "carrier.jsonl"

    @property
    def up(self) -> bool:
        """Whether anything of it runs."""
        return any(process.alive for process in self.processes.values())

    def save(self) -> None:
        """Write lab.json, whole or not at all, for its owner alone: it holds passwords."""
        facts = asdict(self)
        facts |= {name: str(getattr(self, name)) for name in DERIVED}
        new = self.folder / f"{FILE_NAME}.new"
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(facts, file, indent=2, default=str)
            file.write("\n")
        new.replace(self.folder / FILE_NAME)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The record of the lab in `folder`; None when there is no readable one."""
        try:
            facts: dict[str, Any] = json.loads((folder / FILE_NAME).read_text())
            for name in DERIVED:
                facts.pop(name, None)
            facts |= {
                # A folder that was moved is the lab's folder all the same.
                "folder": folder,
                "run_folder": Path(facts["run_folder"]),
                "managers": {
                    extension: LabManager(**manager) for extension, manager in facts["managers"].items()
                },
                "processes": {name: Process(**process) for name, process in facts["processes"].items()},
            }
            return cls(**facts)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


# Not decided but following from the rest; written to lab.json so that its readers need not know how.
DERIVED = (
    "sip_address",
    "ari_url",
    "desk_url",
    "config_path",
    "database_path",
    "log_folder",
    "carrier_recording",
)
