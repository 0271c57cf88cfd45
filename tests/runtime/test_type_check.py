"""Types checked when entries are loaded or changed (types 3.1, 3.12)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import trio

from wippy_trio.errors import InvalidError
from wippy_trio.lang import Program
from wippy_trio.lang.checker.chunk import Checker
from wippy_trio.loading import load_config, load_project
from wippy_trio.registry import Entry, Operation, OperationKind
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true}
  - name: f
    kind: function.lua
    source: file://f.lua
    method: main
    imports: {lib: app:lib}
  - name: lib
    kind: library.lua
    source: file://lib.lua
"""
LIBRARY = "local M = {}\nfunction M.one(): number return 1 end\nreturn M\n"
GOOD = (
    'local lib = require("lib")\n'
    "return {main = function() local n: number = lib.one() return n end}\n"
)
BAD = GOOD.replace("number", "string")
WARNED = GOOD.replace("return {", "type T = Nope\nreturn {")


def write(folder: Path, function: str = GOOD, library: str = LIBRARY) -> None:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src/_index.yaml").write_text(INDEX)
    (folder / "src/f.lua").write_text(function)
    (folder / "src/lib.lua").write_text(library)


def run(
    folder: Path,
    body: Callable[[RunningRuntime], Awaitable[Any]] | None = None,
    *,
    enabled: bool = True,
    strict: bool = True,
    seed: int | None = None,
    sets: tuple[str, ...] = (),
) -> tuple[Any, list[Any]]:
    """Run an application; give what the body returned and the warnings of types."""
    sets = (
        f"lua.type_system.enabled={str(enabled).lower()}",
        f"lua.type_system.strict={str(strict).lower()}",
        *sets,
    )

    async def main() -> Any:
        config = load_config(folder, [], sets=sets, environ={})
        project = load_project(folder, config=config, environ={})
        async with running(RunningRuntime(project, seed=seed)) as runtime:
            return None if body is None else await body(runtime)

    with structlog.testing.capture_logs() as logs:
        try:
            outcome = trio.run(main)
        except BaseExceptionGroup as group:
            outcome = group
            while isinstance(outcome, BaseExceptionGroup):
                (outcome,) = outcome.exceptions
    warnings = [
        (row["entry"], row["event"], row["line"], row["column"])
        for row in logs
        if row["log_level"] == "warning" and "line" in row
    ]
    return outcome, warnings


def change(id_: str, source: str, **data: Any) -> list[Operation]:
    kind = "library.lua" if id_ == "app:lib" else "function.lua"
    full = {"source": source, **data}
    if id_ == "app:f":
        full = {"imports": {"lib": "app:lib"}, "method": "main", **full}
    return [Operation(OperationKind.UPDATE, Entry(id_, kind, {}, full))]


TOLD = ("app:f", "E0000: cannot assign number to string", 2, 45)


def test_off_nothing_is_checked(tmp_path: Path) -> None:
    """Types are erased and that is all (types 3.1)."""
    write(tmp_path, BAD)

    async def call(runtime: RunningRuntime) -> Any:
        return await runtime.call("app:f")

    assert run(tmp_path, call, enabled=False) == (1, [])  # types 5.5 254


@pytest.mark.parametrize("seed", [None, 7])
def test_lenient_findings_are_warnings(tmp_path: Path, seed: int | None) -> None:
    """The entry loads all the same, in a run that can be repeated, too (types 3.1)."""
    write(tmp_path, BAD)

    async def call(runtime: RunningRuntime) -> Any:
        return await runtime.call("app:f")

    assert run(tmp_path, call, strict=False, seed=seed) == (1, [TOLD])  # types 5.5 253


@pytest.mark.parametrize("seed", [None, 7])
def test_strict_errors_refuse_the_application(tmp_path: Path, seed: int | None) -> None:
    """The error names the entry and every place (types 3.12)."""
    write(tmp_path, BAD)
    error, warnings = run(tmp_path, seed=seed)
    assert isinstance(error, InvalidError)
    assert error.message == (
        "type errors in app:f: 2:45 cannot assign number to string"
    )
    assert error.retryable is False
    assert error.details == {"node_id": "app:f", "error_count": 1}
    assert warnings == []


