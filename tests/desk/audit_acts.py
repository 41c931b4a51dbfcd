"""Every act that any part of call-bridge writes into the audit, read out of its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import bridge

FOLDER = Path(bridge.__file__).parent
ACT = "act"


def acts() -> set[str]:
    """Raises AssertionError where it can't be told what an act is."""
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.rglob("*.py"))]
    # A private function is its own module's: another one may have a different one of that name.
    public = {name: at for module in modules for name, at in _takers(module) if not name.startswith("_")}
    constants = {name: value for module in modules for name, value in _constants(module.body)}
    return {act for module in modules for act in _given(module, public | dict(_takers(module)), constants)}


def _takers(module: ast.Module) -> Iterator[tuple[str, int]]:
    """What takes an act to write it, and as its how manyeth argument."""
    for node in ast.walk(module):
        if isinstance(node, ast.stmt) and "AuditEntry" not in ast.dump(node):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [each.arg for each in (*node.args.args, *node.args.kwonlyargs) if each.arg != "self"]
        elif isinstance(node, ast.ClassDef):
            names = [str(each.target.id) for each in node.body if _is_field(each)]  # type: ignore[attr-defined]
        else:
            continue
        if ACT in names:
            yield node.name, names.index(ACT)


def _is_field(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is None


def _constants(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            for value in _texts(node.value):
                yield node.target.id, value


def _texts(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _given(module: ast.Module, takers: dict[str, int], constants: dict[str, str]) -> Iterator[str]:
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        known = {name: [value] for name, value in constants.items()}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                known[node.targets[0].id] = list(_texts(node.value))
        forwarded = ACT in [each.arg for each in function.args.args]
        for node in ast.walk(function):
            given = _act_of(node, takers)
            if given is None or (forwarded and isinstance(given, ast.Name) and given.id == ACT):
                continue
            found = list(_texts(given)) or (known.get(given.id, []) if isinstance(given, ast.Name) else [])
            forwards_field = isinstance(given, ast.Attribute) and given.attr == ACT
            assert found or forwards_field, f"line {given.lineno} of {function.name}: which act is that?"
            yield from found


def _act_of(node: ast.AST, takers: dict[str, int]) -> ast.expr | None:
    """The act that a call is given, if it is one that takes an act."""
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in takers:
        return None
    by_name = next((each.value for each in node.keywords if each.arg == ACT), None)
    return by_name or (node.args[takers[name]] if takers[name] < len(node.args) else None)
