"""Lua entries, their modules and imports, and what a change of code does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.apps.application import application, lua, settle
from wippy_trio.errors import (
    ConflictError,
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
)
from wippy_trio.registry import Operation, OperationKind

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock


def library(name: str, imports: str = "", modules: str = "") -> str:
    """Write a library's entry."""
    return f"""
  - name: {name}
    kind: library.lua
    source: file://{name}.lua
    modules: [{modules}]
    imports: {{{imports}}}
"""


def program(name: str, imports: str = "", modules: str = "") -> str:
    """Write a process entry with imports."""
    return f"""
  - name: {name}
    kind: process.lua
    source: file://{name}.lua
    modules: [{modules}]
    imports: {{{imports}}}
"""


async def test_imports_run_dependencies_first_and_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """One alias from several places runs once, two aliases twice (core MOD-5)."""
    entries = library("base") + library("mid", "base: app:base")
    entries += program("p", "mid: app:mid, base: app:base")
    entries += program("q", "one: app:base, two: app:base")
    sources = {
        "base": "runs = (runs or 0) + 1\nlog = (log or '') .. 'base '\nreturn {}",
        "mid": "log = log .. 'mid '\nreturn { base = base }",
        "p": "log = log .. 'own'\n"
        "return { main = function() return { log, runs, mid.base == base,"
        " require('base') == base } end }",
        "q": "return { main = function() return { runs, one == two } end }",
    }
    async with application(tmp_path, entries, sources) as app:
        assert (await app.run("p")).value == ["base mid own", 1, True, True]
        assert (await app.run("q")).value == [2, False]


