"""What the store refuses, in words for whoever has to act: codes and extensions, and nothing more."""

from __future__ import annotations

from pathlib import Path


class DatabaseUnusable(Exception):
    """The database file cannot be used as it is; the message says what to do."""

    def __init__(self, path: Path, trouble: str, remedy: str) -> None:
        super().__init__(f"{path}: {trouble}. {remedy}.")
        self.path = path


class StoreRefused(ValueError):
    """A request that contradicts what is stored."""


class ExtensionTaken(StoreRefused):
    def __init__(self, extension: str) -> None:
        super().__init__(f"extension {extension} already belongs to a manager")


class InvalidManager(StoreRefused):
    """A manager's name, extension or role is not one."""


class UnknownManager(StoreRefused):
    def __init__(self, extension: str) -> None:
        super().__init__(f"no manager has extension {extension}")


class ManagerDisabled(StoreRefused):
    def __init__(self, extension: str) -> None:
        super().__init__(f"the manager with extension {extension} is disabled")


class UnknownOrder(StoreRefused):
    def __init__(self, code: str) -> None:
        super().__init__(f"there is no order {code}")
