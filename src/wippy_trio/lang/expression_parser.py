"""The chapter of the parser that reads expressions (types 1.4).

This is where the time goes, so the common roads are short: a constant or a plain name
costs one call, suffixes are read in one loop, and operators are looked up once behind
each operand. Nesting is counted where a sub-expression begins.
"""

from __future__ import annotations

from wippy_trio.lang.cursor import DEPTH_LIMIT
from wippy_trio.lang.lexer import CONTEXTUAL
from wippy_trio.lang.syntax import (
    GLOBAL,
    Binary,
    Call,
    Cast,
    Constant,
    Expression,
    Field,
    Function,
    Index,
    MethodCall,
    Name,
    NonNil,
    Paren,
    Table,
    TableField,
    TypeOf,
    Unary,
    Vararg,
)
from wippy_trio.lang.type_parser import TypeParser

__all__ = ["ExpressionParser", "is_path"]

_CONSTANTS = frozenset(("nil", "true", "false", "number", "string"))
_SUFFIXES = frozenset((".", "(", "[", ":", "string", "{"))
_KEY = CONTEXTUAL | {"name"}
_UNARY = frozenset(("not", "#", "-", "~"))
_UNARY_LEVEL = 12
_CAST_LEVEL = 15

# How tightly an operator holds what stands to its left and to its right.
_INFIX: dict[str, tuple[int, int]] = {
    "or": (1, 1),
    "and": (2, 2),
    **dict.fromkeys(("<", ">", "<=", ">=", "~=", "=="), (3, 3)),
    "|": (4, 4),
    "~": (5, 5),
    "&": (6, 6),
    "<<": (7, 7),
    ">>": (7, 7),
    "..": (9, 8),
    "+": (10, 10),
    "-": (10, 10),
    **dict.fromkeys(("*", "/", "//", "%"), (11, 11)),
    "^": (14, 13),
    **dict.fromkeys(("::", "as", "!"), (_CAST_LEVEL, _CAST_LEVEL)),
}

_CERTAIN = (Table, Function, Unary)