async def test_names_are_shared_over_the_closure(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """What a library declares its importer sees; nobody else's (core MOD-6)."""
    entries = library("lib", modules="time") + program("p", "lib: app:lib")
    sources = {
        "lib": "from_lib = 1\nreturn {}",
        "p": "return { main = function() return { type(time), from_lib, type(sql),"
        " time == require('time') } end }",
    }
    async with application(tmp_path, entries, sources) as app:
        assert (await app.run("p")).value == ["table", 1, "nil", True]


async def test_an_alias_may_hide_a_built_in_name(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """`require` gives the import, and so does the global (core MOD-2)."""
    entries = library("mine") + program("p", "assert: app:mine, string: app:mine")
    sources = {
        "mine": "return { mine = true }",
        "p": "return { main = function() return { assert.mine, _G.string.mine,"
        " require('assert').mine, require('string').mine, ('x').upper } end }",
    }
    async with application(tmp_path, entries, sources) as app:
        got = (await app.run("p")).value
        assert got[:4] == [True] * 4


async def test_a_target_without_namespace_is_a_built_in_module(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Under its alias, beside the declared name (core MOD-1)."""
    entries = program("p", 'clock: ":time", other: time', modules="time")
    sources = {
        "p": "return { main = function() return { clock == time, other == time,"
        " require('clock') == require('time') } end }"
    }
    async with application(tmp_path, entries, sources) as app:
        assert (await app.run("p")).value == [True] * 3


@pytest.mark.parametrize(
    ("imports", "modules", "kind", "text"),
    [
        ("x: app:nothing", "", NotFoundError, "app:nothing"),
        ("", "nonsense", NotFoundError, "nonsense"),
        ("a: app:a", "", InvalidError, "cycle"),
        ("lib: app:lib, time: app:mine", "", ConflictError, "alias 'time' collision"),
    ],
)
async def test_faults_of_the_closure_fail_the_build(
    tmp_path: Path,
    autojump_clock: MockClock,
    imports: str,
    modules: str,
    kind: type[Error],
    text: str,
) -> None:
    """Unknown names, cycles and collisions are found before `require` (MOD-7)."""
    entries = library("lib", modules="time") + library("mine")
    if "app:a" in imports:
        entries += library("a", "b: app:b") + library("b", "a: app:a")
    entries += program("p", imports, modules)
    source = "return { main = function() end }"
    sources = dict.fromkeys(("a", "b", "lib", "mine"), source)
    sources["p"] = sources["a"]
    error: BaseException | None = None
    try:
        async with application(tmp_path, entries, sources) as app:
            ended = await app.run("p")
            error = ended.error
    except BaseExceptionGroup as group:
        found = group
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        error = found
    except Error as raised:
        error = raised
    assert isinstance(error, kind)
    assert text in str(error)


async def test_a_function_may_keep_its_state(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Calls one after the other may see module-level values (core MOD-8)."""
    entries = lua("f", kind="function.lua")
    source = """
    local calls = 0
    return { main = function() calls = calls + 1 return calls end }
    """
    async with application(tmp_path, entries, {"f": source}) as app:
        got = [await app.call("f") for _ in range(3)]
        assert all(value >= 1 for value in got)
        assert got[0] == 1


async def test_new_code_is_for_new_calls(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Calls that run finish on the old code, importers get the new (apps 6.7)."""
    entries = (
        library("lib")
        + """
  - name: f
    kind: function.lua
    source: file://f.lua
    method: main
    modules: [time]
    imports: {lib: app:lib}
"""
    )
    sources = {
        "lib": "return { version = 1 }",
        "f": "return { main = function(d) if d then time.sleep(d) end"
        " return lib.version end }",
    }
    async with application(tmp_path, entries, sources) as app:
        import trio  # noqa: PLC0415

        results: list[int] = []

        async def slow() -> None:
            results.append(await app.call("f", "1s"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(slow)
            await settle(0.1)
            entry = app.runtime.live.state.state["app:lib"]
            data = {**entry.data, "source": "return { version = 2 }"}
            change = Operation(OperationKind.UPDATE, entry._replace(data=data))
            await app.runtime.live.apply([change])
            assert await app.call("f") == 2
        assert results == [1]


async def test_a_deleted_function_is_gone(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its calls fail as those of an unknown one (apps 6.7)."""
    entries = lua("f", kind="function.lua")
    source = "return { main = function() return 1 end }"
    async with application(tmp_path, entries, {"f": source}) as app:
        assert await app.call("f") == 1
        entry = app.runtime.live.state.state["app:f"]
        await app.runtime.live.apply([Operation(OperationKind.DELETE, entry)])
        with pytest.raises(NotFoundError, match="no handler registered for target"):
            await app.call("f")


async def test_a_process_hears_that_its_code_is_outdated(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Only who opted in; several changes merge into one event (core P-116)."""
    entries = library("lib") + library("far", "lib: app:lib")
    entries += (
        lua("asker", more="")
        + """
  - name: watcher
    kind: process.lua
    source: file://watcher.lua
    modules: [time, events]
    imports: {say: app:say, far: app:far}
"""
    )
    watcher = """
    return { main = function(wants)
      process.set_options({ upgradable = wants })
      process.inbox():receive()
      local n = 0
      while true do
        local r = channel.select({ process.events():case_receive(), default = true })
        if r.default then break end
        n = n + 1
        note("event", r.value)
      end
      note("count", n)
    end }
    """
    sources = {
        "lib": "return 1",
        "far": "return 1",
        "watcher": watcher,
        "asker": "return { main = function() end }",
    }
    async with application(tmp_path, entries, sources) as app:
        wants = await app.spawn("watcher", True)
        other = await app.spawn("watcher", False)
        await settle()
        for name in ("lib", "asker", "watcher"):
            entry = app.runtime.live.state.state[f"app:{name}"]
            data = {**entry.data, "source": entry.data["source"] + "\n-- changed"}
            change = Operation(OperationKind.UPDATE, entry._replace(data=data))
            await app.runtime.live.apply([change])
        for process in (wants, other):
            app.runtime.node.send(process.pid, "go", (), sender=None)
        await settle()
        assert sorted(app.said("count")) == [0, 1]
        [event] = app.said("event")
        assert event["kind"] == "pid.outdated"
        assert event["sources"] == ["app:lib", "app:watcher"]


async def test_an_upgrade_takes_the_newest_version(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """`process.upgrade()` after a change runs the new text (core P-100)."""
    source = """
    return { main = function()
      process.inbox():receive()
      process.upgrade()
    end }
    """
    async with application(tmp_path, lua("p"), {"p": source}) as app:
        process = await app.spawn("p")
        await settle()
        entry = app.runtime.live.state.state["app:p"]
        data = {**entry.data, "source": "return { main = function() return 'new' end }"}
        change = Operation(OperationKind.UPDATE, entry._replace(data=data))
        await app.runtime.live.apply([change])
        app.runtime.node.send(process.pid, "go", (), sender=None)
        from wippy_trio.kernel import wait_end  # noqa: PLC0415

        assert (await wait_end(process)).value == "new"


async def test_a_failing_chunk_of_a_function(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The call fails; a later call may succeed once the code is mended."""
    entries = lua("f", kind="function.lua")
    async with application(tmp_path, entries, {"f": "error('chunk broke')"}) as app:
        with pytest.raises(InternalError, match="chunk broke"):
            await app.call("f")
        entry = app.runtime.live.state.state["app:f"]
        data = {**entry.data, "source": "return { main = function() return 7 end }"}
        change = Operation(OperationKind.UPDATE, entry._replace(data=data))
        await app.runtime.live.apply([change])
        assert await app.call("f") == 7


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("{name: p, kind: function.lua, source: 'return 1'}", "method is required"),
        ("{name: p, kind: process.lua}", "source is required"),
        ("{name: p, kind: library.lua, source: ''}", "source is required"),
        (
            "{name: p, kind: process.lua, source: 'return 1', modules: ['']}",
            "module cannot be empty",
        ),
        (
            "{name: p, kind: process.lua, source: 'return 1', modules: ['a:b']}",
            "module cannot have a namespace",
        ),
        (
            "{name: p, kind: process.lua, source: 'return 1', imports: {'': 'a:b'}}",
            "import alias cannot be empty",
        ),
        ("{name: p, kind: process.lua, source: 'return +'}", ""),
        (
            "{name: p, kind: function.lua, source: 'a=1', method: m, pool: {type: x}}",
            "pool.type",
        ),
        (
            "{name: p, kind: function.lua, source: 'a=1', method: m, pool: {size: -1}}",
            "pool.size",
        ),
    ],
)
async def test_malformed_entries_are_refused(
    tmp_path: Path, autojump_clock: MockClock, entry: str, text: str
) -> None:
    """With the field that is wrong (apps 2.1)."""
    with pytest.raises(BaseExceptionGroup) as caught:
        async with application(tmp_path, f"\n  - {entry}\n"):
            pass
    assert caught.group_contains(InvalidError, match=text)


async def test_the_kinds_of_lua_entries(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Processes are spawned, functions called, libraries imported (core P-2).

    The kinds with ``.bc`` and workflows load, and fail where they are used.
    """
    entries = """
  - {name: p, kind: process.lua, source: "return function() return 'p' end"}
  - {name: f, kind: function.lua, method: main, source: "return function() end"}
  - {name: l, kind: library.lua, source: "return 1"}
  - {name: w, kind: workflow.lua, source: "return function() end"}
  - {name: pbc, kind: process.lua.bc, path: p.luac}
  - {name: fbc, kind: function.lua.bc, path: f.luac, method: main}
"""
    async with application(tmp_path, entries) as app:
        assert (await app.run("p")).value == "p"
        for name in ("f", "l", "w", "pbc"):
            with pytest.raises(NotFoundError, match="factory not found"):
                await app.spawn(name)
        assert await app.call("f") is None
        for name in ("p", "l", "fbc"):
            with pytest.raises(NotFoundError, match="no handler registered"):
                await app.call(name)
