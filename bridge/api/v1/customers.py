"""Customers: brought in, changed, looked at. Their numbers go in, and are told by country and kind alone."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.api.desk.daemon import NowMs, TheDaemon
from bridge.api.desk.work import TheWork
from bridge.api.problems import Problem
from bridge.api.v1 import again, pages, shapes
from bridge.api.v1.caller import allowed
from bridge.api.v1.faults import nothing_here
from bridge.api.v1.intake import OF_CUSTOMER, Reader, bringing_in
from bridge.api.v1.versions import IfMatch, IfNoneMatch, etag_of, expect_match, unless_known
from bridge.intake.rows import Column, CustomerRow
from bridge.intake.single import change_customer, put_customer
from bridge.rules.scopes import Scope
from bridge.rules.worth import Standing
from bridge.store.api_tokens import ApiToken
from bridge.store.api_views import CustomerSeen, customer_seen, customers_page
from bridge.store.audit import AuditEntry, write_entry

router = APIRouter(route_class=again.AgainRoute, tags=["customers"])

CustomerId = Annotated[int, Path(ge=1, le=2**53)]
Writer = Annotated[ApiToken, Depends(allowed(Scope.CUSTOMERS_WRITE))]
Viewer = Annotated[ApiToken, Depends(allowed(Scope.CUSTOMERS_READ))]


@router.post(
    "/v1/customers",
    status_code=HTTPStatus.CREATED,
    responses={200: {"model": shapes.Customer, "description": "They were known; they are now as told here."}},
)
async def put(
    asked: shapes.NewCustomer,
    caller: Writer,
    daemon: TheDaemon,
    work: TheWork,
    now_ms: NowMs,
    request: Request,
    response: Response,
    _key: again.Key = None,
) -> shapes.Customer:
    """Bring a customer in, or bring the one of this name and first number up to date.

    Scope: `customers:write`.
    """
    read = Reader(daemon, OF_CUSTOMER)
    row = CustomerRow(
        name=read.text(Column.NAME, asked.name),
        phones=read.phones(asked.phones),
        manager=await read.manager(asked.manager),
        language=asked.language,
    )
    async with bringing_in(daemon) as desk:
        customer_id, is_new = await put_customer(desk.connection, desk.vault, row, desk.managers)
        entry = AuditEntry(now_ms, caller.actor, "customer-put", f"customer {customer_id}")
        await write_entry(desk.connection, entry)
        told = await _told(desk.connection, customer_id)
    request.state.about = customer_id
    work.listeners.queue_changed(*desk.ids_of(told.manager))
    response.headers["ETag"] = etag_of(told)
    response.headers["Location"] = f"/v1/customers/{customer_id}"
    response.status_code = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return told


@router.patch("/v1/customers/{customer_id}")
async def change(
    customer_id: CustomerId,
    asked: shapes.ChangedCustomer,
    caller: Writer,
    daemon: TheDaemon,
    work: TheWork,
    now_ms: NowMs,
    response: Response,
    if_match: IfMatch = None,
) -> shapes.Customer:
    """Change parts of a customer.

    Scope: `customers:write`.
    """
    read = Reader(daemon, OF_CUSTOMER)
    name = None if asked.name is None else read.text(Column.NAME, asked.name)
    phones = read.phones(asked.phones or ())
    manager = await read.manager(asked.manager)
    async with bringing_in(daemon) as desk:
        before = await customer_seen(desk.connection, customer_id)
        if before is None:
            raise nothing_here()
        expect_match(if_match, _customer(before))
        if before.erased:
            detail = "The customer was erased, and is not brought back."
            raise Problem(HTTPStatus.CONFLICT, "erased", detail)
        row = CustomerRow(name=name or before.name, phones=phones, manager=manager, language=asked.language)
        await change_customer(desk.connection, desk.vault, customer_id, row, desk.managers)
        changed = " ".join(sorted(asked.model_fields_set))
        entry = AuditEntry(now_ms, caller.actor, "customer-change", f"customer {customer_id}", changed)
        await write_entry(desk.connection, entry)
        told = await _told(desk.connection, customer_id)
    work.listeners.queue_changed(*desk.ids_of(before.manager, told.manager))
    response.headers["ETag"] = etag_of(told)
    return told


@router.get(
    "/v1/customers/{customer_id}", responses={304: {"description": "It is what `If-None-Match` names."}}
)
async def show(
    customer_id: CustomerId,
    _caller: Viewer,
    daemon: TheDaemon,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> shapes.Customer:
    """One customer.

    Scope: `customers:read`.
    """
    async with daemon.database.read() as connection:
        told = await _told(connection, customer_id)
    return unless_known(told, if_none_match, response)


@router.get("/v1/customers")
async def list_(
    _caller: Viewer, daemon: TheDaemon, cursor: pages.CursorText = None, limit: pages.Limit = 50
) -> shapes.Customers:
    """Customers in the order in which they came.

    Scope: `customers:read`.
    """
    place = pages.read(cursor, int)
    rows = await customers_page(daemon.database, after=place[0] if place else None, limit=limit + 1)
    found, next_cursor = pages.page(rows, limit, lambda customer: (customer.id,))
    return shapes.Customers(customers=[_customer(each) for each in found], next_cursor=next_cursor)


async def _told(connection: AsyncConnection, customer_id: int) -> shapes.Customer:
    """Raises Problem (404)."""
    seen = await customer_seen(connection, customer_id)
    if seen is None:
        raise nothing_here()
    return _customer(seen)


def _customer(seen: CustomerSeen) -> shapes.Customer:
    return shapes.Customer(
        id=seen.id,
        name=seen.name,
        language=seen.language,
        manager=seen.manager,
        do_not_call=seen.do_not_call,
        erased=seen.erased,
        contacts=[
            shapes.Contact(**asdict(each) | {"standing": Standing(each.standing)}) for each in seen.contacts
        ],
        created_ms=seen.created_ms,
    )