def test_strict_warnings_are_logged(tmp_path: Path) -> None:
    """What is no error refuses nothing."""
    write(tmp_path, WARNED)
    outcome, warnings = run(tmp_path)
    assert outcome is None
    assert [row[1] for row in warnings] == ["E0012: unknown type 'Nope'"]


def test_syntax_error_refuses_in_every_mode(tmp_path: Path) -> None:
    """With its rendered text (types 3.12)."""
    write(tmp_path, "local = 1")
    for options in ({"enabled": False}, {"strict": False}, {}):
        error, _ = run(tmp_path, **options)  # type: ignore[arg-type]
        assert isinstance(error, InvalidError)
        assert "P0001" in error.message


def test_a_refused_update_leaves_the_old_version(tmp_path: Path) -> None:
    """Nothing of the changeset is in force (types 3.12, 5.5 252)."""
    write(tmp_path)

    async def update(runtime: RunningRuntime) -> Any:
        version = runtime.live.state.version
        other = change("app:lib", LIBRARY.replace("return 1", "return 2"))
        with pytest.raises(InvalidError, match=r"^type errors in app:f: 2:45"):
            await runtime.live.apply([*other, *change("app:f", BAD)])
        assert runtime.live.state.version == version
        assert await runtime.call("app:f") == 1
        await runtime.live.apply(other)
        return await runtime.call("app:f")

    assert run(tmp_path, update) == (2, [])


def test_lua_hears_of_a_refused_change(tmp_path: Path) -> None:
    """``changes:apply()`` gives nil and the error (types 3.12)."""
    write(tmp_path)
    (tmp_path / "src/_index.yaml").write_text(
        INDEX
        + "  - {name: g, kind: function.lua, source: file://g.lua, method: main,"
        + " modules: [registry]}\n"
    )
    (tmp_path / "src/g.lua").write_text(
        'local registry = require("registry")\n'
        "return {main = function(source: string)\n"
        "  local snapshot, failed = registry.snapshot()\n"
        "  if not snapshot then error(failed) end\n"
        "  local changes = snapshot:changes()\n"
        "  changes:update({id = 'app:f', kind = 'function.lua', data ="
        " {source = source, method = 'main', imports = {lib = 'app:lib'}}})\n"
        "  local version, err = changes:apply()\n"
        "  if version then return 'applied' end\n"
        "  return err:kind() .. ' ' .. tostring(err:retryable())"
        " .. ' ' .. err:message()\n"
        "end}\n"
    )

    async def update(runtime: RunningRuntime) -> Any:
        return [
            await runtime.call("app:g", BAD),
            await runtime.call("app:f"),
            await runtime.call("app:g", GOOD.replace("return n", "return n + 1")),
            await runtime.call("app:f"),
        ]

    told = "Invalid false type errors in app:f: 2:45 cannot assign number to string"
    assert run(tmp_path, update) == ([told, 1, "applied", 2], [])


def test_a_library_is_checked_with_what_imports_it(tmp_path: Path) -> None:
    """An error that a change causes elsewhere refuses it, too (types 3.12)."""
    write(tmp_path)
    other = LIBRARY.replace("number return 1", "string return 'x'")

    async def update(runtime: RunningRuntime) -> Any:
        with pytest.raises(InvalidError, match=r"^type errors in app:f"):
            await runtime.live.apply(change("app:lib", other))
        await runtime.live.apply(
            [*change("app:lib", other), *change("app:f", BAD)]  # both: they fit
        )
        return await runtime.call("app:f")

    assert run(tmp_path, update) == ("x", [])

    async def lenient(runtime: RunningRuntime) -> None:
        await runtime.live.apply(change("app:lib", other))

    told = ("app:f", "E0000: cannot assign string to number", 2, 45)
    assert run(tmp_path, lenient, strict=False) == (None, [told])


def test_a_cancelled_check_changes_nothing(tmp_path: Path) -> None:
    """The changeset is given up, the application goes on."""
    write(tmp_path)

    async def update(runtime: RunningRuntime) -> Any:
        with trio.CancelScope() as scope:
            scope.cancel()
            await runtime.live.apply(change("app:f", GOOD.replace("return n", "")))
        assert scope.cancelled_caught
        return await runtime.call("app:f")

    assert run(tmp_path, update) == (1, [])


