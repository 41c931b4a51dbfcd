"""HiddenNumber shows its number to nobody but the caller of `reveal`."""

import ast
import copy
import copyreg
import dataclasses
import gc
import inspect
import io
import json
import logging
import operator
import pickle
import sqlite3
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import pytest
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

import bridge
from bridge.vault import HiddenNumber
from bridge.vault.hidden import MASK

CLEAR = "+447700900123"
DIGITS = CLEAR.removeprefix("+")
BRIDGE = Path(bridge.__file__).parent

fictional_numbers = st.integers(0, 999).map(lambda last: f"+447700900{last:03}")


@pytest.fixture
def number() -> HiddenNumber:
    return HiddenNumber(CLEAR)


def assert_hidden(shown: object) -> None:
    assert DIGITS not in str(shown)
    assert DIGITS[-6:] not in str(shown)


@given(fictional_numbers)
def test_the_number_comes_back_by_reveal(e164: str) -> None:
    assert HiddenNumber(e164).reveal() == e164


@pytest.mark.parametrize("e164", ["+12", "+123456789012345"])
def test_the_shortest_and_the_longest_number_fit(e164: str) -> None:
    assert HiddenNumber(e164).reveal() == e164


@pytest.mark.parametrize("text", ["", "+", DIGITS, "+0447700900123", CLEAR + "\n", "+٤٤٧٧٠٠٩٠٠١٢٣", "+1" * 9])
def test_what_is_not_e164_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an E\.164 number") as caught:
        HiddenNumber(text)
    assert_hidden(caught.value.args)
    assert caught.value.__context__ is None
    assert "e164" not in caught.traceback[-1].frame.f_locals


@pytest.mark.parametrize("plain", [DIGITS.encode(), b"\xff" + CLEAR.encode()])
def test_what_was_sealed_and_is_no_number_is_refused_and_not_quoted(plain: bytes) -> None:
    cipher = AESGCM(bytes(32))
    ciphertext = cipher.encrypt(bytes(12), plain, b"")
    with pytest.raises(ValueError, match=r"not an E\.164 number") as caught:
        HiddenNumber.unseal_with(cipher, bytes(12), ciphertext, b"")
    assert_hidden(caught.value.args)
    assert caught.value.__context__ is None


