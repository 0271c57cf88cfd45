"""The tree of a source: types.

Nodes of the type grammar (types 1.5), with spans like all others. What a name means is
not decided here; a type is only what was written. Nothing of it remains in the
translated text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.expressions import Node

if TYPE_CHECKING:
    from wippy_trio.lang.expressions import Expression

__all__ = [
    "ArrayType",
    "AssertsType",
    "ConditionalType",
    "FunctionType",
    "IndexType",
    "InterfaceType",
    "IntersectionType",
    "KeyofType",
    "LiteralType",
    "MapType",
    "OptionalType",
    "ReadonlyType",
    "RecordField",
    "RecordType",
    "Type",
    "TypeName",
    "TypeParameter",
    "TypedParameter",
    "TypeofType",
    "UnionType",
    "ValidatedType",
]


class TypeName(Node):
    """``name``, ``module.name``, with arguments ``<...>`` if it has any."""

    __slots__ = ("arguments", "module", "name")

    def __init__(
        self,
        module: str | None,
        name: str,
        arguments: list[Type],
        start: int,
        end: int,
    ) -> None:
        self.module = module
        self.name = name
        self.arguments = arguments
        self.start = start
        self.end = end


class LiteralType(Node):
    """``nil``, ``true``, ``false``, a string or an integer as a type.

    ``kind`` is the word itself, ``string`` or ``number``; ``text`` is as written, with
    its minus.
    """

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str, start: int, end: int) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end


class OptionalType(Node):
    """``inner?``."""

    __slots__ = ("inner",)

    def __init__(self, inner: Type, start: int, end: int) -> None:
        self.inner = inner
        self.start = start
        self.end = end


class ArrayType(Node):
    """``{element}`` or ``element[]``."""

    __slots__ = ("element",)

    def __init__(self, element: Type, start: int, end: int) -> None:
        self.element = element
        self.start = start
        self.end = end


class MapType(Node):
    """``{[key]: value}``."""

    __slots__ = ("key", "value")

    def __init__(self, key: Type, value: Type, start: int, end: int) -> None:
        self.key = key
        self.value = value
        self.start = start
        self.end = end


class RecordField(Node):
    """``name: type`` or ``name?: type`` in a record."""

    __slots__ = ("name", "optional", "type")

    def __init__(
        self, name: str, optional: bool, annotation: Type, start: int, end: int
    ) -> None:
        self.name = name
        self.optional = optional
        self.type = annotation
        self.start = start
        self.end = end


class RecordType(Node):
    """``{name: type, ...}``; without fields ``{}``."""

    __slots__ = ("fields",)

    def __init__(self, fields: list[RecordField], start: int, end: int) -> None:
        self.fields = fields
        self.start = start
        self.end = end


class InterfaceType(Node):
    """``interface {name: type, ...}``."""

    __slots__ = ("fields",)

    def __init__(self, fields: list[RecordField], start: int, end: int) -> None:
        self.fields = fields
        self.start = start
        self.end = end


class ReadonlyType(Node):
    """``readonly`` before a table type."""

    __slots__ = ("inner",)

    def __init__(self, inner: Type, start: int, end: int) -> None:
        self.inner = inner
        self.start = start
        self.end = end


class TypedParameter(Node):
    """A parameter of a function type; its name, if any, is documentation."""

    __slots__ = ("name", "optional", "type")

    def __init__(
        self,
        name: str | None,
        optional: bool,
        annotation: Type | None,
        start: int,
        end: int,
    ) -> None:
        self.name = name
        self.optional = optional
        self.type = annotation
        self.start = start
        self.end = end


class FunctionType(Node):
    """``(parameters) -> results``.

    ``variadic`` is the type of further arguments, ``results`` is None where nothing is
    said about them (``fun()``), and a single ``asserts`` may stand in an interface.
    """

    __slots__ = ("asserts", "parameters", "results", "variadic")

    def __init__(
        self,
        parameters: list[TypedParameter],
        variadic: TypedParameter | None,
        results: list[Type] | None,
        asserts: AssertsType | None,
        start: int,
        end: int,
    ) -> None:
        self.parameters = parameters
        self.variadic = variadic
        self.results = results
        self.asserts = asserts
        self.start = start
        self.end = end


class UnionType(Node):
    """``A | B | ...``."""

    __slots__ = ("members",)

    def __init__(self, members: list[Type], start: int, end: int) -> None:
        self.members = members
        self.start = start
        self.end = end


class IntersectionType(Node):
    """``A & B & ...``."""

    __slots__ = ("members",)

    def __init__(self, members: list[Type], start: int, end: int) -> None:
        self.members = members
        self.start = start
        self.end = end


class IndexType(Node):
    """``base[key]``."""

    __slots__ = ("base", "key")

    def __init__(self, base: Type, key: Type, start: int, end: int) -> None:
        self.base = base
        self.key = key
        self.start = start
        self.end = end


class ValidatedType(Node):
    """``inner @validator(arguments)``."""

    __slots__ = ("arguments", "inner", "validator")

    def __init__(
        self,
        inner: Type,
        validator: str,
        arguments: list[Expression],
        start: int,
        end: int,
    ) -> None:
        self.inner = inner
        self.validator = validator
        self.arguments = arguments
        self.start = start
        self.end = end


class ConditionalType(Node):
    """``subject extends bound ? then : otherwise``."""

    __slots__ = ("bound", "otherwise", "subject", "then")

    def __init__(
        self,
        subject: Type,
        bound: Type,
        then: Type,
        otherwise: Type,
        start: int,
        end: int,
    ) -> None:
        self.subject = subject
        self.bound = bound
        self.then = then
        self.otherwise = otherwise
        self.start = start
        self.end = end


class TypeofType(Node):
    """``typeof(value)`` as a type."""

    __slots__ = ("value",)

    def __init__(self, value: Expression, start: int, end: int) -> None:
        self.value = value
        self.start = start
        self.end = end


class KeyofType(Node):
    """``keyof(inner)``."""

    __slots__ = ("inner",)

    def __init__(self, inner: Type, start: int, end: int) -> None:
        self.inner = inner
        self.start = start
        self.end = end


class AssertsType(Node):
    """``asserts name is type``, as a return annotation only."""

    __slots__ = ("name", "type")

    def __init__(
        self, name: str, annotation: Type | None, start: int, end: int
    ) -> None:
        self.name = name
        self.type = annotation
        self.start = start
        self.end = end


class TypeParameter(Node):
    """``name`` or ``name: constraint`` between angle brackets."""

    __slots__ = ("constraint", "name")

    def __init__(
        self, name: str, constraint: Type | None, start: int, end: int
    ) -> None:
        self.name = name
        self.constraint = constraint
        self.start = start
        self.end = end


Type = (
    TypeName
    | LiteralType
    | OptionalType
    | ArrayType
    | MapType
    | RecordType
    | InterfaceType
    | ReadonlyType
    | FunctionType
    | UnionType
    | IntersectionType
    | IndexType
    | ValidatedType
    | ConditionalType
    | TypeofType
    | KeyofType
)
