"""Errors seeded into clean programs are found, and nothing else is.

Twelve kinds of slips are made in twenty programs, one at a time, in a fixed order. The
figures are printed with ``-s``.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.lang.checking import check, errors
from tests.lang.typed_programs import TYPED_PROGRAMS
from wippy_trio.lang import syntax as lua
from wippy_trio.lang import typesyntax as ty
from wippy_trio.lang.parser import Chunk, parse
from wippy_trio.lang.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

WANTED = 200
WRONG = {"number": '"seeded"', "string": "{}", "true": '"seeded"', "false": "12"}
TAGS = ("kind", "mode", "type", "state")
STRINGS = ("upper", "len")


class Seed(NamedTuple):
    """An edit of a source that makes it wrong, and the lines where that may show."""

    kind: str
    start: int
    end: int
    text: str
    node: lua.Node


def seeds(chunk: Chunk) -> Iterator[Seed]:
    """Offer edits, each an error of one kind."""
    nodes = list(walk(chunk.main))
    functions = {
        node.name.name: node.function
        for node in nodes
        if isinstance(node, lua.LocalFunction)
    }
    records = {
        node.name: node.type
        for node in nodes
        if isinstance(node, lua.TypeAlias) and isinstance(node.type, ty.RecordType)
    }
    for node in nodes:
        if isinstance(node, lua.Local):
            yield from in_local(node, records)
        elif isinstance(node, lua.Call):
            yield from in_call(node, functions)
        elif isinstance(node, lua.MethodCall):
            if node.name in STRINGS:
                end = node.name_start + len(node.name)
                yield Seed("unknown method", node.name_start, end, "nope", node)
        elif isinstance(node, lua.Binary):
            yield from in_binary(node)
        elif isinstance(node, lua.Function):
            yield from in_function(node)
        elif isinstance(node, lua.Field) and node.name in ("balance", "radius", "host"):
            yield Seed("unknown field", node.name_start, node.end, "nope", node)
        elif isinstance(node, lua.TableField) and node.name in TAGS:
            value = node.value
            if isinstance(value, lua.Constant):
                yield Seed("unknown literal", value.start, value.end, '"seeded"', node)


def in_local(node: lua.Local, records: dict[str, ty.RecordType]) -> Iterator[Seed]:
    for typed, value in zip(node.names, node.values, strict=False):
        if not isinstance(typed.type, ty.TypeName):
            continue
        name = typed.type.name
        if name in ("number", "integer", "string", "boolean"):
            wrong = "{1}" if name == "string" else '"seeded"'
            yield Seed("wrong local", value.start, value.end, wrong, node)
            yield Seed("nil local", value.start, value.end, "nil", node)
        if name in records and isinstance(value, lua.Table) and value.fields:
            required = {each.name for each in records[name].fields if not each.optional}
            first = value.fields[0]
            if first.name in required and first.name != "kind":
                yield Seed("missing field", first.start, first.end, "other = 1", node)


def in_call(node: lua.Call, functions: dict[str, lua.Function]) -> Iterator[Seed]:
    if not isinstance(node.function, lua.Name):
        return
    function = functions.get(node.function.name)
    if function is None or function.generics or not node.arguments:
        return
    last = node.arguments[-1]
    for argument, parameter in zip(node.arguments, function.parameters, strict=False):
        if isinstance(argument, lua.Constant) and isinstance(parameter.type, ty.Type):
            wrong = WRONG.get(argument.kind)
            if wrong is not None and parameter.name != "value":
                yield Seed("wrong argument", argument.start, argument.end, wrong, node)
    if len(node.arguments) == len(function.parameters):
        yield Seed("extra argument", last.end, last.end, ", 99", node)
        if len(node.arguments) > 1:
            start = node.arguments[-2].end
            yield Seed("missing argument", start, last.end, "", node)
    if not isinstance(function.returns, lua.ReturnTypes):
        return
    if isinstance(function.returns.types[0], ty.TypeName):
        yield Seed("call of a value", node.end, node.end, "()", node)


def in_binary(node: lua.Binary) -> Iterator[Seed]:
    right = node.right
    if node.operator in ("+", "-", "*") and isinstance(right, lua.Constant):
        yield Seed("arithmetic", right.start, right.end, '"seeded"', node)
    if node.operator == ".." and isinstance(right, lua.Constant):
        yield Seed("concatenation", right.start, right.end, "{}", node)
    if node.operator in ("<", ">") and isinstance(right, lua.Constant):
        yield Seed("comparison", right.start, right.end, '"seeded"', node)


def in_function(node: lua.Function) -> Iterator[Seed]:
    if node.returns is None or len(node.returns.types) != 1:
        return
    last = node.body.statements[-1]
    if not isinstance(last, lua.Return) or len(last.values) != 1:
        return
    result = node.returns.types[0]
    value = last.values[0]
    if isinstance(result, ty.TypeName):
        wrong = "{}" if result.name in ("string", "boolean") else '"seeded"'
        if result.name in ("Shape", "Settings", "Node", "State"):
            wrong = "12"
        yield Seed("wrong return", value.start, value.end, wrong, node)
        yield Seed("missing return", last.start, last.end, "", node)


def chosen() -> list[tuple[str, Seed]]:
    """Take seeds of all kinds in turn until there are enough."""
    by_kind: dict[str, list[tuple[str, Seed]]] = {}
    for name, source in TYPED_PROGRAMS.items():
        for seed in seeds(parse(source.encode(), name)):
            by_kind.setdefault(seed.kind, []).append((name, seed))
    taken: list[tuple[str, Seed]] = []
    place = 0
    while len(taken) < WANTED and any(place < len(each) for each in by_kind.values()):
        taken.extend(each[place] for each in by_kind.values() if place < len(each))
        place += 1
    return taken


@pytest.mark.parametrize("name", list(TYPED_PROGRAMS))
def test_a_clean_program_has_no_findings(name: str) -> None:
    """Neither errors nor warnings."""
    assert check(TYPED_PROGRAMS[name]).findings == []


def test_seeded_errors_are_found_and_no_clean_line_is_flagged() -> None:
    """At least 95 of 100, and each finding is where the slip shows."""
    taken = chosen()
    assert len(taken) >= WANTED
    assert len({seed.kind for _, seed in taken}) >= 12
    found: Counter[str] = Counter()
    made: Counter[str] = Counter()
    missed: list[str] = []
    elsewhere: list[str] = []
    for name, seed in taken:
        source = TYPED_PROGRAMS[name]
        edited = source[: seed.start] + seed.text + source[seed.end :]
        made[seed.kind] += 1
        told = [each for each in check(edited).findings if each.severity == "error"]
        first = source.count("\n", 0, seed.node.start) + 1
        last = source.count("\n", 0, seed.node.end) + 1
        if told:
            found[seed.kind] += 1
        else:
            missed.append(f"{seed.kind} in {name}: {edited.splitlines()[first - 1]}")
        elsewhere += [
            f"{seed.kind} in {name} line {first}: {each.line} {each.message}"
            for each in told
            if not first <= each.line <= last
        ]
    figures = [f"{kind}: {found[kind]} of {count}" for kind, count in made.items()]
    figures.append(f"all: {sum(found.values())} of {len(taken)}")
    sys.stdout.write("\n".join([*figures, *missed, ""]))
    assert sum(found.values()) >= 0.95 * len(taken), missed
    assert elsewhere == []


def test_errors_name_the_codes_of_their_kind() -> None:
    """A sample by kind, with the code that the rules give (types 3.8)."""
    source = TYPED_PROGRAMS["accounts"]
    assert errors(source.replace("account.balance + amount", "account.nope + amount"))[
        0
    ].startswith("E0004")
    assert errors(source.replace('open("a-1", 10)', 'open("a-1")'))[0].startswith(
        "E0003"
    )
    assert errors(source.replace("rest * 2", 'rest * "2"'))[0].startswith("E0019")
