"""What a frame made is gone with it, however it ended (modules-io 0.2, "releasing")."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import trio

from wippy_trio.kernel import Process
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

INDEX = """
version: "1.0"
namespace: app
entries:
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
  - {name: files, kind: fs.directory, directory: data, auto_init: true}
  - {name: shell, kind: exec.native}
  - {name: groups, kind: pg.scope, lifecycle: {auto_start: true}}
  - {name: cache, kind: store.memory}
  - {name: tokens, kind: security.token_store, store: cache}
  - {name: db, kind: db.sql.sqlite, file: "data.db", lifecycle: {auto_start: true}}
  - {name: web, kind: http.service, addr: "127.0.0.1:18474",
     lifecycle: {auto_start: true}}
  - {name: api, kind: http.router, meta: {server: app:web}, prefix: /}
  - {name: long.get, kind: http.endpoint, meta: {router: app:api}, method: GET,
     path: /long, func: app:long}
  - name: long
    kind: function.lua
    source: |
      local http = require("http")
      return {main = function()
        http.response():write(("x"):rep(300000))
      end}
    method: main
    modules: [http]
  - name: leak
    kind: function.lua
    source: file://leak.lua
    method: main
    modules: &modules [fs, exec, pg, store, security, sql, events, system, time,
      http_client, archive, registry, loader]
  - name: leaker
    kind: process.lua
    source: file://leak.lua
    method: main
    modules: *modules
  - name: driver
    kind: function.lua
    source: file://driver.lua
    method: main
    modules: [funcs, sql, pg, system, time]
"""
LEAK = """
local security, registry = require("security"), require("registry")
return {main = function(mode, parent)
  local v = fs.get("app:files")
  for i = 1, 3 do v:open("f" .. i, "w"):write("x") end
  local left = v:open("f1", "r"):scanner()
  for _ = 1, 2 do
    local p = exec.get("app:shell"):exec("sleep 100")
    p:stdout_stream()
    assert(p:start())
  end
  local d = sql.get("app:db")
  local tx = assert(d:begin())
  assert(tx:execute("INSERT INTO t VALUES (1)"))
  local g = pg.open("app:groups")
  assert(g:join({"a", "a", "b"}))
  g:monitor("a")
  g:events()
  events.subscribe("*")
  assert(system.lock.acquire("l"))
  assert(process.registry.register("leak"))
  time.ticker("1h")
  time.after("1h")
  local s = store.get("app:cache")
  local t = security.token_store("app:tokens")
  local w = archive.create(v, "x.zip")
  w:add("a", "b")
  local r = http_client.get("http://127.0.0.1:18474/long", {stream = true})
  assert(r.stream:read(10))
  loader.new("app:files")
  registry.snapshot():changes()
  coroutine.spawn(function() channel.new():receive() end)
  if mode == "raise" then
    error("on purpose")
  elseif mode == "error" then
    return nil, "on purpose"
  elseif mode == "terminate" then
    process.send(parent, "ready")
    channel.new():receive()
  end
  return 1
end}
"""
DRIVER = """
return {main = function(mode)
  sql.get("app:db"):execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
  if mode == "terminate" then
    local ready, ends = process.listen("ready"), process.events()
    local pid = assert(process.spawn_monitored("app:leaker", "app:processes", mode,
      process.pid()))
    ready:receive()
    assert(process.terminate(pid))
    ends:receive()
  elseif mode ~= "nothing" then
    local value, err = funcs.call("app:leak", mode)
    assert((mode == "return") == (value == 1), tostring(err))
  end
  local rows = assert(sql.get("app:db"):query("SELECT count(*) AS n FROM t"))
  local g = pg.open("app:groups")
  return {rows = rows[1].n, a = #g:get_members("a"), groups = #g:which_groups(),
    lock = system.lock.acquire("l"),
    name = process.registry.lookup("leak") == nil}
end}
"""


def _children() -> int:
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return len(path.read_text().split()) if path.exists() else 0


def _left(runtime: Any) -> dict[str, int]:
    """Count what is held."""
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "children": _children(),
        "subscribers": len(runtime.bus._subscribers),
        "objects": len(runtime.engine.modules.objects),
        "numbers": len(runtime.engine.modules._numbers),
        "processes": len(runtime.node.processes),
    }


async def _settled(runtime: Any, wanted: dict[str, int] | None) -> dict[str, int]:
    """Wait for the machine's processes to be reaped, up to some seconds."""
    same = 0
    before: dict[str, int] = {}
    for _ in range(1000):
        left = _left(runtime)
        same, before = same + 1 if left == before else 0, left
        if left == wanted or (wanted is None and not left["children"] and same > 30):
            break
        await trio.sleep(0.01)
    return left


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_nothing_is_left(tmp_path: Path) -> None:
    """A frame that returns, fails, raises or is terminated leaves nothing behind."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX)
    (tmp_path / "src/leak.lua").write_text(LEAK)
    (tmp_path / "src/driver.lua").write_text(DRIVER)
    clean = {"rows": 0, "a": 0, "groups": 0, "lock": True, "name": True}

    async def main() -> None:
        async with running(RunningRuntime(load_project(tmp_path))) as runtime:
            assert await runtime.call("app:driver", "nothing") == clean
            await runtime.call("app:driver", "return")  # threads and files of ours
            first: dict[str, int] | None = None
            for mode in ("return", "error", "raise", "terminate") * 2:
                assert await runtime.call("app:driver", mode) == clean, mode
                left = await _settled(runtime, first)
                first = first or left
                assert left == first, mode

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        trio.run(main)


CLOSING = """

