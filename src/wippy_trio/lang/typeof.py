"""The static type of an expression, as far as its own text tells it.

``typeof`` needs it before the program runs: for a variable the annotated type, else the
widened type of what it is made of (types 2.9). It looks at one expression and at the
declarations it names, follows no assignment and no branch; what it cannot tell is left
to the value at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from wippy_trio.lang import syntax as lua

if TYPE_CHECKING:
    from wippy_trio.lang import typesyntax as ty
    from wippy_trio.lang.places import Places

__all__ = ["Guesser"]

_DEPTH: Final = 40
_COMPARED: Final = frozenset(("==", "~=", "<", "<=", ">", ">="))
_ARITHMETIC: Final = frozenset(("+", "-", "*", "//", "%"))
_BITWISE: Final = frozenset(("&", "|", "~", "<<", ">>"))

Add = Callable[..., int]
Describe = Callable[["ty.Type"], int]


class Guesser:
    """Tells the types of the expressions of one chunk, as nodes of a description."""

    __slots__ = ("_add", "_describe", "_known", "_places")

    def __init__(self, places: Places, describe: Describe, add: Add) -> None:
        self._places = places
        self._describe = describe
        self._add = add
        self._known: dict[int, int] = {}

    def guess(self, node: lua.Expression, depth: int = 0) -> int:
        """Give the node of an expression's type; 0 if it cannot be told."""
        known = self._known.get(id(node))
        if known is not None:
            return known
        if depth > _DEPTH:
            return 0
        handler = _HANDLERS.get(node.__class__)
        found = handler(self, node, depth + 1) if handler is not None else 0
        self._known[id(node)] = found
        return found

    def _primitive(self, name: str) -> int:
        return self._add("p", name)

    def _constant(self, node: lua.Constant, _depth: int) -> int:
        if node.kind in ("true", "false"):
            return self._primitive("boolean")
        if node.kind != "number":
            return self._primitive(node.kind)
        text = node.text.lower()
        hexadecimal = text.startswith("0x")
        marks = ".p" if hexadecimal else ".e"
        whole = not any(mark in text for mark in marks)
        return self._primitive("integer" if whole else "number")

    def _paren(self, node: lua.Paren, depth: int) -> int:
        return self.guess(node.inner, depth)

    def _cast(self, node: lua.Cast, _depth: int) -> int:
        return self._describe(node.type)

    def _non_nil(self, node: lua.NonNil, depth: int) -> int:
        inner = self.guess(node.value, depth)
        return self._add("!", inner) if inner else 0

    def _name(self, node: lua.Name, depth: int) -> int:
        declared = self._places.variable(node.name, node.start)
        if declared is None:
            return 0
        where, position = declared
        if isinstance(where, lua.Local):
            annotation = where.names[position].type
            if annotation is not None:
                return self._describe(annotation)
            if position < len(where.values):
                return self.guess(where.values[position], depth)
            return 0
        if isinstance(where, lua.LocalFunction):
            return self._function(where.function, depth)
        if isinstance(where, lua.Parameter):
            if where.type is None:
                return 0
            found = self._describe(where.type)
            return self._add("?", found) if where.optional else found
        if isinstance(where, lua.NumericFor):
            return self._numeric(where, depth)
        if isinstance(where, lua.GenericFor):
            annotation = where.names[position].type
            return 0 if annotation is None else self._describe(annotation)
        return 0

    def _numeric(self, node: lua.NumericFor, depth: int) -> int:
        if node.variable.type is not None:
            return self._describe(node.variable.type)
        step = [] if node.step is None else [node.step]
        integer = self._primitive("integer")
        bounds = [self.guess(bound, depth) for bound in (node.first, *step)]
        if all(bound == integer for bound in bounds):
            return integer
        return self._primitive("number")

    def _function(self, node: lua.Function, _depth: int) -> int:
        if node.generics:
            return 0
        types, names = [], []
        if node.has_self:
            types.append(self._primitive("Self"))
            names.append("self")
        for parameter in node.parameters:
            kind = parameter.type
            at = self._primitive("any") if kind is None else self._describe(kind)
            types.append(self._add("?", at) if parameter.optional else at)
            names.append(parameter.name)
        rest = 0
        if node.vararg is not None:
            kind = node.vararg.type
            rest = self._primitive("any") if kind is None else self._describe(kind)
        results: Any = 0
        if node.returns is not None and node.returns.asserts is None:
            results = [self._describe(each) for each in node.returns.types]
        return self._add("f", types, names, rest, results)

    def _table(self, node: lua.Table, depth: int) -> int:
        named: dict[str, int] = {}
        items: list[int] = []
        for field in node.fields:
            if field.key is not None:
                return self._primitive("table")
            kind = self.guess(field.value, depth) or self._primitive("any")
            if field.name is None:
                items.append(kind)
            else:
                named[field.name] = kind
        if items and named:
            return self._primitive("table")
        if items:
            kinds = list(dict.fromkeys(items))
            element = kinds[0] if len(kinds) == 1 else self._add("|", *kinds)
            return self._add("a", element)
        return self._add("r", list(named), list(named.values()), [0] * len(named))

    def _binary(self, node: lua.Binary, depth: int) -> int:
        operator = node.operator
        if operator in _COMPARED:
            return self._primitive("boolean")
        if operator == "..":
            return self._primitive("string")
        if operator == "and":
            return 0
        left, right = self.guess(node.left, depth), self.guess(node.right, depth)
        if not left or not right:
            return 0
        if operator == "or":
            return (
                left if left == right else self._add("|", self._add("!", left), right)
            )
        numbers = {self._primitive("integer"), self._primitive("number")}
        if left not in numbers or right not in numbers:
            return 0
        integer = self._primitive("integer")
        if operator in _BITWISE or (
            operator in _ARITHMETIC and left == integer and right == integer
        ):
            return integer
        return self._primitive("number")

    def _unary(self, node: lua.Unary, depth: int) -> int:
        if node.operator == "not":
            return self._primitive("boolean")
        if node.operator in ("#", "~"):
            return self._primitive("integer")
        found = self.guess(node.operand, depth)
        numbers = (self._primitive("integer"), self._primitive("number"))
        return found if found in numbers else 0

    def _field(self, node: lua.Field, depth: int) -> int:
        base = self.guess(node.base, depth)
        key = self._add("l", node.name.encode("latin-1"))
        return self._add("[", base, key) if base else 0

    def _index(self, node: lua.Index, depth: int) -> int:
        base, key = self.guess(node.base, depth), self.guess(node.key, depth)
        return self._add("[", base, key) if base and key else 0

    def _call(self, node: lua.Call, depth: int) -> int:
        function = self.guess(node.function, depth)
        return self._add("R", function) if function else 0


_HANDLERS: Final[dict[type, Callable[[Guesser, Any, int], int]]] = {
    lua.Constant: Guesser._constant,
    lua.Paren: Guesser._paren,
    lua.Cast: Guesser._cast,
    lua.NonNil: Guesser._non_nil,
    lua.Name: Guesser._name,
    lua.Function: Guesser._function,
    lua.Table: Guesser._table,
    lua.Binary: Guesser._binary,
    lua.Unary: Guesser._unary,
    lua.Field: Guesser._field,
    lua.Index: Guesser._index,
    lua.Call: Guesser._call,
}
