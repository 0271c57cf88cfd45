"""Turn the tree of an expression into closures over a frame.

Each node becomes a function from the frame of a run to its value, with its kind and
whether it is constant. Operators on constants are computed here, so ``5 % 0`` fails to
compile; members and calls are left for the run.

Source: modules-data 11, 11.1, 11.2.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from wippy_trio.expr.closures import CLOSURES, apply
from wippy_trio.expr.dates import TIME_FUNCTIONS, call_method
from wippy_trio.expr.failure import ExpressionError, Fault
from wippy_trio.expr.frame import Builtin, Frame
from wippy_trio.expr.kinds import binary_kind, condition, unary_kind
from wippy_trio.expr.lists import LIST_FUNCTIONS
from wippy_trio.expr.numbers import NUMBER_FUNCTIONS
from wippy_trio.expr.operators import Run, Step, make_step, matcher, truth
from wippy_trio.expr.parser import MAX_NODES
from wippy_trio.expr.syntax import (
    Array,
    Binary,
    Call,
    Chain,
    Conditional,
    Constant,
    Let,
    MapLiteral,
    Member,
    Method,
    Name,
    Node,
    Pointer,
    Predicate,
    Sequence,
    Slice,
    Unary,
)
from wippy_trio.expr.texts import TEXT_FUNCTIONS
from wippy_trio.expr.values import affirm, cut, fetch, kind_of, negate, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FUNCTIONS", "Code", "Compiler"]

FUNCTIONS: dict[str, Builtin] = {
    **TEXT_FUNCTIONS,
    **NUMBER_FUNCTIONS,
    **LIST_FUNCTIONS,
    **TIME_FUNCTIONS,
}
"""The built-in functions without closures, by name."""

_ENDED: Any = object()  # what a chain carries after `?.` met nil


class Code(NamedTuple):
    """A compiled node."""

    run: Run
    kind: str
    constant: bool = False


class _Variable(NamedTuple):
    slot: int
    code: Code


class Compiler:
    """Compile one expression.

    Args:
      source: Its text, for complaints.
      kinds: The kinds of the variables it may name; ``None`` allows any name.
    """

    def __init__(self, source: str, kinds: Mapping[str, str] | None) -> None:
        self.source = source
        self.kinds = kinds
        self.slots = 0
        self._nodes = 0
        self._scope: dict[str, _Variable] = {}
        self._closures: list[str] = []
        self._compilers: dict[type, Callable[[Any], Code]] = {
            Constant: self._constant,
            Name: self._name,
            Pointer: self._pointer,
            Unary: self._unary,
            Binary: self._binary,
            Conditional: self._conditional,
            Array: self._array,
            MapLiteral: self._map,
            Member: self._member,
            Slice: self._slice,
            Chain: self._chain,
            Call: self._call,
            Method: self._method,
            Let: self._let,
            Sequence: self._sequence,
        }

    def compile(self, node: Node) -> Code:
        """Compile a node and all below it.

        Raises:
          ExpressionError: It names what is not there, or operands never fit.
        """
        self._nodes += 1
        if self._nodes > MAX_NODES:
            # The parser counts too, but `a < b < c` and `a ?: b` use a node twice.
            self._refuse(f"expression too large: more than {MAX_NODES} nodes", 0)
        return self._compilers[type(node)](node)

    def _error(self, reason: object, offset: int) -> ExpressionError:
        return ExpressionError(str(reason), self.source, offset)

    def _refuse(self, reason: str, offset: int) -> NoReturn:
        raise self._error(reason, offset)

    def _guard(self, run: Run, offset: int) -> Run:
        """Give a fault of a run its place in the text."""

        def guarded(frame: Frame) -> Any:
            try:
                return run(frame)
            except Fault as fault:
                raise self._error(fault, offset) from None

        return guarded

    def _fold(self, code: Code, constant: object) -> Code:
        """Compute a node of constants now."""
        if not constant:
            return code
        value = code.run(Frame({}, 0, time.time_ns))
        return Code(lambda _: value, kind_of(value), constant=True)

    # Leaves

    def _constant(self, node: Constant) -> Code:
        value = node.value
        return Code(lambda _: value, kind_of(value), constant=True)

    def _name(self, node: Name) -> Code:
        name = node.name
        variable = self._scope.get(name)
        if variable is not None:
            slot = variable.slot
            return Code(lambda frame: frame.slots[slot], variable.code.kind)
        if name == "$env":
            return Code(lambda frame: frame.env, "any")
        if self.kinds is None:
            return Code(lambda frame: frame.names.get(name), "any")
        if name not in self.kinds:
            self._refuse(f"unknown name {name}", node.offset)
        return Code(lambda frame: frame.names.get(name), self.kinds[name])

    def _pointer(self, node: Pointer) -> Code:
        if node.name == "":
            return Code(lambda frame: frame.item, "any")
        if node.name == "index":
            return Code(lambda frame: frame.index, "int")
        if node.name == "acc" and "reduce" in self._closures:
            return Code(lambda frame: frame.acc, "any")
        return self._refuse(f"unknown pointer #{node.name}", node.offset)

    # Operators

    def _unary(self, node: Unary) -> Code:
        operand = self.compile(node.operand)
        try:
            kind = unary_kind(node.operator, operand.kind)
        except Fault as fault:
            raise self._error(fault, node.offset) from None
        inner = operand.run
        operation = _UNARY[node.operator]
        run = self._guard(lambda frame: operation(inner(frame)), node.offset)
        return self._fold(Code(run, kind), operand.constant)

    def _binary(self, node: Binary) -> Code:
        spine = [node]
        while isinstance(spine[-1].left, Binary):
            spine.append(spine[-1].left)
        code = self.compile(spine[-1].left)
        steps: list[Step] = []
        for part in reversed(spine):
            try:
                step, kind, constant = self._step(part, code.kind)
            except Fault as fault:
                raise self._error(fault, part.offset) from None
            step = self._guard_step(step, part.offset)
            if code.constant and constant:
                code = self._fold(Code(_apply(code.run, [step]), kind), constant=True)
                continue
            steps.append(step)
            code = Code(code.run, kind)
        return Code(_apply(code.run, steps), code.kind, code.constant)

    def _step(self, node: Binary, left: str) -> tuple[Step, str, bool]:
        """Compile the right side: the step, the result's kind, whether constant."""
        operator = node.operator
        inner = node.right
        if operator == "in" and isinstance(inner, Binary) and inner.operator == "..":
            return self._in_range(inner), "bool", False
        right = self.compile(node.right)
        kind, run = binary_kind(operator, left, right.kind), right.run
        # A range is not computed ahead: the list would outlive the run.
        constant = right.constant and operator != ".."
        if operator == "matches" and right.constant:
            pattern = matcher(run(Frame({}, 0, time.time_ns)))
            return _constant_match(pattern.search), kind, constant
        if operator == "in" and right.constant and right.kind == "array":
            items = run(Frame({}, 0, time.time_ns))
            if all(isinstance(item, str) for item in items):
                return _one_of(frozenset(items)), kind, constant
        return make_step(operator, run), kind, constant

    def _in_range(self, node: Binary) -> Step:
        """Test membership of a range without listing it."""
        low = self.compile(node.left).run
        high = self.compile(node.right).run

        def step(frame: Frame, left: Any) -> bool:
            first, last = low(frame), high(frame)
            if type(first) is not int or type(last) is not int:
                raise Fault(
                    f"invalid operation: {type_name(first)} .. {type_name(last)},"
                    " wanted integers"
                )
            if type(left) is not int and not (
                isinstance(left, float) and left.is_integer()
            ):
                return False
            return bool(first <= left <= last)

        return step

    def _guard_step(self, step: Step, offset: int) -> Step:
        def guarded(frame: Frame, left: Any) -> Any:
            try:
                return step(frame, left)
            except Fault as fault:
                raise self._error(fault, offset) from None

        return guarded

    def _conditional(self, node: Conditional) -> Code:
        test = self.compile(node.test)
        yes, no = self.compile(node.yes), self.compile(node.no)
        try:
            condition(test.kind)
        except Fault as fault:
            raise self._error(fault, node.offset) from None
        ask, then, otherwise = test.run, yes.run, no.run

        def run(frame: Frame) -> Any:
            return then(frame) if truth(ask(frame), "condition") else otherwise(frame)

        kind = yes.kind if yes.kind == no.kind else "any"
        code = Code(self._guard(run, node.offset), kind)
        return self._fold(code, test.constant and yes.constant and no.constant)

    # Containers

    def _array(self, node: Array) -> Code:
        codes = [self.compile(item) for item in node.items]
        runs = [code.run for code in codes]

        def run(frame: Frame) -> list[Any]:
            frame.budget.items(len(runs))
            return [item(frame) for item in runs]

        code = Code(self._guard(run, node.offset), "array")
        return self._fold(code, all(code.constant for code in codes))

    def _map(self, node: MapLiteral) -> Code:
        codes = [(self.compile(key), self.compile(item)) for key, item in node.pairs]
        runs = [(key.run, item.run) for key, item in codes]

        def run(frame: Frame) -> dict[str, Any]:
            frame.budget.items(len(runs))
            mapping = {}
            for read_key, read_item in runs:
                key = read_key(frame)
                if not isinstance(key, str):
                    raise Fault(f"map key must be a string, got {type_name(key)}")
                mapping[key] = read_item(frame)
            return mapping

        code = Code(self._guard(run, node.offset), "map")
        return self._fold(code, all(k.constant and v.constant for k, v in codes))

    def _member(self, node: Member) -> Code:
        target, key = self.compile(node.target).run, self.compile(node.key)
        optional, offset, read_key = node.optional, node.offset, key.run

        def run(frame: Frame) -> Any:
            value = target(frame)
            if value is _ENDED or (optional and value is None):
                return _ENDED
            name = read_key(frame)
            if type(value) is dict and type(name) is str:
                return value.get(name)
            try:
                return fetch(value, name)
            except Fault as fault:
                raise self._error(fault, offset) from None

        return Code(run, "any")

    def _slice(self, node: Slice) -> Code:
        target = self.compile(node.target).run
        start = None if node.start is None else self.compile(node.start).run
        stop = None if node.stop is None else self.compile(node.stop).run

        def run(frame: Frame) -> Any:
            value = target(frame)
            if value is _ENDED:
                return value
            part = cut(
                value,
                None if start is None else start(frame),
                None if stop is None else stop(frame),
            )
            if isinstance(part, str):
                frame.budget.text(len(part))
            else:
                frame.budget.items(len(part))
            return part

        return Code(self._guard(run, node.offset), "any")

    def _chain(self, node: Chain) -> Code:
        body = self.compile(node.body).run

        def run(frame: Frame) -> Any:
            value = body(frame)
            return None if value is _ENDED else value

        return Code(run, "any")

    # Calls

    def _call(self, node: Call) -> Code:
        if node.name in CLOSURES:
            return self._closure_call(node)
        builtin = FUNCTIONS.get(node.name)
        if builtin is None:
            self._refuse(f"unknown function {node.name}", node.offset)
        self._check_count(node, builtin.low, builtin.high)
        codes = [self.compile(argument) for argument in node.arguments]
        for position, code in enumerate(codes):
            wanted = builtin.kinds[min(position, len(builtin.kinds) - 1) :][:1]
            if wanted and wanted[0] and code.kind not in wanted[0] | {"any"}:
                # Ints and floats stand for each other: Lua has both for one number.
                if code.kind == "float" and "int" in wanted[0]:
                    continue
                self._refuse(
                    f"invalid argument for {node.name} (type {code.kind})",
                    node.arguments[position].offset,
                )
        call, runs, offset = builtin.call, [code.run for code in codes], node.offset

        def run(frame: Frame) -> Any:
            try:
                return call(frame, *[argument(frame) for argument in runs])
            except Fault as fault:
                raise self._error(fault, offset) from None

        return Code(run, builtin.result)

    def _check_count(self, node: Call, low: int, high: int | None) -> None:
        count = len(node.arguments)
        if count < low:
            self._refuse(
                f"not enough arguments to call {node.name} (expected {low},"
                f" got {count})",
                node.offset,
            )
        if high is not None and count > high:
            self._refuse(
                f"too many arguments to call {node.name} (expected {high},"
                f" got {count})",
                node.offset,
            )

    def _closure_call(self, node: Call) -> Code:
        closure, name = CLOSURES[node.name], node.name
        self._check_count(node, 1, 3 if closure.extra else 2)
        source = self.compile(node.arguments[0])
        if source.kind not in {"any", "array", "map"}:
            self._refuse(
                f"invalid argument for {name} (type {source.kind})", node.offset
            )
        body: Run | None = None
        before = self._nodes
        if len(node.arguments) > 1:
            body = self._predicate(node, closure.tests)
        cost = self._nodes - before + 1
        extra = [self.compile(argument).run for argument in node.arguments[2:]]
        items = source.run

        def run(frame: Frame) -> Any:
            more = [argument(frame) for argument in extra]
            return apply(frame, name, items(frame), body, cost, more)

        return Code(self._guard(run, node.offset), closure.result)

    def _predicate(self, node: Call, tests: object) -> Run:
        predicate = node.arguments[1]
        assert isinstance(predicate, Predicate)
        self._closures.append(node.name)
        code = self.compile(predicate.body)
        self._closures.pop()
        if tests and code.kind not in {"any", "bool"}:
            self._refuse(
                f"closure of {node.name} must answer a boolean (type {code.kind})",
                predicate.offset,
            )
        return code.run

    def _method(self, node: Method) -> Code:
        target, optional, name = self.compile(node.target).run, node.optional, node.name
        runs = [self.compile(argument).run for argument in node.arguments]

        def run(frame: Frame) -> Any:
            value = target(frame)
            if value is _ENDED or (optional and value is None):
                return _ENDED
            return call_method(value, name, [argument(frame) for argument in runs])

        return Code(self._guard(run, node.offset), "any")

    # Statements

    def _let(self, node: Let) -> Code:
        name = node.name
        if name in FUNCTIONS or name in CLOSURES:
            self._refuse(f"cannot redeclare builtin {name}", node.offset)
        if name in self._scope:
            self._refuse(f"cannot redeclare variable {name}", node.offset)
        if name == "$env" or (self.kinds is not None and name in self.kinds):
            self._refuse(f"cannot redeclare {name}", node.offset)
        value = self.compile(node.value)
        slot = self.slots
        self.slots += 1
        self._scope[name] = _Variable(slot, value)
        body = self.compile(node.body)
        del self._scope[name]
        read, rest = value.run, body.run

        def run(frame: Frame) -> Any:
            frame.slots[slot] = read(frame)
            return rest(frame)

        return Code(run, body.kind)

    def _sequence(self, node: Sequence) -> Code:
        codes = [self.compile(item) for item in node.items]
        runs, last = [code.run for code in codes[:-1]], codes[-1]

        def run(frame: Frame) -> Any:
            for item in runs:
                item(frame)
            return last.run(frame)

        return Code(run, last.kind)


def _negation(value: Any) -> bool:
    return not truth(value, "not")


_UNARY: dict[str, Callable[[Any], Any]] = {
    "-": negate,
    "+": affirm,
    "not": _negation,
}


def _apply(base: Run, steps: list[Step]) -> Run:
    if not steps:
        return base
    if len(steps) == 1:
        step = steps[0]
        return lambda frame: step(frame, base(frame))

    def run(frame: Frame) -> Any:
        value = base(frame)
        for step in steps:
            value = step(frame, value)
        return value

    return run


def _one_of(texts: frozenset[str]) -> Step:
    return lambda _, left: isinstance(left, str) and left in texts


def _constant_match(search: Callable[[str], bool]) -> Step:
    def step(frame: Frame, left: Any) -> bool:
        if not isinstance(left, str):
            raise Fault(f"invalid operation: {type_name(left)} matches string")
        frame.budget.work(len(left) // 16)
        return search(left)

    return step
