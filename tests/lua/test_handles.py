"""Handles: every function of the public library meets every kind of them.

What a handle holds stays hidden, what it is stays as it was, whatever a program tries.
"""

from __future__ import annotations

import pytest

from tests.lua.prelude_fixture import VERSIONS, LibraryVM, library_vm


@pytest.fixture(params=VERSIONS)
def vm(request: pytest.FixtureRequest) -> LibraryVM:
    version: str = request.param
    return library_vm(version)


# `kinds` is a list of { name, make }; make() gives the value, a list of what must never
# come out of it, and a function that fails if the value is not what it was.
KINDS = """
  local KEY = P.key("state")

  local function intact_raw(v)
    local mt, fields = raw.getrawmetatable(v), {}
    for k, x in raw.next, v do
      fields[k] = x
    end
    return function()
      assert(raw.getrawmetatable(v) == mt, "metatable exchanged")
      for k, x in raw.next, v do
        assert(fields[k] == x, "field written")
      end
      for k in raw.next, fields do
        assert(raw.rawget(v, k) == fields[k], "field lost")
      end
    end
  end

  local function handle(brand, events)
    return function()
      local secret = { "secret" }
      local class = P.class(brand, { method = function() end }, events)
      local v = raw.setrawmetatable({ [KEY] = secret }, class)
      return v, { secret, KEY, class }, intact_raw(v)
    end
  end

  local function front(make)
    return function()
      local real = { one = 1, 10, 20 }
      local v = make(real)
      local mt = raw.getrawmetatable(v)
      local check, behind = intact_raw(v), intact_raw(mt.__index)
      return v, { mt.__index, mt }, function()
        check()
        behind()
      end
    end
  end

  local function env()
    local base = { one = 1, two = 2 }
    local mt = { __index = base, __metatable = false }
    P.brands[mt] = "env"
    return raw.setrawmetatable({}, mt), { base, mt }, function()
      assert(base.one == 1 and base.two == 2 and base.three == nil)
    end
  end

  local kinds = {
    { "channel", handle("channel") },
    { "error", handle("error", { __tostring = function() return "text" end }) },
    { "type", handle("type", { __eq = raw.rawequal }) },
    { "library", front(function(real) return P.library("lib", real) end) },
    { "frozen", front(P.freeze) },
    { "globals", env },
  }
"""

EVERY_FUNCTION = (
    KINDS
    + """
  local tested = 0

  -- Fail if `value` is, or leads to, something hidden.
  local function search(value, hidden, depth, seen)
    for i = 1, #hidden do
      assert(not raw.rawequal(value, hidden[i]), "something hidden came out")
    end
    if raw.type(value) == "table" and depth > 0 and not seen[value] then
      seen[value] = true
      local mt = raw.getrawmetatable(value)
      if not (mt and P.brands[mt]) then
        for k, v in raw.next, value do
          search(k, hidden, depth - 1, seen)
          search(v, hidden, depth - 1, seen)
        end
        search(getmetatable(value), hidden, depth - 1, seen)
      end
    elseif raw.type(value) == "function" then
      for _, native in raw.ipairs { raw.next, raw.rawget, raw.rawset,
        raw.getrawmetatable, raw.setrawmetatable, raw.setmetatable } do
        assert(not raw.rawequal(value, native), "a native function came out")
      end
    end
  end

  local function search_results(hidden, ok, ...)
    local results = { n = raw.select("#", ...), ... }
    for i = 1, results.n do
      search(results[i], hidden, 3, {})
    end
    local iterator = results[1]
    if ok and raw.type(iterator) == "function" then
      local control = results[3]
      for _ = 1, 5 do
        local step_ok, k, v = raw.pcall(iterator, results[2], control)
        if not step_ok or k == nil then
          break
        end
        search(k, hidden, 2, {})
        search(v, hidden, 2, {})
        control = k
      end
    end
  end

  local functions = {}
  local skipped = { P = true, raw = true, new_error = true, pcall = true,
    xpcall = true }
  local base = raw.getrawmetatable(_ENV).__index
  for name, value in raw.next, base do
    if not skipped[name] then
      if raw.type(value) == "function" then
        functions[name] = value
      elseif raw.type(value) == "table" then
        for inner, f in pairs(value) do
          if raw.type(f) == "function" then
            functions[name .. "." .. inner] = f
          end
        end
      end
    end
  end

  local plain = { 1, 2, 3 }
  local function fillers()
    return { { 1, 2 }, { "x", "x" }, { plain, plain }, { nil, nil },
      { function() end, 1 }, { "%s", 2 } }
  end

  local function try(name, f, make, place)
    for _, others in raw.ipairs(fillers()) do
      local v, hidden, check = make()
      local args = { others[1], others[2], others[1], others[2], v }
      args[place] = v
      plain = { 1, 2, 3 }
      local function call()
        return f(raw.table.unpack(args, 1, 5))
      end
      local ran, problem = raw.pcall(function()
        if name == "coroutine.yield" then
          return
        end
        search_results(hidden, raw.pcall(call))
        check()
      end)
      assert(ran, raw.tostring(problem) .. " by " .. name .. " #" .. place)
      tested = tested + 1
    end
  end

  for name, f in raw.next, functions do
    for _, kind in raw.ipairs(kinds) do
      for place = 1, 4 do
        local ran, problem = raw.pcall(try, kind[1] .. " " .. name, f, kind[2], place)
        if not ran then
          raw.error(kind[1] .. ": " .. problem)
        end
      end
    end
  end
  return tested
"""
)


