"""The library `math`."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.lua.prelude_fixture import VERSIONS, LibraryVM, library_vm


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> LibraryVM:
    version: str = request.param
    return library_vm(version)


def test_all_names_are_there(vm: LibraryVM) -> None:
    names = vm.run("""
      local names = {}
      for name in pairs(math) do
        names[#names + 1] = name
      end
      table.sort(names)
      return table.concat(names, " ")
    """)
    expected = (
        "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp "
        "log log10 max maxinteger min mininteger mod modf pi pow rad random randomseed "
        "sin sinh sqrt tan tanh tointeger type ult"
    )
    assert names.decode() == expected  # core STD-26


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("math.floor(3.7)", 3),
        ("math.ceil(-3.7)", -3),
        ("math.pow(2, 10)", 1024.0),
        ("math.pow('2', '0.5')", math.sqrt(2)),
        ("math.log10(1000)", 3.0),
        ("math.log(8, 2)", 3.0),
        ("math.atan2(1, -1)", math.atan2(1, -1)),
        ("math.fmod(7, 3)", 1),
        ("math.fmod(-7, 3)", -1),
        ("math.fmod(5.5, 2)", 1.5),
        ("math.mod(7, 4)", 3),
        ("math.mod == math.fmod", True),
        ("tostring(math.fmod(7, 0))", b"NaN"),
        ("math.type(3)", b"integer"),
        ("math.type(3.0)", b"float"),
        ("math.type('3')", None),
        ("math.tointeger(3.0)", 3),
        ("math.tointeger(3.5)", None),
        ("math.ult(1, -1)", True),
        ("math.maxinteger", 2**63 - 1),
        ("math.mininteger", -(2**63)),
        ("math.huge", math.inf),
        ("math.pi", math.pi),
        ("math.cosh(0)", 1.0),
        ("math.sinh(0)", 0.0),
        ("math.tanh(0)", 0.0),
        ("math.tanh(1000)", 1.0),
        ("math.tanh(-1000)", -1.0),
        ("math.sinh(1000)", math.inf),
        ("math.cosh(-1000)", math.inf),
        ("math.frexp(8)", (0.5, 4)),
        ("math.frexp(0)", (0.0, 0)),
        ("math.frexp(-0.75)", (-0.75, 0)),
        ("math.frexp(1/0)", (math.inf, 0)),
        ("math.ldexp(0.5, 4)", 8.0),
        ("math.ldexp(0.5, 4.9)", 8.0),
        ("math.ldexp(1, 5000)", math.inf),
        ("math.ldexp(1, -5000)", 0.0),
        ("math.ldexp(0, 5000)", 0.0),
        ("math.max(1, 2.5)", 2.5),
        ("math.randomseed(42)", None),
        ("math.pow(new_error('2'), 3)", 8.0),
    ],
)
def test_results(vm: LibraryVM, expression: str, expected: object) -> None:
    assert vm.run(f"return {expression}") == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("math.pow({}, 1)", "bad argument #1 to 'pow' (number expected, got table)"),
        ("math.pow(1)", "bad argument #2 to 'pow' (number expected, got nil)"),
        ("math.tanh('x')", "bad argument #1 to 'tanh' (number expected, got string)"),
        ("math.fmod({}, 0)", "bad argument #1 to 'fmod' (number expected, got table)"),
        ("math.fmod(1, {})", "bad argument #2 to 'fmod' (number expected, got table)"),
        ("math.random(0)", "bad argument #1 to 'random' (interval is empty)"),
        ("math.random(2, 1)", "bad argument #2 to 'random' (interval is empty)"),
        ("math.random({})", "bad argument #1 to 'random' (number expected, got table)"),
        ("math.floor(math)", None),
    ],
)
def test_wrong_arguments_name_function_and_line(
    vm: LibraryVM, call: str, message: str | None
) -> None:
    ok, text = vm.run(f"return pcall(function()\n local _ = {call} end)")
    assert not ok
    if message is None:
        message = "bad argument #1 to 'floor' (number expected, got table)"
    assert text.decode() == f"app:main:2: {message}"


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite)
@example(5e-324)
@example(2.0**-1022)
@example(1.7976931348623157e308)
@settings(max_examples=200, deadline=None)
def test_frexp_takes_apart_as_python_does(value: float) -> None:
    assert library_vm().run("return math.frexp(...)", value) == math.frexp(value)


@given(st.floats(-1e3, 1e3), st.integers(-1200, 1200))
@example(5e-324, 60)
@example(0.7, -1073)
@example(3.0, -1075)
@settings(max_examples=300, deadline=None)
def test_ldexp_puts_together_as_python_does(value: float, power: int) -> None:
    try:
        expected = math.ldexp(value, power)
    except OverflowError:
        expected = math.copysign(math.inf, value)
    assert library_vm().run("return math.ldexp(...)", value, power) == expected


@given(st.floats(-700, 700))
@settings(max_examples=200, deadline=None)
def test_hyperbolic_functions_are_close(value: float) -> None:
    for name in ("sinh", "cosh", "tanh"):
        result = library_vm().run(f"return math.{name}(...)", value)
        assert result == pytest.approx(getattr(math, name)(value), rel=1e-12, abs=0)


def test_random_numbers_are_in_their_bounds(vm: LibraryVM) -> None:
    vm.run("""
      P.seed_random(1)
      for _ = 1, 2000 do
        local x = math.random()
        assert(x >= 0 and x < 1)
        x = math.random(6)
        assert(x >= 1 and x <= 6 and math.type(x) == "integer")
        x = math.random(-2.9, 2.9)  -- types 4.9
        assert(x >= -2 and x <= 2 and math.type(x) == "integer")
        x = math.random(3, 3)
        assert(x == 3)
        x = math.random(1 << 40)
        assert(x >= 1 and x <= 1 << 40)
        assert(math.type(math.random(math.mininteger, math.maxinteger)) == "integer")
        x = math.random(math.mininteger, -1)
        assert(x < 0)
      end
    """)


def test_random_numbers_are_spread(vm: LibraryVM) -> None:
    for call in (
        "math.random(8)",
        "math.random(1, 1 << 50) % 8",
        "math.random() * 8 // 1",
    ):
        values = vm.run(f"""
          P.seed_random(7)
          local t = {{}}
          for i = 1, 8000 do
            t[i] = {call}
          end
          return table.concat(t, " ")
        """)
        counts = Counter(values.split())
        assert len(counts) == 8
        assert all(850 < count < 1150 for count in counts.values())


def test_a_seed_gives_the_same_sequence_in_all_versions() -> None:
    sequences = {
        library_vm(version).run("""
          P.seed_random(42)
          local t = {}
          for i = 1, 20 do
            math.randomseed(i)  -- without effect, core STD-27
            t[i] = math.random(1000) + math.random()
          end
          return table.concat(t, " ")
        """)
        for version in VERSIONS
    }
    assert len(sequences) == 1
    other = library_vm().run("P.seed_random(43) return math.random(1 << 60)")
    again = library_vm().run("P.seed_random(42) return math.random(1 << 60)")
    assert other != again
