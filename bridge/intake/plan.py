"""What a batch of rows means for the store: who is who, what is new, what has changed.

Two orders belong to one customer when the first phone and the name are the same. A known order whose row
names another phone or name moves to the customer who has these; where there is none, its customer is changed,
unless other orders are theirs too: no other order may end up at the new number. Numbers are compared by blind
index, never opened.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Generic, TypeVar

from bridge.intake.diagnosis import Diagnosis
from bridge.intake.rows import CustomerRow, OrderRow
from bridge.rules.worklist import Why
from bridge.rules.worth import Standing
from bridge.store.customers import KnownCustomer, Mended
from bridge.store.database import now_ms
from bridge.store.orders import (
    Batch,
    CustomerChange,
    Known,
    KnownOrder,
    NewContact,
    NewCustomer,
    OrderChange,
)
from bridge.store.schema import ContactKind
from bridge.vault import ReadNumber, Vault

Identity = tuple[bytes, str]
"""What makes a customer: the blind index of the first phone, and the name without regard to case."""


RowT_co = TypeVar("RowT_co", bound=CustomerRow, covariant=True)


@dataclass(frozen=True, slots=True)
class Taken(Generic[RowT_co]):
    """A row that can be taken, with the blind index of each phone."""

    row: RowT_co
    indexes: tuple[bytes, ...]

    @property
    def identity(self) -> Identity:
        return self.indexes[0], self.row.name.casefold()


@dataclass(slots=True)
class _Customer:
    """A customer as the batch will leave them."""

    id: int
    name: str
    language: str | None
    data_key: bytes | None
    manager_id: int | None
    order_count: int
    do_not_call: bool
    contacts: dict[int, tuple[int, bytes]]
    """Contact id and blind index, by position from 1."""
    mended: Set[Mended] = frozenset()
    """Mistyped numbers of theirs that were repaired: the file that brought one must not bring it back."""

    @property
    def identity(self) -> Identity | None:
        return (self.contacts[1][1], self.name.casefold()) if 1 in self.contacts else None

    @property
    def former_identities(self) -> list[Identity]:
        return [(index, self.name.casefold()) for position, index in self.mended if position == 1]


class Plan:
    """Decides, row by row, what a batch has to write. `managers` are ids by extension."""

    def __init__(self, vault: Vault, known: Known, managers: dict[str, int]) -> None:
        self.batch = Batch()
        self._vault = vault
        self._managers = managers
        self._next_customer = known.next_customer_id
        self._next_contact = known.next_contact_id
        self._not_to_call = known.not_to_call
        self._orders = dict(known.orders)
        self._customers = {customer.id: _as_known(customer) for customer in known.customers}
        self._by_identity = {
            identity: customer for customer in self._customers.values() if (identity := customer.identity)
        }
        for customer in self._customers.values():
            for identity in customer.former_identities:
                self._by_identity.setdefault(identity, customer)

    def take(self, taken: Taken[OrderRow]) -> str:
        """Plan a row: "added", "updated" or "unchanged"."""
        order = self._orders.get(taken.row.code)
        if order is None:
            self._add(taken)
            return "added"
        if self._customers[order.customer_id].data_key is None:
            return "unchanged"  # the file that brought an erased customer must not bring them back
        customer = self._customer_of(order, taken)
        changed = self._bring_up_to_date(customer, taken)
        changed |= self._change(order, customer, taken.row)
        return "updated" if changed else "unchanged"

    def take_customer(self, taken: Taken[CustomerRow]) -> int:
        """Plan a customer who comes without an order; returns their id."""
        customer = self._by_identity.get(taken.identity) or self._new_customer(taken.row)
        self._bring_up_to_date(customer, taken)
        return customer.id

    def change_customer(self, customer_id: int, taken: Taken[CustomerRow]) -> None:
        """Plan what changes of a customer who is known; where `taken` has no phones, theirs stay."""
        self._bring_up_to_date(self._customers[customer_id], taken)

    def _add(self, taken: Taken[OrderRow]) -> None:
        row = taken.row
        customer = self._by_identity.get(taken.identity) or self._new_customer(row)
        self._bring_up_to_date(customer, taken)
        customer.order_count += 1
        why = Why.DONE if customer.do_not_call or self._is_left_alone(customer) else Why.NEW
        items = "\n".join(row.items or ())
        new = KnownOrder(row.code, customer.id, row.summary, items, row.priority or 0, why.value)
        self._orders[row.code] = new
        self.batch.new_orders.append(new)

    def has_number_not_to_call(self, taken: Taken[OrderRow]) -> bool:
        return not self._not_to_call.isdisjoint(taken.indexes)

    def _is_left_alone(self, customer: _Customer) -> bool:
        """Whether no number of theirs may be called."""
        return all(index in self._not_to_call for _, index in customer.contacts.values())

    def _customer_of(self, order: KnownOrder, taken: Taken[OrderRow]) -> _Customer:
        current = self._customers[order.customer_id]
        if taken.identity in (current.identity, *current.former_identities):
            return current
        other = self._by_identity.get(taken.identity)
        if other is not None:
            return other
        return current if current.order_count == 1 else self._new_customer(taken.row)

    def _change(self, order: KnownOrder, customer: _Customer, row: OrderRow) -> bool:
        """What a manager has made of the order stays: neither why it waits nor until when is the file's."""
        changed = order._replace(
            customer_id=customer.id,
            summary=row.summary,
            items=order.items if row.items is None else "\n".join(row.items),
            priority=order.priority if row.priority is None else row.priority,
        )
        if changed == order:
            return False
        if customer.id != order.customer_id:
            self._customers[order.customer_id].order_count -= 1
            customer.order_count += 1
        self._orders[order.code] = changed
        self.batch.changed_orders.append(
            OrderChange(order.code, customer.id, changed.summary, changed.items, changed.priority)
        )
        return True

    def _new_customer(self, row: CustomerRow) -> _Customer:
        customer_id, self._next_customer = self._next_customer, self._next_customer + 1
        data_key = self._vault.new_data_key(customer_id)
        self.batch.new_customers.append(NewCustomer(customer_id, row.name, row.language, data_key))
        customer = _Customer(customer_id, row.name, row.language, data_key, None, 0, False, {})
        self._customers[customer_id] = customer
        return customer

    def _bring_up_to_date(self, customer: _Customer, taken: Taken[CustomerRow]) -> bool:
        before, row = customer.identity, taken.row
        changed = self._rename(customer, row)
        for position, (phone, index) in enumerate(zip(row.phones, taken.indexes, strict=True), 1):
            changed |= self._set_contact(customer, position, phone, index, row.doubts.get(position))
        after = customer.identity if changed else before
        if before != after and after is not None:
            if before is not None:
                self._by_identity.pop(before, None)
            self._by_identity[after] = customer
        manager_id = self._managers[row.manager] if row.manager else None
        if manager_id is not None and manager_id != customer.manager_id:
            self.batch.assigned[customer.id] = customer.manager_id = manager_id
            changed = True
        return changed

    def _rename(self, customer: _Customer, row: CustomerRow) -> bool:
        """The name that came first stays where only its capitals differ: rows may write it in two ways."""
        same = customer.name == row.name or customer.name.casefold() == row.name.casefold()
        name = customer.name if same else row.name
        language = row.language or customer.language
        if (customer.name, customer.language) == (name, language):
            return False
        customer.name, customer.language = name, language
        self.batch.changed_customers.append(CustomerChange(customer.id, name, language))
        return True

    def _set_contact(
        self, customer: _Customer, position: int, phone: ReadNumber, index: bytes, doubt: Diagnosis | None
    ) -> bool:
        current = customer.contacts.get(position)
        if customer.data_key is None or (current is not None and current[1] == index):
            return False  # an erased customer gets no new number
        if (position, index) in customer.mended:
            return False
        if current is not None:
            self.batch.replaced_contacts.append(current[0])
        new = self._sealed(customer.id, customer.data_key, position, phone, index)
        if doubt is not None:
            hint, standing = doubt.hints[0].value, Standing.SUSPECT.value
            new = new._replace(hint=hint, standing=standing, doubted_ms=now_ms())
        self.batch.new_contacts.append(new)
        customer.contacts[position] = (new.id, index)
        if doubt is not None and doubt.repair is not None:
            self._add_repair(customer.data_key, new, doubt.repair)
        return True

    def _add_repair(self, data_key: bytes, mistyped: NewContact, repair: ReadNumber) -> None:
        """Sealed beside the number that it mends, while both are in hand: later nothing has to be opened."""
        index = self._vault.blind_index(repair.number)
        new = self._sealed(mistyped.customer_id, data_key, mistyped.position, repair, index)
        self.batch.new_contacts.append(
            new._replace(standing=Standing.WRONG.value, mends=mistyped.id, proposed_ms=mistyped.doubted_ms)
        )

    def _sealed(
        self, customer_id: int, data_key: bytes, position: int, phone: ReadNumber, index: bytes
    ) -> NewContact:
        contact_id, self._next_contact = self._next_contact, self._next_contact + 1
        kind = ContactKind.PHONE.value
        sealed = self._vault.seal(
            phone.number, customer_id=customer_id, contact_id=contact_id, kind=kind, data_key=data_key
        )
        return NewContact(
            contact_id,
            customer_id,
            kind,
            position,
            sealed,
            index,
            phone.region,
            phone.line_type,
            phone.timezone,
        )


def _as_known(customer: KnownCustomer) -> _Customer:
    contacts = {place: (contact.id, contact.blind_index) for place, contact in customer.contacts.items()}
    return _Customer(
        customer.id,
        customer.name,
        customer.language,
        customer.data_key,
        customer.manager_id,
        customer.order_count,
        customer.do_not_call,
        contacts,
        customer.mended,
    )
