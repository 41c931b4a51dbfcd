"""A reload takes over the whole of a configuration or nothing of it, and says why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bridge.config import Config, Keys, known_keys
from bridge.reload import CHANGES_WHILE_RUNNING, KEYS_THAT_CHANGE_WHILE_RUNNING, Reload, RunningConfig
from bridge.vault import KeyMissing, KeyRing, Vault

CONFIG = """\
shop:
  name: Example Shop
  country: GB
  timezone: Europe/London
trunk:
  caller_id_name: Example Shop
  caller_id_number: "+442079460000"
  direct: PJSIP/{number}@trunk
keys:
  file: keys
"""


@dataclass
class Daemon:
    """What a reload reaches: `fault` is what its keys raise."""

    path: Path
    fault: Exception | None = None
    taken_over: list[Config] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path.write_text(CONFIG)
        self.running = RunningConfig(self.path)

    async def reload(self, text: str) -> Reload:
        self.path.write_text(text)
        return await self.running.reload(self._unlock, lambda config, _vault: self.taken_over.append(config))

    async def _unlock(self, keys: Keys) -> Vault:
        if self.fault is not None:
            raise self.fault
        return Vault(KeyRing.new())


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path / "config.yaml")


def with_(text: str) -> str:
    return CONFIG + text


async def test_a_changed_rule_is_taken_over(daemon: Daemon) -> None:
    before = daemon.running.loaded_ms
    reload = await daemon.reload(with_("rules:\n  limits:\n    per_hour: 7\n"))
    assert reload.loaded
    assert [config.rules.limits.per_hour for config in daemon.taken_over] == [7]
    assert daemon.running.config is daemon.taken_over[0]
    assert daemon.running.loaded_ms >= before
    assert not daemon.running.changed_on_disk


async def test_a_fault_leaves_the_old_one_in_use_and_is_told_with_file_and_line(daemon: Daemon) -> None:
    old = daemon.running.config
    reload = await daemon.reload(with_("rules:\n  limits:\n    per_hour: 0\n"))
    assert not reload.loaded
    assert reload.problems == ("config.yaml:13: rules.limits.per_hour: must be 1 or more",)
    assert daemon.taken_over == []
    assert daemon.running.config is old
    assert daemon.running.changed_on_disk


async def test_what_needs_a_restart_keeps_the_rest_of_the_file_out_too(daemon: Daemon) -> None:
    text = with_("rules:\n  limits:\n    per_hour: 7\nstore:\n  path: elsewhere.db\n")
    reload = await daemon.reload(text.replace("@trunk", "@line"))
    assert not reload.loaded
    assert reload.restart_for == ("trunk.direct", "store.path")
    assert daemon.taken_over == []
    assert daemon.running.config.rules.limits.per_hour != 7


@pytest.mark.parametrize("fault", [KeyMissing("no ring"), OperationalError("", {}, Exception("locked"))])
async def test_keys_that_cannot_be_used_keep_the_file_out(daemon: Daemon, fault: Exception) -> None:
    daemon.fault = fault
    reload = await daemon.reload(with_("rules:\n  limits:\n    per_hour: 7\n"))
    assert len(reload.problems) == 1
    assert reload.problems[0].startswith("config.yaml: keys: ")
    assert daemon.taken_over == []


async def test_the_keys_are_read_again_though_the_file_is_the_same(daemon: Daemon) -> None:
    assert (await daemon.reload(CONFIG)).loaded
    assert len(daemon.taken_over) == 1


async def test_a_file_that_is_gone_is_a_fault_like_others(daemon: Daemon) -> None:
    daemon.path.unlink()
    assert daemon.running.changed_on_disk
    reload = await daemon.running.reload(daemon._unlock, lambda *_: None)
    assert reload.problems == ("config.yaml: can't be read: No such file or directory",)


async def test_the_last_reload_is_the_one_that_is_told(daemon: Daemon) -> None:
    await daemon.reload("nonsense")
    await daemon.reload(CONFIG)
    assert daemon.running.last_reload is not None
    assert daemon.running.last_reload.loaded


def test_every_section_that_changes_while_running_exists() -> None:
    assert {key[0] for key in known_keys()} >= CHANGES_WHILE_RUNNING
    assert set(known_keys()) >= KEYS_THAT_CHANGE_WHILE_RUNNING


async def test_one_key_may_change_while_the_rest_of_its_section_does_not(daemon: Daemon) -> None:
    assert (await daemon.reload(CONFIG + 'agi: {peers: ["192.0.2.7"]}\n')).loaded
    assert daemon.running.config.agi.peers == {"192.0.2.7"}
    changed = await daemon.reload(CONFIG + 'agi: {listen: "127.0.0.1:4573", peers: ["192.0.2.7"]}\n')
    assert changed.restart_for == ("agi.listen",)


async def test_so_may_what_is_below_such_a_key(daemon: Daemon) -> None:
    assert (await daemon.reload(CONFIG + "callbacks: {hours: {sunday: []}, holidays: [12-25]}\n")).loaded
    assert daemon.running.config.callbacks.hours.sunday == ()
