"""`call-bridge erase`: a customer who wants to be forgotten is."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import shown
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.store.erasure import Erasable, customer_of_order, erasable, erase_customer
from bridge.store.errors import CustomerErased


def erase(
    context: typer.Context,
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="An order of the customer who is to be erased.")
    ] = None,
    customer: Annotated[
        int | None, typer.Option("--customer", metavar="ID", help="The customer, by id, instead of an order.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Erase a customer: name, numbers and what was ordered, for ever. Their calls stay in the statistics.

    The key that their numbers were sealed with is destroyed, so no copy of them in this database opens again.
    """
    if (code is None) == (customer is None):
        raise typer.BadParameter("name either an order or --customer, and not both")
    config = configuration(context)
    doomed = asyncio.run(_look_up(config, code, customer))
    typer.echo(_consequences(doomed))
    if not yes:
        typer.confirm("Erase this customer?", abort=True)
    if not asyncio.run(_erase(config, doomed.customer_id)):
        raise CommandFailed(
            Exit.DATABASE,
            f"Customer {doomed.customer_id} is erased, but a program that reads the database keeps old pages "
            "of its log: run this command again when it has ended.",
        )
    typer.echo(f"Customer {doomed.customer_id} is erased.")


def _consequences(doomed: Erasable) -> str:
    orders = ", ".join(doomed.order_codes) or "none"
    return (
        f"Customer {doomed.customer_id}: {shown(doomed.name)}. Orders: {orders}.\n"
        f"Erased for ever: the name, what was ordered, and the contacts ({doomed.contacts}). Nobody can call "
        "them any more, and when they call back nobody knows who it is.\n"
        f"Kept: the order codes, and when calls took place and how they ended ({doomed.calls}).\n"
        "Not reached: backups made before now. Whoever has one of these and the keys can read the numbers in "
        "it until that backup is deleted."
    )


async def _look_up(config: Config, code: str | None, customer: int | None) -> Erasable:
    async with database(config) as db:
        customer_id = customer if code is None else await customer_of_order(db, code)
        assert customer_id is not None  # noqa: S101 - `erase` has seen to it that one of the two is there
        try:
            return await erasable(db, customer_id)
        except CustomerErased:
            await db.forget_old_pages()  # whoever erased them may have been interrupted before this
            raise


async def _erase(config: Config, customer_id: int) -> bool:
    async with database(config) as db:
        return await erase_customer(db, customer_id, command_giver())
