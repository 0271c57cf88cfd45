"""The module `eval_runner`: core section 20."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from tests.modules.application import INDEX, run_application
from wippy_trio.kernel import Context
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - name: lib
    kind: library.lua
    source: "return { twice = function(n) return 2 * n end }"
"""
HEAD = """
local function told(value, err)
  return value == nil and err and err:kind() .. ": " .. err:message() or value
end
local function run(source, more)
  more = more or {}
  more.source = source
  return told(eval_runner.run(more))
end
"""


def evaluated(folder: Path, body: str, **more: Any) -> Any:
    return run_application(
        folder,
        f"{HEAD}\nlocal function main(...)\n{body}\nend\nreturn {{main = main}}",
        modules="eval_runner, json, time",
        entries=ENTRIES,
        **more,
    )


def test_text_is_run_with_its_arguments(tmp_path: Path) -> None:
    """The chunk itself, or a function of what it returns (EVAL-1 to 4)."""
    body = """
    return { run("local a, b = ... return a + b", { args = { 1, 2 } }),
      run("return { f = function(x) return x .. '!' end }", { method = "f",
        args = { "hi" } }),
      run("return nil") == nil, run("return nil, 'bad'"), run("error('boom')"),
      run("return { 1, { x = true } }"), run("return 1", { method = "f" }),
      run("-- a comment") == nil,
      select("#", eval_runner.run({ source = "return 1" })) }
    """
    got = evaluated(tmp_path, body)
    assert got[:2] == [3, "hi!"]
    assert got[2:4] == [True, "Internal: run failed: bad"]
    assert "boom" in got[4]
    assert got[5] == [1, {"x": True}]
    assert got[6].startswith("Internal: run failed: ")
    assert got[7:] == [True, 2]


def test_globals_are_its_own(tmp_path: Path) -> None:
    """Nothing of the caller, nothing of the run before, no other processes (EVAL-5)."""
    body = """
    secret = 5
    local names = { "process", "channel", "payload", "subscribe", "unsubscribe",
      "funcs", "json", "eval_runner", "secret" }
    local out = {}
    for i, name in ipairs(names) do
      out[i] = run("return _G['" .. name .. "'] == nil and not pcall(require, '" .. name
        .. "')")
    end
    local counting = "x = (x or 0) + 1 return x"
    out[#out + 1] = { run(counting), run(counting) }
    out[#out + 1] = run([[return type(string.format) .. type(coroutine.create)
      .. type(os.time) .. type(errors.new) .. type(print)]])
    return out
    """
    assert evaluated(tmp_path, body) == [*[True] * 9, [1, 1], "function" * 5]


def test_modules_imports_and_custom_modules(tmp_path: Path) -> None:
    """By name and by require; blocked classes only when allowed (EVAL-6 to 10)."""
    body = """
    return { run("return json.encode({1}) .. require('json').encode({})",
        { modules = { "json" } }),
      run("return lib.twice(4) + require('lib').twice(1)",
        { imports = { lib = "app:lib" } }),
      run("return conf.a[2] .. #require('conf').s", { custom_modules = {
        conf = { a = { 1, 2 }, s = "]]\\0\\255\\n" } } }),
      run("return ctx.get('k') .. ctx.get('old')", { modules = { "ctx" },
        context = { k = "v" } }),
      run("return 1", { modules = { "fs" } }),
      run("return 1", { modules = { "process" } }),
      run("return type(fs.get)", { modules = { "fs" }, allow_classes = { "storage" } }),
      run("return type(process.pid)", { modules = { "process" },
        allow_classes = { "process" } }),
      run("local c = channel.new(1) c:send(5) return (c:receive())",
        { modules = { "channel" } }),
      run("return 1", { modules = { "nonsense" } }),
      run("return 1", { imports = { x = "app:none" } }),
      run("time.sleep('1h') return 'slept'", { modules = { "time" } }) }
    """
    context = Context(values={"old": "!"})
    got = evaluated(
        tmp_path, body, context=context, clock=MockClock(autojump_threshold=0)
    )
    assert got[:4] == ["[1][]", 10, "25", "v!"]
    assert got[4].endswith("compile failed: module fs has the forbidden class storage")
    assert "forbidden class process" in got[5]
    assert got[6:9] == ["function", "function", 5]
    assert got[9].startswith("Internal: compile failed: module 'nonsense'")
    assert got[10].startswith("Internal: run failed: ")
    assert got[11] == "slept"


