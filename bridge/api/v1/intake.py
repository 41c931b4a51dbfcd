"""From what a program says to what the intake takes; what it refuses is told by its place in the body."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.api.desk.daemon import DeskDaemon
from bridge.api.problems import Problem, sealed
from bridge.api.v1.faults import refused_row
from bridge.intake.rows import (
    LONGEST_ITEMS,
    Column,
    RowRefused,
    checked_phone,
    checked_text,
    different,
)
from bridge.intake.single import Managers, active, extension_of
from bridge.store.managers import enabled_ids, list_managers
from bridge.vault import KeyUnusable, ReadNumber, SealBroken, Vault

Pointers = Mapping[Column, str]

OF_CUSTOMER: Final[Pointers] = {
    Column.NAME: "#/name",
    Column.PHONE: "#/phones/0",
    Column.SECOND_PHONE: "#/phones/1",
    Column.MANAGER: "#/manager",
}
OF_ORDER: Final[Pointers] = {
    Column.ORDER: "#/code",
    Column.NAME: "#/customer/name",
    Column.PHONE: "#/customer/phones/0",
    Column.SECOND_PHONE: "#/customer/phones/1",
    Column.SUMMARY: "#/summary",
    Column.ITEMS: "#/items",
    Column.MANAGER: "#/manager",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What bringing something in takes: an open transaction, the vault, and who may be given customers."""

    connection: AsyncConnection
    vault: Vault
    managers: Managers

    def ids_of(self, *extensions: str | None) -> list[int]:
        """Of those who may be given customers."""
        return [self.managers[each] for each in extensions if each is not None and each in self.managers]


@asynccontextmanager
async def bringing_in(daemon: DeskDaemon) -> AsyncIterator[Desk]:
    """A transaction that is undone by any Problem. Raises Problem where nothing can be sealed."""
    if daemon.vault is None:
        raise sealed()
    managers = await enabled_ids(daemon.database)
    with broken_seals_told():
        async with daemon.database.write() as connection:
            yield Desk(connection, daemon.vault, managers)


@contextmanager
def broken_seals_told() -> Iterator[None]:
    """Raises Problem where something can't be sealed, or what is sealed does not open."""
    try:
        yield
    except KeyUnusable:
        raise sealed() from None
    except SealBroken:
        detail = "The customer's key was altered in the database, or copied from another customer."
        raise Problem(HTTPStatus.CONFLICT, "seal-broken", detail) from None


class Reader:
    """Reads the parts of one body, which `pointers` places."""

    def __init__(self, daemon: DeskDaemon, pointers: Pointers) -> None:
        self._daemon = daemon
        self._pointers = pointers

    def text(self, column: Column, told: str) -> str:
        """Raises Problem."""
        try:
            return checked_text(column, told)
        except RowRefused as refused:
            problem = refused_row(refused, self._pointers)
        raise problem

    def items(self, told: Sequence[str]) -> tuple[str, ...]:
        """Raises Problem."""
        try:
            checked_text(Column.ITEMS, " ; ".join(told), LONGEST_ITEMS)
        except RowRefused as refused:
            problem = refused_row(refused, self._pointers)
        else:
            return tuple(told)
        raise problem

    def phones(self, told: Sequence[SecretStr]) -> tuple[ReadNumber, ...]:
        """Raises Problem."""
        country = self._daemon.config.shop.country
        columns = (Column.PHONE, Column.SECOND_PHONE)
        try:
            read = [
                checked_phone(column, phone.get_secret_value(), country)
                for column, phone in zip(columns, told, strict=False)
            ]
        except RowRefused as refused:
            problem = refused_row(refused, self._pointers)
        else:
            return different(read)
        raise problem

    async def manager(self, told: str | None) -> str | None:
        """The extension. Raises Problem."""
        if told is None:
            return None
        try:
            return extension_of(told, active(await list_managers(self._daemon.database)))
        except RowRefused as refused:
            problem = refused_row(refused, self._pointers)
        raise problem
