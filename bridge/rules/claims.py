"""Who is about to call whom: no two managers are given one customer. Pure, but for what it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLAIM_MS: Final = 10 * 60_000
"""A claim lapses when it is so old: whoever took the order has gone to lunch."""


@dataclass(frozen=True, slots=True)
class _Claim:
    customer_id: int
    until_ms: int


class Claims:
    """One customer at most for each manager, and one manager for each customer.

    Bounded by the number of managers: whoever takes another customer lets the one before go.
    """

    def __init__(self) -> None:
        self._of_manager: dict[int, _Claim] = {}

    def __len__(self) -> int:
        return len(self._of_manager)

    def take(self, customer_id: int, manager_id: int, now_ms: int) -> bool:
        """Claim a customer; False where somebody else has. One's own claim begins anew."""
        if self.is_others(customer_id, manager_id, now_ms):
            return False
        self._of_manager[manager_id] = _Claim(customer_id, now_ms + CLAIM_MS)
        return True

    def customer_of(self, manager_id: int, now_ms: int) -> int | None:
        """Whom the manager has claimed."""
        claim = self._of_manager.get(manager_id)
        return claim.customer_id if claim is not None and now_ms < claim.until_ms else None

    def is_others(self, customer_id: int, manager_id: int, now_ms: int) -> bool:
        """Whether somebody else than this manager has claimed the customer."""
        return any(
            claim.customer_id == customer_id and now_ms < claim.until_ms
            for holder, claim in self._of_manager.items()
            if holder != manager_id
        )