def test_custom_modules_may_have_functions(tmp_path: Path) -> None:
    """They are the caller's closures; data beside them is copied (EVAL-10, 16)."""
    body = """
    local count, shared = 0, { n = 1 }
    local tools = {
      up = function(by) count = count + by return count, "kept" end,
      slow = function() time.sleep("1h") return "slept" end,
      deep = { { twice = function(x) return 2 * x end } },
      data = shared, fail = function() error("no") end,
    }
    tools.self = tools
    local out = {
      run([[local t = require("tools")
        t.data.n = 2
        return { tools == t, t.self == t, (t.up(2)), (t.up(3)), t.deep[1].twice(4),
          t.data.n, pcall(t.fail), t.slow() }]],
        { custom_modules = { tools = tools } }),
      count, shared.n,
      run("return tools", { custom_modules = { tools = print } }) ~= nil,
      run("return f.x", { method = "none", custom_modules = { f = tools } }),
    }
    return out
    """
    got = evaluated(tmp_path, body, clock=MockClock(autojump_threshold=0))
    assert got[0][:6] == [True, True, 2, 5, 8, 2]
    assert got[0][6] is False
    assert got[0][-1] == "slept"
    assert got[1:3] == [5, 1]
    assert got[4].startswith("Internal: run failed: ")


def test_steps_are_bounded(tmp_path: Path) -> None:
    """Waiting and spinning, in tasks beside too; it cannot be caught (EVAL-11)."""
    body = """
    local forever = "while true do time.sleep(0.001) end"
    return {
      run(forever, { modules = { "time" } }),
      run("pcall(function() " .. forever .. " end)", { modules = { "time" } }),
      run("return { f = function() " .. forever .. " end }",
        { modules = { "time" }, method = "f" }),
      run("coroutine.spawn(function() " .. forever .. " end) time.sleep('1h')",
        { modules = { "time" } }),
      run("while true do coroutine.yield() end"),
      run("for i = 1, 9000 do coroutine.yield() end return 'done'"),
      run("coroutine.yield() return {}", { method = "f" }),
    }
    """
    got = evaluated(tmp_path, body, clock=MockClock(autojump_threshold=0))
    assert got[:5] == ["Internal: run failed: step limit exceeded (10000)"] * 5
    assert got[5] == "done"
    assert "attempt to yield from outside a coroutine" in got[6]


def test_waiting_in_vain_ends_the_run(tmp_path: Path) -> None:
    """Nobody sends to evaluated code (EVAL-11)."""
    body = """
    local more = { modules = { "channel", "process" }, allow_classes = { "process" } }
    return {
      run("return process.inbox():receive()", more),
      run("return (channel.new():receive())", { modules = { "channel" } }),
      run([[local c = channel.new()
        coroutine.spawn(function() c:send(5) end)
        return (c:receive())]], { modules = { "channel" } }),
      run([[local c = channel.new()
        coroutine.spawn(function() coroutine.yield() coroutine.yield() c:send(6) end)
        return (c:receive())]], { modules = { "channel" } }),
      run([[process.send(process.pid(), "t", 7)
        return (process.listen("t"):receive())]], more),
    }
    """
    idle = "Internal: run failed: process became idle"
    got = evaluated(tmp_path, body, clock=MockClock(autojump_threshold=0))
    assert got == [idle, idle, 5, 6, 7]


def test_code_is_kept_and_globals_are_not(tmp_path: Path) -> None:
    """The same text is compiled once; the oldest goes (EVAL-15)."""
    (tmp_path / ".wippy.yaml").write_text(
        'version: "1.0"\nlua: {eval: {cache_size: 2}}\n'
    )
    body = """
    local out = {}
    for i = 1, 3 do
      out[i] = run("x = (x or 0) + ... return x", { args = { i } })
      out[3 + i] = run("return lib.twice(" .. i .. ")",
        { imports = { lib = "app:lib" } })
    end
    return out
    """
    ids: list[str] = []

    def inspect(runtime: RunningRuntime) -> None:
        ids.extend(sorted(runtime.code.evaluated()))

    assert evaluated(tmp_path, body, inspect=inspect) == [1, 2, 3, 2, 4, 6]
    assert len(ids) == 2


