"""The module `expr`: modules-data 11. The language is tested in `tests/expr`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio.testing import MockClock

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_expressions_run_over_tables(tmp_path: Path) -> None:
    """Variables by name, a list as `$env`, functions as their text."""
    source = """
    return { main = function()
      local program, none = expr.compile("a + b")
      local sample = expr.compile("n * 2", { n = 1 })
      local value, no_error = expr.eval("missing")
      return {
        none == nil, program:run({ a = 1, b = 2 }), program:run({ a = "x", b = "y" }),
        sample:run({ n = 4 }), value == nil, no_error == nil,
        expr.eval("$env[1]", { 5, 6 }),
        expr.eval("len(e) + len(f)", { e = {}, f = "ab" }),
        expr.eval("f startsWith 'function'", { f = print }),
        expr.eval("xs | filter(# != nil) | len()", { xs = { 1, nil, 3 } }),
        expr.eval("m['1.5'] + m['true']", { m = { [1.5] = 1, [true] = 2 } }),
        math.type(expr.eval("10 / 5")), math.type(expr.eval("10 + 5")),
        expr.eval("[1, nil, 3]")[3], expr.eval("{a: {}}").a, tostring(program),
      }
    end }
    """
    assert run_function(tmp_path, source, modules="expr") == [
        True, 3, "xy", 8, True, True, 6, 2, True, 2, 3, "float", "integer", 3, [],
        "expr.Program{}",
    ]  # fmt: skip


def test_failures_have_their_kinds_and_places(tmp_path: Path) -> None:
    """Empty is Invalid, everything else Internal (modules-data 11)."""
    source = """
    return { main = function()
      local out = {}
      local function note(value, err)
        out[#out + 1] = { value == nil, err:kind(), err:message(), err:retryable() }
      end
      note(expr.eval(""))
      note(expr.compile(""))
      note(expr.compile("a", { 1, 2 }))
      note(expr.compile("other", { name = 1 }))
      note(expr.eval("1 +"))
      note(expr.eval("1 + missing"))
      note(expr.compile("a + b"):run({ a = 1, b = "x" }))
      note(expr.eval("timezone('UTC')"))
      note(expr.eval(string.rep("(", 50000)))
      note(expr.eval("sum(1..100000, sum(1..100000))"))
      note(expr.eval("string(reduce(1..60, [#acc, #acc], 1))"))
      note(expr.eval("\\255"))
      return out
    end }
    """
    rows = run_function(tmp_path, source, modules="expr")
    assert [row[1] for row in rows] == [
        *["Invalid"] * 3, *["Internal"] * 8, "Invalid",
    ]  # fmt: skip
    assert all(row[0] and row[3] is False for row in rows)
    assert rows[0][2] == rows[1][2] == "expression cannot be empty"
    assert rows[3][2].startswith("unknown name other (1:1)\n | other\n | ^")
    assert "<nil>" in rows[5][2]
    assert "steps" in rows[9][2]


def test_misuse_raises(tmp_path: Path) -> None:
    """Wrong types, cycles and lists of holes (modules-data 0.5)."""
    source = """
    return { main = function()
      local ring = {}
      ring.a = ring
      local out = {}
      for _, f in ipairs({
        function() return expr.eval({}) end,
        function() return expr.eval("1", "x") end,
        function() return expr.eval("1", ring) end,
        function() return expr.eval("1", { x = { [2 ^ 40 // 1] = 1 } }) end,
        function() return expr.compile("1").run({}) end,
      }) do
        local ok, err = pcall(f)
        local text = type(err) == "string" and err:match("^app:f:%d+: (bad argument)")
        out[#out + 1] = { ok, text }
      end
      return out
    end }
    """
    got = run_function(tmp_path, source, modules="expr")
    assert got == [[False, "bad argument"]] * 5


def test_tables_that_double_cost_nothing(tmp_path: Path) -> None:
    """What is shared crosses once, in both directions."""
    source = """
    return { main = function()
      local tree = { 1 }
      for _ = 1, 50 do tree = { tree, tree } end
      local made = expr.eval("[t, t, t == u]", { t = tree, u = ({ tree })[1] })
      return { made[1] == made[2], made[3] }
    end }
    """
    assert run_function(tmp_path, source, modules="expr") == [True, True]


def test_now_is_the_clock_of_the_runtime(tmp_path: Path) -> None:
    """Under a mock clock time moves only by sleeping (modules-data 0.10)."""
    source = """
    return { main = function()
      local before = expr.eval("now()")
      time.sleep("1000s")
      return expr.eval("now()") - before
    end }
    """
    clock = MockClock(autojump_threshold=0)
    got = run_function(tmp_path, source, modules="expr, time", clock=clock)
    assert got == 1000


def test_a_long_run_lets_others_go_on(tmp_path: Path) -> None:
    """It moves to a thread, and runs in place where its caller cannot wait (0.8)."""
    source = """
    return { main = function()
      local order, done = {}, channel.new()
      coroutine.spawn(function()
        local sum = expr.eval("reduce(1..50000, # + #acc)")
        order[#order + 1] = sum
        done:send(true)
      end)
      order[#order + 1] = "main"
      done:receive()
      local items = { 1, 2 }
      table.sort(items, function(a, b)
        return expr.eval("reduce(1..50000, # + #acc) * 0 + a < b", { a = a, b = b })
      end)
      order[#order + 1] = items[1]
      return order
    end }
    """
    got = run_function(tmp_path, source, modules="expr")
    assert got == ["main", 1250025000, 1]
