"""The chapter of operators (types 3.5.7)."""

from __future__ import annotations

from typing import Final

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.access import Access
from wippy_trio.lang.types import (
    ANY_FUNCTION,
    BOOLEAN,
    DYNAMIC,
    ERROR,
    INTEGER,
    NEVER,
    NIL,
    NILS,
    NUMBER,
    STANDARD_NIL,
    STRING,
    TABLE,
    UNTYPED,
    Array,
    Function,
    Interface,
    List,
    Literal,
    Map,
    Record,
    Table,
    Type,
    expand,
    members,
)
from wippy_trio.lang.typetext import show

__all__ = ["Operators"]

_EVENTS: Final = {
    "+": "__add",
    "-": "__sub",
    "*": "__mul",
    "/": "__div",
    "%": "__mod",
    "//": "__idiv",
    "^": "__pow",
    "..": "__concat",
    "&": "__band",
    "|": "__bor",
    "~": "__bxor",
    "<<": "__shl",
    ">>": "__shr",
}
_BITWISE: Final = frozenset(("&", "|", "~", "<<", ">>"))
_ORDER: Final = frozenset(("<", "<=", ">", ">="))
_LOOKED_UP: Final = (lua.Field, lua.Index)
_PLAIN_TABLES: Final = (Array, Map, List)


class Operators(Access):
    """What operators make of their operands."""

    __slots__ = ("metamethods",)

    metamethods: bool
    """Whether the chunk speaks of metamethods of operators at all."""

    def binary(self, node: lua.Binary) -> Type:
        """Return the type of an operation that always has both operands."""
        spine: list[lua.Binary] = []
        at: lua.Expression = node
        while isinstance(at, lua.Binary) and at.operator not in ("and", "or"):
            spine.append(at)
            at = at.left
        left = self.value(at)
        left_node = at
        for each in reversed(spine):
            right = self.value(each.right)
            left = self.operate(each, left_node, left, right)
            left_node = each
            self.keep(each, left)
        return left

    def operate(
        self, node: lua.Binary, left_node: lua.Expression, left: Type, right: Type
    ) -> Type:
        """Return what an operator gives."""
        operator = node.operator
        if operator in ("==", "~="):
            return BOOLEAN
        if operator in _ORDER:
            self._compare(node, left_node, left, right)
            return BOOLEAN
        answer = self._metamethod(_EVENTS[operator], left, right)
        if answer is not None:
            if answer is DYNAMIC:
                self._constructors(operator, left_node, node.right)
            return answer
        # An operand of unknown type may bring a metamethod that takes the other one.
        loose = left in UNTYPED or right in UNTYPED
        if operator == "..":
            if not (loose and _is_object(left)):
                self._concatenated(left_node, left)
            if not (loose and _is_object(right)):
                self._concatenated(node.right, right)
            return STRING
        if loose and (_is_object(left) or _is_object(right)):
            return DYNAMIC
        if self.numeric(left_node, left):
            self.numeric(node.right, right)
        if operator in _BITWISE or operator == "//":
            return INTEGER
        if operator == "^":
            return NUMBER
        return self._arithmetic(left, right)

    def _constructors(self, operator: str, *nodes: lua.Expression) -> None:
        """Report an operand that is a table written on the spot."""
        for node in nodes:
            if isinstance(node, lua.Table):
                if operator == "..":
                    message = "cannot concatenate table, expected string or number"
                else:
                    message = "cannot perform arithmetic on table, expected number"
                self.error("E0019", message, node)

    @staticmethod
    def _arithmetic(left: Type, right: Type) -> Type:
        left, right = _number_of(left), _number_of(right)
        if left is INTEGER and right is INTEGER:
            return INTEGER
        if left is DYNAMIC or right is DYNAMIC:
            return DYNAMIC
        return NUMBER

    def _metamethod(self, event: str, left: Type, right: Type) -> Type | None:
        """Return the result of a metamethod; dynamic where there may be one."""
        for each in (left, right):
            for shape in map(expand, members(each)):
                if isinstance(shape, Table):
                    found = shape.meta.fields.get(event) if shape.meta else None
                    if isinstance(found, Function) and found.results:
                        return found.results[0]
                    if shape.meta is not None or shape.fields or shape.open:
                        return DYNAMIC
                elif isinstance(shape, Interface) or (
                    isinstance(shape, Record) and self.metamethods
                ):
                    return DYNAMIC
                elif shape is ERROR and event == "__concat":
                    return STRING
        return None

    def numeric(self, node: lua.Expression, type_: Type) -> bool:
        """Report an operand of arithmetic that is not a number."""
        bad = self._bad_operand(node, type_)
        if bad is None:
            return True
        message = f"cannot perform arithmetic on {show(bad, literals=False)}"
        advice = None
        if expand(bad) is STRING or isinstance(bad, Literal):
            advice = "use tonumber() and check the result"
        elif any(each in NILS for each in members(bad)):
            advice = "check for nil first, or use `or` with a default"
        self.error("E0019", f"{message}, expected number", node, advice)
        return False

    def _bad_operand(self, node: lua.Expression, type_: Type) -> Type | None:
        """Return the type if one of its members is no number."""
        if type_ is NUMBER or type_ is INTEGER or type_ is DYNAMIC:
            return None
        for each in members(type_):
            shape = expand(each)
            if shape is STANDARD_NIL:
                continue  # unsure: an idiom that is checked in other ways
            if isinstance(shape, Function) and isinstance(node, _LOOKED_UP):
                continue
            if self.never_number(shape):
                return type_
        return None

    def never_number(self, shape: Type) -> bool:
        """Tell whether arithmetic on a type must fail."""
        if isinstance(shape, Literal):
            shape = shape.base
        if shape in (STRING, BOOLEAN, NIL, ANY_FUNCTION, TABLE):
            return True
        if isinstance(shape, Record):
            return not self.metamethods
        return isinstance(shape, (Function, *_PLAIN_TABLES))

    def _concatenated(self, node: lua.Expression, type_: Type) -> None:
        parts = [expand(each) for each in members(type_)]
        if isinstance(node, _LOOKED_UP) and any(isinstance(e, Function) for e in parts):
            return  # a method may stand in for a value that is computed on demand
        if all(map(self._never_text, parts)) and parts and type_ is not NEVER:
            message = f"cannot concatenate {show(type_, literals=False)}"
            message += ", expected string or number"
            self.error("E0019", message, node)

    def _never_text(self, shape: Type) -> bool:
        if isinstance(shape, Literal):
            shape = shape.base
        if shape in (BOOLEAN, NIL, ANY_FUNCTION):
            return True
        if isinstance(shape, Record):
            return not self.metamethods
        return isinstance(shape, (Function, *_PLAIN_TABLES))

    def _compare(
        self, node: lua.Binary, left_node: lua.Expression, left: Type, right: Type
    ) -> None:
        if left in UNTYPED or right in UNTYPED:
            return
        for each, at in ((left, left_node), (right, node.right)):
            parts = [expand(one) for one in members(each)]
            if parts and all(map(self._never_ordered, parts)):
                message = f"cannot compare {show(each, literals=False)}"
                self.error("E0019", f"{message}, expected orderable type", at)
                return
        one, other = _orders(left), _orders(right)
        if one and other and not one & other:
            shown = show(left, literals=False), show(right, literals=False)
            message = f"cannot compare {shown[0]} with {shown[1]}"
            message += ", expected both operands to be numbers or both strings"
            self.error("E0019", message, node)

    def _never_ordered(self, shape: Type) -> bool:
        if isinstance(shape, Literal):
            shape = shape.base
        if shape in (BOOLEAN, NIL, ANY_FUNCTION):
            return True
        if isinstance(shape, Record):
            return not self.metamethods
        return isinstance(shape, (Function, *_PLAIN_TABLES))

    # Unary

    def unary(self, node: lua.Unary) -> Type:
        """Return the type of ``not``, ``#``, ``-`` or ``~`` and its operand."""
        operator = node.operator
        if operator == "not":
            self.condition(node.operand)
            return BOOLEAN
        type_ = self.value(node.operand)
        if operator == "#":
            self._length(node.operand, type_)
            return INTEGER
        event = "__unm" if operator == "-" else "__bnot"
        answer = self._metamethod(event, type_, DYNAMIC)
        if answer is not None:
            return answer
        if self._bad_operand(node.operand, type_) is not None:
            shown = show(type_, literals=False)
            wanted = "number" if operator == "-" else "integer"
            message = f"cannot apply unary {operator} to {shown}, expected {wanted}"
            self.error("E0019", message, node.operand)
            return NUMBER if operator == "-" else INTEGER
        if operator == "~":
            return INTEGER
        found = _number_of(type_)
        return found if found is not NEVER else NUMBER

    def _length(self, node: lua.Expression, type_: Type) -> None:
        parts = [expand(each) for each in members(type_)]
        if type_ is not NEVER and parts and all(map(_no_length, parts)):
            message = f"cannot apply length operator to {show(type_, literals=False)}"
            self.error("E0019", f"{message}, expected string or table", node)