class ExpressionParser(TypeParser):
    """Reads expressions."""

    __slots__ = ()

    def function_body(self, start: int, opening: int, has_self: bool) -> Function:
        """Parse parameters, body and ``end``; the chapter of statements does it."""
        raise NotImplementedError

    def expressions(self) -> list[Expression]:
        """Parse one expression or more, parted by commas."""
        values = [self.expression()]
        kinds = self.kinds
        while kinds[self.pos] == ",":
            self.pos += 1
            values.append(self.expression())
        return values

    def expression(self, limit: int = 0) -> Expression:
        """Parse an expression of operators that hold tighter than ``limit``."""
        pos = self.pos
        kinds = self.kinds
        kind = kinds[pos]
        node: Expression
        if kind == "name":
            if kinds[pos + 1] in _SUFFIXES:
                node = self.prefix()
            else:
                name = self.texts[pos]
                binding = self.scope.get(name)
                if binding is None:
                    node = self.global_name(pos, name)
                else:
                    node = Name(name, binding, self.starts[pos], self.ends[pos])
                self.pos = pos + 1
        elif kind in _CONSTANTS:
            node = Constant(kind, self.texts[pos], self.starts[pos], self.ends[pos])
            self.pos = pos + 1
        elif kind == "(" or kind == "typeof":
            node = self.prefix()
        elif kind == "{":
            node = self.table(True)
        elif kind == "function":
            self.pos = pos + 1
            node = self.function_body(self.starts[pos], pos, False)
        elif kind in _UNARY:
            self._deepen()
            self.pos = pos + 1
            if kind != "not":
                self.operations += 1
            operand = self.expression(_UNARY_LEVEL)
            self.depth -= 1
            node = Unary(kind, operand, self.starts[pos], operand.end)
        elif kind == "...":
            if not self.vararg:
                raise self.fail("cannot use '...' outside a vararg function", pos)
            node = Vararg(self.starts[pos], self.ends[pos])
            self.pos = pos + 1
        else:
            raise self.unexpected("expected expression")
        if kinds[self.pos] in _INFIX:
            return self._infix(node, limit)
        return node

    def prefix(self) -> Expression:
        """Parse a name, a parenthesis or ``typeof``, and the suffixes behind it."""
        kinds = self.kinds
        ends = self.ends
        pos = self.pos
        start = self.starts[pos]
        node: Expression
        if kinds[pos] == "name":
            name = self.texts[pos]
            binding = self.scope.get(name)
            if binding is None:
                node = self.global_name(pos, name)
            else:
                node = Name(name, binding, start, ends[pos])
            pos += 1
        elif kinds[pos] == "typeof":
            node = self._typeof()
            pos = self.pos
        else:
            self._deepen()
            self.pos = pos + 1
            inside = self.expression()
            self.depth -= 1
            self.close(")", pos)
            pos = self.pos
            node = Paren(inside, start, ends[pos - 1])
        while True:
            kind = kinds[pos]
            if kind not in _SUFFIXES:
                self.pos = pos
                return node
            if kind == ".":
                pos += 1
                if kinds[pos] not in _KEY:
                    raise self.unexpected("expected name", pos)
                self.operations += 1
                node = Field(node, self.texts[pos], start, ends[pos])
                pos += 1
            elif kind == "(":
                self.calls += 1
                arguments = self._arguments(pos)
                pos = self.pos
                node = Call(node, arguments, start, ends[pos - 1])
            elif kind == ":":
                pos += 1
                if kinds[pos] not in _KEY:
                    raise self.unexpected("expected name", pos)
                if kinds[pos + 1] not in ("(", "string", "{"):
                    raise self.unexpected("expected arguments", pos + 1)
                self.calls += 1
                named = pos
                arguments = self._arguments(pos + 1)
                pos = self.pos
                node = MethodCall(
                    node,
                    self.texts[named],
                    self.starts[named],
                    arguments,
                    start,
                    ends[pos - 1],
                )
            elif kind == "[":
                self._deepen()
                self.pos = pos + 1
                key = self.expression()
                self.depth -= 1
                self.close("]", pos)
                pos = self.pos
                self.operations += 1
                node = Index(node, key, start, ends[pos - 1])
            else:
                self.calls += 1
                arguments = self._arguments(pos)
                pos = self.pos
                node = Call(node, arguments, start, ends[pos - 1])

    def global_name(self, pos: int, name: str) -> Name:
        """Build the node of a name that is no variable, and note it."""
        node = Name(name, GLOBAL, self.starts[pos], self.ends[pos])
        self.operations += 1
        self.notes.globals.append(node)
        if self.inner_types:
            inner = self.inner_type(name)
            if inner is not None:
                self.notes.inner_types[node.start] = inner
        return node

    def table(self, alone: bool) -> Table:
        """Parse a constructor; ``alone`` unless it is the argument of a call."""
        opening = self.pos
        kinds = self.kinds
        starts = self.starts
        self._deepen()
        pos = opening + 1
        fields: list[TableField] = []
        doubtful = alone and kinds[pos] != "}"
        key: Expression
        while True:
            kind = kinds[pos]
            if kind == "}":
                break
            begin = starts[pos]
            if kinds[pos + 1] == "=" and kind in _KEY:
                self.pos = pos + 2
                value = self.expression()
                field = TableField(self.texts[pos], None, value, begin, value.end)
                if doubtful and _certain(value):
                    doubtful = False
            elif kind == "[":
                self.pos = pos + 1
                key = self.expression()
                self.close("]", pos)
                self.expect("=")
                value = self.expression()
                field = TableField(None, key, value, begin, value.end)
                named = key.__class__ is Constant and key.kind == "string"
                if doubtful and not (named and not _certain(value)):
                    doubtful = False
                if is_path(key):
                    self.notes.keys.append(field)
            else:
                self.pos = pos
                value = self.expression()
                field = TableField(None, None, value, begin, value.end)
                doubtful = False
            fields.append(field)
            pos = self.pos
            kind = kinds[pos]
            if kind == "," or kind == ";":
                pos += 1
            else:
                break
        self.pos = pos
        self.close("}", opening)
        self.depth -= 1
        node = Table(fields, starts[opening], self.ends[self.pos - 1])
        if doubtful:
            self.notes.objects.append(node)
        return node

    def _arguments(self, opening: int) -> list[Expression]:
        """Parse the arguments of a call, whichever of the three forms they have."""
        kinds = self.kinds
        kind = kinds[opening]
        if kind == "(":
            if kinds[opening + 1] == ")":
                self.pos = opening + 2
                return []
            self.depth += 1
            if self.depth > DEPTH_LIMIT:
                raise self.too_deep()
            self.pos = opening + 1
            values = [self.expression()]
            while kinds[self.pos] == ",":
                self.pos += 1
                values.append(self.expression())
            self.depth -= 1
            if kinds[self.pos] == ")":
                self.pos += 1
            else:
                self.close(")", opening)
            return values
        self.pos = opening
        if kind == "{":
            return [self.table(False)]
        self.pos = opening + 1
        start = self.starts[opening]
        return [Constant(kind, self.texts[opening], start, self.ends[opening])]

    def _infix(self, node: Expression, limit: int) -> Expression:
        """Read operators, casts and assertions behind an operand."""
        kinds = self.kinds
        while True:
            pos = self.pos
            kind = kinds[pos]
            holds = _INFIX.get(kind)
            if holds is None:
                return node
            left, right = holds
            if left <= limit:
                return node
            if left == _CAST_LEVEL:
                cast = self._cast(node)
                if cast is node:
                    return node
                node = cast
                continue
            self.pos = pos + 1
            if left > 2:
                self.operations += 1
            self.depth += 1
            if self.depth > DEPTH_LIMIT:
                raise self.too_deep()
            operand = self.expression(right)
            self.depth -= 1
            node = Binary(
                kind, node, operand, self.starts[pos], node.start, operand.end
            )

    def _cast(self, node: Expression) -> Expression:
        """Read the casts and assertions behind an operand, and return it if none is.

        ``::`` may come once. Where ``:: name ::`` follows it is a label, unless another
        label follows: then it is a cast and a label.
        """
        kinds = self.kinds
        casts = self.notes.casts
        coloned = False
        found: Cast | NonNil
        while True:
            pos = self.pos
            kind = kinds[pos]
            if kind == "!":
                self.pos = pos + 1
                found = NonNil(node, node.start, self.ends[pos])
            elif kind == "as" or (kind == "::" and not coloned):
                if kind == "::":
                    if self._label_at(pos) and not self._label_at(pos + 2):
                        return node
                    coloned = True
                self.pos = pos + 1
                type_ = self.type()
                found = Cast(node, type_, node.start, type_.end)
            else:
                return node
            casts.append(found)
            node = found

    def _label_at(self, pos: int) -> bool:
        kinds = self.kinds
        return (
            kinds[pos] == "::" and kinds[pos + 1] == "name" and kinds[pos + 2] == "::"
        )

    def _typeof(self) -> TypeOf:
        pos = self.pos
        self.pos = pos + 1
        self._deepen()
        opening = self.expect("(")
        value = self.expression()
        self.close(")", opening)
        self.depth -= 1
        self.calls += 1
        node = TypeOf(value, self.starts[pos], self.ends[self.pos - 1])
        self.notes.typeofs.append(node)
        return node

    def _deepen(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise self.too_deep()


def is_path(node: Expression) -> bool:
    """Tell whether an expression is a name or a dotted path of names."""
    while node.__class__ is Field:
        node = node.base
    return node.__class__ is Name


def _certain(value: Expression) -> bool:
    """Tell whether an expression can only have a value that is not nil."""
    while True:
        if isinstance(value, Constant):
            return value.kind != "nil"
        if isinstance(value, Binary):
            if value.operator not in ("and", "or"):
                return True
            if value.operator == "and" and not _certain(value.left):
                return False
            value = value.right
        else:
            return isinstance(value, _CERTAIN)