def test_every_function_on_every_kind_of_handle(vm: LibraryVM) -> None:
    # design 3, "Handles"; core STD-13
    tested = vm.run(EVERY_FUNCTION)
    assert tested > 80 * 6 * 4 * 5


@pytest.mark.parametrize("kind", ["channel", "error", "type"])
def test_a_handle_is_opaque(vm: LibraryVM, kind: str) -> None:
    vm.run(
        KINDS
        + """
      local kind, make = ...
      for _, k in ipairs(kinds) do
        if k[1] == kind then
          make = k[2]
        end
      end
      local h = make()
      -- core G-6, types 2.3
      assert(type(h) == (kind == "type" and "type" or "userdata"))
      assert(getmetatable(h) == (kind == "type" and "type" or false))
      assert(h.unknown == nil and h.state == nil and h[1] == nil)
      for _, f in ipairs { next, pairs, ipairs, unpack, table.concat, table.sort,
        table.insert, table.remove, table.getn, table.maxn, table.freeze } do
        local ok, e = pcall(f, h, 1)
        assert(not ok and e:find("bad argument #1", 1, true), e)
      end
      assert(not pcall(rawget, h, "x") and not pcall(rawset, h, "x", 1))
      assert(not pcall(setmetatable, h, {}) and not pcall(setmetatable, h, nil))
      assert(not pcall(setmetatable, {}, h))
      assert(not pcall(function() h.x = 1 end) and not pcall(function() h[1] = 1 end))
      assert(not pcall(function() return #h end))
      assert(not pcall(pairs({}), h), "the iterator of pairs is not for handles")
      assert(not pcall(pairs({}), h, "x"))
      assert(rawequal(h, h) and h == h and h ~= make())
    """,
        kind.encode(),
    )


@pytest.mark.parametrize("kind", ["library", "frozen"])
def test_a_front_reads_like_a_table_and_cannot_be_changed(
    vm: LibraryVM, kind: str
) -> None:
    vm.run(
        KINDS
        + """
      local kind, make = ...
      for _, k in ipairs(kinds) do
        if k[1] == kind then
          make = k[2]
        end
      end
      local t = make()
      assert(type(t) == "table" and getmetatable(t) == nil)  -- core STD-14b
      local copy = {}
      for k, v in pairs(t) do
        copy[k] = v
      end
      assert(copy.one == 1 and copy[1] == 10 and copy[2] == 20)
      copy.two = 2
      local sum = 0
      for _, v in ipairs(t) do
        sum = sum + v
      end
      assert(sum == 30 and t.one == 1 and rawget(t, "one") == 1)
      assert(next(t) ~= nil and table.concat(t, ",") == "10,20")
      for _, change in ipairs {
        function() t.one = 2 end,
        function() t.other = 2 end,
        function() rawset(t, "one", 2) end,
        function() setmetatable(t, {}) end,
        function() table.insert(t, 3) end,
        function() table.remove(t) end,
        function() table.sort(t) end,
      } do
        local ok, e = pcall(change)
        assert(not ok and e:find("immutable"), e)  -- core G-5, STD-29c
      end
      assert(t.one == 1 and t.other == nil)
    """,
        kind.encode(),
    )


