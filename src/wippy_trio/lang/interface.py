"""What a module exports, as plain data: for a cache, and for whoever imports it.

Types form a graph with circles; as data they are a list of nodes that name each other
by number. Reading the data gives types of their own, so that a chunk that imports a
module cannot change what another one sees of it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from wippy_trio.lang.declarations import Module
from wippy_trio.lang.substitute import substitute
from wippy_trio.lang.types import (
    ANY,
    ANY_FUNCTION,
    BOOLEAN,
    DYNAMIC,
    ERROR,
    INTEGER,
    NEVER,
    NIL,
    NUMBER,
    OPEN_TABLE,
    SELF,
    SOFT_NIL,
    STANDARD_NIL,
    STRING,
    TABLE,
    UNKNOWN,
    Alias,
    Array,
    Basic,
    Declaration,
    Effect,
    Field,
    Function,
    Interface,
    Intersection,
    List,
    Literal,
    Map,
    Parameter,
    Record,
    Table,
    Type,
    TypeValue,
    TypeVariable,
    Union,
    array,
    intersection,
    literal,
    map_of,
    record,
    union,
    widen,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMAT", "read_interface", "write_interface"]

FORMAT: Final = 1
"""Changes with the form of the data; a cache holds it in its keys."""

_BASICS: Final[dict[str, Basic]] = {
    "nil": NIL,
    "nil!": STANDARD_NIL,
    "nil?": SOFT_NIL,
    "boolean": BOOLEAN,
    "number": NUMBER,
    "integer": INTEGER,
    "string": STRING,
    "any": ANY,
    "dynamic": DYNAMIC,
    "unknown": UNKNOWN,
    "never": NEVER,
    "table": TABLE,
    "error": ERROR,
    "function": ANY_FUNCTION,
    "object": OPEN_TABLE,
}
_NAMES: Final = {type_: name for name, type_ in _BASICS.items()}
_MOST_NODES: Final = 20_000


def write_interface(
    value: Type, types: Mapping[str, Type | Declaration], *, complete: bool
) -> dict[str, Any]:
    """Turn what a module exports into JSON-like data."""
    writer = _Writer()
    return {
        "format": FORMAT,
        "value": writer.type(value),
        "types": {name: writer.any(each) for name, each in types.items()},
        "complete": complete,
        "nodes": writer.write(),
    }


def read_interface(name: str, data: Mapping[str, Any]) -> Module:
    """Turn the data back into a module.

    Raises:
      ValueError: The data is of another format.
    """
    if data.get("format") != FORMAT:
        raise ValueError(f"interface of {name}: unknown format")
    reader = _Reader(data["nodes"])
    types = {each: reader.any(node) for each, node in data["types"].items()}
    return Module(name, reader.type(data["value"]), types, complete=data["complete"])


class _Writer:
    """Numbers types and writes each once."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self._numbers: dict[Type | Declaration, int] = {}
        self._pending: deque[Type | Declaration] = deque()

    def any(self, what: Type | Declaration) -> int:
        """Number a type or what is behind an alias; it is written later."""
        number = self._numbers.get(what)
        if number is None:
            number = self._numbers[what] = len(self._numbers)
            self._pending.append(what)
        return number

    def type(self, type_: Type) -> int:
        """Number a type."""
        return self.any(type_)

    def write(self) -> list[Any]:
        """Write all that has a number, in the order of the numbers."""
        while self._pending:
            what = self._pending.popleft()
            if len(self.nodes) > _MOST_NODES:
                self.nodes.append(["basic", "dynamic"])
            elif isinstance(what, Declaration):
                parameters = [self.type(each) for each in what.parameters]
                node = ["alias", what.name, parameters, self.type(what.target)]
                self.nodes.append(node)
            else:
                self.nodes.append(self._node(what))
        return self.nodes

    def _node(self, type_: Type) -> list[Any]:
        if isinstance(type_, Basic):
            return ["basic", _NAMES.get(type_, "dynamic")]
        if isinstance(type_, Literal):
            return ["literal", type_.value]
        if isinstance(type_, Alias):
            arguments = [self.type(each) for each in type_.arguments]
            return ["named", self.any(type_.declaration), arguments]
        if isinstance(type_, Union):
            return ["union", [self.type(each) for each in type_.members]]
        if isinstance(type_, Intersection):
            return ["all", [self.type(each) for each in type_.members]]
        if isinstance(type_, Array):
            return ["array", self.type(type_.element), type_.readonly]
        if isinstance(type_, List):
            element = union(widen(each) for each in type_.elements)
            return ["array", self.type(element), False]
        if isinstance(type_, Map):
            key, value = self.type(type_.key), self.type(type_.value)
            return ["map", key, value, type_.readonly]
        if isinstance(type_, Record):
            fields = [
                [name, self.type(field.type), field.optional, field.readonly]
                for name, field in type_.fields.items()
            ]
            return ["record", fields, type_.readonly]
        if isinstance(type_, Table):
            return self._table(type_)
        if isinstance(type_, Interface):
            methods = [[name, self.type(m)] for name, m in type_.methods.items()]
            parents = [self.type(each) for each in type_.parents]
            return ["interface", type_.name, methods, type_.brand, parents]
        if isinstance(type_, Function):
            return self._function(type_)
        if type_ is SELF:
            return ["self"]
        if isinstance(type_, TypeVariable):
            bound = type_.constraint
            return ["variable", type_.name, None if bound is None else self.type(bound)]
        if isinstance(type_, TypeValue):
            return ["value", self.type(type_.type)]
        return ["basic", "dynamic"]

    def _table(self, type_: Table) -> list[Any]:
        def maybe(part: Type | None) -> int | None:
            return None if part is None else self.type(part)

        fields = [
            [name, self.type(widen(each))]
            for name, each in type_.fields.items()
            if not isinstance(each, Basic) or each not in (NIL, SOFT_NIL)
        ]
        parts = maybe(type_.element), maybe(type_.index), maybe(type_.meta)
        return ["table", fields, *parts, type_.name]

    def _function(self, type_: Function) -> list[Any]:
        parameters = [
            [each.name, self.type(each.type), each.optional]
            for each in type_.parameters
        ]
        effects = [
            [each.position, each.kind, None, each.other]
            if each.type is None
            else [each.position, each.kind, self.type(each.type), each.other]
            for each in type_.effects
        ]
        return [
            "function",
            parameters,
            [self.type(each) for each in type_.results],
            None if type_.variadic is None else self.type(type_.variadic),
            None if type_.rest is None else self.type(type_.rest),
            [self.type(each) for each in type_.generics],
            effects,
            type_.special,
            [type_.untyped, type_.linked, type_.standard],
        ]


