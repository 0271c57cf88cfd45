"""Types of a chunk as values: what the type library of a virtual machine is told.

A description is a flat list of small lists, so that nothing is nested too deep for
anybody, with names resolved: aliases of the chunk and its inner blocks, type
parameters, built-in names, types of required modules, which are written into the same
list. All else happens in the machine (``prelude/type_graph.lua``): applying generics,
``keyof``, conditional types, normal forms, texts. Positions count from 1.

======================================  ============================================
``["p", name]``                         a built-in type
``["l", value]``                        a literal
``["?", inner]``                        optional
``["!", inner]``                        without nil
``["|", members...]``                   union, in the order of the source
``["&", members...]``                   intersection
``["a", element]``                      array
``["m", key, value]``                   map
``["r", names, types, optional]``       record; 1 for each field that may be missing
``["ro", inner]``                       read-only
``["f", types, names, rest, results]``  function; 0: no more arguments, nothing said
``["i", names, types, parents]``        interface
``["b", name, arguments...]``           platform type
``["@", inner, validators]``            pairs of validator and argument
``["g", parameters, body]``             generic; parameters are of the next kind
``["v", name, constraint]``             type parameter; 0: no constraint
``["x", generic, arguments...]``        a generic applied
``["=", name, target]``                 alias
``["c", subject, bound, then, else]``   conditional type
``["k", inner]``                        ``keyof``
``["[", base, key]``                    field or element of a type
``["R", function]``                     what a call of it gives first
``["u", name]``                         a name that means nothing
======================================  ============================================

Source: types 2, 1.8, 1.9, 4.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wippy_trio.lang import syntax as lua
from wippy_trio.lang import typesyntax as ty
from wippy_trio.lang.cursor import with_room
from wippy_trio.lang.parser import Chunk
from wippy_trio.lang.places import Places
from wippy_trio.lang.platform_types import AMBIENT, PLATFORM_TYPES
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.typeof import Guesser

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Imported", "TypeDescription", "describe_types", "literal_number"]

Imported = Callable[[str], Chunk | str | None]
"""What ``require`` of a name gives: a library, the name of a host module, nothing."""

BUILT_IN: Final = {
    **{
        name: name
        for name in ("number", "integer", "string", "boolean", "any", "unknown")
    },
    **{name: name for name in ("never", "table", "error", "nil")},
    "bool": "boolean",
    "int": "integer",
    "Error": "error",
    "Self": "Self",
    "self": "Self",
}


class TypeDescription(NamedTuple):
    """The types of a chunk.

    Attributes:
      nodes: All types, in the form above.
      names: Where the types of the top level are, by name.
      declared: Where each declared type is, in the order of the source.
      typeofs: Where the static type of each ``typeof`` expression is; 0 where the
        value decides.
    """

    nodes: list[list[Any]]
    names: dict[str, int]
    declared: list[int]
    typeofs: list[int]


def describe_types(chunk: Chunk, imported: Imported) -> TypeDescription:
    """Describe the declared types and the ``typeof`` expressions of a chunk.

    Args:
      chunk: What the parser made of the source.
      imported: What a ``require`` gives, in the chunk and in the libraries it gives.
    """
    return with_room(lambda: _Describer(imported).describe(chunk))


class _Source:
    """A chunk with the types that its names stand for."""

    __slots__ = ("chunk", "guesser", "places")

    def __init__(self, chunk: Chunk, describer: _Describer) -> None:
        self.chunk = chunk
        self.places = Places(chunk)
        self.guesser = Guesser(self.places, describer.scoped(self), describer.add)


class _Describer:
    """Collects nodes; what a declaration holds is described after its place is taken.

    So a name costs no recursion, however long a chain of aliases is.
    """

    def __init__(self, imported: Imported) -> None:
        self.imported = imported
        self.nodes: list[list[Any]] = []
        self.plain: dict[tuple[Any, ...], int] = {}
        self.aliases: dict[int, int] = {}
        self.sources: dict[int, _Source] = {}
        self.waiting: list[tuple[_Source, lua.TypeAlias | lua.Interface, int]] = []

    def describe(self, chunk: Chunk) -> TypeDescription:
        """Describe everything that the chunk can name."""
        source = self.source(chunk)
        declared = [self.declared(source, node) for node in chunk.notes.aliases]
        self.finish()
        names = {
            name: self.declared(source, node)
            for name, node in source.places.exports.items()
        }
        typeofs = [source.guesser.guess(node.value) for node in chunk.notes.typeofs]
        self.finish()
        return TypeDescription(self.nodes, names, declared, typeofs)

    def finish(self) -> None:
        """Describe what the declarations met so far hold."""
        while self.waiting:
            source, node, at = self.waiting.pop()
            self.nodes[at - 1][2] = self.content(source, node)

    def source(self, chunk: Chunk) -> _Source:
        """Give what is known of a chunk."""
        found = self.sources.get(id(chunk))
        if found is None:
            found = self.sources[id(chunk)] = _Source(chunk, self)
        return found

    def scoped(self, source: _Source) -> Callable[[ty.Type], int]:
        """Give the function that describes a type of a source."""
        return lambda node: self.type(source, node, {})

    def add(self, *parts: Any) -> int:
        """Append a node, or find the same simple one."""
        if parts[0] in ("p", "l", "u"):
            key = (*parts, *(type(part) for part in parts))
            known = self.plain.get(key)
            if known is None:
                self.nodes.append(list(parts))
                known = self.plain[key] = len(self.nodes)
            return known
        self.nodes.append(list(parts))
        return len(self.nodes)

    # Declarations

    def declared(self, source: _Source, node: lua.TypeAlias | lua.Interface) -> int:
        """Give the place of a declared type."""
        at = self.aliases.get(id(node))
        if at is None:
            at = self.add("=", node.name, 0)
            self.aliases[id(node)] = at
            self.waiting.append((source, node, at))
        return at

    def content(self, source: _Source, node: lua.TypeAlias | lua.Interface) -> int:
        """Describe what a declaration says its name is."""
        if isinstance(node, lua.Interface):
            return self.add(
                "i",
                [name for name, _ in node.methods],
                [self.type(source, method, {}) for _, method in node.methods],
                [self.type(source, parent, {}) for parent in node.parents],
            )
        if not node.generics:
            return self.type(source, node.type, {})
        parameters: dict[str, int] = {}
        for each in node.generics:
            parameters[each.name] = self.add("v", each.name, 0)
        places = list(parameters.values())
        for each in node.generics:
            if each.constraint is not None:
                constraint = self.type(source, each.constraint, parameters)
                self.nodes[parameters[each.name] - 1][2] = constraint
        return self.add("g", places, self.type(source, node.type, parameters))

    # Types

    def type(
        self, source: _Source, node: ty.Type, parameters: Mapping[str, int]
    ) -> int:
        """Describe a type; what is written behind it is followed in a loop."""
        behind: list[ty.Type] = []
        while True:
            if isinstance(node, (ty.OptionalType, ty.ValidatedType, ty.ReadonlyType)):
                behind.append(node)
                node = node.inner
            elif isinstance(node, ty.ArrayType):
                behind.append(node)
                node = node.element
            elif isinstance(node, ty.IndexType):
                behind.append(node)
                node = node.base
            elif isinstance(node, (ty.UnionType, ty.IntersectionType)):
                behind.append(node)
                node = node.members[0]
            else:
                break
        at = self.primary(source, node, parameters)
        while behind:
            outer = behind.pop()
            if isinstance(outer, ty.OptionalType):
                at = self.add("?", at)
            elif isinstance(outer, ty.ReadonlyType):
                at = self.add("ro", at)
            elif isinstance(outer, ty.ArrayType):
                at = self.add("a", at)
            elif isinstance(outer, ty.IndexType):
                at = self.add("[", at, self.type(source, outer.key, parameters))
            elif isinstance(outer, ty.ValidatedType):
                at = self.validated(outer, at)
            elif isinstance(outer, (ty.UnionType, ty.IntersectionType)):
                mark = "|" if isinstance(outer, ty.UnionType) else "&"
                rest = [self.type(source, m, parameters) for m in outer.members[1:]]
                at = self.add(mark, at, *rest)
        return at

    def primary(
        self, source: _Source, node: ty.Type, parameters: Mapping[str, int]
    ) -> int:
        """Describe a type that begins with a word or a bracket of its own."""

        def inner(each: ty.Type) -> int:
            return self.type(source, each, parameters)

        if isinstance(node, ty.TypeName):
            return self.name(source, node, parameters)
        if isinstance(node, ty.LiteralType):
            return self.literal(node)
        if isinstance(node, ty.MapType):
            return self.add("m", inner(node.key), inner(node.value))
        if isinstance(node, (ty.RecordType, ty.InterfaceType)):
            fields = {field.name: field for field in node.fields}
            names = list(fields)
            types = [inner(field.type) for field in fields.values()]
            if isinstance(node, ty.InterfaceType):
                return self.add("i", names, types, [])
            optional = [int(field.optional) for field in fields.values()]
            return self.add("r", names, types, optional)
        if isinstance(node, ty.FunctionType):
            return self.function(node, inner)
        if isinstance(node, ty.ConditionalType):
            return self.add(
                "c",
                inner(node.subject),
                inner(node.bound),
                inner(node.then),
                inner(node.otherwise),
            )
        if isinstance(node, ty.TypeofType):
            return source.guesser.guess(node.value) or self.add("p", "any")
        assert isinstance(node, ty.KeyofType)
        return self.add("k", inner(node.inner))

    def function(self, node: ty.FunctionType, inner: Callable[[ty.Type], int]) -> int:
        """Describe the type of a function."""
        types, names = [], []
        for parameter in node.parameters:
            if parameter.type is None:
                at = self.add("p", "Self" if parameter.name == "self" else "any")
            else:
                at = inner(parameter.type)
            types.append(self.add("?", at) if parameter.optional else at)
            names.append(parameter.name or "")
        rest = 0
        if node.variadic is not None:
            kind = node.variadic.type
            rest = self.add("p", "any") if kind is None else inner(kind)
        results: Any = 0
        if node.results is not None and node.asserts is None:
            results = [inner(each) for each in node.results]
        return self.add("f", types, names, rest, results)

    def literal(self, node: ty.LiteralType) -> int:
        """Describe a literal."""
        if node.kind == "nil":
            return self.add("p", "nil")
        if node.kind in ("true", "false"):
            return self.add("l", node.kind == "true")
        if node.kind == "string":
            return self.add("l", string_value(node.text))
        return self.add("l", literal_number(node.text))

    def validated(self, node: ty.ValidatedType, at: int) -> int:
        """Describe a validator, unless it stands where none takes effect (2.7)."""
        inner = node.inner
        while isinstance(inner, (ty.ValidatedType, ty.ReadonlyType)):
            inner = inner.inner
        if isinstance(
            inner,
            (ty.MapType, ty.RecordType, ty.FunctionType, ty.InterfaceType),
        ) or (isinstance(inner, ty.LiteralType) and inner.kind != "nil"):
            return at
        first = node.arguments[0] if node.arguments else None
        value = _constant(first)
        if value is None:
            return at
        content = self.nodes[at - 1]
        if content[0] == "@":  # several, left to right
            return self.add("@", content[1], [*content[2], [node.validator, value]])
        return self.add("@", at, [[node.validator, value]])

    # Names

    def name(
        self, source: _Source, node: ty.TypeName, parameters: Mapping[str, int]
    ) -> int:
        """Describe what a name, with its arguments, stands for."""
        arguments = [self.type(source, each, parameters) for each in node.arguments]
        if node.module is not None:
            module = source.places.module(node.module, node.start)
            at = self.exported(module, node.name, arguments)
            return at or self.add("u", f"{node.module}.{node.name}")
        at = parameters.get(node.name, 0)
        if at:
            return at
        known, alias = source.places.type(node.name, node.start)
        if known:
            if alias is None:  # of an enclosing function
                return self.add("p", "unknown")
            return self.applied(self.declared(source, alias), arguments)
        if node.name in BUILT_IN:
            return self.add("p", BUILT_IN[node.name])
        for module in (*source.places.modules(), *AMBIENT):
            at = self.exported(module, node.name, arguments)
            if at:
                return at
        return self.add("u", node.name)

    def applied(self, at: int, arguments: list[int]) -> int:
        """Describe a declared type with the arguments that stand behind its name."""
        return self.add("x", at, *arguments) if arguments else at

    def exported(self, required: str, name: str, arguments: list[int]) -> int:
        """Describe a type that a module exports; 0 if there is none."""
        module = self.imported(required)
        if isinstance(module, Chunk):
            source = self.source(module)
            alias = source.places.exports.get(name)
            if alias is None:
                return 0
            return self.applied(self.declared(source, alias), arguments)
        if module is None:
            module = required
        if name not in PLATFORM_TYPES.get(module, ()):
            return 0
        return self.add("b", f"{module}.{name}", *arguments)


def _constant(node: lua.Expression | None) -> bool | float | bytes | None:
    """Give the value of a literal argument."""
    sign = 1
    while isinstance(node, lua.Unary) and node.operator == "-":
        sign = -sign
        node = node.operand
    if not isinstance(node, lua.Constant):
        return None
    if node.kind == "number":
        return sign * literal_number(node.text)
    if sign < 0 or node.kind == "nil":
        return None
    if node.kind == "string":
        return string_value(node.text)
    return node.kind == "true"


def literal_number(text: str) -> int | float:
    """Read a number as it is written in a source.

    A hexadecimal integer wraps around, a decimal one that does not fit is a float.
    """
    text = text.lower()
    sign = -1 if text.startswith("-") else 1
    digits = text.removeprefix("-")
    if digits.startswith("0x"):
        if "." in digits or "p" in digits:
            return sign * float.fromhex(digits)
        whole = int(digits, 16) & (2**64 - 1)
        return sign * (whole - 2**64 if whole >= 2**63 else whole)
    if digits.isdecimal() and int(digits) < 2**63:
        return sign * int(digits)
    return sign * float(digits)
