"""The kinds of types, as plain classes; how they are built stands in ``types``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "ANY",
    "ANY_FUNCTION",
    "BOOLEAN",
    "DYNAMIC",
    "ERROR",
    "FALSE",
    "INTEGER",
    "NEVER",
    "NIL",
    "NILS",
    "NUMBER",
    "OPEN_TABLE",
    "SELF",
    "SOFT_NIL",
    "STANDARD_NIL",
    "STRING",
    "TABLE",
    "TRUE",
    "UNKNOWN",
    "UNTYPED",
    "Alias",
    "Array",
    "Basic",
    "Declaration",
    "Effect",
    "Field",
    "Function",
    "Interface",
    "Intersection",
    "List",
    "Literal",
    "Map",
    "Parameter",
    "Record",
    "Table",
    "Type",
    "TypeValue",
    "TypeVariable",
    "Union",
    "Unresolved",
]


class Type:
    """Something a value may be."""

    __slots__ = ()


class Basic(Type):
    """A built-in type without parts."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NIL: Final = Basic("nil")
STANDARD_NIL: Final = Basic("nil")
SOFT_NIL: Final = Basic("nil")
BOOLEAN: Final = Basic("boolean")
NUMBER: Final = Basic("number")
INTEGER: Final = Basic("integer")
STRING: Final = Basic("string")
ANY: Final = Basic("any")
DYNAMIC: Final = Basic("any")
UNKNOWN: Final = Basic("unknown")
NEVER: Final = Basic("never")
TABLE: Final = Basic("table")
ERROR: Final = Basic("error")
ANY_FUNCTION: Final = Basic("function")
"""What ``type(x) == "function"`` proves."""
OPEN_TABLE: Final = Basic("table")
"""What ``type(x) == "table"`` proves: it fits every table type."""

NILS: Final = frozenset((NIL, STANDARD_NIL, SOFT_NIL))
UNTYPED: Final = frozenset((ANY, DYNAMIC, UNKNOWN))


class Literal(Type):
    """One string, integer or boolean."""

    __slots__ = ("base", "value")

    def __init__(self, value: str | int | bool, base: Basic) -> None:
        self.value = value
        self.base = base


TRUE: Final = Literal(True, BOOLEAN)
FALSE: Final = Literal(False, BOOLEAN)


class Union(Type):
    """One of several; with nil among them it is optional."""

    __slots__ = ("members",)

    def __init__(self, members: tuple[Type, ...]) -> None:
        self.members = members


class Intersection(Type):
    """All of several; of functions, a set of overloads."""

    __slots__ = ("members",)

    def __init__(self, members: tuple[Type, ...]) -> None:
        self.members = members


class Array(Type):
    """``{element}``."""

    __slots__ = ("element", "readonly")

    def __init__(self, element: Type, readonly: bool) -> None:
        self.element = element
        self.readonly = readonly


class Map(Type):
    """``{[key]: value}``."""

    __slots__ = ("key", "readonly", "value")

    def __init__(self, key: Type, value: Type, readonly: bool) -> None:
        self.key = key
        self.value = value
        self.readonly = readonly


class Field(NamedTuple):
    """A field of a record."""

    type: Type
    optional: bool = False
    readonly: bool = False


class Record(Type):
    """``{name: type, ...}`` as it was declared."""

    __slots__ = ("fields", "readonly")

    def __init__(self, fields: Mapping[str, Field], readonly: bool) -> None:
        self.fields = fields
        self.readonly = readonly


class List(Type):
    """A constructor whose elements are known by position."""

    __slots__ = ("elements",)

    def __init__(self, elements: tuple[Type, ...]) -> None:
        self.elements = elements


class Table(Type):
    """A table that nobody annotated; it learns what is put into it.

    Attributes:
      fields: What is known of its fields.
      open: Whether it may have others.
      element: What its list part holds, if that is known.
      index: Where missing fields are looked up.
      meta: Its metatable.
      name: What a message calls it: that of a library.
      learned: The fields that came by the only assignment of their name.
      owner: The variable that its constructor was first given to, for the checker.
      sealed: Whether it belongs to another module and learns nothing here.
    """

    __slots__ = (
        "element",
        "fields",
        "index",
        "learned",
        "meta",
        "name",
        "open",
        "owner",
        "sealed",
    )

    def __init__(
        self,
        fields: dict[str, Type] | None = None,
        *,
        open: bool = True,  # noqa: A002 - the word of the rules
        name: str = "",
    ) -> None:
        self.fields: dict[str, Type] = {} if fields is None else fields
        self.open = open
        self.element: Type | None = None
        self.index: Type | None = None
        self.meta: Table | None = None
        self.name = name
        self.learned: set[str] = set()
        self.owner: object = None
        self.sealed = False


class Interface(Type):
    """A type known by its methods; a brand is compared by name."""

    __slots__ = ("brand", "methods", "name", "parents")

    def __init__(self, name: str, methods: dict[str, Type], brand: bool) -> None:
        self.name = name
        self.methods = methods
        self.brand = brand
        self.parents: tuple[Type, ...] = ()


class Parameter(NamedTuple):
    """A parameter of a function; without annotation it is dynamic and optional."""

    name: str
    type: Type
    optional: bool = False