return {main = function()
  local v = fs.get("app:files")
  for _ = 1, 20 do
    events.subscribe("x"):close()
    pg.open("app:groups"):monitor("a"):close()
    system.lock.acquire("l")
    system.lock.release("l")
    v:open("f", "w"):close()
    local p = exec.get("app:shell"):exec("echo 1")
    local s = p:stdout_stream()
    p:start()
    s:read()
    s:read()
    p:wait()
    local r = http_client.get("http://127.0.0.1:18474/long", {stream = true})
    r.stream:read(1)
    r.stream:close()
  end
  return 1
end}
"""


def test_what_is_closed_is_not_kept_for_the_end(tmp_path: Path) -> None:
    """A process that goes on for long keeps no list of what it once had."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX)
    (tmp_path / "src/leak.lua").write_text(CLOSING)
    (tmp_path / "src/driver.lua").write_text(DRIVER)
    most: list[int] = []
    original = Process.on_end

    def counted(self: Process, cleanup: Any) -> Any:
        withdraw = original(self, cleanup)
        most.append(len(self._cleanups or ()))
        return withdraw

    async def main() -> None:
        async with running(RunningRuntime(load_project(tmp_path))) as runtime:
            assert await runtime.call("app:leak") == 1

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setattr(Process, "on_end", counted)
        trio.run(main)
    assert len(most) > 100
    assert max(most) <= 3


def test_whoever_hears_of_an_end_finds_everything_free(tmp_path: Path) -> None:
    """The caller of a function, and the watcher of a process, go on after clean-up."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX)
    (tmp_path / "src/leak.lua").write_text("""
      return {main = function(how)
        local ok = system.lock.acquire("l")
        pg.open("app:groups"):join("g")
        if how == "fail" then error("on purpose") end
        return ok
      end}
    """)
    (tmp_path / "src/driver.lua").write_text("""
      local function free()
        local g = pg.open("app:groups")
        local ok = system.lock.acquire("l")
        system.lock.release("l")
        return ok and #g:get_members("g") == 0
      end
      return {main = function()
        local out = {}
        funcs.call("app:leak")
        out[1] = free()
        funcs.call("app:leak", "fail")
        out[2] = free()
        process.spawn_monitored("app:leaker", "app:processes")
        process.events():receive()
        out[3] = free()
        process.spawn_monitored("app:leaker", "app:processes", "fail")
        process.events():receive()
        out[4] = free()
        return out
      end}
    """)

    async def main() -> None:
        async with running(RunningRuntime(load_project(tmp_path))) as runtime:
            assert await runtime.call("app:driver") == [True] * 4

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        trio.run(main)
