"""Signatures as text: the ``declares`` of modules and the standard library.

A declaration text has one item a line, which may go on while a bracket is open:

- ``name: type`` is a field of the module, mostly a function type;
- ``type Name = ...`` and ``interface Name ... end`` export types. A record all of
  whose fields are functions of ``self`` is an object of the host.

A function that returns ``(T?, Error?)`` gives a value or else an error; the checker
takes the value as plain ``T``, since applications rely on that (types 3.6.6). Where nil
is an ordinary answer beside an error, write ``(nil | T, Error?)``. ``Self`` is the
receiver of a method. A name that means nothing here is dynamic, as is ``any``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wippy_trio.lang import typesyntax as ty
from wippy_trio.lang.diagnostics import LuaSyntaxError
from wippy_trio.lang.parser import parse
from wippy_trio.lang.resolve import Resolver, Surroundings
from wippy_trio.lang.standard import (
    AMBIENT,
    ERROR_METHODS,
    GLOBALS,
    LIBRARIES,
    OPEN_RESULTS,
    SPECIALS,
    TYPE_VALUE,
)
from wippy_trio.lang.subtype import Relation
from wippy_trio.lang.types import (
    DYNAMIC,
    ERROR,
    INTEGER,
    NILS,
    STRING,
    Declaration,
    Function,
    Interface,
    Map,
    Record,
    Table,
    Type,
    expand,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Library", "Module", "declared_names", "library", "read_module"]

_FIELD = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*:\s*(\S.*)", re.DOTALL)
_OPENING = re.compile(r"[({\[]")
_CLOSING = re.compile(r"[)}\]]")


class Module:
    """What is known of a module.

    Attributes:
      name: What it is required by.
      value: What ``require`` gives.
      types: The types it exports.
      complete: Whether it has no other types than these.
    """

    __slots__ = ("complete", "name", "types", "value")

    def __init__(
        self,
        name: str,
        value: Type,
        types: Mapping[str, Type | Declaration],
        *,
        complete: bool,
    ) -> None:
        self.name = name
        self.value = value
        self.types = types
        self.complete = complete


class Library:
    """What every chunk knows.

    Attributes:
      globals: Its global names.
      strings: The string library, also behind methods of strings.
      ambient: Modules that are there without ``require``.
      error_methods: The methods of error objects.
      type_methods: The methods of type values.
    """

    __slots__ = ("ambient", "error_methods", "globals", "strings", "type_methods")

    def __init__(
        self,
        known: dict[str, Type],
        strings: Table,
        ambient: list[Module],
        error_methods: dict[str, Type],
        type_methods: dict[str, Type],
    ) -> None:
        self.globals = known
        self.strings = strings
        self.ambient = ambient
        self.error_methods = error_methods
        self.type_methods = type_methods


class _Around(Surroundings):
    """Types of other modules that a declaration may name."""

    __slots__ = ("ambient", "modules")

    def __init__(self, ambient: Iterable[Module]) -> None:
        self.ambient = list(ambient)

    def foreign(self, module: str, name: str, place: int) -> Type | Declaration | None:
        """Return a type of an ambient module."""
        for each in self.ambient:
            if each.name == module and name in each.types:
                return each.types[name]
        return DYNAMIC

    def imported(self, name: str) -> Type | Declaration | None:
        """Return a type of an ambient module, or whatever."""
        for each in self.ambient:
            if name in each.types:
                return each.types[name]
        return DYNAMIC


def _items(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Split a declaration text into statements and fields."""
    statements: list[str] = []
    fields: list[tuple[str, str]] = []
    pending: list[str] = []
    depth = 0
    for line in [*text.splitlines(), ""]:
        starts = depth == 0 and bool(line.strip()) and _begins(line, pending)
        if pending and (starts or (depth == 0 and not line.strip())):
            _item("\n".join(pending), statements, fields)
            pending = []
        if line.strip():
            pending.append(line)
            depth += len(_OPENING.findall(line)) - len(_CLOSING.findall(line))
    if pending:
        _item("\n".join(pending), statements, fields)
    return statements, fields


