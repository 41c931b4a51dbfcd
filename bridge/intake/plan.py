"""What a batch of rows means for the store: who is who, what is new, what has changed.

Two orders belong to one customer when the first phone and the name are the same. A known order whose row
names another phone or name moves to the customer who has these; where there is none, its customer is changed,
unless other orders are theirs too: no other order may end up at the new number. Numbers are compared by blind
index, never opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.intake.rows import OrderRow
from bridge.store.customers import KnownCustomer
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


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that can be taken, with the blind index of each phone."""

    row: OrderRow
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
    contacts: dict[int, tuple[int, bytes]]
    """Contact id and blind index, by position from 1."""

    @property
    def identity(self) -> Identity | None:
        return (self.contacts[1][1], self.name.casefold()) if 1 in self.contacts else None


class Plan:
    """Decides, row by row, what a batch has to write. `managers` are ids by extension."""

    def __init__(self, vault: Vault, known: Known, managers: dict[str, int]) -> None:
        self.batch = Batch()
        self._vault = vault
        self._managers = managers
        self._next_customer = known.next_customer_id
        self._next_contact = known.next_contact_id
        self._orders = dict(known.orders)
        self._customers = {customer.id: _as_known(customer) for customer in known.customers}
        self._by_identity = {
            customer.identity: customer for customer in self._customers.values() if customer.identity
        }

    def take(self, taken: Taken) -> str:
        """Plan a row: "added", "updated" or "unchanged"."""
        order = self._orders.get(taken.row.code)
        if order is None:
            self._add(taken)
            return "added"
        customer = self._customer_of(order, taken)
        changed = self._bring_up_to_date(customer, taken)
        if (order.customer_id, order.summary) != (customer.id, taken.row.summary):
            self._change(order, customer, taken.row.summary)
            changed = True
        return "updated" if changed else "unchanged"

    def _add(self, taken: Taken) -> None:
        row = taken.row
        customer = self._by_identity.get(taken.identity) or self._new_customer(row)
        self._bring_up_to_date(customer, taken)
        customer.order_count += 1
        self._orders[row.code] = new = KnownOrder(row.code, customer.id, row.summary)
        self.batch.new_orders.append(new)

    def _customer_of(self, order: KnownOrder, taken: Taken) -> _Customer:
        current = self._customers[order.customer_id]
        if current.identity == taken.identity:
            return current
        other = self._by_identity.get(taken.identity)
        if other is not None:
            return other
        return current if current.order_count == 1 else self._new_customer(taken.row)

    def _change(self, order: KnownOrder, customer: _Customer, summary: str) -> None:
        if customer.id != order.customer_id:
            self._customers[order.customer_id].order_count -= 1
            customer.order_count += 1
        self._orders[order.code] = KnownOrder(order.code, customer.id, summary)
        self.batch.changed_orders.append(OrderChange(order.code, customer.id, summary))

    def _new_customer(self, row: OrderRow) -> _Customer:
        customer_id, self._next_customer = self._next_customer, self._next_customer + 1
        data_key = self._vault.new_data_key(customer_id)
        self.batch.new_customers.append(NewCustomer(customer_id, row.name, row.language, data_key))
        customer = _Customer(customer_id, row.name, row.language, data_key, None, 0, {})
        self._customers[customer_id] = customer
        return customer

    def _bring_up_to_date(self, customer: _Customer, taken: Taken) -> bool:
        before, row = customer.identity, taken.row
        changed = self._rename(customer, row)
        for position, (phone, index) in enumerate(zip(row.phones, taken.indexes, strict=True), 1):
            changed |= self._set_contact(customer, position, phone, index)
        if before != customer.identity:
            if before is not None:
                self._by_identity.pop(before, None)
            self._by_identity[taken.identity] = customer
        manager_id = self._managers[row.manager] if row.manager else None
        if manager_id is not None and manager_id != customer.manager_id:
            self.batch.assigned[customer.id] = customer.manager_id = manager_id
            changed = True
        return changed

    def _rename(self, customer: _Customer, row: OrderRow) -> bool:
        """The name that came first stays where only its capitals differ: rows may write it in two ways."""
        name = customer.name if customer.name.casefold() == row.name.casefold() else row.name
        language = row.language or customer.language
        if (customer.name, customer.language) == (name, language):
            return False
        customer.name, customer.language = name, language
        self.batch.changed_customers.append(CustomerChange(customer.id, name, language))
        return True

    def _set_contact(self, customer: _Customer, position: int, phone: ReadNumber, index: bytes) -> bool:
        current = customer.contacts.get(position)
        if customer.data_key is None or (current is not None and current[1] == index):
            return False  # an erased customer gets no new number
        if current is not None:
            self.batch.replaced_contacts.append(current[0])
        contact_id, self._next_contact = self._next_contact, self._next_contact + 1
        kind = ContactKind.PHONE.value
        sealed = self._vault.seal(
            phone.number,
            customer_id=customer.id,
            contact_id=contact_id,
            kind=kind,
            data_key=customer.data_key,
        )
        self.batch.new_contacts.append(
            NewContact(contact_id, customer.id, kind, position, sealed, index, phone.region, phone.line_type)
        )
        customer.contacts[position] = (contact_id, index)
        return True


def _as_known(customer: KnownCustomer) -> _Customer:
    contacts = {place: (contact.id, contact.blind_index) for place, contact in customer.contacts.items()}
    return _Customer(
        customer.id,
        customer.name,
        customer.language,
        customer.data_key,
        customer.manager_id,
        customer.order_count,
        contacts,
    )
