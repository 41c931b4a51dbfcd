"""What is said of the API holds: Schemathesis finds nothing, and the documents' examples run."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import crm_client
import pytest
from program_shop import ProgramShop, order
from test_programs_gate import NEEDED
from work_shop import until

from bridge.api.v1.app import description

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SCHEMATHESIS = Path(sys.executable).with_name("st")
EXAMPLES = re.findall(r"^( *)```sh\n(.*?)^ *```", PAGE, re.M | re.S)


async def test_schemathesis_finds_nothing(shop: ProgramShop, tmp_path: Path) -> None:
    shop.app.middleware_stack = None
    shop.configured("  requests_per_minute: 100000\n")
    for code in ("0", "1", "1042"):
        await shop.ask("POST", "/v1/orders", order(code))
    run = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        *("--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{shop.url}/v1/openapi.json", "--checks", "all"),
        *("--header", f"Authorization: Bearer {shop.token}"),
        *("--exclude-path", "/v1/events"),  # which does not end: test_programs_events.py has it
        *("--max-examples", "10", "--seed", "1", "--no-color", "--continue-on-failure"),
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await run.communicate()
    assert run.returncode == 0, out.decode()
    assert len(shop.received) > 100_000, "all answers are searched for numbers, these too"


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
async def test_an_example_of_the_page_runs(shop: ProgramShop, place: int) -> None:
    shop.token = await shop.new_token("shop-crm")
    await shop.ask("POST", "/v1/orders", order())
    indent, script = EXAMPLES[place]
    run = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", re.sub(f"^{indent}", "", script, flags=re.M)),
        env={**os.environ, "API": shop.url, "TOKEN": shop.token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await run.communicate()
    assert run.returncode == 0, out.decode()


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 6
    assert all("curl" in script for _, script in EXAMPLES)


def test_every_request_is_on_the_page_with_its_scope() -> None:
    told = re.findall(r"^\| `([A-Z]+) (/v1/\S+)` \| `([a-z:]+)` \|", PAGE, re.M)
    assert {(method, path): scope for method, path, scope in told} == NEEDED


def test_every_scope_is_told_by_the_request_that_needs_it() -> None:
    for (method, path), scope in NEEDED.items():
        assert f"Scope: `{scope}`." in description()["paths"][path][method.lower()]["description"], path


def test_every_reason_is_on_the_page_with_its_status() -> None:
    told = {
        reason: int(status) for reason, status in re.findall(r"^\| `([a-z-]+)` \| ([0-9]+) \|", PAGE, re.M)
    }
    given = dict(_refusals())
    assert len(given) > 15
    for reason, status in given.items():
        assert told.get(reason) == status, reason


def _refusals() -> Iterator[tuple[str, int]]:
    """Each reason with its status, wherever this API makes a problem."""
    for path in (ROOT / "bridge" / "api" / "v1").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Problem", "problem_response"):
                status, reason = node.args[:2]
                if isinstance(status, ast.Attribute) and isinstance(reason, ast.Constant):
                    name = status.attr
                    if name in HTTPStatus.__members__:
                        yield str(reason.value), HTTPStatus[name].value


def test_no_answer_has_a_field_for_a_number() -> None:
    """Phones are told by no schema of an answer."""
    schemas = description()["components"]["schemas"]
    asked = {"NewOrder", "OrdersCustomer", "NewCustomer", "ChangedCustomer", "ChangedOrder", "CallWanted"}
    for name, schema in schemas.items():
        if name not in asked:
            assert not {"phone", "phones", "number"} & set(schema.get("properties", {})), name


async def test_the_example_client_does_what_it_says(shop: ProgramShop) -> None:
    client = crm_client.CallBridge(shop.url, shop.token)
    do = asyncio.to_thread
    events = client.events()
    first = asyncio.get_running_loop().run_in_executor(None, next, events)
    await until(lambda: len(shop.app.state.news) == 1)
    put = {"name": "Harriet Vane", "phones": ["07700 900123"], "manager": "Anna", "items": ["A lamp"]}
    told = await do(client.put_order, "1042", **put)
    assert (told["manager"], told["summary"]) == ("101", "A lamp")
    call = await do(client.call, "1042")
    event = await first
    assert (event.name, event.data["call"], event.data["order"]) == ("call", call["id"], "1042")
    assert (await do(client.close_order, "1042"))["state"] == "closed"
    assert (await do(client.order, "1042"))["why"] == "done"
    assert await do(list, client.results()) == []
    with pytest.raises(crm_client.Refused) as refused:
        await do(client.put_order, "1043", **put | {"phones": ["none"]})
    assert (refused.value.status, refused.value.reason) == (422, "unreadable")
    assert refused.value.errors[0]["pointer"] == "#/customer/phones/0"
    assert "none" not in str(refused.value.errors)
    events.close()