class _Reader:
    """Builds each numbered type once, circles included."""

    def __init__(self, nodes: list[Any]) -> None:
        self._nodes = nodes
        self._made: dict[int, Type | Declaration] = {}

    def any(self, number: int) -> Type | Declaration:
        """Return a type or a declaration."""
        known = self._made.get(number)
        if known is None:
            self._made[number] = DYNAMIC  # where a circle closes that none should
            known = self._made[number] = self._build(number, self._nodes[number])
        return known

    def type(self, number: int) -> Type:
        """Return a type."""
        found = self.any(number)
        return found.apply() if isinstance(found, Declaration) else found

    def _types(self, numbers: list[int]) -> list[Type]:
        return [self.type(each) for each in numbers]

    def _maybe(self, number: int | None) -> Type | None:
        return None if number is None else self.type(number)

    def _build(self, number: int, node: list[Any]) -> Type | Declaration:
        kind = node[0]
        if kind == "basic":
            return _BASICS[node[1]]
        if kind == "literal":
            return literal(node[1])
        if kind == "alias":
            return self._alias(number, node)
        if kind == "named":
            declaration = self.any(node[1])
            if not isinstance(declaration, Declaration):
                return DYNAMIC
            return declaration.apply(tuple(self._types(node[2])))
        if kind == "union":
            return union(self._types(node[1]))
        if kind == "all":
            return intersection(self._types(node[1]))
        if kind == "array":
            return array(self.type(node[1]), readonly=node[2])
        if kind == "map":
            return map_of(self.type(node[1]), self.type(node[2]), readonly=node[3])
        if kind == "record":
            fields = {
                name: Field(self.type(of), optional, readonly)
                for name, of, optional, readonly in node[1]
            }
            return record(fields, readonly=node[2])
        if kind == "table":
            return self._table(number, node)
        if kind == "interface":
            return self._interface(number, node)
        if kind == "function":
            return self._function(node)
        if kind == "self":
            return SELF
        if kind == "variable":
            variable = TypeVariable(node[1])
            self._made[number] = variable
            variable.constraint = self._maybe(node[2])
            return variable
        return TypeValue(self.type(node[1]))

    def _alias(self, number: int, node: list[Any]) -> Declaration:
        made = Declaration(node[1], substitute, lambda: self.type(node[3]))
        self._made[number] = made
        parameters = self._types(node[2])
        made.parameters = tuple(
            each for each in parameters if isinstance(each, TypeVariable)
        )
        return made

    def _table(self, number: int, node: list[Any]) -> Table:
        _, fields, element, index, meta, name = node
        made = Table({}, name=name)
        self._made[number] = made
        for field, of in fields:
            made.fields[field] = self.type(of)
        made.element = self._maybe(element)
        made.index = self._maybe(index)
        found = self._maybe(meta)
        made.meta = found if isinstance(found, Table) else None
        made.sealed = True
        return made

    def _interface(self, number: int, node: list[Any]) -> Interface:
        _, name, methods, brand, parents = node
        made = Interface(name, {}, brand)
        self._made[number] = made
        for method, of in methods:
            made.methods[method] = self.type(of)
        made.parents = tuple(self._types(parents))
        return made

    def _function(self, node: list[Any]) -> Function:
        _, parameters, results, variadic, rest, generics, effects, special, marks = node
        untyped, linked, standard = marks
        return Function(
            tuple(
                Parameter(name, self.type(of), optional)
                for name, of, optional in parameters
            ),
            tuple(self._types(results)),
            variadic=self._maybe(variadic),
            rest=self._maybe(rest),
            generics=tuple(
                each for each in self._types(generics) if isinstance(each, TypeVariable)
            ),
            untyped=untyped,
            effects=tuple(
                Effect(position, kind, self._maybe(of), other)
                for position, kind, of, other in effects
            ),
            special=special,
            linked=linked,
            standard=standard,
        )
