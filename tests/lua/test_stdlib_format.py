"""`string.format`: the reference's formatter, which never raises for its arguments."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lua.prelude_fixture import VERSIONS, LibraryVM, library_vm


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> LibraryVM:
    version: str = request.param
    return library_vm(version)


CASES = [
    # types 269: floats are cut, missing arguments are said
    ("'%d', 3.7", "3"),
    ("'%d', -3.7", "-3"),
    ("'%d', 1/0", "0"),
    ("'%i|%u', 3, 4", "3|4"),
    ("'%x', 255.9", "ff"),
    ("'%s %s', 'a'", "a %!s(MISSING)"),
    ("'%d'", "%!d(MISSING)"),
    ("'%s', nil", "nil"),
    ("'%s %s', nil, nil", "nil nil"),
    ("'%d', nil", "%!d(nil)"),
    ("'%d', {} and true", "%!d(true)"),
    ("'%d', 'abc'", "%!d(abc)"),
    ("'%f', 'abc'", "%!f(abc)"),
    ("'%c', 'abc'", "%!c(abc)"),
    # the text of a number
    ("'%d', '42'", "42"),
    ("'%d', '3.7'", "3.7"),
    ("'%5d|', '42'", "   42|"),
    ("'%05d', '-42'", "-0042"),
    ("'%6d', '0x10'", "  0x10"),
    ("'%.2f', '3.14159'", "3.14"),
    ("'%x', 'hi'", "6869"),
    ("'%X', 'n~'", "6E7E"),
    # extra arguments, unknown verbs, a lone percent sign
    ("'%d', 1, 2, 3", "1"),
    ("'none', 1", "none"),
    ("'%z', 3", "%!z(3)"),
    ("'%z'", "%!z(MISSING)"),
    ("'%é|', 3", "%!é(3)|"),
    ("'100%'", "100%!(NOVERB)"),
    ("'%5'", "%!(NOVERB)"),
    ("'%2000000d|', 1", "%!(NOVERB)"),
    ("'%d%%', 5", "5%"),
    ("'%%'", "%"),
    ("''", ""),
    # negative numbers in other bases
    ("'%x', -255", "-ff"),
    ("'%X', -255", "-FF"),
    ("'%o', -8", "-10"),
    ("'%x', math.mininteger", "-8000000000000000"),
    ("'%d', math.mininteger", "-9223372036854775808"),
    ("'%08.3d|%-8.3d|', 5, 5", "     005|005     |"),
    ("'%#x %#o', 255, 8", "0xff 010"),
    ("'%120d', 7", " " * 119 + "7"),
    ("'%0120d', -7", "-" + "0" * 118 + "7"),
    # text by characters
    ("'%5s|', 'é'", "    é|"),
    ("'%-5s|', 'é'", "é    |"),
    ("'%.1s|', 'éa'", "é|"),
    ("'%5.2s|', 'añb'", "   añ|"),
    ("'%05s', 'ab'", "000ab"),
    ("'%3s|', 'abcd'", "abcd|"),
    ("'%5s', 3.0", "    3"),
    ("'%300s|', 'x'", " " * 299 + "x|"),
    ("'%s', 10 / 2", "5"),
    ("'%s', 1e15", "1000000000000000"),
    ("'%s', 0.1 + 0.2", "0.30000000000000004"),
    ("'%v|%v', 1.5, 'x'", "1.5|x"),
    ("'%s', true", "true"),
    ("'%t|%t', true, 1", "true|%!t(1)"),
    ("'%s', 'a\\0b'", "a\0b"),
    ("'%5s', 'a\\0b'", "  a\0b"),
    ("'%s', new_error('why')", "why"),
    ("'%6s', new_error('why')", "   why"),
    ("'%s', setmetatable({}, {__tostring = function() return 'T' end})", "T"),
    ("new_error('%d-'), 1", "1-"),
    # characters
    ("'%c%c', 72, 105", "Hi"),
    ("'%c', 233", "é"),
    ("'%c', 8364.5", "€"),
    ("'%c', -1", "\ufffd"),
    ("'%3c|', 65", "  A|"),
    # floats
    ("'%.2f', 3", "3.00"),
    ("'%5.1f|%-7.2f|', 2.25, 1.5", "  2.2|1.50   |"),
    ("'%+.1f % .1f', 1.5, 1.5", "+1.5  1.5"),
    ("'%08.2f', -1.5", "-0001.50"),
    ("'%e', 12345.678", "1.234568e+04"),
    ("'%E', 0.00012", "1.200000E-04"),
    ("'%F', 0.5", "0.500000"),
    ("'%g %g', 100000, 1000000", "100000 1e+06"),
    ("'%g', 0.1 + 0.2", "0.30000000000000004"),
    ("'%g', 1234567", "1.234567e+06"),
    ("'%.3g', 1234567", "1.23e+06"),
    ("'%.14g', 0.1", "0.1"),
    ("'%8g|', 0.5", "     0.5|"),
    ("'%G', 1e-10", "1E-10"),
    ("'%a', 1", "0x1p+0"),
    ("'%f %5.1f', 1/0, -1/0", "+Inf  -Inf"),
    ("'%08f', 0/0", "     NaN"),
    ("'%.120f', 1", "1." + "0" * 120),
    # quoting
    ("'%q', 'a\\n\\t\"\\\\'", '"a\\n\\t\\"\\\\"'),
    ("'%q', '\\0\\27\\127'", '"\\x00\\x1b\\x7f"'),
    ("'%q', 'é日'", '"é日"'),
    ("'%q', '\\xff\\xc3'", '"\\xff\\xc3"'),
    (
        "'%q', '\\xc2\\xa0\\xe2\\x80\\xa8\\xed\\xa0\\x80'",
        '"\\u00a0\\u2028\\xed\\xa0\\x80"',
    ),
    ("'%5q|', 'a'", '  "a"|'),
    ("'%q %q %q', 1, nil, true", "1 nil true"),
    ("'%q', new_error('e')", '"e"'),
    # many arguments
    ("'%d %s %.1f %x', 1, 'b', 2, 255", "1 b 2.0 ff"),
    ("'%d%d%d%d%d%d', 1, 2, 3, 4, 5, 6", "123456"),
    ("'%d%d%d%d%d%d', 1, 2, 3, 4, 5", "12345%!d(MISSING)"),
    ("'%d%d%d', 1, 'x', 3", "1%!d(x)3"),
    ("('%s,'):rep(30), unpack({1,2,3,4,5,6,7,8,9,10})", None),
]


@pytest.mark.parametrize(("arguments", "expected"), CASES)
def test_results(vm: LibraryVM, arguments: str, expected: str | None) -> None:
    if expected is None:
        expected = "".join(f"{n}," for n in range(1, 11)) + "%!s(MISSING)," * 20
    # Twice: a format is read at its first use and kept.
    for _ in range(2):
        result = vm.run(f"return string.format({arguments})")
        assert result.decode() == expected  # types 4.9


def test_tables_and_functions_show_no_address(vm: LibraryVM) -> None:
    vm.run("""
      local t = setmetatable({}, { __name = "n" })
      assert(string.format("%s", t) == tostring(t))
      assert(string.format("%d", t) == "%!d(" .. tostring(t) .. ")")
      assert(string.format("%q", t) == "%!q(" .. tostring(t) .. ")")
      assert(string.format("%p", t) == "%!p(" .. tostring(t) .. ")")
    """)


def test_the_format_itself_must_be_a_text(vm: LibraryVM) -> None:
    result = vm.run("return pcall(function() return (string.format({})) end)")
    assert result == (
        False,
        b"app:main:1: bad argument #1 to 'format' (string expected, got table)",
    )
    assert vm.run("return string.format(3.0)") == b"3"


def test_results_are_bounded(vm: LibraryVM) -> None:
    result = vm.run("""
      local big = ("x"):rep(1 << 26)
      return pcall(function() return (string.format("%s%s%s", big, big, big)) end)
    """)
    assert result == (False, b"app:main:3: resulting string too large")


def test_remembered_formats_are_bounded(vm: LibraryVM) -> None:
    vm.run("""
      for i = 1, 2000 do
        assert(string.format(i .. ":%d", i) == i .. ":" .. i)
      end
    """)


flags = st.sets(st.sampled_from("-+ 0"), max_size=3).map("".join)
widths = st.one_of(st.just(""), st.integers(1, 30).map(str), st.just("150"))
integers = st.one_of(st.integers(-1000, 1000), st.integers(-(2**63), 2**63 - 1))


@given(flags, widths, st.sampled_from("dxX"), integers)
@settings(max_examples=300, deadline=None)
def test_integers_as_python_formats_them(
    flag: str, width: str, verb: str, value: int
) -> None:
    spec = f"%{flag}{width}{verb}"
    result = library_vm().run("return string.format(...)", spec.encode(), value)
    assert result.decode() == spec % value


@given(
    flags,
    widths,
    st.sampled_from([".0", ".1", ".2", ".6", ".17", ""]),
    st.sampled_from("feE"),
    st.floats(allow_nan=False, allow_infinity=False),
)
@settings(max_examples=300, deadline=None)
def test_floats_as_python_formats_them(
    flag: str, width: str, precision: str, verb: str, value: float
) -> None:
    spec = f"%{flag}{width}{precision}{verb}"
    result = library_vm().run("return string.format(...)", spec.encode(), value)
    assert result.decode() == spec % value


@given(
    st.sampled_from(["", "-"]),
    widths,
    st.sampled_from(["", ".0", ".1", ".4", ".20"]),
    st.text(max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_texts_as_python_formats_them(
    flag: str, width: str, precision: str, value: str
) -> None:
    """Python counts characters too."""
    spec = f"%{flag}{width}{precision}s"
    result = library_vm().run(
        "return string.format(...)", spec.encode(), value.encode()
    )
    assert result.decode() == spec % value


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=200, deadline=None)
def test_g_without_precision_shows_the_shortest_digits(value: float) -> None:
    text = library_vm().run("return string.format('%g', ...)", value).decode()
    assert float(text) == value
    if value:
        power = math.floor(math.log10(abs(value)) + 1e-12)
        if power >= 7 or power < -5:
            assert "e" in text
        elif -4 < power < 5:
            assert "e" not in text


arguments = st.one_of(
    st.none(), st.booleans(), integers, st.floats(), st.binary(max_size=6)
)


@given(st.text("%%%dsxqfcvz5.-+0 #é", max_size=12), st.lists(arguments, max_size=4))
@settings(max_examples=400, deadline=None)
def test_no_format_and_no_argument_raises(text: str, values: list[object]) -> None:
    first = library_vm().run("return string.format(...)", text.encode(), *values)
    again = library_vm().run("return string.format(...)", text.encode(), *values)
    assert isinstance(first, bytes)  # types 4.9
    assert first == again