class Effect(NamedTuple):
    """What a normal return proves about an argument: it is truthy or of a type."""

    position: int
    kind: str  # "truthy", "not nil", "type", "same"
    type: Type | None = None
    other: int = -1


class Function(Type):
    """A function.

    Attributes:
      generics: Its type parameters.
      parameters: Its parameters, ``self`` included.
      variadic: The type of further arguments; None if it takes none.
      results: What it returns, by position.
      rest: What may follow; None if nothing does.
      untyped: Whether no part of it is annotated: any number of arguments will do.
      effects: What its return proves.
      special: A name for what the checker knows beyond the signature.
      linked: Whether its results are a value or else an error.
      standard: Whether it belongs to the standard library or to a host module.
    """

    __slots__ = (
        "effects",
        "generics",
        "linked",
        "parameters",
        "rest",
        "results",
        "special",
        "standard",
        "untyped",
        "variadic",
    )

    def __init__(
        self,
        parameters: tuple[Parameter, ...] = (),
        results: tuple[Type, ...] = (),
        *,
        variadic: Type | None = None,
        rest: Type | None = None,
        generics: tuple[TypeVariable, ...] = (),
        untyped: bool = False,
        effects: tuple[Effect, ...] = (),
        special: str = "",
        linked: bool = False,
        standard: bool = False,
    ) -> None:
        self.parameters = parameters
        self.results = results
        self.variadic = variadic
        self.rest = rest
        self.generics = generics
        self.untyped = untyped
        self.effects = effects
        self.special = special
        self.linked = linked
        self.standard = standard

    def with_results(
        self, results: tuple[Type, ...], rest: Type | None, *, linked: bool
    ) -> Function:
        """Return the function with other results."""
        return Function(
            self.parameters,
            results,
            variadic=self.variadic,
            rest=rest,
            generics=self.generics,
            untyped=self.untyped,
            effects=self.effects,
            special=self.special,
            linked=linked,
            standard=self.standard,
        )


class TypeVariable(Type):
    """A type parameter."""

    __slots__ = ("constraint", "name")

    def __init__(self, name: str, constraint: Type | None = None) -> None:
        self.name = name
        self.constraint = constraint


SELF: Final = TypeVariable("Self")
"""The receiver, in methods of interfaces and of host objects."""


class TypeValue(Type):
    """A type used as a value: ``Point`` in ``Point:is(v)``."""

    __slots__ = ("type",)

    def __init__(self, type_: Type) -> None:
        self.type = type_


class Unresolved(Type):
    """A name that no type in scope has, and where it stands."""

    __slots__ = ("circular", "end", "name", "reported", "start")

    def __init__(self, name: str, start: int, end: int, circular: bool = False) -> None:
        self.name = name
        self.start = start
        self.end = end
        self.circular = circular
        self.reported = False


class Declaration:
    """The statement behind an alias; its body is resolved when it is first needed.

    Args:
      name: What messages call it.
      put_in: Puts arguments in the place of its parameters.
      build: Resolves its body.
    """

    __slots__ = (
        "_build",
        "_building",
        "_target",
        "instances",
        "name",
        "parameters",
        "put_in",
    )

    def __init__(
        self,
        name: str,
        put_in: Callable[[Type, Mapping[TypeVariable, Type]], Type],
        build: Callable[[], Type] | None = None,
    ) -> None:
        self.name = name
        self.put_in = put_in
        self.parameters: tuple[TypeVariable, ...] = ()
        self.instances: dict[tuple[int, ...], Alias] = {}
        self._build = build
        self._target: Type | None = None
        self._building = False

    @property
    def target(self) -> Type:
        """What the alias stands for."""
        if self._target is None:
            if self._building or self._build is None:
                return DYNAMIC
            self._building = True
            try:
                self._target = self._build()
            finally:
                self._building = False
            self._build = None
        return self._target

    @property
    def settled(self) -> bool:
        """Whether its body is known."""
        return self._target is not None

    def settle(self, target: Type) -> None:
        """Say what the alias stands for."""
        self._target = target
        self._build = None
        for each in self.instances.values():
            each.forget()

    def apply(self, arguments: tuple[Type, ...] = ()) -> Alias:
        """Return the alias with arguments."""
        key = tuple(map(id, arguments))
        found = self.instances.get(key)
        if found is None:
            found = self.instances[key] = Alias(self, arguments)
        return found


class Alias(Type):
    """A named type; recursion goes through it."""

    __slots__ = ("_expanded", "arguments", "declaration")

    def __init__(self, declaration: Declaration, arguments: tuple[Type, ...]) -> None:
        self.declaration = declaration
        self.arguments = arguments
        self._expanded: Type | None = None

    def forget(self) -> None:
        """Drop what it stood for."""
        self._expanded = None

    @property
    def target(self) -> Type:
        """What it stands for, arguments put in."""
        if self._expanded is not None:
            return self._expanded
        body = self.declaration.target
        declaration = self.declaration
        if self.arguments and len(self.arguments) == len(declaration.parameters):
            pairs = zip(declaration.parameters, self.arguments, strict=True)
            body = declaration.put_in(body, dict(pairs))
        if declaration.settled:
            self._expanded = body
        return body
