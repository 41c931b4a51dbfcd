"""What stays open inside Asterisk, seen to be so; what sealed dialling closes there, seen to be closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from left_open import LEFT_OPEN, SHUT, Open, Shut
from openings import Shop, opened_shop
from probes import Probe

from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab

NEEDS_MORE = tuple(way for way in LEFT_OPEN if way.needs)
SHUT_AS_SHIPPED = tuple(way for way in SHUT if not way.needs)
"""The manager interface dialled direct is a family of test_openings.py's."""


@pytest.fixture(scope="module")
def shop(shop_folder: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with opened_shop(shop_folder, tmp_path_factory.mktemp("opened")) as shop:
        yield shop


@pytest.fixture
def lab(shop: Shop, way: Open | Shut, dialled: str, is_open: bool) -> Iterator[Lab]:
    """The shop with, or without, what a way needs."""
    shop.dial(dialled)
    with shop.without(way.needs if is_open else ()):
        yield shop.lab


async def what_it_shows(probe: Probe, lab: Lab, phone: Phone, carrier: Carrier) -> list[str]:
    try:
        return await probe(lab, phone, carrier)
    except PermissionError:
        pytest.skip("this takes more rights than the tests have")


@pytest.mark.parametrize("dialled", ["sealed"])
@pytest.mark.parametrize("is_open", [False])
@pytest.mark.parametrize("way", NEEDS_MORE, ids=str)
async def test_as_shipped_the_number_is_not_shown(
    lab: Lab, phone: Phone, carrier: Carrier, way: Open
) -> None:
    assert await what_it_shows(way.probe, lab, phone, carrier) == []


@pytest.mark.parametrize("dialled", ["sealed"])
@pytest.mark.parametrize("is_open", [True])
@pytest.mark.parametrize("way", SHUT, ids=str)
async def test_what_is_said_to_be_closed_shows_no_number(
    lab: Lab, phone: Phone, carrier: Carrier, way: Shut
) -> None:
    assert await what_it_shows(way.probe, lab, phone, carrier) == []


@pytest.mark.parametrize("dialled", ["sealed"])
@pytest.mark.parametrize("is_open", [True])
@pytest.mark.parametrize("way", LEFT_OPEN, ids=str)
async def test_what_is_said_to_be_open_shows_the_number(
    lab: Lab, phone: Phone, carrier: Carrier, way: Open
) -> None:
    assert await what_it_shows(way.probe, lab, phone, carrier)


@pytest.mark.parametrize("dialled", ["direct"])
@pytest.mark.parametrize("is_open", [True])
@pytest.mark.parametrize("way", SHUT_AS_SHIPPED, ids=str)
async def test_what_sealed_dialling_closes_is_open_without_it(
    lab: Lab, phone: Phone, carrier: Carrier, way: Shut
) -> None:
    assert bool(await what_it_shows(way.probe, lab, phone, carrier)) is not way.shut_direct