def test_a_fault_of_the_checker_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a warning, E9999 (types 5.5 255)."""

    def broken(self: Any) -> None:
        raise RuntimeError("a rule broke")

    monkeypatch.setattr(Checker, "run", broken)
    write(tmp_path, BAD)
    outcome, warnings = run(tmp_path)
    assert outcome is None
    assert {row[1][:5] for row in warnings} == {"E9999"}


# -- the cache -------------------------------------------------------------------------


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was really checked, in order."""
    found: list[str] = []
    real = Program.check

    def check(self: Program, id_: str, **options: Any) -> Any:
        found.append(id_)
        return real(self, id_, **options)

    monkeypatch.setattr(Program, "check", check)
    return found


def test_what_is_unchanged_is_not_checked_again(
    tmp_path: Path, checked: list[str]
) -> None:
    """Neither at the next start nor after a change elsewhere (types 3.13)."""
    write(tmp_path, BAD)
    first = run(tmp_path, strict=False)
    assert set(checked) == {"app:lib", "app:f"}
    checked.clear()
    assert run(tmp_path, strict=False) == first
    assert checked == []
    error, _ = run(tmp_path)  # what is kept serves both modes
    assert isinstance(error, InvalidError)
    assert checked == []
    write(tmp_path, GOOD)

    async def update(runtime: RunningRuntime) -> None:
        assert checked == ["app:f"]
        checked.clear()
        await runtime.live.apply(change("app:f", GOOD + "-- more\n"))
        assert checked == ["app:f"]

    assert run(tmp_path, update) == (None, [])
    file = tmp_path / ".wippy/cache/lua/types.json"
    assert json.loads(file.read_text()).keys() == {"app:lib", "app:f"}


@pytest.mark.parametrize(
    "damage",
    ["", "[]", '{"app:f": 1}', '{"app:f": [], "app:lib": ["x", {}, []]}', "broken"],
)
def test_a_damaged_cache_is_no_cache(
    tmp_path: Path, checked: list[str], damage: str
) -> None:
    """Also where the keys fit and what stands behind them does not (types 3.13)."""
    write(tmp_path, BAD)
    first = run(tmp_path, strict=False)
    checked.clear()
    file = tmp_path / ".wippy/cache/lua/types.json"
    if damage == "broken":
        rows = json.loads(file.read_text())
        rows["app:lib"][1]["nodes"] = [["nonsense"]]
        rows["app:f"] = [rows["app:f"][0], {}, [[1]]]
        damage = json.dumps(rows)
    file.write_text(damage)
    assert run(tmp_path, strict=False) == first
    assert "app:f" in checked


@pytest.mark.parametrize(
    "setting",
    [
        "lua.cache.enabled=false",
        "lua.cache.mode=off",
        "lua.cache.mode=readonly",
        "lua.cache.typecheck.enabled=false",
    ],
)
def test_the_cache_can_be_switched_off(tmp_path: Path, setting: str) -> None:
    """Then nothing is written (apps 9.2)."""
    write(tmp_path)
    assert run(tmp_path, sets=(setting,)) == (None, [])
    assert not (tmp_path / ".wippy").exists()


PROBE = """
import sys
from pathlib import Path
import trio
from wippy_trio.loading import load_config, load_project
from wippy_trio.runtime.boot import RunningRuntime, running
async def main():
    sets = ["lua.type_system.enabled=" + sys.argv[2]]
    folder = Path(sys.argv[1])
    config = load_config(folder, [], sets=sets, environ={})
    async with running(RunningRuntime(load_project(folder, config=config))) as runtime:
        await runtime.call("app:f")
trio.run(main)
print(*sorted(name for name in sys.modules if name.startswith("wippy_trio")))
"""


@pytest.mark.parametrize("enabled", [True, False])
def test_nothing_of_the_checker_is_imported_for_nothing(
    tmp_path: Path, enabled: bool
) -> None:
    """An application that does not ask for it does not pay for it."""
    write(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path), str(enabled).lower()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    names = {
        f"wippy_trio.{name}"
        for name in (
            "lang.check",
            "lang.checker.chunk",
            "lang.program",
            "lang.subtype",
            "loading.check_cache",
            "loading.checking",
            "runtime.type_check",
        )
    }
    assert loaded & names == (names if enabled else set())
