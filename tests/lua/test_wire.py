"""The wire as a VM writes and reads it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lua.data_prelude import VERSIONS, DataVM, shared_vm
from tests.lua.graphs import EQUAL, Graph, graphs

TRIP = f"""
local equal = (function() {EQUAL} end)()
local function trip(v)
  local n, c = P.unpack_wire(P.pack(1, v))
  assert(n == 1)
  return c
end
"""


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> DataVM:
    version: str = request.param
    return shared_vm(version)


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_the_wire_carries_an_equal_graph(version: str, graph: Graph) -> None:
    """What a copy inside a VM keeps, the wire keeps, and between VMs, too."""
    vm = shared_vm(version)
    wire = vm.run(
        f"""
        {TRIP}
        local function build() {graph.source()} end
        local v = build()
        assert(equal(v, trip(v)))
        assert(equal(v, P.copy(trip(v))))
        assert(equal(v, trip(P.copy(v))))
        return P.pack(1, v)
        """
    )
    other = shared_vm(VERSIONS[(VERSIONS.index(version) + 1) % len(VERSIONS)])
    assert other.run(
        f"""
        {TRIP}
        local function build() {graph.source()} end
        local _, c = P.unpack_wire(...)
        return equal(build(), c)
        """,
        wire,
    )  # core M-40 to M-42


def test_numbers_and_strings_at_every_boundary(vm: DataVM) -> None:
    assert vm.run(f"""
      {TRIP}
      local list = {{}}
      for bits = 0, 63 do
        for d = -2, 2 do
          list[#list + 1] = (1 << bits) + d
          list[#list + 1] = -(1 << bits) + d
        end
      end
      for _, n in ipairs {{ 0, 1, 31, 32, 33, 255, 256, 65535, 65536, 70000 }} do
        list[#list + 1] = ("x"):rep(n)
        list[#list + 1] = ("\\xff"):rep(n)
        list[#list + 1] = ("\\xc3\\xa9"):rep(n)
        local t = {{}}
        for i = 1, n do t["k" .. i] = i end
        list[#list + 1] = t
        t = {{}}
        for i = 1, n do t[i] = i end
        list[#list + 1] = t
      end
      return equal(list, trip(list))
    """)


def test_text_is_told_from_other_bytes(vm: DataVM) -> None:
    """Surrogates and overlong forms are no UTF-8, whatever the Lua version thinks."""
    for text in (b"", b"abc", "\u00e9\u20ac\U0001f600".encode(), b"\x00"):
        assert vm.run("return P.pack(1, ...)", text)[1] == 0xA0 + len(text)
    for other in (b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xc3"):
        assert vm.run("return P.pack(1, ...)", other)[1] == 0xC4


def test_arguments_keep_their_number(vm: DataVM) -> None:
    assert vm.run("""
      local t = { 1 }
      local function count(n, ...) return n, select("#", ...) end
      local results = {}
      for n = 0, 20 do
        local a, b = count(P.unpack_wire(P.pack(n, t, t, nil, t)))
        assert(a == n and b == n)
      end
      local n, a, b, c, d = P.unpack_wire(P.pack(5, t, t, nil, t, nil))
      return n, a[1], a == b, c, d[1]
    """) == (5, 1, False, None, 1)  # core M-42: nothing shared between arguments


def test_holes_keep_the_length(vm: DataVM) -> None:
    wire = b"\x91\x94\x01\xc0\x03\xc0"
    assert vm.run(
        "local _, t = P.unpack_wire(...) return t[1], t[2], t[3], t[4]", wire
    ) == (1, None, 3, None)
    if not vm.run("return _VERSION == 'Lua 5.5'"):
        assert (
            vm.run("local _, t = P.unpack_wire(...) return #t", b"\x91\x93\x01\xc0\x03")
            == 3
        )


def test_what_cannot_travel_becomes_nil(vm: DataVM) -> None:
    assert vm.run(f"""
      {TRIP}
      local class = P.class("secret", {{}})
      local handle = P.raw.setrawmetatable({{ [P.key("state")] = 1 }}, class)
      assert(trip(print) == nil and trip(handle) == nil)
      local c = trip {{ a = 1, f = print, h = handle, list = {{ 1, print, 3 }},
        o = {{}},
        [handle] = 1, [print] = 2, [P.NILKEY] = 3, m = setmetatable({{ 1 }}, {{}}) }}
      local n = 0
      for _ in next, c do n = n + 1 end
      return n, c.a, c.list[2], c.list[3], getmetatable(c.m), next(c.o)
    """) == (4, 1, None, 3, None, None)  # core M-43, M-45, M-47, M-48


def test_errors_travel_with_all_they_say(vm: DataVM) -> None:
    assert vm.run(f"""
      {TRIP}
      local inner = errors.new("inner")
      local e = P.error_new("m", "Odd", false, {{ n = 1, list = {{ inner, inner }} }})
      local shared = {{}}
      local c = trip {{ shared, e, e, shared }}
      assert(c[1] == c[4] and c[2] == c[3])
      local d = c[2]:details()
      return c[2]:message(), c[2]:kind(), c[2]:retryable(), d.n, d.list[1]:message(),
        c[2]:stack() == e:stack()
    """) == (b"m", b"Odd", False, 1, b"inner", True)  # core M-44


def test_handles_travel_through_hooks(vm: DataVM) -> None:
    assert vm.run(f"""
      {TRIP}
      local STATE = P.key("state")
      local class = P.class("carried", {{}})
      local function make(n) return P.raw.setrawmetatable({{ [STATE] = n }}, class) end
      function P.packers.carried(v) return "carried class", v[STATE] end
      P.unpackers["carried class"] = function(_, object)
        P.unpack_wire(P.pack(1, {{ "another message" }}))
        return make(object + 1)
      end
      local t = {{ 1 }}
      local c = trip {{ make(5), t, make(7), t, a = make(9) }}
      P.packers.carried = nil
      assert(c[2] == c[4] and c[2][1] == 1)
      local e, f, g = c[1], c[3], c.a
      return e[STATE], f[STATE], g[STATE]
    """) == (6, 8, 10)


def test_empty_objects_stay_objects(vm: DataVM) -> None:
    assert vm.run(f"""
      {TRIP}
      local v = {{ o = {{}}, l = {{}} }}
      P.mark_object(v.o)
      local c = trip(v)
      return P.objects[c.o], P.objects[c.l]
    """) == (True, None)  # modules-data 1.1


def test_a_nesting_of_a_thousand_travels_and_more_is_refused(vm: DataVM) -> None:
    assert vm.run(f"""
      {TRIP}
      local v = {{}}
      for _ = 1, 1000 do v = {{ v }} end
      local c, depth = trip(v), 0
      while c[1] do c, depth = c[1], depth + 1 end
      local ok, e = pcall(P.pack, 1, {{ v }})
      local n, again = P.unpack_wire(P.pack(1, {{ 1 }}))
      return depth, ok, e:kind(), e:message(), again[1]
    """) == (
        1000,
        False,
        b"Invalid",
        b"value nested too deep: more than 1000 tables",
        1,
    )
    ok, kind = vm.run(
        "local ok, e = pcall(P.unpack_wire, ...) return ok, e:kind()",
        b"\x91" * 100_000 + b"\x01",
    )
    assert (ok, kind) == (False, b"Invalid")


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x01",
        b"\x91",
        b"\x91\xa5abc",
        b"\x91\x82\xa1a\x01",
        b"\x91\xdd\xff\xff\xff\xff\x01",
        b"\x91\xdf\xff\xff\xff\xff\x01",
        b"\x91\xc1",
        b"\x91\xcb\x00\x00",
        b"\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x91\x81\xc0\x01",
        b"\x91\x81\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\x01",
        b"\x91\xd4\x01\x00",
        b"\x91\x91\xd4\x01\x05",
        b"\x91\xd4\x09\x00",
        b"\x91\xc7\x00\x02",
        b"\x91\xc7\x06\x02\xc0\xc0\xc0\xc0\xc0\xc0",
        b"\x91\xc7\x02\x03\xc0\x01",
        b"\x91\xd8\x01" + bytes(16),
        b"\x91\x01\x02",
        b"\xdd\xff\xff\xff\xff",
        b"\x91\x81\xa9name",
    ],
)
def test_damaged_bytes_are_refused_with_a_clear_error(vm: DataVM, wire: bytes) -> None:
    ok, kind, message = vm.run(
        """
        local ok, e = pcall(P.unpack_wire, ...)
        if type(e) == "string" then return ok, "raw", e end
        return ok, errors.is(e, "Invalid") and e:kind(), e:message()
        """,
        wire,
    )
    assert (ok, kind) == (False, b"Invalid"), message
    assert message.startswith(b"malformed wire data: ")


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=150, deadline=None)
@given(
    graph=graphs(),
    cut=st.integers(0, 200),
    at=st.integers(0, 200),
    byte=st.integers(0, 255),
    noise=st.binary(max_size=40),
)
def test_no_bytes_break_the_reader(
    version: str, graph: Graph, cut: int, at: int, byte: int, noise: bytes
) -> None:
    """Cut, changed and random messages give a value or the one kind of error."""
    vm = shared_vm(version)
    wire: bytes = vm.run(
        f"local function build() {graph.source()} end return P.pack(1, build())"
    )
    changed = bytearray(wire)
    changed[at % len(wire)] = byte
    for data in (wire[: cut % len(wire)], bytes(changed), b"\x91" + noise):
        assert vm.run(
            """
            local ok, e = pcall(P.unpack_wire, ...)
            return ok or P.is_error(e) and e:kind() == "Invalid" or e
            """,
            data,
        ) in (True,)