def _begins(line: str, pending: list[str]) -> bool:
    if pending and pending[0].lstrip().startswith("interface "):
        return pending[-1].strip() == "end"
    return not line.lstrip().startswith(("->", "|", "&"))


def _item(text: str, statements: list[str], fields: list[tuple[str, str]]) -> None:
    stripped = text.strip()
    if stripped.startswith(("type ", "interface ")) and not re.match(
        r"(type|interface)\s*:", stripped
    ):
        statements.append(stripped)
        return
    match = _FIELD.match(text)
    if match is not None:
        fields.append((match[1], match[2].strip()))


def declared_names(text: str) -> list[str]:
    """List the fields that a declaration text names."""
    return [name for name, _ in _items(text)[1]]


def read_fields(
    text: str, ambient: Iterable[Module] = ()
) -> tuple[dict[str, Type], dict[str, Type | Declaration]]:
    """Read a declaration text: fields and exported types.

    An item that cannot be read is dynamic: a module whose author slipped stays usable.
    """
    statements, fields = _items(text)
    resolver = Resolver(_Around(ambient), Relation())
    # What the host calls any flows everywhere: applications rely on it.
    resolver.scopes[0]["any"] = DYNAMIC
    resolver.forward["any"] = DYNAMIC
    source = "\n".join(statements)
    try:
        chunk = parse(source.encode(), "declarations")
    except LuaSyntaxError:
        chunk = parse(b"", "declarations")
    resolver.declare_top(chunk.notes.aliases)
    types: dict[str, Type | Declaration] = {}
    for node in chunk.notes.aliases:
        if node.top:
            types[node.name] = resolver.statement(node)
    found: dict[str, Type] = {}
    for name, written in fields:
        of = _parse_type(written)
        found[name] = DYNAMIC if of is None else _hosted(resolver.type(of), of)
    return found, types


def _parse_type(text: str) -> ty.Type | None:
    try:
        chunk = parse(f"type T = {text}".encode(), "declaration")
    except LuaSyntaxError:
        return None
    alias = chunk.notes.aliases[0]
    return getattr(alias, "type", None)


def _hosted(type_: Type, node: ty.Type) -> Type:
    """Make a function one of the host's: lenient, with a plain value in a pair."""
    if not isinstance(type_, Function):
        return type_
    results = type_.results
    linked = False
    if isinstance(node, ty.FunctionType) and len(results) == 2 and _fails(results[1]):
        linked = True
        if node.results and isinstance(node.results[0], ty.OptionalType):
            rest = [each for each in members(results[0]) if each not in NILS]
            if len(rest) == 1:
                results = (rest[0], results[1])
    return Function(
        type_.parameters,
        results,
        variadic=type_.variadic,
        rest=type_.rest,
        generics=type_.generics,
        linked=linked,
        standard=True,
    )


def _fails(type_: Type) -> bool:
    parts = [expand(each) for each in members(type_)]
    return ERROR in parts and any(each in NILS for each in parts)


def _host_methods(types: Mapping[str, Type | Declaration]) -> None:
    """Make the methods of a module's handles host functions too."""
    for found in types.values():
        if not isinstance(found, Declaration):
            continue
        shape = found.target
        if isinstance(shape, Record) and _is_handle(shape):
            methods = {name: field.type for name, field in shape.fields.items()}
            shape = Interface(found.name, methods, brand=True)
            found.settle(shape)
        if isinstance(shape, Interface):
            shape.brand = True
            shape.name = found.name
            for name, method in shape.methods.items():
                shape.methods[name] = _hosted_method(method)


def _is_handle(shape: Record) -> bool:
    """Tell whether a record is an object of the host: every field is a method."""
    return bool(shape.fields) and all(
        isinstance(field.type, Function)
        and bool(field.type.parameters)
        and field.type.parameters[0].name == "self"
        for field in shape.fields.values()
    )


