"""Programs drawn at random do the same as written and as translated.

They end by construction: a loop is bounded by its head or by a counter of its own, and
a function calls only functions above it. Its errors are part of what it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.lang.machine import run, run_plain

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

NAMES = ("a", "b", "c", "t", "k")
OPERATORS = ("+", "-", "*", "..", "==", "<", "and", "or", "~=", "//", "%")
LIMITS = ("3", "64", "65", "300", "n", "#t", "2.5", '"70"', "0", "-1")


class Writer:
    """Writes one program, statement by statement."""

    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.counters = 0
        self.functions = 0

    def pick(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def value(self, depth: int = 2) -> str:
        kind = self.draw(st.integers(0, 9 if depth else 4))
        if kind < 2:
            return self.pick("0", "1", "2.5", '"s"', "nil", "true", "7", '"10"')
        if kind < 5:
            return self.pick(*NAMES, "n", "t.x", "t[k]", "t[1]")
        if kind < 7:
            operator = self.pick(*OPERATORS)
            return f"({self.value(depth - 1)} {operator} {self.value(depth - 1)})"
        if kind == 7:
            return f"{{x = {self.value(depth - 1)}, y = {self.value(0)}}}"
        if kind == 8 and self.functions:
            which = self.draw(st.integers(1, self.functions))
            return f"f{which}({self.value(depth - 1)})"
        return f"type({self.value(depth - 1)})"

    def write(self, indent: int, text: str) -> None:
        self.lines.append("  " * indent + text)

    def block(self, indent: int, depth: int, loop: str) -> None:
        for _ in range(self.draw(st.integers(1, 3))):
            self.statement(indent, depth, loop)

    def statement(self, indent: int, depth: int, loop: str) -> None:
        kind = self.draw(st.integers(0, 15 if depth else 6))
        if kind == 0:
            self.write(indent, f"local {self.pick(*NAMES)} = {self.value()}")
        elif kind == 1:
            target = self.pick(*NAMES, "t.x", "t[k or 1]", "t[1]", "n, a")
            self.write(indent, f"{target} = {self.value()}")
        elif kind == 2:
            self.write(indent, f"print({self.value()}, {self.pick(*NAMES)})")
        elif kind == 3:
            self.write(indent, "n = n + 1")
        elif kind == 4:
            self.write(indent, "t.x = nil")
        elif kind == 5 and loop:
            leave = self.pick("break", f"goto {loop}")
            self.write(indent, f"if {self.value()} then {leave} end")
        elif kind == 6:
            self.write(indent, "do return n end" if self.draw(st.booleans()) else ";")
        elif kind < 9:
            self.write(indent, f"if {self.value()} then")
            self.block(indent + 1, depth - 1, loop)
            self.write(indent, "else")
            self.block(indent + 1, depth - 1, loop)
            self.write(indent, "end")
        elif kind < 12:
            first = self.pick("1", "0", "5", "n", "60", "1.0")
            step = self.pick("", "", "", ", 2", ", -1")
            self.loop(indent, depth, f"for a = {first}, {self.pick(*LIMITS)}{step} do")
        elif kind == 12:
            self.loop(indent, depth, f"for k, b in pairs({{{self.value(0)}, 5}}) do")
        elif kind == 13:
            counter = self.counter(indent)
            self.loop(indent, depth, f"while {counter} < 70 do", counter)
        elif kind == 14:
            counter = self.counter(indent)
            self.loop(indent, depth, "repeat", counter)
        else:
            self.functions += 1
            name = f"f{self.functions}"
            self.functions -= 1
            self.write(indent, f"function {name}(b, ...)")
            self.write(indent + 1, "local n = n")
            self.block(indent + 1, depth - 1, "")
            self.write(indent + 1, "do return b, ... end")
            self.write(indent, "end")
            self.functions += 1

    def counter(self, indent: int) -> str:
        self.counters += 1
        self.write(indent, f"local i{self.counters} = 0")
        return f"i{self.counters}"

    def loop(self, indent: int, depth: int, head: str, counter: str = "") -> None:
        self.write(indent, head)
        if counter:
            self.write(indent + 1, f"{counter} = {counter} + 1")
        label = f"l{len(self.lines)}"
        self.write(indent + 1, "do")
        self.block(indent + 2, depth - 1, label)
        self.write(indent + 1, "end")
        self.write(indent + 1, f"::{label}::")
        end = f"until {counter} > 66" if head == "repeat" else "end"
        self.write(indent, end)


@st.composite
def programs(draw: DrawFn) -> str:
    """Draw a program that ends."""
    writer = Writer(draw)
    writer.write(0, 'local a, b, c, t, k, n = 1, "b", nil, {1, 2, x = 3}, "x", 0')
    for _ in range(draw(st.integers(1, 6))):
        writer.statement(0, 3, "")
    writer.write(0, "return a, b, c, k, n")
    return "\n".join(writer.lines)


@given(programs(), st.sampled_from((1, 2, 3, 50)), st.sampled_from(("5.3", "5.4")))
@settings(max_examples=150, deadline=None)
def test_translated_program_does_what_is_written(
    source: str, credit: int, version: str
) -> None:
    written = run_plain(source, version=version, steps=500_000)
    assume(written.results != "string:hung")
    for budget in ("full", "off"):
        outcome = run(source, version=version, budget=budget, credit=credit)
        assert outcome.printed == written.printed
        assert (outcome.ok, outcome.results) == (written.ok, written.results)
