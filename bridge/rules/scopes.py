"""What a token of the API for integrators may be good for. Pure."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """A part of the API. Who may write may not read by that."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    CALLS_READ = "calls:read"
    CALLS_WRITE = "calls:write"
    """Place a call."""
    RESULTS_READ = "results:read"
    EVENTS_READ = "events:read"
