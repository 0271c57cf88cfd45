"""The chapter of fields, elements and methods (types 3.5.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.base import Base, Key, Variable
from wippy_trio.lang.narrow import without_nil
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.substitute import mentions, substitute
from wippy_trio.lang.types import (
    ANY,
    ANY_FUNCTION,
    BOOLEAN,
    DYNAMIC,
    ERROR,
    FALSE,
    INTEGER,
    NEVER,
    NIL,
    NILS,
    NUMBER,
    SELF,
    SOFT_NIL,
    STRING,
    UNTYPED,
    Array,
    Field,
    Function,
    Interface,
    Intersection,
    List,
    Literal,
    Map,
    Record,
    Table,
    Type,
    TypeValue,
    TypeVariable,
    Union,
    expand,
    members,
    optional,
    union,
    widen,
)
from wippy_trio.lang.typetext import show

if TYPE_CHECKING:
    from wippy_trio.lang.bind import Symbol

__all__ = ["Access"]

_UNINDEXED = frozenset((NUMBER, INTEGER, BOOLEAN, ANY_FUNCTION))


class Access(Base):
    """What stands behind a dot, a bracket or a colon."""

    __slots__ = ("error_methods", "string_library", "type_methods")

    error_methods: dict[str, Type]
    string_library: Table
    type_methods: dict[str, Type]

    # Paths

    def path(self, node: lua.Expression) -> Key | None:
        """Return what a fact about an expression is filed under."""
        parts: list[Any] = []
        while True:
            kind = node.__class__
            if kind is lua.Name:
                symbol = self.uses.get(node.start)
                variable = (
                    self.variable(symbol)
                    if symbol is not None
                    else self.global_variable(node.name)  # type: ignore[union-attr]
                )
                if not parts:
                    return variable
                return (variable, *reversed(parts))
            if kind is lua.Field:
                parts.append(node.name)  # type: ignore[union-attr]
                node = node.base  # type: ignore[union-attr]
            elif kind is lua.Index:
                key = self._key(node.key)  # type: ignore[union-attr]
                if key is None:
                    return None
                parts.append(key)
                node = node.base  # type: ignore[union-attr]
            elif kind is lua.Paren:
                node = node.inner  # type: ignore[union-attr]
            else:
                return None
            if len(parts) > 8:
                return None

    def _key(self, node: lua.Expression) -> Any:
        if isinstance(node, lua.Constant):
            if node.kind == "string":
                return string_value(node.text).decode("latin-1")
            return f"[{node.text}]" if node.kind == "number" else None
        if isinstance(node, lua.Name):
            symbol = self.uses.get(node.start)
            return None if symbol is None else self.variable(symbol)
        return None

    def global_variable(self, name: str) -> Variable:
        """Return the variable that stands for a global."""
        found = self.globals.get(name)
        if found is None:
            found = self.globals[name] = Variable(name, None, DYNAMIC)
        return found

    # Fields

    def field(self, node: lua.Field, *, test: bool = False) -> Type:
        """Return the type of ``base.name``; ``test`` if it is a condition."""
        base = self.value(node.base)
        return self.member(base, node.name, node, node.name_start, test=test)

    def member(
        self,
        base: Type,
        name: str,
        node: lua.Field | lua.Index,
        name_start: int,
        *,
        test: bool = False,
    ) -> Type:
        """Return the type of a field by name and report one that is not there."""
        if base in UNTYPED:
            found: Type | None = DYNAMIC
        else:
            found = self.lookup(base, name)
        if found is None:
            if self.facts and self.path(node) in self.facts:
                return DYNAMIC  # a test has found it there
            return self._missing(base, name, node, name_start, test=test)
        if self.facts:
            key = self.path(node)
            if key is not None:
                known = self.facts.get(key)
                if known is not None:
                    return known
        return DYNAMIC if found is ANY else found

    def lookup(self, base: Type, name: str) -> Type | None:
        """Return the type of a field; None if the type has no such field."""
        kind = base.__class__
        if kind is Table:
            return self._table_field(base, name)  # type: ignore[arg-type]
        shape = expand(base)
        if shape in UNTYPED or shape is NEVER:
            return DYNAMIC
        if isinstance(shape, Record):
            field = shape.fields.get(name)
            if field is None:
                return None
            return optional(field.type) if field.optional else field.type
        if isinstance(shape, Table):
            return self._table_field(shape, name)
        if isinstance(shape, Union):
            return self._union_field(shape, name)
        if isinstance(shape, Map):
            key = shape.key
            if key in UNTYPED or self.fits(STRING, key):
                return optional(shape.value)
            fits = any(
                isinstance(each, Literal) and each.value == name
                for each in members(key)
            )
            return optional(shape.value) if fits else None
        if isinstance(shape, Interface):
            return self._method_of(shape, base, name)
        if isinstance(shape, Intersection):
            for each in shape.members:
                found = self.lookup(each, name)
                if found is not None:
                    return found
            return None
        return self._other_field(shape, name)

    def _other_field(self, shape: Type, name: str) -> Type | None:
        if shape is STRING or (isinstance(shape, Literal) and shape.base is STRING):
            return self.string_library.fields.get(name)
        if shape is ERROR:
            return self.error_methods.get(name, DYNAMIC)
        if isinstance(shape, TypeValue):
            inner = expand(shape.type)
            own = isinstance(inner, Record) and name in inner.fields
            if name in self.type_methods:
                return DYNAMIC if own else self.type_methods[name]
            if isinstance(inner, Record):
                field = inner.fields.get(name)
                return SOFT_NIL if field is None else TypeValue(field.type)
            return DYNAMIC
        if isinstance(shape, TypeVariable):
            if shape.constraint is None:
                return DYNAMIC
            return self.lookup(shape.constraint, name)
        if shape in NILS:
            return DYNAMIC if shape is not NIL else None
        if isinstance(shape, (Array, List)):
            return DYNAMIC if name in self.survey.assigned else None
        if shape in _UNINDEXED or isinstance(shape, (Literal, Function)):
            return None
        return DYNAMIC

    def _table_field(self, shape: Table, name: str) -> Type | None:
        known = shape.fields.get(name)
        count = self.survey.assigned.get(name, 0)
        if count and not (count == 1 and name in shape.learned):
            return DYNAMIC
        if (shape.sealed or shape.name) and name in self.survey.defined:
            return DYNAMIC  # somebody puts a function of his own there
        if known is not None:
            # Nil and false often hold the place of what comes later.
            return DYNAMIC if known in NILS or known is FALSE else widen(known)
        owner: Symbol | None = shape.owner  # type: ignore[assignment]
        if owner is not None:
            functions = self.survey.methods.get(owner)
            if functions is not None and name in functions:
                function = functions[name]
                return DYNAMIC if function is None else self.signature(function)
        if shape.index is not None and shape.index is not shape:
            return self.lookup(shape.index, name) or DYNAMIC
        if shape.open or owner is None or self.survey.escapes(owner):
            return DYNAMIC
        return None

    def _union_field(self, shape: Union, name: str) -> Type | None:
        found: list[Type] = []
        for each in shape.members:
            if each in NILS:
                found.append(each)
                continue
            one = self.lookup(each, name)
            if one is None:
                if not _closed(expand(each)):
                    found.append(DYNAMIC)
                    continue
                return None
            found.append(one)
        return union(found)

    def _method_of(self, shape: Interface, base: Type, name: str) -> Type | None:
        method = shape.methods.get(name)
        if method is None:
            return DYNAMIC if shape.brand else None
        if mentions(method):
            return substitute(method, {SELF: base})
        return method

    def _missing(
        self,
        base: Type,
        name: str,
        node: lua.Field | lua.Index,
        name_start: int,
        *,
        test: bool,
    ) -> Type:
        shape = expand(base)
        if isinstance(shape, Union) and test:
            return self._tested_field(shape, name)
        text = shape is STRING or (isinstance(shape, Literal) and shape.base is STRING)
        if test and (text or isinstance(shape, Table)):
            return SOFT_NIL
        if isinstance(shape, Map):
            message = f"cannot index type {show(base)}"
            self.error("E0000", message, node.base)
            return DYNAMIC
        if (
            shape in _UNINDEXED
            or shape is NIL
            or isinstance(shape, Function)
            or (isinstance(shape, Literal) and shape.base is not STRING)
        ):
            message = f"cannot index type {show(base, literals=False)}"
            self.error("E0000", message, node.base)
            return DYNAMIC
        if isinstance(shape, Union):
            message = self._missing_on(shape, name)
        else:
            message = f"field '{name}' does not exist on type "
            message += show(base, literals=False)
        from difflib import get_close_matches  # noqa: PLC0415 - start-up cost

        near = get_close_matches(name, self.field_names(shape), 1)
        advice = f"did you mean '{near[0]}'?" if near else None
        self.report("E0004", "error", message, name_start, node.end, advice)
        return DYNAMIC

    def _missing_on(self, shape: Union, name: str) -> str:
        lacking: list[Type] = []
        having: list[Type] = []
        for each in shape.members:
            if each in NILS:
                continue
            (having if self.lookup(each, name) is not None else lacking).append(each)
        message = f"field '{name}' missing on {show(union(lacking))}"
        return f"{message} (present on {show(union(having))})" if having else message

    def _tested_field(self, shape: Union, name: str) -> Type:
        """Return the type of a field whose absence is what a test asks."""
        return union(
            SOFT_NIL if each in NILS else self.lookup(each, name) or SOFT_NIL
            for each in shape.members
        )

    def field_names(self, shape: Type) -> list[str]:
        """List the fields that a type is known to have."""
        shape = expand(shape)
        if isinstance(shape, Record):
            return list(shape.fields)
        if isinstance(shape, Table):
            names = list(shape.fields)
            if shape.index is not None and shape.index is not shape:
                names.extend(self.field_names(shape.index))
            return names
        if isinstance(shape, Interface):
            return list(shape.methods)
        if isinstance(shape, (Union, Intersection)):
            found: dict[str, None] = {}
            for each in shape.members:
                found.update(dict.fromkeys(self.field_names(each)))
            return list(found)
        if shape is STRING or (isinstance(shape, Literal) and shape.base is STRING):
            return list(self.string_library.fields)
        if shape is ERROR:
            return list(self.error_methods)
        return []

    # Elements

    def index(self, node: lua.Index, *, test: bool = False) -> Type:
        """Return the type of ``base[key]``."""
        base = self.value(node.base)
        key_node = node.key
        if isinstance(key_node, lua.Constant) and key_node.kind == "string":
            name = string_value(key_node.text).decode("latin-1")
            self.keep(key_node, STRING)
            return self.member(base, name, node, key_node.start, test=test)
        key = self.value(key_node)
        if base in UNTYPED:
            found: Type = DYNAMIC
        else:
            found = self.element(base, key, node)
        if self.facts:
            path = self.path(node)
            if path is not None:
                known = self.facts.get(path)
                if known is not None:
                    return known
        return DYNAMIC if found is ANY else found

    def element(self, base: Type, key: Type, node: lua.Index) -> Type:
        """Return the type of an element and report a key that cannot be one."""
        shape = expand(base)
        if isinstance(shape, Array):
            return optional(shape.element)
        if isinstance(shape, Map):
            kept = without_nil(key)
            if key in UNTYPED or kept is NEVER or self.fits(kept, shape.key):
                return optional(shape.value)
            if kept is NUMBER and self.fits(INTEGER, shape.key):
                return optional(shape.value)
            return self._unindexed(base, node)
        if isinstance(shape, List):
            return self._list_element(shape, key)
        if isinstance(shape, Table):
            return self._table_element(shape, key)
        if isinstance(shape, Record):
            return self._record_element(shape, base, key, node)
        if isinstance(shape, Union):
            found: list[Type] = []
            for each in shape.members:
                if each in NILS:
                    found.append(each)
                elif isinstance(expand(each), (Array, Map, List, Table)):
                    found.append(self.element(each, key, node))
                else:
                    return DYNAMIC
            return union(found)
        if shape in _UNINDEXED or shape is NIL or isinstance(shape, Function):
            return self._unindexed(base, node)
        if isinstance(shape, Literal) and shape.base is not STRING:
            return self._unindexed(base, node)
        return DYNAMIC

    def _unindexed(self, base: Type, node: lua.Index) -> Type:
        message = f"cannot index type {show(base, literals=False)}"
        self.error("E0000", message, node.base)
        return DYNAMIC

    @staticmethod
    def _list_element(shape: List, key: Type) -> Type:
        if isinstance(key, Literal) and key.base is INTEGER:
            place = int(key.value)
            if 1 <= place <= len(shape.elements):
                return shape.elements[place - 1]
            return NIL
        return widen(union(widen(each) for each in shape.elements))

    @staticmethod
    def _table_element(shape: Table, key: Type) -> Type:
        base = widen(key)
        if shape.element is not None and base in (INTEGER, NUMBER):
            return shape.element
        return DYNAMIC

    def _record_element(
        self, shape: Record, base: Type, key: Type, node: lua.Index
    ) -> Type:
        found: list[Type] = []
        for each in members(key):
            if not isinstance(each, Literal) or str(each.value) not in shape.fields:
                break
            found.append(_whole(shape.fields[str(each.value)]))
        else:
            return union(found)
        if key is STRING:
            return self._unindexed(base, node)
        return DYNAMIC

    def signature(self, node: lua.Function) -> Type:
        """Return what the annotations of a function say."""
        raise NotImplementedError

    def iterated(self, shape: Type) -> tuple[Type, Type]:
        """Return the keys and values that ``pairs`` gives."""
        shape = expand(shape)
        if isinstance(shape, Union):
            rest = [each for each in shape.members if each not in NILS]
            if len(rest) == 1:
                return self.iterated(rest[0])
            return DYNAMIC, DYNAMIC
        if isinstance(shape, Array):
            return INTEGER, without_nil(shape.element)
        if isinstance(shape, Map):
            return shape.key, without_nil(shape.value)
        if isinstance(shape, Record) and shape.fields:
            values = union(without_nil(f.type) for f in shape.fields.values())
            return STRING, widen(values)
        if isinstance(shape, List):
            return INTEGER, widen(union(widen(each) for each in shape.elements))
        if isinstance(shape, Table) and shape.element is not None and not shape.fields:
            return INTEGER, shape.element
        return DYNAMIC, DYNAMIC


def _closed(shape: Type) -> bool:
    """Tell whether a type certainly lacks the fields it is not known to have."""
    if isinstance(shape, Interface):
        return not shape.brand
    return isinstance(shape, (Record, Literal)) or shape in (
        NUMBER,
        INTEGER,
        BOOLEAN,
        STRING,
    )


def _whole(field: Field) -> Type:
    return optional(field.type) if field.optional else field.type
