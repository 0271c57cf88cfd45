"""Structured errors as a Lua program sees them."""

from __future__ import annotations

import pytest

from tests.lua.data_prelude import VERSIONS, DataVM, shared_vm


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> DataVM:
    version: str = request.param
    return shared_vm(version)


def test_the_library_has_the_constants_and_four_functions(vm: DataVM) -> None:
    names = vm.run("""
      local names = {}
      for k, v in pairs(errors) do
        names[#names + 1] = k .. "=" .. (type(v) == "string" and v or type(v))
      end
      table.sort(names)
      return table.concat(names, " ")
    """)
    assert names.decode().split() == [  # core 13.1, E-1, E-3
        "ALREADY_EXISTS=AlreadyExists",
        "CANCELED=Canceled",
        "CONFLICT=Conflict",
        "INTERNAL=Internal",
        "INVALID=Invalid",
        "NOT_FOUND=NotFound",
        "PERMISSION_DENIED=PermissionDenied",
        "RATE_LIMITED=RateLimited",
        "TIMEOUT=Timeout",
        "UNAVAILABLE=Unavailable",
        "UNKNOWN=",
        "call_stack=function",
        "is=function",
        "new=function",
        "wrap=function",
    ]
    assert not vm.run("return pcall(function() errors.new = 1 end)")[0]  # core E-3, G-5


def test_an_error_from_text_says_nothing_but_its_text(vm: DataVM) -> None:
    kind, message, retryable, details = vm.run("""
      local e = errors.new("text", "ignored")
      return e:kind(), e:message(), e:retryable(), e:details()
    """)
    assert (kind, message, retryable, details) == (
        b"",
        b"text",
        None,
        None,
    )  # core E-10
    assert (
        vm.run('return errors.new("TIMEOUT", "text"):message()') == b"TIMEOUT"
    )  # E-13


def test_an_error_from_a_table_keeps_what_has_the_right_type(vm: DataVM) -> None:
    assert vm.run("""
      local e = errors.new { message = "m", kind = "Odd", retryable = true }
      return e:kind(), e:message(), e:retryable()
    """) == (b"Odd", b"m", True)  # core E-2, E-11
    assert vm.run("""
      local e = errors.new { message = "m", kind = 5, retryable = "yes", details = 1 }
      return e:kind(), e:retryable(), e:details()
    """) == (b"", None, None)  # core E-11


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("errors.new({})", b"message field is required"),
        ("errors.new({ message = 5 })", b"message must be a string"),
        ("errors.new(5)", b"expected string or table"),
        ("errors.new(nil)", b"expected string or table"),
        ("errors.new()", b"expected string or table"),
        ("errors.new(errors.new('x'))", b"expected string or table"),
        ("errors.wrap(nil, 'x')", b"expected string or error object"),
        ("errors.wrap('x')", b"expected string or error object"),
        ("errors.wrap('x', {})", b"expected string or error object"),
        ("errors.wrap({}, 'x')", b"expected string or error object"),
        ("errors.is(errors.new('x'))", b"bad argument #2 to 'is'"),
        ("errors.is(errors.new('x'), {})", b"string expected, got table"),
        ("errors.new('x').message({})", b"error expected, got table"),
        ("errors.new('x') .. {}", b"attempt to concatenate a table value"),
        ("#errors.new('x')", b"attempt to get length"),
    ],
)
def test_misuse_raises_at_the_caller(vm: DataVM, call: str, text: bytes) -> None:
    ok, message = vm.run(f"return pcall(function()\nlocal _ = {call}\nend)")
    assert not ok  # core E-12, E-20, E-32
    assert text in message
    assert message.startswith(b"app:main:2:")


def test_details_are_data_with_text_keys(vm: DataVM) -> None:
    assert vm.run("""
      local list = { 1, "two", { three = 3, [4] = 4 } }
      local loop = {}
      loop.me = loop
      local e = errors.new { message = "m", details = {
        list = list, f = print, e = errors.new("inner"), loop = loop, [1] = "dropped",
        mixed = { a = 1, [2] = 2 },
      } }
      list[1] = "changed"
      local d, again = e:details(), e:details()
      assert(d ~= again and d.list ~= again.list)
      assert(type(d.f) == "string" and d.f:find("^function"))
      assert(type(d.loop.me) == "string")
      assert(d.mixed[2] == nil and d.mixed.a == 1)
      return d[1], d.list[1], d.list[2], d.list[3].three, d.list[3][4], d.e
    """) == (None, 1, b"two", 3, None, b"inner")  # core E-14, E-31
    assert vm.run("return errors.new { message = 'm', details = {} }:details()") is None


def test_wrapping_shows_the_context_one_level_later(vm: DataVM) -> None:
    result = vm.run("""
      local e1 = errors.wrap("boom", "a")
      local e2 = errors.wrap(e1, "b")
      local e3 = errors.wrap(e2, errors.new("c"))
      assert(tostring(e1) == e1:message() and e1:kind() == "" and e1:details() == nil)
      return e1:message(), e2:message(), e3:message(), P.crossing_error(e3):message()
    """)
    assert result == (b"boom", b"a: boom", b"b: a: boom", b"c: b: a: boom")  # core E-22


