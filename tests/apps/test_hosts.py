"""Process hosts: apps 5, core 1.6 and section 18."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import structlog
import trio

from tests.apps.application import application, lua, settle
from wippy_trio.errors import InvalidError, NotFoundError, UnavailableError
from wippy_trio.kernel import Exit, wait_end

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

LISTENER = """
return { main = function(name)
  note("start", process.pid())
  local e = process.events():receive()
  note("event", e)
  return name
end }
"""
DEAF = "return { main = function() note('start') time.sleep('1h') end }"


async def test_a_stopping_host_asks_waits_and_ends(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """CANCEL `scheduler shutdown`, the deadline, then the end of what is left."""
    entries = (
        lua("listener")
        + lua("deaf")
        + """
  - name: other
    kind: process.host
    lifecycle: {auto_start: true, stop_timeout: 3s}
"""
    )
    sources = {"listener": LISTENER, "deaf": DEAF}
    async with application(tmp_path, entries, sources) as app:
        polite = await app.spawn("listener", "polite", host="app:other")
        deaf = await app.spawn("deaf", host="app:other")
        await settle()
        before = trio.current_time()
        await app.runtime.supervisor.stop("app:other")
        assert trio.current_time() - before == pytest.approx(3, abs=0.1)  # core P-61
        [event] = app.said("event")
        assert event["kind"] == "pid.cancel"
        assert event["reason"] == "scheduler shutdown"  # core P-60, apps 5.2.6
        assert event["from"] == "{|}"  # core PID-6
        assert (await wait_end(polite)).value == "polite"
        error = (await wait_end(deaf)).error
        assert error is not None
        assert "context canceled" in error.message  # core P-62
        with pytest.raises(UnavailableError, match="host is not running"):
            await app.spawn("deaf", host="app:other")


async def test_the_whole_application_stops_in_good_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Leaving the application asks every process of every host."""
    entries = lua("listener")
    async with application(tmp_path, entries, {"listener": LISTENER}) as app:
        for _ in range(3):
            await app.spawn("listener")
        await settle()
    assert [event["reason"] for event in app.said("event")] == (
        ["scheduler shutdown"] * 3
    )


