"""What is wrong with a source: syntax, undeclared requires, and rules W0001 to W0007.

The rules are about style and slips. They read the tree and its variables and know
nothing of types. A name that begins with ``_`` is exempt everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.bind import Bindings, Symbol, bind_chunk
from wippy_trio.lang.diagnostics import Diagnostic, Lines, LuaSyntaxError, Severity
from wippy_trio.lang.jumps import resolve_jumps
from wippy_trio.lang.parser import Chunk, parse
from wippy_trio.lang.requires import find_requires
from wippy_trio.lang.syntax import (
    Binary,
    Call,
    Constant,
    Expression,
    Field,
    Function,
    FunctionStatement,
    GenericFor,
    If,
    Index,
    Interface,
    Local,
    Name,
    Node,
    NumericFor,
    Paren,
    Repeat,
    TypeAlias,
    Unary,
    While,
)
from wippy_trio.lang.typesyntax import TypeName
from wippy_trio.lang.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["lint_chunk"]

_LOOPS = {While: "while", Repeat: "repeat", NumericFor: "for", GenericFor: "for"}
_ALWAYS = {
    "==": "true",
    "<=": "true",
    ">=": "true",
    "~=": "false",
    "<": "false",
    ">": "false",
}
_BUILT_IN = frozenset(
    (
        "number",
        "integer",
        "string",
        "boolean",
        "bool",
        "int",
        "any",
        "unknown",
        "never",
        "table",
        "error",
        "Error",
        "Self",
        "self",
        "Channel",
    )
)


def lint_chunk(
    source: bytes,
    name: str,
    *,
    known: frozenset[str] | None,
    closure: frozenset[str] = frozenset(),
    rules: bool = False,
    chunk: Chunk | None = None,
) -> list[Diagnostic]:
    """Say what is wrong with a source.

    Args:
      source: Its bytes.
      name: What messages call it.
      known: The names that ``require`` may be given: import aliases, listed modules and
        those ambient for the entry's kind; None leaves requires alone.
      closure: Names that only an imported library declares: a warning, no error.
      rules: Whether W0001 to W0007 are wanted.
      chunk: The parsed source, if the caller has it.

    Returns:
      The findings, in order of the source. One that is no syntax stops all others.

    Source: types 3.8, 3.10; apps 10.4.
    """
    try:
        if chunk is None:
            chunk = parse(source, name)
        if any(function.jumps for function in chunk.notes.functions):
            resolve_jumps(chunk)
    except LuaSyntaxError as error:
        return [error.diagnostic]
    linter = _Linter(chunk)
    if known is not None:
        linter.requires(known, closure)
    if rules:
        linter.rules()
    return sorted(linter.found, key=_order)


def _order(found: Diagnostic) -> tuple[int, int, str, str]:
    return found.line, found.column, found.code, found.message


class _Linter:
    """The findings in one chunk."""

    __slots__ = ("chunk", "found", "imports", "lines", "nodes")

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.lines = Lines(chunk.text)
        self.nodes: list[Node] = []
        self.imports: set[int] = set()
        self.found: list[Diagnostic] = []

    def _report(
        self, code: str, severity: Severity, message: str, start: int, end: int
    ) -> None:
        self.found.append(self.lines.diagnostic(code, severity, message, start, end))

    def requires(self, known: frozenset[str], closure: frozenset[str]) -> None:
        """Report every literal ``require`` of an undeclared name."""
        for require, start, end in find_requires(self.chunk):
            name = require.name
            if name not in known:
                message = f'require("{name}") is not declared'
                message += " in _index.yaml imports or modules"
                severity: Severity = "warning" if name in closure else "error"
                self._report("E0030", severity, message, start, end)

    def rules(self) -> None:
        """Run the rules."""
        self.nodes = list(walk(self.chunk.main))
        self.imports = {start for _, start, _ in find_requires(self.chunk)}
        bindings = bind_chunk(self.chunk)
        for node in self.nodes:
            if isinstance(node, If):
                self._empty_branches(node)
            elif isinstance(node, (While, Repeat, NumericFor, GenericFor)):
                self._empty_loop(node)
            elif isinstance(node, Binary):
                self._self_compare(node)
        self._global_assignments(bindings)
        self._symbols(bindings.symbols)

    def _empty_branches(self, node: If) -> None:
        for index, (condition, block) in enumerate(node.branches):
            if block.statements:
                continue
            if index == 0:
                self._empty("if", node.start, node.start + len("if"))
            else:
                self._empty("elseif", condition.start, condition.end)
        last = node.otherwise
        if last is not None and not last.statements:
            self._empty("else", last.start, last.start)

    def _empty_loop(self, node: While | Repeat | NumericFor | GenericFor) -> None:
        if not node.body.statements:
            word = _LOOPS[node.__class__]
            self._empty(word, node.start, node.start + len(word))

    def _empty(self, word: str, start: int, end: int) -> None:
        self._report("W0001", "warning", f"empty {word} block", start, end)

    def _self_compare(self, node: Binary) -> None:
        result = _ALWAYS.get(node.operator)
        if result is not None and _same(node.left, node.right):
            message = f"comparison of identical expressions; result is always {result}"
            self._report("W0003", "error", message, node.start, node.end)

    def _global_assignments(self, bindings: Bindings) -> None:
        functions = {
            node.target.start
            for node in self.nodes
            if isinstance(node, FunctionStatement) and isinstance(node.target, Name)
        }
        for use in bindings.globals:
            name = use.name
            if not use.written or name.startswith("_"):
                continue
            if use.node.start in functions:
                message = (
                    f"function '{name}' declared as global;"
                    " consider using 'local function'"
                )
            else:
                message = (
                    f"assignment to global variable '{name}'; consider using 'local'"
                )
            self._report("W0002", "warning", message, use.node.start, use.node.end)

    def _symbols(self, symbols: Iterable[Symbol]) -> None:
        foreign = self._names_foreign_types()
        for symbol in symbols:
            name = symbol.name
            if name.startswith("_") or name == "self":
                continue
            if len(symbol.reads) == symbol.own_reads:
                self._unused(symbol, foreign)
            if symbol.shadows is not None:
                message = f"variable '{name}' shadows a variable in an outer scope"
                self._report("W0007", "hint", message, symbol.start, symbol.end)

    def _unused(self, symbol: Symbol, foreign: bool) -> None:
        name = symbol.name
        span = symbol.start, symbol.end
        if symbol.kind == "parameter":
            self._report("W0005", "hint", f"parameter '{name}' is unused", *span)
        elif self._is_import(symbol):
            if not symbol.in_type and not foreign:
                message = f"imported module '{name}' is never used"
                self._report("W0006", "warning", message, *span)
        elif symbol.kind == "loop":
            message = f"loop variable '{name}' is declared but never used"
            self._report("W0004", "warning", message, *span)
        else:
            message = f"variable '{name}' is declared but never used"
            self._report("W0004", "warning", message, *span)

    def _is_import(self, symbol: Symbol) -> bool:
        """Tell whether a local's own value is a literal ``require``."""
        node = symbol.node
        if not isinstance(node, Local):
            return False
        return any(
            typed.start == symbol.start and value.start in self.imports
            for typed, value in zip(node.names, node.values, strict=False)
            if isinstance(value, Call)
        )

    def _names_foreign_types(self) -> bool:
        """Tell whether a bare type name may come from any required module.

        Such a name uses a module without naming it (types 1.9), so no import can be
        called unused.
        """
        own = set(_BUILT_IN)
        for node in self.nodes:
            if isinstance(node, (TypeAlias, Interface)):
                own.add(node.name)
            if isinstance(node, (TypeAlias, Function)):
                own.update(parameter.name for parameter in node.generics)
        return any(
            isinstance(node, TypeName) and node.module is None and node.name not in own
            for node in self.nodes
        )


def _same(left: Expression, right: Expression) -> bool:
    """Tell whether two expressions are written alike and have no side effect."""
    pending: list[tuple[Expression, Expression]] = [(left, right)]
    while pending:
        one, other = pending.pop()
        if isinstance(one, Name) and isinstance(other, Name):
            if one.name != other.name:
                return False
        elif isinstance(one, Constant) and isinstance(other, Constant):
            if one.text != other.text:
                return False
        elif isinstance(one, Field) and isinstance(other, Field):
            if one.name != other.name:
                return False
            pending.append((one.base, other.base))
        elif isinstance(one, Index) and isinstance(other, Index):
            pending.append((one.key, other.key))
            pending.append((one.base, other.base))
        elif isinstance(one, Paren) and isinstance(other, Paren):
            pending.append((one.inner, other.inner))
        elif isinstance(one, Unary) and isinstance(other, Unary):
            if one.operator != other.operator:
                return False
            pending.append((one.operand, other.operand))
        elif isinstance(one, Binary) and isinstance(other, Binary):
            if one.operator != other.operator:
                return False
            pending.append((one.right, other.right))
            pending.append((one.left, other.left))
        else:
            return False
    return True