def test_a_wrapped_error_has_the_parents_kind_flag_and_details(vm: DataVM) -> None:
    assert vm.run("""
      local e = errors.new { message = "m", kind = "Timeout", retryable = true,
        details = { n = 1 } }
      local w = errors.wrap(e, "ctx")
      assert(e:message() == "m" and w ~= e)
      return w:kind(), w:retryable(), w:details().n, w:message(),
        (w:stack():find("ctx: m", 1, true)),
        (w:stack():find("caused by: m", 1, true)) ~= nil
    """) == (b"Timeout", True, 1, b"m", 1, True)  # core E-21, E-22, E-24


def test_text_and_concatenation(vm: DataVM) -> None:
    assert vm.run("""
      local e, f = errors.new("e"), errors.new("f")
      return type(e), tostring(e), "a" .. e, e .. "z", e .. f, 1 .. e, e .. 2.0,
        "a" .. e .. "z"
    """) == (b"userdata", b"e", b"ae", b"ez", b"ef", b"1e", b"e2", b"aez")  # core E-30


def test_is_compares_the_errors_own_kind(vm: DataVM) -> None:
    assert vm.run("""
      local e = errors.new { message = "m", kind = errors.TIMEOUT }
      return errors.is(e, errors.TIMEOUT), errors.is(e, errors.UNKNOWN),
        errors.is(errors.new("m"), errors.UNKNOWN), errors.is(nil, "Timeout"),
        errors.is("text", ""), errors.is({}, "")
    """) == (True, False, True, False, False, False)  # core E-32


def test_the_stack_names_source_line_and_function(vm: DataVM) -> None:
    source, line, name, count, stack = vm.run("""
      local function inner()
        local e = errors.new("x")
        return e
      end
      local function outer()
        local e = inner()
        return e
      end
      local e = outer()
      local info = errors.call_stack(e)
      local f = info.frames[1]
      assert(type(info.thread) == "string" and f.level == 1 and f.type == "Lua")
      assert(info.frames[2].name == "outer" and info.frames[2].line == 7)
      return f.source, f.line, f.name, #info.frames, e:stack()
    """)
    assert (source, line, name, count) == (
        b"app:main",
        3,
        b"inner",
        3,
    )  # core E-15, E-33
    assert stack.startswith(b"x\nstack traceback:\n\tapp:main:3: in inner\n")
    assert b"prelude" not in stack
    assert vm.run("return errors.call_stack('x'), errors.call_stack(nil)") == (
        None,
        None,
    )


def test_a_stack_recorded_as_text_is_read_back(vm: DataVM) -> None:
    """An error that came from elsewhere has the text of its stack, or none."""
    assert vm.run("""
      local e = errors.new { message = "x" }
      P.error_trace(e, P.raw.traceback("x"))
      local frames = errors.call_stack(e).frames
      local none = P.error_new("x", "", nil, nil, "")
      return frames[1].line, frames[1].source, none:stack(), errors.call_stack(none)
    """) == (3, b"app:main", b"", None)  # core E-31, E-33


def test_errors_are_immutable_and_opaque(vm: DataVM) -> None:
    assert vm.run("""
      local e = errors.new("x")
      local failed = 0
      for _, f in ipairs {
        function() e.message = 1 end,
        function() e.other = 1 end,
        function() rawset(e, "message", 1) end,
        function() setmetatable(e, {}) end,
        function() return next(e) end,
        function() return pairs(e) end,
      } do
        if not pcall(f) then failed = failed + 1 end
      end
      return failed, e:message(), e.unknown, e == errors.new("x"), e == e
    """) == (6, b"x", None, False, True)  # core E-34, E-35, G-6


def test_a_raised_error_keeps_its_identity(vm: DataVM) -> None:
    assert vm.run("""
      local e = errors.new("x")
      local ok, caught = pcall(error, e)
      return ok, caught == e
    """) == (False, True)  # core E-40


def test_crossing_gives_an_error_without_kind_the_kind_internal(vm: DataVM) -> None:
    assert vm.run("""
      local e = errors.new { message = "m", retryable = true, details = { a = 1 } }
      local c = P.crossing_error(e)
      local k = errors.new { message = "m", kind = "Conflict" }
      return c:kind(), c:message(), c:retryable(), c:details().a, e:kind(),
        P.crossing_error(k):kind()
    """) == (b"Internal", b"m", True, 1, b"", b"Conflict")  # core E-44, E-45, P-25


def test_the_preludes_own_constructors(vm: DataVM) -> None:
    assert vm.run("""
      local value, e = P.fail("Conflict", "inner", { n = 1 }, "context")
      local ok, raised = pcall(P.raise_kind, "Invalid", "m")
      local message, kind, retryable, details, stack = P.error_fields(e)
      assert(P.error_fields("x") == nil and P.errors_kind("x") == nil)
      assert(type(stack) == "string")
      return value, message, kind, retryable, details.n, errors.wrap(e, "x"):message(),
        ok, P.errors_kind(raised), raised:retryable()
    """) == (
        None,
        b"inner",
        b"Conflict",
        False,  # core G-3
        1,
        b"context: inner",  # modules-data E-a
        False,
        b"Invalid",
        False,
    )
