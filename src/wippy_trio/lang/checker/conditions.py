"""The chapter of tests: what is known where one holds and where it fails (3.6)."""

from __future__ import annotations

from typing import Any, Final

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.base import Facts, Key, Link, Variable
from wippy_trio.lang.checker.operators import Operators
from wippy_trio.lang.narrow import (
    can_be_false,
    equal,
    falsy,
    keep,
    meet,
    of_kind,
    only_nil,
    truthy,
    unequal,
    without_kind,
    without_nil,
)
from wippy_trio.lang.types import (
    BOOLEAN,
    DYNAMIC,
    FALSE,
    INTEGER,
    NEVER,
    NILS,
    SOFT_NIL,
    STRING,
    TRUE,
    UNTYPED,
    Interface,
    Literal,
    Record,
    Table,
    Type,
    TypeValue,
    Union,
    expand,
    members,
    union,
)

__all__ = ["NOT_NIL", "SAME", "TRUTHY", "Conditions"]

NOT_NIL: Final = "!not nil"
TRUTHY: Final = "!truthy"
SAME: Final = "!same"
"""Last parts of paths under which the conditions a function insists on are noted."""

_DEEPEST: Final = 60


class Conditions(Operators):
    """Tests, ``and`` and ``or``."""

    __slots__ = ("testing",)

    testing: int

    def condition(self, node: lua.Expression) -> tuple[Facts, Facts]:
        """Evaluate a test: what it proves if it holds and if it fails."""
        self.testing += 1
        try:
            if self.testing > _DEEPEST:
                self.value(node)
                return {}, {}
            return self._condition(node)[1:]
        finally:
            self.testing -= 1

    def _condition(self, node: lua.Expression) -> tuple[Type, Facts, Facts]:
        """Return the type of an expression and what its outcome proves."""
        kind = node.__class__
        while kind is lua.Paren:
            node = node.inner  # type: ignore[union-attr]
            kind = node.__class__
        if kind is lua.Unary and node.operator == "not":  # type: ignore[union-attr]
            _, yes, no = self._condition(node.operand)  # type: ignore[union-attr]
            return BOOLEAN, no, yes
        if kind is lua.Binary:
            operator = node.operator  # type: ignore[union-attr]
            if operator == "and" or operator == "or":
                return self.logical(node)  # type: ignore[arg-type]
            if operator == "==" or operator == "~=":
                yes, no = self._equality(node)  # type: ignore[arg-type]
                return (BOOLEAN, yes, no) if operator == "==" else (BOOLEAN, no, yes)
            return self.value(node), {}, {}
        if kind is lua.Call or kind is lua.MethodCall:
            return self._call_test(node)
        if kind is lua.Name or kind is lua.Field or kind is lua.Index:
            return self._truth(node)
        return self.value(node), {}, {}

    def tested(self, node: lua.Expression) -> Type:
        """Evaluate an operand whose absence is what a test asks."""
        while node.__class__ is lua.Paren:
            node = node.inner
        if node.__class__ is lua.Field:
            found = self.field(node, test=True)
        elif node.__class__ is lua.Index:
            found = self.index(node, test=True)
        else:
            return self.value(node)
        self.keep(node, found)
        return found

    def _truth(self, node: lua.Expression) -> tuple[Type, Facts, Facts]:
        type_ = self.tested(node)
        yes: Facts = {}
        no: Facts = {}
        key = self.path(node)
        if key is None:
            return type_, yes, no
        if isinstance(key, Variable) and key.condition is not None:
            saved = self.silent
            self.silent += 1
            try:
                _, yes, no = self._condition(key.condition)
            finally:
                self.silent = saved
            yes, no = dict(yes), dict(no)
        if type_ in UNTYPED:
            self._insist(key, TRUTHY, yes)
            self._linked(key, yes, no, present=True)
            self._tagged(node, yes, no, TRUE)
            return type_, yes, no
        self._both(key, truthy(type_), falsy(type_), type_, yes, no)
        self._insist(key, TRUTHY, yes)
        self._linked(key, yes, no, present=True)
        self._tagged(node, yes, no, TRUE)
        return type_, yes, no

    @staticmethod
    def _both(
        key: Key, held: Type, failed: Type, before: Type, yes: Facts, no: Facts
    ) -> None:
        if held is not before:
            yes[key] = held
        if failed is not before:
            # A path may be given a value out of sight; that it is nil is not kept.
            if isinstance(key, tuple) and failed in NILS:
                return
            if isinstance(key, Variable) and key.inner and failed in NILS:
                return
            no[key] = failed

    @staticmethod
    def _insist(key: Key, what: str, facts: Facts) -> None:
        """Note that a parameter passed a test, for what its function promises."""
        if isinstance(key, Variable) and key.parameter >= 0:
            facts[key, what] = TRUE

    def _linked(self, key: Key, yes: Facts, no: Facts, *, present: bool) -> None:
        """Add what the other variable of a pair must be."""
        if not isinstance(key, Variable):
            return
        link = self.links.get(key)
        if link is None:
            return
        self._follow(link, key, yes, held=present)
        self._follow(link, key, no, held=not present)

    def _follow(self, link: Link, key: Variable, facts: Facts, *, held: bool) -> None:
        """Add what follows if one variable of a link has a value, or has none."""
        value, error = link.value, link.error
        if link.both:
            other = error if key is value else value
            if other is not None:
                self._settle(other, facts, present=held)
            return
        if key is error:
            if value is not None:
                self._settle(value, facts, present=not held)
            good = not held
        else:
            self._settle(error, facts, present=not held)
            good = held
        if good and link.about is not None:
            path, type_ = link.about
            facts[path] = type_

    def _settle(self, variable: Variable, facts: Facts, *, present: bool) -> None:
        type_ = facts.get(variable) or self.facts.get(variable) or variable.type
        if present:
            kept = without_nil(type_)
            if kept is not NEVER and kept is not type_:
                facts[variable] = kept
        elif type_ not in UNTYPED and not variable.inner:
            nil = only_nil(type_)
            if nil is not NEVER:
                facts[variable] = nil

    # Tagged unions

    def _tagged(self, node: lua.Expression, yes: Facts, no: Facts, value: Type) -> None:
        """Narrow a union by what one of its fields is equal to.

        ``value`` is the literal; TRUE stands for any true value.
        """
        if isinstance(node, lua.Name):
            symbol = self.uses.get(node.start)
            if symbol is None:
                return
            copied = self.variable(symbol).copy
            if isinstance(copied, tuple):
                base = copied[:-1] if len(copied) > 2 else copied[0]
                self._narrow_base(base, copied[-1], yes, no, value)
            return
        if not isinstance(node, (lua.Field, lua.Index)):
            return
        key = self.path(node)
        if not isinstance(key, tuple) or not isinstance(key[-1], str):
            return
        base = key[:-1] if len(key) > 2 else key[0]
        self._narrow_base(base, key[-1], yes, no, value)

    def _narrow_base(
        self, base: Any, name: str, yes: Facts, no: Facts, value: Type
    ) -> None:
        type_ = self.current(base)
        if type_ is None or not isinstance(expand(type_), Union):
            return

        def has(each: Type) -> bool:
            found = self._tag(each, name)
            if found is None:
                return True
            if value is TRUE:
                return truthy(found) is not NEVER
            return equal(found, value, self.relation) is not NEVER

        def lacks(each: Type) -> bool:
            found = self._tag(each, name)
            if found is None:
                return True
            if value is TRUE:
                return can_be_false(found)
            return unequal(found, value) is not NEVER

        held, failed = keep(type_, has), keep(type_, lacks)
        if held is not type_:
            yes[base] = held
        if failed is not type_:
            no[base] = failed

    def _tag(self, each: Type, name: str) -> Type | None:
        """Return the type of a field of one member of a union, None if unsure."""
        if each in NILS:
            return each
        shape = expand(each)
        if isinstance(shape, (Record, Interface)):
            return self.lookup(shape, name) or SOFT_NIL
        if isinstance(shape, Table) and name in shape.fields and not shape.open:
            return shape.fields[name]
        return None

    def current(self, key: Any) -> Type | None:
        """Return what is known of a variable or a path without evaluating it."""
        known = self.facts.get(key)
        if known is not None:
            return known
        if isinstance(key, Variable):
            return key.type
        base: Type | None = self.current(key[0])
        at = 1
        while base is not None and at < len(key):
            known = self.facts.get(key[: at + 1])
            if known is not None:
                base = known
            elif isinstance(key[at], str) and not key[at].startswith(("[", "!")):
                base = self.lookup(base, key[at])
            else:
                return None
            at += 1
        return base

    # Equality

    def _equality(self, node: lua.Binary) -> tuple[Facts, Facts]:
        left, right = node.left, node.right
        while left.__class__ is lua.Paren:
            left = left.inner
        while right.__class__ is lua.Paren:
            right = right.inner
        if left.__class__ is lua.Constant and right.__class__ is not lua.Constant:
            left, right = right, left
        if isinstance(left, (lua.Call, lua.MethodCall)):
            kind = self._type_test(left, right)
            if kind is not None:
                return kind
        if isinstance(right, (lua.Call, lua.MethodCall)):
            kind = self._type_test(right, left)
            if kind is not None:
                return kind
        if (
            isinstance(right, lua.Constant)
            and right.kind in ("true", "false")
            and not isinstance(left, (lua.Name, lua.Field, lua.Index, lua.Constant))
        ):
            type_, yes, no = self._condition(left)
            if all(each in (BOOLEAN, TRUE, FALSE) for each in members(type_)):
                return (yes, no) if right.kind == "true" else (no, yes)
            return {}, {}
        mine = self.tested(left)
        theirs = self.tested(right)
        return self._equal_types(left, mine, right, theirs)

    def _equal_types(
        self, left: lua.Expression, mine: Type, right: lua.Expression, theirs: Type
    ) -> tuple[Facts, Facts]:
        yes: Facts = {}
        no: Facts = {}
        key = self.path(left)
        if isinstance(right, lua.Constant) and right.kind == "nil":
            if key is not None:
                if mine not in UNTYPED:
                    self._both(key, only_nil(mine), without_nil(mine), mine, yes, no)
                    if isinstance(key, tuple) and yes.get(key) in NILS:
                        del yes[key]
                    if isinstance(key, Variable) and key.inner:
                        yes.pop(key, None)
                self._insist(key, NOT_NIL, no)
                self._linked(key, no, yes, present=True)
                self._tagged(left, no, yes, TRUE)
            return yes, no
        if isinstance(theirs, Literal) and not isinstance(right, lua.Name):
            if key is not None:
                if mine not in UNTYPED:
                    held = equal(mine, theirs, self.relation)
                    if held is not mine and held is not NEVER:
                        yes[key] = held
                    failed = unequal(mine, theirs)
                    if failed is not mine:
                        no[key] = failed
                if theirs is TRUE or theirs is not FALSE:
                    self._linked(key, yes, {}, present=True)
                self._tagged(left, yes, no, theirs)
            return yes, no
        self._identity(left, mine, right, theirs, yes, no)
        return yes, no

    def _identity(
        self,
        left: lua.Expression,
        mine: Type,
        right: lua.Expression,
        theirs: Type,
        yes: Facts,
        no: Facts,
    ) -> None:
        """Learn from two values being one, channels of a select among them."""
        one, other = self.path(left), self.path(right)
        if one is not None and other is not None:
            self._by_channel(one, other, yes, no)
            self._by_channel(other, one, yes, no)
            if (
                isinstance(one, Variable)
                and isinstance(other, Variable)
                and one.parameter >= 0
                and other.parameter >= 0
            ):
                yes[one, SAME, other.parameter] = TRUE
        for key, own, given in ((one, mine, theirs), (other, theirs, mine)):
            if key is None or own in UNTYPED or given in UNTYPED:
                continue
            met = meet(own, given, self.relation)
            if met is not own:
                yes[key] = met
            if isinstance(given, Literal):
                rest = unequal(own, given)
                if rest is not own:
                    no[key] = rest

    def _by_channel(self, field: Key, channel: Key, yes: Facts, no: Facts) -> None:
        """Choose the case of a select by its channel (types 3.6.8)."""
        if not isinstance(field, tuple) or field[-1] != "channel":
            return
        base: Any = field[:-1] if len(field) > 2 else field[0]
        type_ = self.current(base)
        if type_ is None:
            return
        shape = expand(type_)
        if not isinstance(shape, Union):
            return
        sources = [self._case_of(each) for each in shape.members]
        if channel not in sources:
            return
        held = [
            each
            for each, source in zip(shape.members, sources, strict=True)
            if source == channel
        ]
        rest = [
            each
            for each, source in zip(shape.members, sources, strict=True)
            if source != channel
        ]
        yes[base] = union(held)
        no[base] = union(rest)

    @staticmethod
    def _case_of(each: Type) -> object:
        return each.owner if isinstance(each, Table) and each.name == "case" else None

    # Calls as tests

    def _type_test(
        self, call: lua.Call | lua.MethodCall, other: lua.Expression
    ) -> tuple[Facts, Facts] | None:
        """Understand ``type(x) == "kind"`` and ``math.type(x) == "integer"``."""
        if not isinstance(call, lua.Call) or len(call.arguments) != 1:
            return None
        function = call.function
        plain = isinstance(function, lua.Name) and function.name == "type"
        if isinstance(function, lua.Name) and self.uses.get(function.start) is not None:
            plain = self.is_builtin_type(function)
        whole = (
            isinstance(function, lua.Field)
            and function.name == "type"
            and isinstance(function.base, lua.Name)
            and function.base.name == "math"
            and self.uses.get(function.base.start) is None
        )
        if not plain and not whole:
            return None
        type_ = self.tested(call.arguments[0])
        wanted = self.value(other)
        if not isinstance(wanted, Literal) or not isinstance(wanted.value, str):
            return {}, {}
        yes: Facts = {}
        no: Facts = {}
        key = self.path(call.arguments[0])
        if key is None:
            return yes, no
        kind = wanted.value
        if whole:
            if kind == "integer":
                yes[key] = INTEGER
            return yes, no
        held = of_kind(type_, kind)
        if held is not type_ and held is not NEVER:
            yes[key] = held
            if kind == "nil" and (isinstance(key, tuple) or key.inner):
                del yes[key]
        failed = without_kind(type_, kind)
        if failed is not type_:
            no[key] = failed
        if kind == "nil":
            self._insist(key, NOT_NIL, no)
            self._linked(key, no, yes, present=True)
        else:
            if kind != "boolean":
                self._insist(key, TRUTHY, yes)
            self._linked(key, yes, {}, present=True)
        self._tag_kind(call.arguments[0], kind, yes, no)
        return yes, no

    def _tag_kind(self, node: lua.Expression, kind: str, yes: Facts, no: Facts) -> None:
        """Narrow a union of records by the kind of one of its fields."""
        if isinstance(node, lua.Field) and kind != "nil":
            self._tagged(node, yes, {}, TRUE)
        elif isinstance(node, lua.Field):
            self._tagged(node, no, {}, TRUE)

    def is_builtin_type(self, node: lua.Name) -> bool:
        """Tell whether a local is a copy of the global ``type``."""
        symbol = self.uses[node.start]
        found = self.variable(symbol).type
        return getattr(found, "special", "") == "type"

    def _call_test(self, node: lua.Expression) -> tuple[Type, Facts, Facts]:
        assert isinstance(node, (lua.Call, lua.MethodCall))
        yes: Facts = {}
        target, arguments = self._is_call(node)
        type_ = self.value(node)
        if target is not None and arguments:
            key = self.path(arguments[0])
            if key is not None:
                yes[key] = target
        return type_, yes, {}

    def _is_call(
        self, node: lua.Call | lua.MethodCall
    ) -> tuple[Type | None, list[lua.Expression]]:
        """Recognize ``T:is(x)`` and ``T.is(x)``."""
        if isinstance(node, lua.MethodCall):
            base: lua.Expression | None = node.base if node.name == "is" else None
        else:
            function = node.function
            base = None
            if isinstance(function, lua.Field) and function.name == "is":
                base = function.base
        if base is None or not isinstance(base, (lua.Name, lua.Field)):
            return None, []
        self.silent += 1
        try:
            found = self.value(base)
        finally:
            self.silent -= 1
        if isinstance(found, TypeValue):
            return found.type, node.arguments
        if (
            isinstance(base, lua.Name)
            and base.name == "string"
            and self.uses.get(base.start) is None
        ):
            return STRING, node.arguments
        return None, []

    # and, or

    def logical(
        self, node: lua.Binary, expected: Type | None = None
    ) -> tuple[Type, Facts, Facts]:
        """Evaluate ``and`` and ``or``: type and what the outcome proves."""
        spine: list[lua.Binary] = []
        at: lua.Expression = node
        while isinstance(at, lua.Binary) and at.operator in ("and", "or"):
            spine.append(at)
            at = at.left
        left, yes, no = self._condition(at)
        for each in reversed(spine):
            left, yes, no = self._join(each, left, yes, no, expected)
            self.keep(each, left)
        return left, yes, no

    def _join(
        self,
        node: lua.Binary,
        left: Type,
        yes: Facts,
        no: Facts,
        expected: Type | None,
    ) -> tuple[Type, Facts, Facts]:
        both = node.operator == "and"
        saved, links = self.facts, self.links
        known = yes if both else no
        if known:
            self.facts = dict(saved)
            self.learn(known)
        links_before = dict(links) if links else links
        dead = self.dead
        right, right_yes, right_no = self._operand(node.right, expected)
        self.facts, self.links, self.dead = saved, links_before, dead
        if both:
            kept = falsy(left)
            type_ = right if kept is NEVER else union((kept, right))
            if left in UNTYPED:
                type_ = DYNAMIC
            held = {**yes, **right_yes} if right_yes else yes
            if not can_be_false(right):
                return type_, held, no  # it fails only if the left side does
            return type_, held, self._shared(no, {**yes, **right_no})
        kept = truthy(left)
        type_ = union((kept, right)) if can_be_false(left) else left
        if left in UNTYPED:
            type_ = DYNAMIC
        elif right is NEVER:
            type_ = kept
        failed = {**no, **right_no} if right_no else no
        return type_, self._shared(yes, {**no, **right_yes}), failed

    def _operand(
        self, node: lua.Expression, expected: Type | None
    ) -> tuple[Type, Facts, Facts]:
        while node.__class__ is lua.Paren:
            node = node.inner
        if expected is not None and isinstance(node, (lua.Table, lua.Function)):
            type_, _ = self.accept(node, expected)
            return type_, {}, {}
        return self._condition(node)

    @staticmethod
    def _shared(one: Facts, other: Facts) -> Facts:
        """Keep what two outcomes prove alike, joined."""
        if not one or not other:
            return {}
        facts: Facts = {}
        for key, type_ in one.items():
            if key in other:
                theirs = other[key]
                facts[key] = type_ if type_ is theirs else union((type_, theirs))
        return facts
