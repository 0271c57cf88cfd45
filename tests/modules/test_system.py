"""The module `system`: modules-data 20."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from trio.testing import MockClock

from tests.modules.application import run_application, run_function
from wippy_trio.kernel import Context, Process
from wippy_trio.security import Actor, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from wippy_trio.runtime.boot import RunningRuntime

LOCKER = """
  - name: locker
    kind: process.lua
    source: |
      local system, process = require("system"), require("process")
      return { main = function(parent)
        local ok, err = system.lock.acquire("l")
        process.send(parent, "told", ok, err and err:kind() .. err:message())
      end }
    method: main
    modules: [system, process]
"""


def test_exit_asks_the_runtime_to_stop(tmp_path: Path) -> None:
    """The first code wins; without one it is 0."""
    seen: list[RunningRuntime] = []
    source = "return { main = function() return system.exit(3), system.exit() end }"
    got = run_application(tmp_path, source, modules="system", inspect=seen.append)
    assert got is True
    assert seen[0].exit_code == 3


def test_figures_of_the_runtime(tmp_path: Path) -> None:
    """All tables answer."""
    source = """
    return { main = function()
      local stats = system.memory.stats()
      local _, addr = system.node.addr()
      local _, raft = system.raft.term()
      local _, none = system.supervisor.state("app:none")
      local _, empty = system.supervisor.state("")
      local service = system.supervisor.state("app:processes")
      local hosts = system.hosts.list()
      local ids = {}
      for _, host in ipairs(hosts) do ids[host.id] = host.processes end
      return {
        system.process.pid(), system.process.cwd(), #system.process.hostname() > 0,
        stats.alloc > 0 and stats.heap_objects > 0 and stats.next_gc,
        system.memory.allocated() > 0, system.memory.get_limit() == math.maxinteger,
        system.memory.heap_objects() > 0,
        system.gc.collect(), system.gc.set_percent(50), system.gc.get_percent(),
        system.runtime.goroutines() > 0, system.runtime.max_procs(2),
        system.runtime.max_procs(), system.runtime.cpu_count(),
        system.node.role(), system.cluster.size(), system.cluster.leader(),
        system.cluster.members()[1].id == system.node.id(),
        addr:kind(), raft:message(), none:kind(), empty:kind() .. empty:message(),
        service.status, service.desired, service.last_update >= service.started_at,
        ids["app:processes"], #system.supervisor.states(),
        system.hosts.processes("node:functions")[1].source,
        select(2, system.runtime.max_procs(0)):message(),
        select(2, system.gc.set_percent()):message(),
        select(2, system.hosts.processes("no")):kind(),
      }
    end }
    """
    got = run_application(tmp_path, source, modules="system")
    count = os.cpu_count() or 1
    assert got[:3] == [os.getpid(), str(tmp_path.cwd()), True]
    assert got[3:7] == [0, True, True, True]
    assert got[7:11] == [True, 100, 50, True]
    assert got[11:14] == [count, 2, count]
    assert got[14:18] == ["non-member", 1, "", True]
    assert got[18:21] == ["Internal", "raft not available", "NotFound"]
    assert got[21] == "Invalidservice ID required"
    assert got[22:27] == ["running", "running", True, 0, 1]
    assert got[27] == "app:f"
    assert got[28:] == [
        "GOMAXPROCS value must be positive",
        "percent value required",
        "NotFound",
    ]


def test_a_lock_belongs_to_a_process_until_it_ends(tmp_path: Path) -> None:
    """Held elsewhere is false and an error; the end of the holder frees it."""
    source = """
    local function ask()
      local told = process.listen("told")
      local pid = process.spawn_monitored("app:locker", "app:processes", process.pid())
      local held = told:receive()
      process.events():receive()
      return held
    end
    return { main = function()
      local out = { system.lock.acquire("l"), system.lock.acquire("l") }
      out[3] = ask()
      out[4] = system.lock.release("l")
      out[5] = system.lock.release("l")
      out[6] = ask()
      out[7] = system.lock.acquire("l")
      return out
    end }
    """
    got = run_application(tmp_path, source, modules="system, process", entries=LOCKER)
    assert got[:2] == [True, True]
    assert got[2] == [False, "AlreadyExistslock held: l"]
    assert got[3:] == [True, False, [True], True]


def test_hosts_and_processes_have_all_their_fields(tmp_path: Path) -> None:
    """Who is there, since when, and whose child it is (modules-data 20)."""
    source = """
    return { main = function()
      local pid = process.spawn("app:locker", "app:processes", process.pid())
      local rows = system.hosts.processes("app:processes")
      local host
      for _, row in ipairs(system.hosts.list()) do
        if row.id == "app:processes" then host = row end
      end
      local row = rows[1]
      return {
        host, #rows, row.pid == pid, row.host, row.source, row.state, row.steps,
        row.parent == process.pid(), row.started_at,
      }
    end }
    """
    got = run_application(
        tmp_path,
        source,
        modules="system, process",
        entries=LOCKER,
    )
    assert got[0] == {
        "id": "app:processes", "workers": 1, "processes": 1, "executed": 1,
        "stolen": 0, "queue_depth": 0,
    }  # fmt: skip
    assert got[1:8] == [1, True, "app:processes", "app:locker", "running", 0, True]
    assert abs(got[8] / 1e9 - time.time()) < 60


def test_locks_taken_and_given_back_leave_nothing(tmp_path: Path) -> None:
    """Not even a note for the end of the process."""
    source = """
    return { main = function()
      for i = 1, 500 do
        assert(system.lock.acquire("l" .. i) and system.lock.release("l" .. i))
      end
      return true
    end }
    """
    ends: list[int] = []
    withdrawn = Process.on_end

    def counted(self: Process, cleanup: Any) -> Any:
        found = withdrawn(self, cleanup)
        ends.append(len(self._cleanups or ()))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Process, "on_end", counted)
        assert run_application(tmp_path, source, modules="system") is True
    assert max(ends) < 5


def test_denials_are_invalid_but_for_locks(tmp_path: Path) -> None:
    """The text names action and resource."""
    source = """
    return { main = function()
      local out = {}
      for i, f in ipairs({ system.exit, system.process.pid, system.gc.collect,
          system.memory.stats, system.raft.stats,
          function() return system.lock.acquire("l") end }) do
        local v, err = f()
        out[i] = v == nil and err:kind() .. " " .. err:message()
      end
      return out
    end }
    """
    context = Context(actor=Actor("ann"), scope=Scope())
    got = run_application(tmp_path, source, modules="system", context=context)
    assert got == [
        "Invalid permission denied: system.exit",
        "Invalid permission denied: system.read on pid",
        "Invalid permission denied: system.gc on gc",
        "Invalid permission denied: system.read on memory",
        "Invalid permission denied: system.read on raft_stats",
        "PermissionDenied permission denied: system.lock on l",
    ]


def test_what_happened_at_the_time_0_has_happened(tmp_path: Path) -> None:
    """Virtual time begins at 0; only what never happened reads as 0."""
    source = """
    return { main = function()
      local service = require("system").supervisor.state("app:processes")
      return { service.started_at > 0, service.last_update > 0 }
    end }
    """
    clock = MockClock(autojump_threshold=0)
    found = run_function(tmp_path, source, modules="system", clock=clock)
    assert found == [True, True]


def test_modules_are_listed_and_memory_is_limited(tmp_path: Path) -> None:
    """Names with classes; limits are given back as they were set (modules-data 20)."""
    source = """
    return { main = function()
      local list = system.modules()
      local json
      for _, row in ipairs(list) do
        if row.name == "json" then json = row end
      end
      local first = system.memory.set_limit(512 * 1024 * 1024)
      local second = system.memory.set_limit(-1)
      local _, negative = system.memory.set_limit(-2)
      local _, missing = system.memory.set_limit()
      system.memory.set_limit(1)
      local grown = string.rep("x", 1024 * 1024)
      return { #list > 20, json, first, second, system.memory.get_limit(),
        negative:message(), missing:message(), #grown }
    end }
    """
    got = run_function(tmp_path, source, modules="system")
    assert got == [
        True,
        {
            "name": "json",
            "description": "write, read and validate JSON",
            "class": ["encoding", "deterministic"],
        },
        2**63 - 1,
        512 * 1024 * 1024,
        1,
        "limit must be non-negative or -1",
        "memory limit value required",
        1024 * 1024,
    ]
