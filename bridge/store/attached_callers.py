"""A call of somebody whom nobody knew becomes one of an order, and its number a proposed contact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert

from bridge.calls.model import Kind, Result
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import UnknownOrder
from bridge.store.new_contacts import CALLER_LABEL, add_contact, contact_with
from bridge.store.number_links import CUSTOMER_SEEN
from bridge.store.schema import calls
from bridge.store.worklist import whose
from bridge.vault import ReadNumber, Vault

_ADD_CALL: Final = insert(calls)


@dataclass(frozen=True, slots=True)
class AttachedCall:
    """`at_ms` is when it went on in the dialplan: what came of it there is known to nobody here."""

    id: str
    at_ms: int
    number: ReadNumber | None


async def may_attach_to(db: Database, code: str, *, sees: int | None) -> bool:
    """Whether there is such an order for a manager who may see these customers, None for everybody's."""
    async with db.read() as connection:
        return (await connection.execute(CUSTOMER_SEEN, {"code": code} | whose(sees))).first() is not None


async def attach_call(
    db: Database,
    vault: Vault,
    code: str,
    call: AttachedCall,
    *,
    manager_id: int,
    sees: int | None,
    actor: str,
    now_ms: int,
) -> None:
    """Put the call on record as one of this order, and propose its number to a supervisor.

    A number that is the customer's already is not proposed. `sees` is whose customers the manager may see,
    None for everybody's. Raises UnknownOrder for one that they may not see, and for one of an erased
    customer; SealBroken.
    """
    async with db.write() as connection:
        customer = (await connection.execute(CUSTOMER_SEEN, {"code": code} | whose(sees))).first()
        if customer is None:
            raise UnknownOrder(code)
        contact_id = None
        if call.number is not None:
            index = vault.blind_index(call.number.number)
            contact_id = await contact_with(connection, customer.customer_id, index)
            if contact_id is None:
                contact_id = await add_contact(
                    connection,
                    vault,
                    call.number,
                    customer_id=customer.customer_id,
                    data_key=customer.data_key,
                    at_ms=now_ms,
                    label=CALLER_LABEL,
                    proposed_by=manager_id,
                    proposed_ms=now_ms,
                )
        values = {
            "id": call.id,
            "kind": Kind.CALLBACK.value,
            "order_code": code,
            "manager_id": manager_id,
            "contact_id": contact_id,
            "started_ms": call.at_ms,
            "ended_ms": call.at_ms,
            "result": Result.PASSED_ON.value,
        }
        await connection.execute(_ADD_CALL, values)
        detail = "" if contact_id is None else f"contact {contact_id}"
        await write_entry(connection, AuditEntry(now_ms, actor, "caller-attach", f"order {code}", detail))
