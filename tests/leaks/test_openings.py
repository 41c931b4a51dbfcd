"""Takes away what keeps numbers in, and sees them come out: no closing is there for show.

Most ways are closed more than once. So for each family of ways everything that closes it is opened together,
which must leak; and then everything but one thing, which must not: that one holds alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from _pytest.mark import ParameterSet
from families import FAMILIES, Family
from openings import Closing, Shop, opened_shop

from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab

Opened = tuple[Closing, ...]
Case = tuple[Family, str, Opened]

AT_START = tuple(
    dict.fromkeys(closing for family in FAMILIES for closing in family.closings if closing.takes_a_restart)
)
"""A restart takes seconds: these are opened together, and closed together."""


def takes_a_restart(family: Family) -> bool:
    return any(closing.takes_a_restart for closing in family.closings)


def all_of(family: Family) -> Opened:
    others = AT_START if takes_a_restart(family) else ()
    return tuple(dict.fromkeys((*family.closings, *family.besides, *others)))


def all_but(family: Family, kept: Closing) -> Opened:
    closed = AT_START if kept.takes_a_restart else (kept,)
    return tuple(closing for closing in all_of(family) if closing not in closed)


def trouble(case: Case) -> tuple[bool, bool, tuple[str, ...]]:
    """What goes together in this order makes few restarts, and few changes in the way of dialling.

    Many modules stay until Asterisk ends.
    """
    family, _, opened = case
    modules = tuple(module for closing in opened for module in closing.modules)
    restart = any(closing.takes_a_restart for closing in opened)
    return restart, restart is not family.direct, modules


def in_order(cases: Iterable[Case], *, reverse: bool = False) -> list[ParameterSet]:
    ordered = sorted(cases, key=trouble, reverse=reverse)
    return [pytest.param(family, opened, id=f"{family}{name}") for family, name, opened in ordered]


OPEN = in_order((family, "", all_of(family)) for family in FAMILIES)
ALONE = in_order(
    (
        (family, f"-{kept}", all_but(family, kept))
        for family in FAMILIES
        if not family.idle and len(family.closings) > 1
        for kept in family.closings
    ),
    reverse=True,
)
LINES = in_order(
    {
        line: (family, f"-{line[1]}", (*all_but(family, closing), Closing("", (line,))))
        for family in FAMILIES
        if not family.idle
        for closing in family.closings
        if len(closing.lines) > 1
        for line in closing.lines
    }.values()
)
"""Of closings that are made of several."""


@pytest.fixture(scope="module")
def shop(shop_folder: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with opened_shop(shop_folder, tmp_path_factory.mktemp("opened")) as shop:
        yield shop


@pytest.fixture
def lab(shop: Shop, family: Family, opened: Opened) -> Iterator[Lab]:
    """The shop without what a test opens."""
    shop.dial("direct" if family.direct else "sealed")
    with shop.without(opened):
        yield shop.lab


@pytest.mark.parametrize(("family", "opened"), LINES)
async def test_without_each_line_of_a_closing_the_way_is_open(
    lab: Lab, phone: Phone, carrier: Carrier, family: Family, opened: Opened
) -> None:
    assert await family.probe(lab, phone, carrier)


@pytest.mark.parametrize(("family", "opened"), OPEN)
async def test_without_all_that_closes_it_a_way_is_open(
    lab: Lab, phone: Phone, carrier: Carrier, family: Family, opened: Opened
) -> None:
    assert bool(await family.probe(lab, phone, carrier)) is not bool(family.idle)


@pytest.mark.parametrize(("family", "opened"), ALONE)
async def test_each_thing_that_closes_a_way_closes_it_alone(
    lab: Lab, phone: Phone, carrier: Carrier, family: Family, opened: Opened
) -> None:
    assert await family.probe(lab, phone, carrier) == []