def test_bad_requests(tmp_path: Path) -> None:
    """Malformed configurations are Invalid, malformed text Internal (EVAL-2, 12)."""
    body = """
    return { run(""), run(nil), run(5), run("return ("), run("x x"),
      run("return 1", { modules = "json" }), run("return 1", { modules = { 5 } }),
      run("return 1", { imports = { "x" } }), run("return 1", { args = 5 }),
      run("return 1", { context = 5 }),
      run("return 1", { custom_modules = { x = 1, ["a-b"] = 2 } }),
      (pcall(eval_runner.run)), (pcall(eval_runner.run, "x")) }
    """
    got = evaluated(tmp_path, body)
    assert got[:3] == ["Invalid: source is required"] * 3
    assert all(row.startswith("Internal: compile failed: ") for row in got[3:5])
    assert all(row.startswith("Invalid: ") for row in got[5:11])
    assert got[11:] == [False, False]


def test_programs_are_checked_without_running(tmp_path: Path) -> None:
    """A program tells its method and modules (EVAL-13)."""
    body = """
    local p, none = eval_runner.compile("error(1)", "m", { modules = { "json" } })
    return { none == nil, p:method(), p:modules(), tostring(p),
      told(eval_runner.compile("return (")), told(eval_runner.compile("")),
      told(eval_runner.compile("return 1", nil, { modules = { "fs" } })) }
    """
    got = evaluated(tmp_path, body)
    assert got[:4] == [True, "m", ["json"], "eval_runner.Program{}"]
    assert got[4].startswith("Internal: compile failed")
    assert got[5] == "Invalid: source is required"
    assert "forbidden class" in got[6]


@pytest.mark.parametrize(
    ("call", "action"),
    [
        ("run('return 1')", "eval.run"),
        ("told(eval_runner.compile('return 1'))", "eval.compile"),
    ],
)
def test_evaluation_needs_permissions(tmp_path: Path, call: str, action: str) -> None:
    """A strict runtime refuses (EVAL-14, core PERM-13)."""
    (tmp_path / ".wippy.yaml").write_text(
        'version: "1.0"\nsecurity: {strict_mode: true}\n'
    )
    got = evaluated(tmp_path, f"return {call}")
    assert got == f"PermissionDenied: permission denied: {action}"


def test_runs_leave_nothing_behind(tmp_path: Path) -> None:
    """Neither code nor chunks grow with the number of runs, if none is kept."""
    (tmp_path / ".wippy.yaml").write_text(
        'version: "1.0"\nlua: {eval: {cache_size: 0}}\n'
    )
    body = """
    for i = 1, 50 do assert(run("return " .. i) == i) end
    return true
    """
    seen: list[int] = []

    def inspect(runtime: RunningRuntime) -> None:
        units = runtime.engine.units
        seen.append(len(runtime.engine.chunks) + len(units))
        assert runtime.code.evaluated() == []

    assert evaluated(tmp_path, body, inspect=inspect) is True
    assert seen[0] < 20


def test_an_endless_program_ends_with_its_caller(tmp_path: Path) -> None:
    """The caller's end is that of the run."""
    source = """
    return { main = function()
      eval_runner.run({ source = "while true do end" })
    end }
    """
    (tmp_path / "src").mkdir()

    async def timed(run: Any) -> bool:
        with trio.move_on_after(0.5) as scope:
            await run()
        return scope.cancelled_caught

    (tmp_path / "src/_index.yaml").write_text(INDEX.format(modules="eval_runner"))
    (tmp_path / "src/f.lua").write_text(source)

    async def main() -> tuple[bool, int]:
        async with running(RunningRuntime(load_project(tmp_path))) as runtime:
            ended = await timed(lambda: runtime.call("app:f"))
            for _ in range(20):
                await trio.sleep(0.01)
            return ended, len(runtime.node.processes)

    ended, left = trio.run(main)
    assert ended
    assert left == 0