def _plain(type_: Type) -> Type:
    """Return a type without nil, if one member is left."""
    rest = [each for each in members(type_) if each not in NILS]
    return rest[0] if len(rest) == 1 else type_


def _hosted_method(method: Type) -> Type:
    if not isinstance(method, Function):
        return method
    results = method.results
    linked = len(results) == 2 and _fails(results[1])
    if len(results) > 1 and _fails(results[-1]):
        results = (*map(_plain, results[:-1]), results[-1])
    special = method.special or "host"
    return Function(
        method.parameters,
        results,
        variadic=method.variadic,
        rest=method.rest,
        special=special,
        linked=linked,
        standard=True,
    )


def read_module(name: str, text: str, ambient: Iterable[Module] = ()) -> Module:
    """Read the ``declares`` of a module.

    Args:
      name: What it is required by.
      text: The declarations.
      ambient: Modules whose types it may name.
    """
    fields, types = read_fields(text, ambient)
    _host_methods(types)
    for each, type_ in fields.items():
        if isinstance(type_, Function):
            special = SPECIALS.get(f"{name}.{each}", "host")
            fields[each] = _special(type_, special, OPEN_RESULTS.get(f"{name}.{each}"))
        elif isinstance(type_, Record):
            inner = {
                key: _hosted_method(field.type) for key, field in type_.fields.items()
            }
            fields[each] = Table(inner, name=f"{name}.{each}")
        elif isinstance(type_, Map):
            fields[each] = DYNAMIC  # constants by name: each is there
    shown = {each: type_ for each, type_ in fields.items() if not each.startswith("_")}
    return Module(name, Table(shown, name=name), types, complete=False)


def _special(type_: Function, special: str, rest: str | None) -> Function:
    further = type_.rest
    if rest is not None:
        further = INTEGER if rest == "integer" else DYNAMIC
    return Function(
        type_.parameters,
        type_.results,
        variadic=type_.variadic,
        rest=further,
        generics=type_.generics,
        special=special,
        linked=type_.linked,
        standard=True,
    )


_library: list[Library] = []


def library() -> Library:
    """Return what every chunk knows; it is read once."""
    if not _library:
        _library.append(_read_library())
    return _library[0]


def _read_library() -> Library:
    known: dict[str, Type] = {}
    for name, type_ in read_fields(GLOBALS)[0].items():
        if isinstance(type_, Function):
            type_ = _special(type_, SPECIALS.get(name, ""), OPEN_RESULTS.get(name))
        known[name] = type_
    for name, text in LIBRARIES.items():
        fields = read_fields(text)[0]
        for each, type_ in fields.items():
            if isinstance(type_, Function):
                full = f"{name}.{each}"
                special = SPECIALS.get(full, "")
                fields[each] = _special(type_, special, OPEN_RESULTS.get(full))
        known[name] = Table(fields, name=name)
    ambient: list[Module] = []
    for name, text in AMBIENT.items():
        module = read_module(name, text, ambient)
        ambient.append(module)
        known[name] = module.value
        channel = module.types.get("Channel")
        if name == "channel" and isinstance(channel, Declaration):
            _teach_cases(channel)
    known["_G"] = DYNAMIC
    known["_VERSION"] = STRING
    for name in ("package", "payload", "os", "subscribe", "unsubscribe"):
        known[name] = DYNAMIC
    strings = known["string"]
    assert isinstance(strings, Table)
    type_methods = read_fields(TYPE_VALUE)[0]
    error_methods = read_fields(ERROR_METHODS)[0]
    return Library(known, strings, ambient, error_methods, type_methods)


def _teach_cases(channel: Declaration) -> None:
    shape = channel.target
    if isinstance(shape, Interface):
        method = shape.methods.get("case_receive")
        if isinstance(method, Function):
            shape.methods["case_receive"] = _special(method, "case_receive", None)
