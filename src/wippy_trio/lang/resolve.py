"""What a written type means: names, generics, ``keyof``, conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from wippy_trio.lang import typesyntax as ty
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.substitute import substitute
from wippy_trio.lang.syntax import Interface as InterfaceStatement
from wippy_trio.lang.types import (
    ANY,
    BOOLEAN,
    DYNAMIC,
    ERROR,
    FALSE,
    INTEGER,
    NEVER,
    NIL,
    NUMBER,
    SELF,
    STRING,
    TABLE,
    TRUE,
    UNKNOWN,
    Alias,
    Array,
    Declaration,
    Effect,
    Field,
    Function,
    Interface,
    List,
    Literal,
    Map,
    Parameter,
    Record,
    Table,
    Type,
    TypeVariable,
    Unresolved,
    array,
    expand,
    intersection,
    literal,
    map_of,
    members,
    optional,
    record,
    union,
)
from wippy_trio.lang.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wippy_trio.lang import syntax as lua
    from wippy_trio.lang.subtype import Relation

__all__ = ["BUILT_IN", "Resolver", "Surroundings", "is_pair"]

T = TypeVar("T")

BUILT_IN: Final[dict[str, Type]] = {
    "nil": NIL,
    "boolean": BOOLEAN,
    "bool": BOOLEAN,
    "number": NUMBER,
    "integer": INTEGER,
    "int": INTEGER,
    "string": STRING,
    "any": ANY,
    "unknown": UNKNOWN,
    "never": NEVER,
    "table": TABLE,
    "error": ERROR,
    "Error": ERROR,
}

_DEEPEST = 100


class Surroundings:
    """What a resolver asks of whoever uses it; here nothing is known."""

    __slots__ = ()

    def typeof(self, node: lua.Expression) -> Type:
        """Return the static type of an expression."""
        return DYNAMIC

    def foreign(self, module: str, name: str, place: int) -> Type | Declaration | None:
        """Return a type of another module by the qualifier written at a place."""
        return DYNAMIC

    def imported(self, name: str) -> Type | Declaration | None:
        """Return a type that any required module exports."""
        return None

    def complain(self, code: str, message: str, start: int, end: int) -> None:
        """Take a warning about a type."""


class Resolver:
    """Turns written types into types, in the scopes that the caller opens.

    Attributes:
      scopes: Names of types in scope, innermost last.
      forward: All top-level aliases of the chunk: what other aliases may name.
      unresolved: What had no meaning.
    """

    __slots__ = (
        "_around",
        "_in_alias",
        "_level",
        "_relation",
        "forward",
        "scopes",
        "unresolved",
    )

    def __init__(self, around: Surroundings, relation: Relation) -> None:
        self.scopes: list[dict[str, Type | Declaration]] = [{}]
        self.forward: dict[str, Type | Declaration] = {}
        self.unresolved: list[Unresolved] = []
        self._around = around
        self._relation = relation
        self._level = 0
        self._in_alias = 0

    # Declarations

    def declare_top(self, nodes: list[lua.TypeAlias | lua.Interface]) -> None:
        """Make all top-level aliases known to each other."""
        for node in nodes:
            if node.top and node.name not in self.forward:
                self.forward[node.name] = self._declaration(node, [self.forward])

    def statement(self, node: lua.TypeAlias | lua.Interface) -> Type | Declaration:
        """Bring an alias or an interface into the innermost scope."""
        if node.top:
            made = self.forward.get(node.name)
            if made is None or node.name in self.scopes[0]:
                made = self._declaration(node, [self.forward])
                self.forward[node.name] = made
        else:
            inner = dict(self.scopes[-1])
            made = self._declaration(node, [self.forward, *self.scopes[1:-1], inner])
            inner[node.name] = made
        self.scopes[-1][node.name] = made
        if isinstance(made, Declaration):
            self._settle(made, node)
        return made

    def _settle(self, made: Declaration, node: lua.TypeAlias | lua.Interface) -> None:
        target: Type = made.target
        seen: set[Declaration] = set()
        while isinstance(target, Alias):
            if target.declaration is made:
                bad = Unresolved(node.name, node.name_start, node.name_start, True)
                bad.end += len(node.name)
                self.unresolved.append(bad)
                made.settle(bad)
                return
            if target.declaration in seen:
                return
            seen.add(target.declaration)
            target = target.declaration.target

    def _declaration(
        self,
        node: lua.TypeAlias | lua.Interface,
        scopes: list[dict[str, Type | Declaration]],
    ) -> Declaration:
        if isinstance(node, InterfaceStatement):
            interface = node
            brand = not (interface.methods or interface.parents)
            shape = Interface(interface.name, {}, brand)

            def build() -> Type:
                self._within(scopes, lambda: self._interface(shape, interface))
                return shape

            return Declaration(node.name, substitute, build)
        alias = node
        generics = alias.generics
        if not generics:

            def plain() -> Type:
                return self._within(scopes, lambda: self.type(alias.type))

            return Declaration(node.name, substitute, plain)
        deferred = _defers(alias.type)

        def put_in(body: Type, given: Mapping[TypeVariable, Type]) -> Type:
            if not deferred:
                return substitute(body, given)
            names: dict[str, Type | Declaration] = {
                variable.name: each for variable, each in given.items()
            }
            return self._within([*scopes, names], lambda: self.type(alias.type))

        def build_generic() -> Type:
            names: dict[str, Type | Declaration] = {
                each.name: each for each in made.parameters
            }
            if deferred:
                return DYNAMIC
            return self._within([*scopes, names], lambda: self.type(alias.type))

        made = Declaration(node.name, put_in, build_generic)
        made.parameters = self._within(scopes, lambda: self.generics(generics, {}))
        return made

    def _within(
        self, scopes: list[dict[str, Type | Declaration]], work: Callable[[], T]
    ) -> T:
        outer = self.scopes
        self.scopes = scopes
        self._in_alias += 1
        try:
            return work()
        finally:
            self._in_alias -= 1
            self.scopes = outer

    def _interface(self, shape: Interface, node: lua.Interface) -> None:
        parents: list[Type] = []
        for parent in node.parents:
            parents.append(self.type(parent))
            target = expand(parents[-1])
            if isinstance(target, Interface):
                shape.methods.update(target.methods)
            elif isinstance(target, Record):
                for name, field in target.fields.items():
                    shape.methods[name] = field.type
        for name, method in node.methods:
            shape.methods[name] = self._method(self.type(method))
        shape.parents = tuple(parents)

    @staticmethod
    def _method(made: Type) -> Type:
        """Give a method its ``self`` where the author left it out."""
        if not isinstance(made, Function):
            return made
        parameters = made.parameters
        if parameters and parameters[0].name == "self":
            parameters = parameters[1:]
        me = Parameter("self", SELF)
        return Function(
            (me, *parameters),
            made.results,
            variadic=made.variadic,
            rest=made.rest,
            effects=made.effects,
            linked=made.linked,
            standard=made.standard,
        )

    def generics(
        self, nodes: list[ty.TypeParameter], scope: dict[str, Type | Declaration]
    ) -> tuple[TypeVariable, ...]:
        """Declare type parameters in a scope."""
        made: list[TypeVariable] = []
        for node in nodes:
            variable = TypeVariable(node.name)
            scope[node.name] = variable
            made.append(variable)
        for node, variable in zip(nodes, made, strict=True):
            if node.constraint is not None:
                variable.constraint = self.type(node.constraint)
        return tuple(made)

    # Types

    def type(self, node: ty.Type) -> Type:
        """Return what a written type means."""
        if self._level > _DEEPEST:
            return DYNAMIC
        self._level += 1
        try:
            return _KINDS[node.__class__](self, node)
        finally:
            self._level -= 1

    def _name(self, node: ty.TypeName) -> Type:
        if node.module is not None:
            found = self._around.foreign(node.module, node.name, node.start)
        else:
            found = self._find(node.name)
        if found is None:
            if node.module is None and node.name in ("Self", "self"):
                return SELF if self._in_alias else DYNAMIC
            name = f"{node.module}.{node.name}" if node.module else node.name
            bad = Unresolved(name, node.start, node.end)
            self.unresolved.append(bad)
            return bad
        if not isinstance(found, Declaration):
            if node.arguments:
                for each in node.arguments:
                    self.type(each)
            return found
        arguments = tuple([self.type(each) for each in node.arguments])
        if len(arguments) != len(found.parameters):
            self._count(node, found, len(arguments))
            return DYNAMIC
        for variable, given in zip(found.parameters, arguments, strict=True):
            bound = variable.constraint
            if bound is not None and not self._relation.fits(given, bound):
                message = f"type argument of {found.name} violates its constraint"
                self._around.complain("E0020", message, node.start, node.end)
                return DYNAMIC
        return found.apply(arguments)

    def _count(self, node: ty.TypeName, found: Declaration, got: int) -> None:
        wanted = len(found.parameters)
        noun = "argument" if wanted == 1 else "arguments"
        message = f"type {found.name} expects {wanted} type {noun}, got {got}"
        self._around.complain("E0020", message, node.start, node.end)

    def _find(self, name: str) -> Type | Declaration | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        if name in BUILT_IN:
            return BUILT_IN[name]
        return self._around.imported(name)

    def _literal(self, node: ty.LiteralType) -> Type:
        kind = node.kind
        if kind == "nil":
            return NIL
        if kind == "true":
            return TRUE
        if kind == "false":
            return FALSE
        if kind == "string":
            return literal(string_value(node.text).decode("latin-1"))
        return _number(node.text)

    def _optional(self, node: ty.OptionalType) -> Type:
        return optional(self.type(node.inner))

    def _array(self, node: ty.ArrayType) -> Type:
        return array(self.type(node.element))

    def _map(self, node: ty.MapType) -> Type:
        return map_of(self.type(node.key), self.type(node.value))

    def _record(self, node: ty.RecordType) -> Type:
        return record(
            {
                field.name: Field(self.type(field.type), field.optional)
                for field in node.fields
            }
        )

    def _interface_type(self, node: ty.InterfaceType) -> Type:
        self._in_alias += 1
        methods = {
            field.name: self._method(self.type(field.type)) for field in node.fields
        }
        self._in_alias -= 1
        return Interface("", methods, brand=False)

    def _readonly(self, node: ty.ReadonlyType) -> Type:
        inner = self.type(node.inner)
        if isinstance(inner, Array):
            return array(inner.element, readonly=True)
        if isinstance(inner, Map):
            return map_of(inner.key, inner.value, readonly=True)
        if isinstance(inner, Record):
            fields = {
                name: Field(field.type, field.optional, True)
                for name, field in inner.fields.items()
            }
            return record(fields, readonly=True)
        return inner

    def _function(self, node: ty.FunctionType) -> Type:
        parameters = tuple(
            [
                Parameter(
                    each.name or "",
                    DYNAMIC
                    if each.type is None
                    else optional(self.type(each.type))
                    if each.optional
                    else self.type(each.type),
                    each.optional or each.type is None,
                )
                for each in node.parameters
            ]
        )
        variadic = None
        if node.variadic is not None:
            inner = node.variadic.type
            variadic = DYNAMIC if inner is None else self.type(inner)
        effects: tuple[Effect, ...] = ()
        results: tuple[Type, ...] = ()
        rest: Type | None = None
        if node.asserts is not None:
            effects = self.asserts(node.asserts, [each.name for each in parameters])
            rest = DYNAMIC
        elif node.results is None:
            rest = DYNAMIC
        else:
            results = tuple([self.type(each) for each in node.results])
        linked = is_pair(results)
        return Function(
            parameters,
            results,
            variadic=variadic,
            rest=rest,
            effects=effects,
            linked=linked,
        )

    def asserts(self, node: ty.AssertsType, names: list[str]) -> tuple[Effect, ...]:
        """Return what ``asserts name is type`` promises."""
        if node.name not in names:
            return ()
        place = names.index(node.name)
        if node.type is None:
            return (Effect(place, "truthy"),)
        return (Effect(place, "type", self.type(node.type)),)

    def _union(self, node: ty.UnionType) -> Type:
        return union([self.type(each) for each in node.members])

    def _intersection(self, node: ty.IntersectionType) -> Type:
        return intersection([self.type(each) for each in node.members])

    def _index(self, node: ty.IndexType) -> Type:
        base, key = expand(self.type(node.base)), self.type(node.key)
        if isinstance(base, Record):
            found: list[Type] = []
            for each in members(key):
                if isinstance(each, Literal) and str(each.value) in base.fields:
                    field = base.fields[str(each.value)]
                    found.append(optional(field.type) if field.optional else field.type)
            return union(found) if found else DYNAMIC
        if isinstance(base, Array):
            return base.element
        if isinstance(base, Map):
            return base.value
        return DYNAMIC

    def _validated(self, node: ty.ValidatedType) -> Type:
        return self.type(node.inner)

    def _conditional(self, node: ty.ConditionalType) -> Type:
        subject, bound = self.type(node.subject), self.type(node.bound)
        if isinstance(subject, TypeVariable):
            return DYNAMIC
        chosen: list[Type] = []
        for each in members(subject):
            branch = node.then if self._relation.fits(each, bound) else node.otherwise
            chosen.append(self._branch(node.subject, each, branch))
        return union(chosen)

    def _branch(self, subject: ty.Type, each: Type, branch: ty.Type) -> Type:
        """Resolve a branch with the member in the place of a named subject."""
        if isinstance(subject, ty.TypeName) and subject.module is None:
            self.scopes.append({subject.name: each})
            try:
                return self.type(branch)
            finally:
                self.scopes.pop()
        return self.type(branch)

    def _typeof(self, node: ty.TypeofType) -> Type:
        return self._around.typeof(node.value)

    def _keyof(self, node: ty.KeyofType) -> Type:
        inner = expand(self.type(node.inner))
        if isinstance(inner, Record):
            return union(literal(name) for name in inner.fields)
        if isinstance(inner, Table):
            return union(literal(name) for name in inner.fields) or STRING
        if isinstance(inner, Map):
            return inner.key
        if isinstance(inner, (Array, List)):
            return INTEGER
        return DYNAMIC


def is_pair(results: tuple[Type, ...]) -> bool:
    """Tell whether results are a value or else an error (types 3.6.6)."""
    if len(results) != 2:
        return False
    rest = [each for each in members(results[1]) if each is not NIL]
    if len(rest) == len(members(results[1])) or len(rest) != 1:
        return False
    return rest[0] is ERROR or rest[0] is STRING


def _number(text: str) -> Type:
    try:
        return literal(int(text.replace(" ", ""), 0))
    except ValueError:
        pass
    try:
        return literal(int(text.replace(" ", "")))
    except ValueError:
        return NUMBER


def _defers(node: ty.Type) -> bool:
    """Tell whether a body must be resolved anew for each set of arguments."""
    kinds = (ty.ConditionalType, ty.KeyofType, ty.IndexType)
    return any(isinstance(each, kinds) for each in walk(node))


_KINDS: Final[dict[type, Callable[[Resolver, Any], Type]]] = {
    ty.TypeName: Resolver._name,
    ty.LiteralType: Resolver._literal,
    ty.OptionalType: Resolver._optional,
    ty.ArrayType: Resolver._array,
    ty.MapType: Resolver._map,
    ty.RecordType: Resolver._record,
    ty.InterfaceType: Resolver._interface_type,
    ty.ReadonlyType: Resolver._readonly,
    ty.FunctionType: Resolver._function,
    ty.UnionType: Resolver._union,
    ty.IntersectionType: Resolver._intersection,
    ty.IndexType: Resolver._index,
    ty.ValidatedType: Resolver._validated,
    ty.ConditionalType: Resolver._conditional,
    ty.TypeofType: Resolver._typeof,
    ty.KeyofType: Resolver._keyof,
}