def test_the_globals_show_the_names_beneath(vm: LibraryVM) -> None:
    """The `strict.lua` idiom must not lose the built-in names."""
    vm.run(
        KINDS
        + """
      local make = kinds[#kinds][2]
      for _, look in ipairs {
        function(g) return next(g) and g end,
        function(g) pairs(g) return g end,
        function(g) rawget(g, "one") return g end,
        function(g)
          return setmetatable(g, { __index = function(_, k) error(k) end })
        end,
      } do
        local g = make()
        g.two = "mine"
        look(g)
        assert(rawget(g, "one") == 1 and g.one == 1 and g.two == "mine")
        g.one = nil
        assert(rawget(g, "one") == nil)
      end
    """
    )


def test_a_finalizer_is_never_armed(vm: LibraryVM) -> None:
    vm.run("""
      P.ran = 0
      local mt = { __gc = function() P.ran = P.ran + 1 end }
      setmetatable({}, mt)
      assert(mt.__gc)  -- it is still there for whoever reads it
      local late = {}
      setmetatable({}, late)
      late.__gc = mt.__gc
    """)
    vm.runtime.execute(b"collectgarbage() collectgarbage()")
    assert vm.run("return P.ran") == 0


def test_an_equality_of_the_program_opens_nothing(vm: LibraryVM) -> None:
    """`next` must not take a handle for a table that it has seen before."""
    vm.run(
        KINDS
        + """
      local h, hidden = kinds[1][2]()
      local t = setmetatable({ 1 }, { __eq = function() return true end })
      next(t)
      for _ in pairs(t) do end
      local ok, k = pcall(next, h)
      assert(not ok, "the private key came out")
      ok, k = pcall(pairs({}), h)
      assert(not ok)
    """
    )


def test_an_index_function_of_the_program_never_gets_a_private_key(
    vm: LibraryVM,
) -> None:
    vm.run("""
      local asked = {}
      local t = setmetatable({}, { __index = function(_, k) asked[#asked + 1] = k end })
      for _, f in ipairs { tostring, type, next, pairs, table.insert, table.concat,
        table.sort, string.upper, unpack, P.brand } do
        pcall(f, t)
      end
      for _, k in ipairs(asked) do
        assert(type(k) == "number" or type(k) == "string")
      end
    """)


def test_the_metatable_of_strings_is_closed(vm: LibraryVM) -> None:
    vm.run("""
      assert(getmetatable("") == false)  -- core STD-13
      assert(not pcall(setmetatable, "", {}))
      assert(("x"):upper() == "X" and ("x").missing == nil)
      local ok, e = pcall(function() string.upper = nil end)
      assert(not ok and e:find("immutable"))  -- core G-5
    """)


def test_pairs_and_ipairs_ask_nobody(vm: LibraryVM) -> None:
    vm.run("""
      local t = setmetatable({ 1, 2 }, {
        __pairs = function() error("asked") end,
        __ipairs = function() error("asked") end,
      })
      local count = 0
      for _ in pairs(t) do
        count = count + 1
      end
      for _ in ipairs(t) do
        count = count + 1
      end
      assert(count == 4)
      assert(not pcall(pairs, "x") and not pcall(ipairs, nil))  -- core STD-29a
    """)


def test_object_numbers_differ_and_stay(vm: LibraryVM) -> None:
    vm.run("""
      local a, b = {}, {}
      assert(tostring(a) ~= tostring(b) and tostring(a) == tostring(a))
      assert(tostring(string):match("^table: 0x%x+$"))
      assert(tostring(P.class and setmetatable({}, {})):match("^table: "))
    """)
