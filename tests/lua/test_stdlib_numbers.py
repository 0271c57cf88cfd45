"""Text of numbers, `tostring`, `tonumber`, `select`."""

from __future__ import annotations

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.lua.prelude_fixture import VERSIONS, LibraryVM, library_vm


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> LibraryVM:
    version: str = request.param
    return library_vm(version)


def oracle(value: float) -> str:
    """Say a float as the reference does, from Python's shortest digits."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 2**63:
        return str(int(value))
    sign, digit_tuple, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, digit_tuple))
    power = len(digits) - 1 + exponent
    if power < -4 or power >= 21:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{power:+03d}"
    elif exponent >= 0:
        text = digits + "0" * exponent
    elif power >= 0:
        text = digits[: power + 1] + "." + digits[power + 1 :]
    else:
        text = "0." + "0" * (-power - 1) + digits
    return ("-" if sign else "") + text


def float_of(bits: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


floats = st.one_of(
    st.floats(),
    st.integers(0, 2**64 - 1).map(float_of),
    st.floats(1e-7, 1e22),
    st.integers(-(2**80), 2**80).map(float),
    st.decimals(-1000, 1000, places=3).map(float),
)


@given(floats)
@example(2.0**63)
@example(-(2.0**63))
@example(2.0**-44)
@example(5e-324)
@example(9007199254740993.0)
@example(1e23)
@settings(max_examples=300, deadline=None)
def test_the_text_of_a_float_is_the_references_and_reads_back(value: float) -> None:
    text = library_vm().run("return tostring(...)", value).decode()
    assert text == oracle(value)  # types 4.9, core STD-3
    if math.isfinite(value):
        assert float(text) == value


def test_the_text_of_every_power_of_two(vm: LibraryVM) -> None:
    """Below a power of two the gap is half as wide: the nearest digits may not do."""
    for power in range(-1074, 1024):
        value = 2.0**power
        assert vm.run("return tostring(...)", value).decode() == oracle(value)


@given(st.integers(-(2**63), 2**63 - 1))
@settings(max_examples=100, deadline=None)
def test_the_text_of_an_integer_is_its_digits(value: int) -> None:
    assert library_vm().run("return tostring(...)", value).decode() == str(value)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("3.0", "3"),
        ("10 / 2", "5"),
        ("1e15", "1000000000000000"),
        ("2^53", "9007199254740992"),
        ("-0.0", "0"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("0.1", "0.1"),
        ("1e-5", "1e-05"),
        ("0.0001", "0.0001"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("1e100", "1e+100"),
        ("1/0", "+Inf"),
        ("-1/0", "-Inf"),
        ("0/0", "NaN"),
        ("math.mininteger", "-9223372036854775808"),
        ("math.maxinteger", "9223372036854775807"),
        ("nil", "nil"),
        ("true", "true"),
        ("'x'", "x"),
        ("new_error('no')", "no"),
        ("setmetatable({}, {__tostring = function() return 'T' end})", "T"),
        ("setmetatable({}, {__tostring = function() return 3.0 end})", "3"),
    ],
)
def test_tostring(vm: LibraryVM, expression: str, text: str) -> None:
    # types 4.9, types 270, core STD-24
    assert vm.run(f"return tostring({expression})").decode() == text


def test_concatenation_shows_a_float_as_plain_lua_does(vm: LibraryVM) -> None:
    assert vm.run("return 1.0 .. ''") == b"1.0"  # types 4.9: a documented difference


def test_tostring_shows_no_address_and_refuses_odd_texts(vm: LibraryVM) -> None:
    vm.run("""
      local t, f = {}, function() end
      assert(tostring(t):match("^table: 0x%x+$") and tostring(t) == tostring(t))
      assert(tostring(t) ~= tostring({}))
      assert(tostring(f):match("^function: 0x%x+$"))
      assert(tostring(coroutine.create(f)):match("^thread: 0x%x+$"))
      assert(tostring(setmetatable({}, { __name = "secret" })):match("^table: "))
      local odd = setmetatable({}, { __tostring = function() return {} end })
      local ok, e = pcall(tostring, odd)
      assert(not ok and e:find("'__tostring' must return a string", 1, true))
    """)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("tonumber('10')", 10),
        ("tonumber('  0x1F  ')", 31),
        ("tonumber('1.5')", 1.5),
        ("tonumber('1e3')", 1000.0),
        ("tonumber('')", None),
        ("tonumber('1 2')", None),
        ("tonumber(7)", 7),
        ("math.type(tonumber(7.0))", b"float"),
        ("tonumber(nil)", None),
        ("tonumber({})", None),
        ("tonumber(true)", None),
        ("tonumber(new_error('12'))", 12),
        ("tonumber('ff', 16)", 255),
        ("tonumber('zz', 36.9)", 1295),
        ("tonumber(101, 2)", 5),
        ("tonumber('9', 8)", None),
        ("tonumber('5', nil)", 5),
        ("select('#')", 0),
        ("select('#', nil, nil)", 2),
        ("select(2, 'a', 'b')", b"b"),
        ("select(2.9, 'a', 'b')", b"b"),
        ("select(-1, 'a', 'b')", b"b"),
        ("select('2', 'a', 'b')", b"b"),
        ("select(3, 'a', 'b')", None),
    ],
)
def test_tonumber_and_select(vm: LibraryVM, expression: str, expected: object) -> None:
    # core STD-29b, E-30; types 4.9: a float is cut where an integer is wanted
    assert vm.run(f"return {expression}") == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            "tonumber({}, 10)",
            "bad argument #1 to 'tonumber' (string expected, got table)",
        ),
        ("tonumber('1', 37)", "bad argument #2 to 'tonumber' (base out of range)"),
        (
            "tonumber('1', {})",
            "bad argument #2 to 'tonumber' (number expected, got table)",
        ),
        ("select(0)", "bad argument #1 to 'select' (index out of range)"),
        ("select(-3, 1, 2)", "bad argument #1 to 'select' (index out of range)"),
        ("select({})", "bad argument #1 to 'select' (number expected, got table)"),
    ],
)
def test_wrong_arguments_name_function_and_line(
    vm: LibraryVM, call: str, message: str
) -> None:
    # core G-2, E-42
    result = vm.run(f"return pcall(function()\n local _ = {call} end)")
    assert result == (False, f"app:main:2: {message}".encode())


@pytest.mark.parametrize(
    ("value", "integer"),
    [
        (2.7, 2),
        (-2.7, -2),
        (-0.5, 0),
        (1e300, 2**63 - 1),
        (-1e300, -(2**63)),
        (-(2.0**63), -(2**63)),
        (math.inf, 0),
        (-math.inf, 0),
        (math.nan, 0),
    ],
)
def test_a_float_is_cut_toward_zero(vm: LibraryVM, value: float, integer: int) -> None:
    assert vm.run("return P.cut(...)", value) == integer  # types 4.9
