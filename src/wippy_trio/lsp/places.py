"""What stands at a place of a source: tokens, nodes, variables in scope."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.lexer import CONTEXTUAL, Tokens
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.walk import children

if TYPE_CHECKING:
    from wippy_trio.lang.bind import Bindings, Symbol
    from wippy_trio.lang.parser import Chunk

__all__ = [
    "KEY",
    "Word",
    "path_to",
    "required_by",
    "required_name",
    "string_at",
    "symbol_at",
    "visible",
    "word_at",
]

KEY = CONTEXTUAL | {"name"}


class Word(NamedTuple):
    """A token and its number."""

    at: int
    kind: str
    text: str
    start: int
    end: int


def word_at(tokens: Tokens, offset: int) -> Word | None:
    """Return the token at an offset, or the one that ends there."""
    at = bisect_right(tokens.starts, offset) - 1
    while at >= 0 and tokens.ends[at] == tokens.starts[at] and tokens.starts[at]:
        at -= 1  # the end, or a name that is missing
    if at < 0 or at >= len(tokens.texts):
        return None
    word = Word(
        at, tokens.kinds[at], tokens.texts[at], tokens.starts[at], tokens.ends[at]
    )
    if word.kind not in KEY and word.start == offset and at > 0:
        before = at - 1
        if tokens.ends[before] == offset and tokens.kinds[before] in KEY:
            return Word(
                before,
                tokens.kinds[before],
                tokens.texts[before],
                tokens.starts[before],
                tokens.ends[before],
            )
    return word if word.start <= offset <= word.end else None


def string_at(chunk: Chunk, offset: int) -> tuple[str, lua.Node, int] | None:
    """Return the string literal at an offset, its call and the number of the argument.

    None if it is no argument of a call.
    """
    nodes = path_to(chunk.main, offset)
    if not nodes:
        return None
    last = nodes[-1]
    if not (isinstance(last, lua.Constant) and last.kind == "string"):
        return None
    value = string_value(last.text).decode("utf-8", "replace")
    for call in reversed(nodes[:-1]):
        if isinstance(call, (lua.Call, lua.MethodCall)):
            for number, argument in enumerate(call.arguments):
                if argument is last:
                    return value, call, number
        break
    return value, last, 0


def path_to(root: lua.Node, offset: int) -> list[lua.Node]:
    """Return the nodes around an offset, outer ones first."""
    found = [root]
    node = root
    while True:
        inside: lua.Node | None = None
        for child in _below(node):
            if child.start <= offset <= child.end and (
                inside is None or _closer(child, inside, offset)
            ):
                inside = child
        if inside is None:
            return found
        found.append(inside)
        node = inside


def _closer(one: lua.Node, other: lua.Node, offset: int) -> bool:
    """Tell whether a node is nearer to an offset: around it, then small."""
    around = offset < one.end, offset < other.end
    if around[0] != around[1]:
        return around[0]
    return one.end - one.start <= other.end - other.start


def _below(node: lua.Node) -> list[lua.Node]:
    """Return the children of a node; what lies outside of its span comes to its own."""
    found: list[lua.Node] = []
    for child in children(node):
        found.append(child)
        if isinstance(child, (lua.TypedName, lua.Parameter)):
            found.extend(children(child))
    return found


def visible(chunk: Chunk, bindings: Bindings, offset: int) -> dict[str, Symbol]:
    """Return the variables in scope at an offset by name."""
    by_start = {symbol.start: symbol for symbol in bindings.symbols}
    selves = {
        symbol.node: symbol for symbol in bindings.symbols if symbol.name == "self"
    }
    found: dict[str, Symbol] = {}

    def add(name: str, start: int) -> None:
        symbol = by_start.get(start)
        if symbol is not None and name:
            found[name] = symbol

    def block(body: lua.Block) -> None:
        for statement in body.statements:
            if statement.start >= offset:
                break
            if isinstance(statement, lua.Local):
                if statement.end >= offset or _unfinished(statement):
                    continue
                for typed in statement.names:
                    if typed.end < offset:
                        add(typed.name, typed.start)
            elif isinstance(statement, lua.LocalFunction):
                typed = statement.name
                if typed.end < offset:
                    add(typed.name, typed.start)

    for node in path_to(chunk.main, offset):
        if isinstance(node, lua.Block):
            block(node)
        elif isinstance(node, lua.Function):
            if offset < node.body_start:
                continue
            if node.has_self and node in selves:
                found["self"] = selves[node]
            for parameter in node.parameters:
                add(parameter.name, parameter.start)
        elif isinstance(node, lua.NumericFor):
            if offset >= node.body.start:
                add(node.variable.name, node.variable.start)
        elif isinstance(node, lua.GenericFor):
            if offset >= node.body.start:
                for typed in node.names:
                    add(typed.name, typed.start)
        elif isinstance(node, lua.Repeat) and offset > node.body.end:
            block(node.body)
    return found


def symbol_at(bindings: Bindings | None, start: int) -> Symbol | None:
    """Return the variable whose name begins at an offset, also one in a type."""
    if bindings is None:
        return None
    found = bindings.uses.get(start)
    if found is not None:
        return found
    for symbol in bindings.symbols:
        if start in symbol.mentions:
            return symbol
    return None


def _unfinished(statement: lua.Local) -> bool:
    """Tell whether the value of a local is still missing."""
    values = statement.values
    return bool(values) and values[-1].start == values[-1].end


def required_by(bindings: Bindings, chunk: Chunk) -> dict[Symbol, str]:
    """Return the locals that hold what a literal ``require`` gave."""
    found: dict[Symbol, str] = {}
    for symbol in bindings.symbols:
        node = symbol.node
        if not isinstance(node, lua.Local) or symbol.writes:
            continue
        for typed, value in zip(node.names, node.values, strict=False):
            if typed.start == symbol.start:
                name = required_name(value)
                if name is not None:
                    found[symbol] = name
    return found


def required_name(value: lua.Expression) -> str | None:
    """Return the name that a call of ``require`` asks for."""
    if (
        isinstance(value, lua.Call)
        and isinstance(value.function, lua.Name)
        and value.function.name == "require"
        and len(value.arguments) == 1
    ):
        only = value.arguments[0]
        if isinstance(only, lua.Constant) and only.kind == "string":
            return string_value(only.text).decode("utf-8", "replace")
    return None
