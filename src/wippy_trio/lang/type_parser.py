"""The chapter of the parser that reads types (types 1.5)."""

from __future__ import annotations

from wippy_trio.lang.cursor import DEPTH_LIMIT, Cursor
from wippy_trio.lang.lexer import CONTEXTUAL
from wippy_trio.lang.syntax import ReturnTypes
from wippy_trio.lang.typesyntax import (
    ArrayType,
    AssertsType,
    ConditionalType,
    FunctionType,
    IndexType,
    InterfaceType,
    IntersectionType,
    KeyofType,
    LiteralType,
    MapType,
    OptionalType,
    ReadonlyType,
    RecordField,
    RecordType,
    Type,
    TypedParameter,
    TypeName,
    TypeofType,
    TypeParameter,
    UnionType,
    ValidatedType,
)

__all__ = ["TypeParser"]

_POSTFIX = frozenset("?[@")
_CONTINUES = frozenset("?[@|&")
_KEY = CONTEXTUAL | {"name"}


class TypeParser(Cursor):
    """Reads types; what it steps over leaves the translated text."""

    __slots__ = ()

    def annotation(self) -> Type:
        """Parse ``: type`` and note that it goes."""
        start = self.starts[self.pos]
        self.pos += 1
        found = self.type()
        self.notes.removed.append((start, found.end))
        return found

    def type(self) -> Type:
        """Parse a type."""
        start = self.starts[self.pos]
        return self._conditional(self._compound(True), start)

    def type_parameters(self) -> list[TypeParameter]:
        """Parse ``<name: constraint, ...>`` and note that it goes."""
        opening = self.expect("<")
        found = []
        while True:
            pos = self.expect_name()
            constraint = None
            end = self.ends[pos]
            if self.kinds[self.pos] == ":":
                self.pos += 1
                constraint = self.type()
                end = constraint.end
            found.append(
                TypeParameter(self.texts[pos], constraint, self.starts[pos], end)
            )
            if self.kinds[self.pos] != ",":
                break
            self.pos += 1
        self.notes.removed.append((self.starts[opening], self._close_angle()))
        return found

    def return_types(self) -> ReturnTypes:
        """Parse what stands behind the colon after a parameter list."""
        start = self.starts[self.pos]
        if self.kinds[self.pos] == "asserts":
            asserts = self._asserts()
            return ReturnTypes([], asserts, start, asserts.end)
        types = self._results()
        while self.kinds[self.pos] == "," and types:
            self.pos += 1
            types.append(self.type())
        return ReturnTypes(types, None, start, self.ends[self.pos - 1])

    def type_name(self) -> TypeName:
        """Parse a possibly qualified name with its type arguments."""
        pos = self.expect_name()
        kinds = self.kinds
        module = None
        name = self.texts[pos]
        start = self.starts[pos]
        end = self.ends[pos]
        if kinds[self.pos] == ".":
            self.pos += 1
            pos = self.expect_name()
            module, name, end = name, self.texts[pos], self.ends[pos]
        arguments = []
        if kinds[self.pos] == "<":
            self.pos += 1
            arguments.append(self._deeper())
            while kinds[self.pos] == ",":
                self.pos += 1
                arguments.append(self._deeper())
            end = self._close_angle()
        return TypeName(module, name, arguments, start, end)

    def method_type(self, start: int) -> FunctionType:
        """Parse ``(parameters): results`` of an interface method."""
        parameters, variadic = self._signature()
        results: list[Type] | None = None
        asserts = None
        if self.kinds[self.pos] == ":":
            self.pos += 1
            returns = self.return_types()
            results, asserts = returns.types, returns.asserts
        end = self.ends[self.pos - 1]
        return FunctionType(parameters, variadic, results, asserts, start, end)

    def _fun_type(self, start: int) -> FunctionType:
        parameters, variadic = self._signature()
        results: list[Type] | None = None
        if self.kinds[self.pos] == ":":
            self.pos += 1
            self._deepen_type()
            results = self._results()
            self.depth -= 2
        end = self.ends[self.pos - 1]
        return FunctionType(parameters, variadic, results, None, start, end)

    def _conditional(self, subject: Type, start: int) -> Type:
        if self.kinds[self.pos] != "extends":
            return subject
        self.pos += 1
        bound = self._compound(False)
        self.expect("?")
        then = self._deeper()
        self.expect(":")
        otherwise = self._deeper()
        return ConditionalType(subject, bound, then, otherwise, start, otherwise.end)

    def _compound(self, optional: bool) -> Type:
        start = self.starts[self.pos]
        return self._compound_rest(
            self._postfix(self._primary(), optional, start), optional, start
        )

    def _compound_rest(self, first: Type, optional: bool, start: int) -> Type:
        """Read ``| type`` and ``& type``, one level, from the left."""
        kinds = self.kinds
        left = first
        while True:
            kind = kinds[self.pos]
            if kind not in ("|", "&"):
                return left
            members = [left]
            while kinds[self.pos] == kind:
                self.pos += 1
                begin = self.starts[self.pos]
                members.append(self._postfix(self._primary(), optional, begin))
            end = members[-1].end
            if kind == "|":
                left = UnionType(members, start, end)
            else:
                left = IntersectionType(members, start, end)

    def _postfix(self, inner: Type, optional: bool, start: int) -> Type:
        kinds = self.kinds
        while True:
            kind = kinds[self.pos]
            if kind not in _POSTFIX:
                return inner
            if kind == "?":
                if not optional:
                    return inner
                inner = OptionalType(inner, start, self.ends[self.pos])
                self.pos += 1
            elif kind == "[":
                self.pos += 1
                if kinds[self.pos] == "]":
                    inner = ArrayType(inner, start, self.ends[self.pos])
                    self.pos += 1
                else:
                    key = self._deeper()
                    inner = IndexType(inner, key, start, self.ends[self.expect("]")])
            else:
                inner = self._validated(inner, start)

    def _validated(self, inner: Type, start: int) -> ValidatedType:
        self.pos += 1
        pos = self.expect_name()
        arguments = []
        if self.kinds[self.pos] == "(":
            opening = self.pos
            self.pos += 1
            if self.kinds[self.pos] != ")":
                self._deepen_type()
                before = self._step_aside()
                arguments = self.expressions()
                self._step_back(before)
                self.depth -= 2
            self.close(")", opening)
        end = self.ends[self.pos - 1]
        return ValidatedType(inner, self.texts[pos], arguments, start, end)

    def _primary(self) -> Type:
        pos = self.pos
        kind = self.kinds[pos]
        start = self.starts[pos]
        if kind == "name":
            return self.type_name()
        if kind in ("nil", "true", "false", "string", "number"):
            self.pos = pos + 1
            return LiteralType(kind, self.texts[pos], start, self.ends[pos])
        if kind == "{":
            return self._table_type()
        if kind == "(":
            return self._parenthesised()
        if kind == "fun":
            self.pos = pos + 1
            return self._fun_type(start)
        if kind == "readonly":
            self.pos = pos + 1
            if self.kinds[pos + 1] != "{":
                raise self.unexpected("expected '{'")
            inner = self._table_type()
            return ReadonlyType(inner, start, inner.end)
        if kind == "interface":
            self.pos = pos + 1
            if self.kinds[pos + 1] != "{":
                raise self.unexpected("expected '{'")
            fields = self._record_fields()
            return InterfaceType(fields, start, self.ends[self.pos - 1])
        if kind == "typeof":
            self.pos = pos + 1
            opening = self.expect("(")
            self._deepen_type()
            before = self._step_aside()
            value = self.expression()
            self._step_back(before)
            self.depth -= 2
            self.close(")", opening)
            return TypeofType(value, start, self.ends[self.pos - 1])
        if kind == "keyof":
            self.pos = pos + 1
            opening = self.expect("(")
            subject = self._deeper()
            self.close(")", opening)
            return KeyofType(subject, start, self.ends[self.pos - 1])
        if kind == "-" and self.kinds[pos + 1] == "number":
            self.pos = pos + 2
            text = "-" + self.texts[pos + 1]
            return LiteralType("number", text, start, self.ends[pos + 1])
        raise self.unexpected("expected type")

    def _deeper(self) -> Type:
        """Parse a type one level down."""
        self._deepen_type()
        found = self.type()
        self.depth -= 2
        return found

    def _deepen_type(self) -> None:
        """Enter a type inside a type: two levels, for it takes twice the frames."""
        self.depth += 2
        if self.depth > DEPTH_LIMIT:
            raise self.too_deep()

    def _table_type(self) -> ArrayType | MapType | RecordType:
        opening = self.pos
        start = self.starts[opening]
        kinds = self.kinds
        kind = kinds[opening + 1]
        if kind == "}":
            self.pos = opening + 2
            return RecordType([], start, self.ends[opening + 1])
        if kind == "[":
            self.pos = opening + 2
            key = self._deeper()
            self.expect("]")
            self.expect(":")
            value = self._deeper()
            self.close("}", opening)
            return MapType(key, value, start, self.ends[self.pos - 1])
        if self._starts_field(opening + 1):
            fields = self._record_fields()
            return RecordType(fields, start, self.ends[self.pos - 1])
        self.pos = opening + 1
        element = self._deeper()
        self.close("}", opening)
        return ArrayType(element, start, self.ends[self.pos - 1])

    def _starts_field(self, pos: int) -> bool:
        kinds = self.kinds
        if kinds[pos] not in _KEY:
            return False
        after = kinds[pos + 1]
        return after == ":" or (after == "?" and kinds[pos + 2] == ":")

    def _record_fields(self) -> list[RecordField]:
        opening = self.pos
        kinds = self.kinds
        self.pos = opening + 1
        fields: list[RecordField] = []
        while kinds[self.pos] != "}":
            pos = self.pos
            if kinds[pos] not in _KEY:
                raise self.unexpected("expected field name")
            optional = kinds[pos + 1] == "?"
            self.pos = pos + 2 if optional else pos + 1
            self.expect(":")
            found = self._deeper()
            fields.append(
                RecordField(
                    self.texts[pos], optional, found, self.starts[pos], found.end
                )
            )
            if kinds[self.pos] != ",":
                break
            self.pos += 1
        self.close("}", opening)
        return fields

    def _parenthesised(self) -> Type:
        """Parse a function type or a type in parentheses."""
        opening = self.pos
        start = self.starts[opening]
        if self._arrow_follows(opening):
            parameters, variadic = self._signature()
            self.expect("->")
            self._deepen_type()
            results = self._results()
            self.depth -= 2
            end = self.ends[self.pos - 1]
            return FunctionType(parameters, variadic, results, None, start, end)
        self.pos = opening + 1
        found = self._deeper()
        self.close(")", opening)
        return found

    def _arrow_follows(self, opening: int) -> bool:
        """Tell whether ``->`` follows the parenthesis that closes this one."""
        kinds = self.kinds
        level = 0
        pos = opening
        while True:
            kind = kinds[pos]
            if kind == "(":
                level += 1
            elif kind == ")":
                level -= 1
                if level == 0:
                    return kinds[pos + 1] == "->"
            elif kind == "eof":
                return False
            pos += 1

    def _signature(self) -> tuple[list[TypedParameter], TypedParameter | None]:
        opening = self.expect("(")
        kinds = self.kinds
        found: list[TypedParameter] = []
        variadic: TypedParameter | None = None
        while kinds[self.pos] != ")":
            pos = self.pos
            start = self.starts[pos]
            if kinds[pos] == "...":
                self.pos = pos + 1
                if kinds[self.pos] == ":":
                    self.pos += 1
                rest = None if kinds[self.pos] == ")" else self._deeper()
                end = self.ends[self.pos - 1]
                variadic = TypedParameter("...", False, rest, start, end)
                break
            name: str | None = None
            optional = False
            annotation: Type | None
            if self._starts_field(pos):
                name = self.texts[pos]
                optional = kinds[pos + 1] == "?"
                self.pos = pos + 3 if optional else pos + 2
                annotation = self._deeper()
            elif kinds[pos] == "name" and self.texts[pos] == "self":
                name = "self"
                annotation = None
                self.pos = pos + 1
            else:
                annotation = self._deeper()
            end = self.ends[self.pos - 1]
            found.append(TypedParameter(name, optional, annotation, start, end))
            if kinds[self.pos] != ",":
                break
            self.pos += 1
        self.close(")", opening)
        return found, variadic

    def _results(self) -> list[Type]:
        """Parse one type, or a list of them in parentheses."""
        opening = self.pos
        if self.kinds[opening] != "(" or self._arrow_follows(opening):
            return [self.type()]
        start = self.starts[opening]
        self.pos = opening + 1
        if self.kinds[self.pos] == ")":
            self.pos += 1
            return []
        types = [self._deeper()]
        while self.kinds[self.pos] == ",":
            self.pos += 1
            types.append(self._deeper())
        self.close(")", opening)
        if len(types) == 1 and self.kinds[self.pos] in _CONTINUES:
            inner = self._postfix(types[0], True, start)
            return [self._conditional(self._compound_rest(inner, True, start), start)]
        return types

    def _asserts(self) -> AssertsType:
        start = self.starts[self.pos]
        self.pos += 1
        pos = self.expect_name()
        end = self.ends[pos]
        narrowed = None
        if self.kinds[self.pos] == "is":
            self.pos += 1
            narrowed = self.type()
            end = narrowed.end
        return AssertsType(self.texts[pos], narrowed, start, end)

    def _close_angle(self) -> int:
        """Step over a ``>``, splitting ``>>`` and ``>=``; return where it ends."""
        pos = self.pos
        kind = self.kinds[pos]
        if kind == ">":
            self.pos = pos + 1
            return self.ends[pos]
        if kind in (">>", ">="):
            end = self.starts[pos] + 1
            self.starts[pos] = end
            self.kinds[pos] = self.texts[pos] = kind[1]
            return end
        raise self.unexpected("expected '>'")

    def _step_aside(self) -> tuple[int, int, int]:
        """Remember what is counted, before an expression that will not be run."""
        return self.calls, self.operations, len(self.loops)

    def _step_back(self, before: tuple[int, int, int]) -> None:
        """Take back what that expression counted for."""
        self.calls, self.operations, loops = before
        del self.loops[loops:]