def _is_object(type_: Type) -> bool:
    """Tell whether a value may be an operand of another value's metamethod."""
    kinds = (Function, Record, Table, Interface, *_PLAIN_TABLES)
    return isinstance(expand(type_), kinds)


def _no_length(shape: Type) -> bool:
    if isinstance(shape, Literal):
        shape = shape.base
    if shape in (NUMBER, INTEGER, BOOLEAN, NIL, ANY_FUNCTION):
        return True
    return isinstance(shape, Function)


def _number_of(type_: Type) -> Type:
    """Return what arithmetic sees in an operand."""
    if isinstance(type_, Literal) and type_.base is INTEGER:
        return INTEGER
    if type_ is INTEGER or type_ is NUMBER:
        return type_
    found = {
        each.base if isinstance(each, Literal) else each
        for each in map(expand, members(type_))
        if each not in NILS
    }
    if found == {INTEGER}:
        return INTEGER
    if found and found <= {INTEGER, NUMBER}:
        return NUMBER
    if found & UNTYPED or not found:
        return DYNAMIC
    return NUMBER


def _orders(type_: Type) -> set[str]:
    """Return how values of a type are ordered; nothing where that is unsure."""
    found: set[str] = set()
    for each in map(expand, members(type_)):
        shape = each.base if isinstance(each, Literal) else each
        if shape in (NUMBER, INTEGER):
            found.add("number")
        elif shape is STRING:
            found.add("string")
        elif shape not in NILS:
            return set()
    return found
