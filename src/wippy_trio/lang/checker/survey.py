"""What a chunk does where, found before it is checked.

One pass over the statements of all functions: which variables and fields are assigned
where, and which fields have one definition. Expressions are not visited.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.types import (
    BOOLEAN,
    DYNAMIC,
    INTEGER,
    NUMBER,
    STRING,
    Type,
)

if TYPE_CHECKING:
    from wippy_trio.lang.bind import Bindings, Symbol
    from wippy_trio.lang.parser import Chunk

__all__ = ["Survey"]

_COMPARISONS: Final = frozenset(("==", "~=", "<", "<=", ">", ">="))
_INTEGRAL: Final = frozenset(("+", "-", "*", "%", "//"))
_PLAIN: Final = frozenset((".", "["))


class Survey:
    """The assignments of a chunk.

    Attributes:
      writes: The variables that are assigned, in order of ``write_places``.
      field_writes: The variables whose fields are assigned, likewise.
      assigned: How often a field of a name is assigned, whatever the table; definitions
        by ``function`` statements are not counted.
      methods: The functions that a variable's table is given, by variable and name.
      defined: The names of all these functions.
      mutated: The variables of which elements are assigned by other keys than names.
      replaced: The globals that the chunk assigns, also through ``_G``.
      replaced_twice: Those that are more than one function.
      replaced_fields: The fields of globals it assigns, as ``os.time``.
      wild: Whether ``_G`` is used in a way that may replace anything.
    """

    __slots__ = (
        "_bindings",
        "_chunk",
        "_sources",
        "assigned",
        "defined",
        "field_places",
        "field_writes",
        "methods",
        "mutated",
        "replaced",
        "replaced_fields",
        "replaced_twice",
        "wild",
        "write_places",
        "writes",
    )

    def __init__(self, chunk: Chunk, bindings: Bindings) -> None:
        self._chunk = chunk
        self._bindings = bindings
        self._sources: dict[Symbol, list[lua.Expression | None]] = {}
        self.assigned: dict[str, int] = {}
        self.methods: dict[Symbol, dict[str, lua.Function | None]] = {}
        self.defined: set[str] = set()
        self.mutated: set[Symbol] = set()
        self.replaced: set[str] = set()
        self.replaced_twice: set[str] = set()
        self.replaced_fields: set[str] = set()
        self.wild = False
        writes: list[tuple[int, Symbol]] = []
        for symbol in bindings.symbols:
            for place in symbol.writes:
                writes.append((place, symbol))  # noqa: PERF401 - reads better
        writes.sort(key=_place)
        self.write_places = [place for place, _ in writes]
        self.writes = [symbol for _, symbol in writes]
        fields: list[tuple[int, Symbol]] = []
        for function in chunk.notes.functions:
            self._statements(function.body, fields)
        fields.sort(key=_place)
        self.field_places = [place for place, _ in fields]
        self.field_writes = [symbol for _, symbol in fields]
        self._globals()

    def _statements(self, block: lua.Block, fields: list[tuple[int, Symbol]]) -> None:
        pending = [block]
        while pending:
            for node in pending.pop().statements:
                kind = node.__class__
                if kind is lua.Assign:
                    self._assign(node, fields)  # type: ignore[arg-type]
                elif kind is lua.FunctionStatement:
                    self._define(node, fields)  # type: ignore[arg-type]
                elif kind is lua.If:
                    pending.extend(body for _, body in node.branches)  # type: ignore[union-attr]
                    if node.otherwise is not None:  # type: ignore[union-attr]
                        pending.append(node.otherwise)  # type: ignore[union-attr]
                elif kind in _BODIES:
                    pending.append(node.body)  # type: ignore[union-attr]

    def _assign(self, node: lua.Assign, fields: list[tuple[int, Symbol]]) -> None:
        alone = len(node.targets) == 1 and len(node.values) == 1
        for target in node.targets:
            if isinstance(target, lua.Name):
                symbol = self._bindings.uses.get(target.start)
                if symbol is None:
                    self._replace(target.name)
                    self.replaced_twice.add(target.name)
                else:
                    value = node.values[0] if alone else None
                    self._sources.setdefault(symbol, []).append(value)
                continue
            name = _field_name(target)
            base = target.base
            if isinstance(base, lua.Name):
                symbol = self._bindings.uses.get(base.start)
                if symbol is None:
                    if base.name == "_G":
                        if name is None:
                            self.wild = True
                        else:
                            self.replaced.add(name)
                            self.replaced_twice.add(name)
                    elif name is not None:
                        self.replaced_fields.add(f"{base.name}.{name}")
                    else:
                        self._replace(base.name)
                else:
                    fields.append((target.start, symbol))
                    if name is None:
                        self.mutated.add(symbol)
                    elif alone and isinstance(node.values[0], lua.Function):
                        self._method(symbol, name, node.values[0])
                        continue
            else:
                root = _root(target)
                if root is not None:
                    symbol = self._bindings.uses.get(root.start)
                    if symbol is not None:
                        fields.append((target.start, symbol))
            if name is not None:
                self.assigned[name] = self.assigned.get(name, 0) + 1

    def _replace(self, name: str) -> None:
        if name in self.replaced:
            self.replaced_twice.add(name)
        self.replaced.add(name)

    def _define(
        self, node: lua.FunctionStatement, fields: list[tuple[int, Symbol]]
    ) -> None:
        target = node.target
        if isinstance(target, lua.Name):
            symbol = self._bindings.uses.get(target.start)
            if symbol is not None:
                self._sources.setdefault(symbol, []).append(None)
            else:
                self._replace(target.name)
            return
        base = target.base
        symbol = None
        if isinstance(base, lua.Name):
            symbol = self._bindings.uses.get(base.start)
            if symbol is None:
                self.replaced_fields.add(f"{base.name}.{target.name}")
        if symbol is None:
            self.assigned[target.name] = self.assigned.get(target.name, 0) + 1
            return
        fields.append((target.start, symbol))
        self._method(symbol, target.name, node.function)

    def _method(self, symbol: Symbol, name: str, function: lua.Function) -> None:
        self.defined.add(name)
        known = self.methods.setdefault(symbol, {})
        known[name] = None if name in known else function

    def _globals(self) -> None:
        """Find what else may replace a global, such as ``rawset(_G, ...)``."""
        if "_G" not in self._chunk.tokens.words:
            return
        for use in self._bindings.globals:
            if use.name != "_G":
                continue
            after = self._token_after(use.node.end)
            if after not in _PLAIN:
                self.wild = True

    def _token_after(self, place: int) -> str:
        tokens = self._chunk.tokens
        return tokens.kinds[bisect_left(tokens.starts, place)]

    # Questions

    def steady(self, symbol: Symbol | None) -> Type:
        """Return the one plain type that all assignments of a variable give."""
        if symbol is None:
            return DYNAMIC
        values: list[lua.Expression | None] = list(self._sources.get(symbol, ()))
        node = symbol.node
        if not isinstance(node, lua.Local) or symbol.kind != "local":
            return DYNAMIC
        place = next(
            (at for at, name in enumerate(node.names) if name.start == symbol.start), -1
        )
        if not 0 <= place < len(node.values) or len(values) != len(symbol.writes):
            return DYNAMIC
        values.append(node.values[place])
        kinds = {self._plain(each, symbol, 0) for each in values}
        if len(kinds) == 1:
            return kinds.pop() or DYNAMIC
        return DYNAMIC

    def _plain(
        self, node: lua.Expression | None, symbol: Symbol, level: int
    ) -> Type | None:
        """Return the type of an expression if its form alone tells it."""
        if level > 4 or node is None:
            return None
        if isinstance(node, lua.Constant):
            if node.kind == "string":
                return STRING
            if node.kind == "number":
                return INTEGER if node.text.isdigit() else NUMBER
            return BOOLEAN if node.kind in ("true", "false") else None
        if isinstance(node, lua.Paren):
            return self._plain(node.inner, symbol, level + 1)
        if isinstance(node, lua.Unary):
            if node.operator == "not":
                return BOOLEAN
            return INTEGER if node.operator == "#" else None
        if isinstance(node, lua.Binary):
            if node.operator in _COMPARISONS:
                return BOOLEAN
            if node.operator == "..":
                return STRING
            if node.operator in _INTEGRAL:
                left = self._plain(node.left, symbol, level + 1)
                right = self._plain(node.right, symbol, level + 1)
                return INTEGER if left is right is INTEGER else None
        if isinstance(node, lua.Name) and self._bindings.uses.get(node.start) is symbol:
            first = symbol.node
            if isinstance(first, lua.Local) and len(first.values) == 1:
                return self._plain(first.values[0], symbol, level + 1)
        return None

    def escapes(self, symbol: Symbol) -> bool:
        """Tell whether a variable's value may be changed out of sight."""
        if symbol.writes:
            return True
        tokens = self._chunk.tokens
        kinds, starts, texts = tokens.kinds, tokens.starts, tokens.texts
        for place in symbol.reads:
            at = bisect_left(starts, place)
            if kinds[at + 1] in _PLAIN:
                continue
            before = kinds[at - 1] if at else ""
            if before in ("#", "return"):
                continue
            if before == "(" and at > 1 and texts[at - 2] in ("ipairs", "pairs"):
                continue
            return True
        return False


_BODIES: Final = frozenset(
    (lua.Do, lua.While, lua.Repeat, lua.NumericFor, lua.GenericFor)
)


def _place(pair: tuple[int, Symbol]) -> int:
    return pair[0]


def _field_name(target: lua.Field | lua.Index) -> str | None:
    if isinstance(target, lua.Field):
        return target.name
    key = target.key
    if isinstance(key, lua.Constant) and key.kind == "string":
        return string_value(key.text).decode("latin-1")
    return None


def _root(node: lua.Expression) -> lua.Name | None:
    while isinstance(node, (lua.Field, lua.Index)):
        node = node.base
    return node if isinstance(node, lua.Name) else None
