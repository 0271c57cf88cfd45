"""What the checker knows about values: types, immutable and mostly interned.

Two types built alike are one object, so identity is the fast answer to equality; it is
not the only one, since the table of interned types is emptied when it grows too large.

Some types say how sure the checker is. ``ANY`` is what an author wrote as ``any`` and
does not flow into a concrete type; ``DYNAMIC`` is what nobody annotated and flows
everywhere. ``NIL`` is a nil that an annotation admits; ``STANDARD_NIL`` came out of the
standard library into a variable without annotation, ``SOFT_NIL`` was inferred: the two
are reported only where the answer cannot be wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
    "admits_nil",
    "array",
    "expand",
    "intersection",
    "literal",
    "map_of",
    "members",
    "optional",
    "record",
    "union",
    "widen",
]

MOST_MEMBERS: Final = 64
_MOST_INTERNED: Final = 50_000


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

    def put(self, type_: Type) -> None:
        """Note what an element holds; two unlike kinds make it dynamic."""
        if self.sealed:
            return
        type_ = widen(type_)
        known = self.element
        if known is None or known is NEVER:
            self.element = type_
        elif known is not type_ and known is not DYNAMIC:
            both = {known, type_}
            self.element = NUMBER if both == {NUMBER, INTEGER} else DYNAMIC


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


_interned: dict[tuple[object, ...], Type] = {}


def _intern(key: tuple[object, ...], made: Type) -> Type:
    if len(_interned) > _MOST_INTERNED:
        _interned.clear()
    _interned[key] = made
    return made


def literal(value: str | int | bool) -> Literal:
    """Return the type of one value."""
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    key = ("literal", value.__class__, value)
    found = _interned.get(key)
    if found is None:
        base = STRING if isinstance(value, str) else INTEGER
        found = _intern(key, Literal(value, base))
    assert isinstance(found, Literal)
    return found


def array(element: Type, *, readonly: bool = False) -> Type:
    """Return the type of a list."""
    key = ("array", id(element), readonly)
    found = _interned.get(key)
    return _intern(key, Array(element, readonly)) if found is None else found


def map_of(key: Type, value: Type, *, readonly: bool = False) -> Type:
    """Return the type of a map."""
    mark = ("map", id(key), id(value), readonly)
    found = _interned.get(mark)
    return _intern(mark, Map(key, value, readonly)) if found is None else found


def record(fields: Mapping[str, Field], *, readonly: bool = False) -> Type:
    """Return the type of a record."""
    parts = tuple((n, id(f.type), f.optional, f.readonly) for n, f in fields.items())
    key = ("record", parts, readonly)
    found = _interned.get(key)
    return _intern(key, Record(fields, readonly)) if found is None else found


def members(type_: Type) -> tuple[Type, ...]:
    """Return what a type is one of."""
    if type_.__class__ is Alias:
        type_ = expand(type_)
    if isinstance(type_, Union):
        return type_.members
    return (type_,)


def expand(type_: Type) -> Type:
    """Return what an alias stands for, any other type itself."""
    for _ in range(64):
        if not isinstance(type_, Alias):
            return type_
        type_ = type_.target
    return DYNAMIC


def union(types: Iterable[Type]) -> Type:
    """Join types: what is said twice is said once (types 3.2)."""
    flat: dict[Type, None] = {}
    for each in types:
        if each.__class__ is Union:
            for member in each.members:
                flat[member] = None
        elif each is not NEVER:
            flat[each] = None
    if len(flat) == 1:
        return next(iter(flat))
    if not flat:
        return NEVER
    if DYNAMIC in flat:
        return DYNAMIC
    if ANY in flat:
        return ANY
    if UNKNOWN in flat:
        return UNKNOWN
    return _normal(flat)


def _normal(flat: dict[Type, None]) -> Type:
    if TRUE in flat and FALSE in flat:
        flat[BOOLEAN] = None
    if NUMBER in flat:
        flat.pop(INTEGER, None)
    plain = NUMBER in flat, STRING in flat, BOOLEAN in flat, INTEGER in flat
    if any(plain):
        number = plain[0] or plain[3]
        for each in [each for each in flat if each.__class__ is Literal]:
            base = each.base
            if base in flat or (base is INTEGER and number):
                del flat[each]
    if SOFT_NIL in flat:
        flat.pop(NIL, None)
        flat.pop(STANDARD_NIL, None)
    elif STANDARD_NIL in flat:
        flat.pop(NIL, None)
    if len(flat) == 1:
        return next(iter(flat))
    if len(flat) > MOST_MEMBERS:
        return DYNAMIC
    key = ("union", *map(id, flat))
    found = _interned.get(key)
    return _intern(key, Union(tuple(flat))) if found is None else found


def optional(type_: Type, nil: Type = NIL) -> Type:
    """Return a type that also admits nil."""
    if type_ in UNTYPED:
        return type_
    # Inside its own declaration an alias is not known yet.
    known = isinstance(type_, Alias) and type_.declaration.settled
    if known and admits_nil(type_):
        return type_
    return union((type_, nil))


def admits_nil(type_: Type) -> bool:
    """Tell whether nil is among the values of a type."""
    if type_.__class__ is Union:
        return any(admits_nil(each) for each in type_.members)
    if type_.__class__ is Alias:
        target = expand(type_)
        return target.__class__ is not Alias and admits_nil(target)
    return type_ in NILS or type_ in UNTYPED


def intersection(types: Iterable[Type]) -> Type:
    """Meet types: records become one record, functions a set of overloads."""
    flat: list[Type] = []
    for each in types:
        expanded = expand(each)
        if isinstance(expanded, Intersection):
            flat.extend(expanded.members)
        elif each not in flat:
            flat.append(each)
    if len(flat) == 1:
        return flat[0]
    flat = [each for each in flat if each not in UNTYPED] or flat[:1]
    for place, each in enumerate(flat):
        expanded = expand(each)
        if isinstance(expanded, Union):
            rest = flat[:place] + flat[place + 1 :]
            return union(intersection((one, *rest)) for one in expanded.members)
    shapes = [expand(each) for each in flat]
    records = [each for each in shapes if isinstance(each, Record)]
    if len(records) == len(shapes):
        return _merge(records)
    kinds = {each for each in map(_kind, shapes) if each is not None}
    if len(kinds) > 1 or NEVER in shapes:
        return NEVER
    if len(flat) == 1:
        return flat[0]
    return Intersection(tuple(flat))


def _kind(type_: Type) -> Basic | None:
    """Return what a plain type is, None for one that may overlap with others."""
    if isinstance(type_, Literal):
        type_ = type_.base
    if type_ is INTEGER:
        return NUMBER
    if type_ in NILS:
        return NIL
    if type_ in (NUMBER, STRING, BOOLEAN):
        assert isinstance(type_, Basic)
        return type_
    if isinstance(type_, (Record, Array, Map)):
        return TABLE
    return None


def _merge(records: list[Record]) -> Type:
    fields: dict[str, Field] = {}
    for each in records:
        for name, field in each.fields.items():
            known = fields.get(name)
            if known is None:
                fields[name] = field
            else:
                fields[name] = Field(
                    intersection((known.type, field.type)),
                    known.optional and field.optional,
                    known.readonly and field.readonly,
                )
    return record(fields)


def widen(type_: Type) -> Type:
    """Return the base types of literals: what a variable may hold later."""
    kind = type_.__class__
    if kind is Literal:
        return type_.base  # type: ignore[attr-defined, no-any-return]
    if kind is Union and any(m.__class__ is Literal for m in type_.members):  # type: ignore[attr-defined]
        return union(widen(member) for member in type_.members)  # type: ignore[attr-defined]
    if kind is List:
        return array(union(widen(each) for each in type_.elements))  # type: ignore[attr-defined]
    return type_