WAYS_TO_TEXT: dict[str, Callable[[HiddenNumber], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": format,
    "format with a width": lambda number: format(number, ">40"),
    "format of a string": lambda number: format(number, ".4s"),
    "format of an integer": lambda number: format(number, "d"),
    "f-string": lambda number: f"{number}",
    "f-string with !r": lambda number: f"{number!r:>3}",
    "f-string with =": lambda number: f"{number=}",
    "str.format": lambda number: "{0} {0!s} {0!a:>30} {number}".format(number, number=number),  # noqa: UP032
    "percent s": lambda number: "%s %r %a %.3s" % (number, number, number, number),  # noqa: UP031
    "in containers": lambda number: str([{"number": (number,)}]),
    "traceback of a raise": lambda number: "".join(traceback.format_exception(ValueError(number))),
}


@pytest.mark.parametrize("show", WAYS_TO_TEXT.values(), ids=WAYS_TO_TEXT.keys())
def test_every_way_to_text_shows_the_mask(show: Callable[[HiddenNumber], str], number: HiddenNumber) -> None:
    shown = show(number)
    assert_hidden(shown)
    assert MASK[:3] in shown


def test_a_percent_d_is_refused_without_the_number(number: HiddenNumber) -> None:
    with pytest.raises(TypeError) as caught:
        operator.mod("%d", number)
    assert_hidden(caught.value)


@pytest.mark.parametrize(
    "convert", [bytes, int, float, list, len, hash], ids=lambda convert: convert.__name__
)
def test_it_converts_to_nothing_else(convert: Callable[[Any], object], number: HiddenNumber) -> None:
    with pytest.raises(TypeError) as caught:
        convert(number)
    assert_hidden(caught.value)


def test_json_refuses_it_without_the_number(number: HiddenNumber) -> None:
    with pytest.raises(TypeError, match="not JSON serializable") as caught:
        json.dumps({"phone": number})
    assert_hidden(caught.value)
    assert_hidden(getattr(caught.value, "__notes__", ""))


@pytest.mark.parametrize("fallback", [str, repr], ids=lambda fallback: fallback.__name__)
def test_json_with_a_fallback_writes_the_mask(fallback: Callable[[Any], str], number: HiddenNumber) -> None:
    assert json.loads(json.dumps([number], default=fallback)) == [MASK]


def test_json_with_vars_as_fallback_finds_nothing_to_write(number: HiddenNumber) -> None:
    with pytest.raises(TypeError):
        json.dumps(number, default=vars)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_refuses_it(protocol: int, number: HiddenNumber) -> None:
    with pytest.raises(TypeError, match="not pickled") as caught:
        pickle.dumps(number, protocol)
    assert_hidden(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_copyreg_and_objects_own_reduction_get_no_state(protocol: int, number: HiddenNumber) -> None:
    with pytest.raises(TypeError):
        object.__reduce_ex__(number, protocol)
    with pytest.raises(TypeError):
        copyreg._reduce_ex(number, min(protocol, 1))  # type: ignore[attr-defined]


def test_copies_are_the_same_object(number: HiddenNumber) -> None:
    assert copy.copy(number) is number
    assert copy.deepcopy({"deep": [number]})["deep"][0] is number


@dataclasses.dataclass(frozen=True)
class Row:
    label: str
    number: HiddenNumber


def test_a_dataclass_made_a_dict_keeps_the_number_hidden(number: HiddenNumber) -> None:
    row = dataclasses.asdict(Row("mobile", number))
    assert row["number"] is number
    assert_hidden(row)
    assert_hidden(Row("mobile", number))
    assert_hidden(dataclasses.astuple(Row("mobile", number)))


class Model(pydantic.BaseModel):
    number: HiddenNumber
    spare: HiddenNumber | None = None


def test_pydantic_takes_an_instance_and_writes_the_mask(number: HiddenNumber) -> None:
    model = Model(number=number)
    assert model.number is number
    assert_hidden(model)
    assert_hidden(model.model_dump())
    assert model.model_dump()["number"] == MASK
    assert json.loads(model.model_dump_json())["number"] == MASK
    assert_hidden(pydantic.TypeAdapter(list[HiddenNumber]).dump_json([number]))


@pytest.mark.parametrize("raw", [CLEAR, CLEAR.encode(), int(DIGITS), [CLEAR], {"e164": CLEAR}])
@pytest.mark.parametrize("field", ["number", "spare"])
def test_pydantic_refuses_raw_text_and_does_not_quote_it(
    field: str, raw: object, number: HiddenNumber
) -> None:
    fields = {"number": number} | {field: raw}
    with pytest.raises(pydantic.ValidationError) as caught:
        Model.model_validate(fields)
    assert_hidden(caught.value)
    assert_hidden(caught.value.errors())
    assert_hidden(caught.value.json())


def test_pydantic_refuses_json_and_does_not_quote_it() -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Model.model_validate_json(json.dumps({"number": CLEAR}))
    assert_hidden(caught.value)
    assert_hidden(caught.value.errors())


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_its_json_schema_tells_of_the_mask_alone(mode: Any) -> None:
    schema = Model.model_json_schema(mode=mode)["properties"]["number"]
    assert schema["const"] == MASK
    assert schema["readOnly"] is True


@pytest.mark.parametrize(
    "renderer",
    [
        structlog.processors.JSONRenderer(),
        structlog.dev.ConsoleRenderer(),
        structlog.processors.LogfmtRenderer(),
    ],
    ids=lambda renderer: type(renderer).__name__,
)
def test_structlog_renders_the_mask(renderer: structlog.typing.Processor, number: HiddenNumber) -> None:
    out = io.StringIO()
    log = structlog.wrap_logger(structlog.PrintLogger(out), processors=[renderer])
    log.msg("dialled", number=number, nested={"numbers": [number]})
    assert_hidden(out.getvalue())
    assert MASK in out.getvalue()


@pytest.mark.parametrize(
    "formatter",
    [
        structlog.dev.plain_traceback,
        structlog.dev.RichTracebackFormatter(show_locals=True),
        structlog.tracebacks.ExceptionDictTransformer(show_locals=True),
    ],
    ids=["plain", "rich with locals", "dict with locals"],
)
def test_structlog_renders_a_traceback_with_the_mask(formatter: Any, number: HiddenNumber) -> None:
    out = io.StringIO()
    try:
        fail_while_holding(number)
    except RuntimeError as error:
        caught = (type(error), error, error.__traceback__)
    if isinstance(formatter, structlog.tracebacks.ExceptionDictTransformer):
        out.write(json.dumps(formatter(caught)))
    else:
        formatter(out, caught)
    assert_hidden(out.getvalue())
    assert "fail_while_holding" in out.getvalue()


def test_logging_writes_the_mask(number: HiddenNumber, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test_hidden")
    logger.warning("calling %s, %r", number, number)
    logger.warning(number)
    try:
        fail_while_holding(number)
    except RuntimeError:
        logger.exception("failed with %s", number)
    assert_hidden(caplog.text)
    assert caplog.text.count(MASK) >= 4


def fail_while_holding(number: HiddenNumber) -> None:
    numbers = [number]
    raise RuntimeError(f"could not dial {numbers[0]}")


def test_a_traceback_with_captured_locals_shows_the_mask(number: HiddenNumber) -> None:
    try:
        fail_while_holding(number)
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert f"numbers = [{MASK}]" in shown
    assert_hidden(shown)


def test_it_has_no_dict_and_no_attribute_that_is_the_number(number: HiddenNumber) -> None:
    with pytest.raises(TypeError):
        vars(number)
    with pytest.raises(TypeError):
        number.__getstate__()
    assert_hidden(dir(number))
    for _, member in inspect.getmembers(number):
        assert not holds_the_number(member)


def test_nothing_reachable_from_it_is_the_number(number: HiddenNumber) -> None:
    parts = [part for part in gc.get_referents(number) if not isinstance(part, type)]
    assert parts
    assert not any(holds_the_number(part) for part in parts)


def holds_the_number(value: object) -> bool:
    return (isinstance(value, str) and DIGITS in value) or (
        isinstance(value, bytes) and (DIGITS.encode() in value or int(DIGITS).to_bytes(8) in value)
    )


def test_two_equal_numbers_look_different_in_memory() -> None:
    def veiled(number: HiddenNumber) -> set[bytes]:
        return {part for part in gc.get_referents(number) if isinstance(part, bytes)}

    assert not veiled(HiddenNumber(CLEAR)) & veiled(HiddenNumber(CLEAR))


def test_a_database_driver_refuses_it_without_the_number(number: HiddenNumber) -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises((sqlite3.ProgrammingError, sqlite3.InterfaceError)) as caught:
        connection.execute("select ?", (number,))
    connection.close()
    assert_hidden(caught.value)


def test_equal_numbers_are_equal_and_others_are_not(number: HiddenNumber) -> None:
    assert number == HiddenNumber(CLEAR)
    assert number != HiddenNumber("+447700900124")
    assert number != CLEAR
    assert number != HiddenNumber("+44770090012")


def test_it_is_unhashable(number: HiddenNumber) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        {number}  # noqa: B018


def test_three_places_reveal_one_that_dials_one_that_shows_an_owner_and_one_that_sends_texts() -> None:
    mentions = [path.as_posix() for path, tree in sources() for _ in mentions_of_reveal(tree)]
    assert mentions == ["api/desk/disclosure.py", "asterisk/trunk.py", "texts/sender.py"]


def sources() -> list[tuple[Path, ast.Module]]:
    paths = sorted(BRIDGE.rglob("*.py"))
    assert BRIDGE / "vault" / "hidden.py" in paths
    return [(path.relative_to(BRIDGE), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def mentions_of_reveal(tree: ast.Module) -> list[ast.AST]:
    """Attributes named reveal, and the word as a string, which `getattr` or `methodcaller` would take."""
    return [
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "reveal")
        or (isinstance(node, ast.Constant) and node.value == "reveal")
    ]


def test_the_search_for_callers_of_reveal_finds_them() -> None:
    found = mentions_of_reveal(ast.parse("a.reveal()\nf = b.reveal\ngetattr(c, 'reveal')()\nreveal()"))
    assert len(found) == 3


def test_the_vault_neither_prints_nor_logs() -> None:
    for path, tree in sources():
        if path.parts[0] == "vault":
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert not names & {"print", "logging", "structlog", "warnings", "breakpoint"}, path


def test_the_vault_imports_no_means_of_output() -> None:
    for path, tree in sources():
        if path.parts[0] == "vault":
            imported = {
                alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
            }
            imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert not imported & {"logging", "structlog", "warnings", "sys", "traceback"}, path