async def test_births_on_a_host_that_does_not_run(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Not started: `host is not running`; stopping: `host is shutting down`."""
    asker = """
    return { main = function(host)
      local pid, err = process.spawn("app:deaf", host)
      return { pid = pid, kind = err and err:kind(), text = err and err:message() }
    end }
    """
    entries = (
        lua("deaf")
        + lua("asker")
        + """
  - name: manual
    kind: process.host
  - name: closing
    kind: process.host
    lifecycle: {auto_start: true, stop_timeout: 5s}
"""
    )
    sources = {"deaf": DEAF, "asker": asker}
    async with application(tmp_path, entries, sources) as app:
        got = (await app.run("asker", "app:manual")).value
        # core P-63, S-6
        assert got == {"kind": "Unavailable", "text": "host is not running"}
        await app.spawn("deaf", host="app:closing")
        await settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app.runtime.supervisor.stop, "app:closing")
            await settle(1)
            got = (await app.run("asker", "app:closing")).value
            assert got == {"kind": "Unavailable", "text": "host is shutting down"}
        with pytest.raises(NotFoundError, match="host not found"):
            await app.spawn("deaf", host="app:none")


async def test_ids_count_all_hosts_and_calls(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """One counter a node: spawned processes and function calls (apps 5.1)."""
    entries = (
        lua("pid")
        + lua("f", kind="function.lua")
        + """
  - {name: other, kind: process.host, lifecycle: {auto_start: true}}
"""
    )
    source = "return { main = function() return process.pid() end }"
    async with application(tmp_path, entries, {"pid": source, "f": source}) as app:
        pids = [
            (await app.run("pid")).value,
            await app.call("f"),
            (await app.run("pid")).value,
        ]
        process = await app.spawn("pid", host="app:other")
        pids.append((await wait_end(process)).value)
    assert pids == [
        "{app:processes|0x00001}",
        "{app:f|0x00002}",
        "{app:processes|0x00003}",
        "{app:other|0x00004}",
    ]  # core PID-3


async def test_many_processes_on_one_host(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """`workers` and the queue sizes limit no number of processes (core H-1)."""
    entries = (
        lua("one")
        + lua("many")
        + """
  - name: small
    kind: process.host
    host: {workers: 1, queue_size: 1, local_queue_size: 1}
    lifecycle: {auto_start: true}
"""
    )
    sources = {
        "one": "return { main = function(n) time.sleep('1ms') return n end }",
        "many": """
        return { main = function()
          for i = 1, 500 do
            assert(process.spawn_monitored("app:one", "app:small", i))
          end
          local sum = 0
          for _ = 1, 500 do
            sum = sum + process.events():receive().result.value
          end
          return sum
        end }
        """,
    }
    async with application(tmp_path, entries, sources) as app:
        assert (await app.run("many")).value == 500 * 501 // 2  # apps 5.2.2


async def test_other_processes_progress_while_one_is_busy(
    tmp_path: Path,
) -> None:
    """A process that never waits does not hold the others up (apps 5.2.3)."""
    entries = lua("busy") + lua("quick")
    sources = {
        "busy": "return { main = function() while true do end end }",
        "quick": "return { main = function() return 'done' end }",
    }
    async with application(tmp_path, entries, sources) as app:
        busy = await app.spawn("busy")
        with trio.fail_after(5):
            assert (await app.run("quick")).value == "done"
        assert busy.exit is None  # core P-14
        busy.end(Exit.terminated(busy.pid))


@pytest.mark.parametrize(
    "host", ["workers: -1", "queue_size: -5", "local_queue_size: x", "workers: 1.5"]
)
async def test_malformed_options_are_refused(
    tmp_path: Path, autojump_clock: MockClock, host: str
) -> None:
    """A size is a number that is not negative (apps 2.2)."""
    entries = f"\n  - {{name: bad, kind: process.host, host: {{{host}}}}}\n"
    with pytest.raises(BaseExceptionGroup) as caught:
        async with application(tmp_path, entries):
            pass
    assert caught.group_contains(
        InvalidError, match=f"host.{host.split(':', maxsplit=1)[0]}"
    )


async def test_workers_change_in_place_and_the_rest_is_refused(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A live update of `workers` keeps the processes (apps 5.2.7)."""
    from wippy_trio.registry import Operation, OperationKind  # noqa: PLC0415

    entries = lua("deaf")
    async with application(tmp_path, entries, {"deaf": DEAF}) as app:
        process = await app.spawn("deaf")
        entry = app.runtime.live.state.state["app:processes"]
        wider = entry._replace(data={**(entry.data or {}), "host": {"workers": 9}})
        await app.runtime.live.apply([Operation(OperationKind.UPDATE, wider)])
        assert process.exit is None
        queued = entry._replace(data={**(entry.data or {}), "host": {"queue_size": 9}})
        with pytest.raises(InvalidError, match=r"host\.workers"):
            await app.runtime.live.apply([Operation(OperationKind.UPDATE, queued)])
        assert process.exit is None


async def test_the_control_host_is_the_runtimes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Lua code can not spawn there (core H-2)."""
    source = """
    return { main = function()
      local pid, err = process.spawn("app:p", "node:control")
      return { pid, err and err:kind() }
    end }
    """
    async with application(tmp_path, lua("p"), {"p": source}) as app:
        got = (await app.run("p")).value
        assert got is not None
        assert "NotFound" in str(got)


async def test_print_is_one_record(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Level info, one space between the texts, `pid` and `location`."""
    source = """
    local broken = setmetatable({}, { __tostring = function() error("no") end })
    return { main = function()
      print("a", 1, nil, 2.0, true)
      print()
      print(broken)
      print({}, print)
    end }
    """
    with structlog.testing.capture_logs() as logs:
        async with application(tmp_path, lua("p"), {"p": source}) as app:
            await app.run("p")
    records = [entry for entry in logs if entry.get("pid", "").startswith("{app:")]
    records = [entry for entry in records if "location" in entry]
    first = records[0]
    assert first["event"] == "a 1 nil 2 true"  # core STD-30
    assert first["log_level"] == "info"
    assert re.fullmatch(r"\{app:processes\|0x[0-9a-f]+\}", first["pid"])
    assert first["location"] == "app:p:4"
    assert [entry["event"] for entry in records[1:]] == [
        "",
        records[2]["event"],
        records[3]["event"],
    ]
    assert records[2]["event"].startswith("table: ")  # core STD-32
    assert re.fullmatch(r"table: \S+ function: \S+", records[3]["event"])
