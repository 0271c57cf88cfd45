"""Processes that end in any call, servers that go away, entries that change."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from tests.services.sql.servers import (
    POSTGRES,
    SERVERS,
    SQLITE,
    Server,
    connections_of,
    open_server,
    runtime_of,
)
from wippy_trio.kernel import Exit
from wippy_trio.modules.sql.contract import Database
from wippy_trio.registry import Changeset
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from wippy_trio.kernel import Process

SLEEPS = {
    "sqlite": """WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r)
      SELECT count(*) AS n FROM r""",
    "postgres": "SELECT pg_sleep(60)",
    "mysql": "SELECT sleep(60)",
}

FIND = """
return { main = function(text)
  local db = assert(sql.get("app:db"))
  local rows, err = db:query(text)
  if not rows then return err:kind() .. ": " .. err:message() end
  return rows
end }"""


@pytest.fixture(params=(SQLITE, *SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with open_server(request.param) as found:
        yield found


@pytest.fixture(params=SERVERS)
def remote(request: pytest.FixtureRequest) -> Iterator[Server]:
    with open_server(request.param) as found:
        yield found


def database_of(runtime: RunningRuntime) -> Database:
    found = runtime.resources.get("app:db")
    assert isinstance(found, Database)
    return found


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Any) -> None:
    """Wait for a fact of the real world outside."""
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await trio.sleep(0.002)


def play(main: Callable[[], Awaitable[None]]) -> None:
    """Run something that must not take long."""

    async def limited() -> None:
        with trio.fail_after(40):
            await main()

    trio.run(limited)


def kill(process: Process) -> None:
    process.end(Exit.terminated(process.pid))


def test_a_statement_ends_with_its_process(tmp_path: Path, server: Server) -> None:
    """It is cancelled in the database, the next call works, nothing is left (0.2)."""
    text = SLEEPS[server.engine]
    holder = f"""
return {{ main = function()
  local db = assert(sql.get("app:db"))
  local tx = assert(db:begin())
  assert(tx:execute("INSERT INTO t VALUES (1)"))
  tx:query([[{text}]])
end }}"""
    sleeper = f"""
return {{ main = function() assert(sql.get("app:db")):query([[{text}]]) end }}"""

    async def main() -> None:
        runtime = runtime_of(
            tmp_path, server.yaml(), pholder=holder, psleeper=sleeper, find=FIND
        )
        async with running(runtime):
            database = database_of(runtime)
            await runtime.call("app:find", "CREATE TABLE t (i INT)")
            for name in ("app:psleeper", "app:pholder"):
                process = await runtime.spawn_process(name, "app:processes")
                await until(lambda: database.statistics()["in_use"] == 1)
                await trio.sleep(0.03)
                kill(process)
                await until(lambda: database.statistics()["in_use"] == 0)
                rows = await runtime.call("app:find", "SELECT count(*) AS n FROM t")
                assert rows == [{"n": 0}]  # the transaction was rolled back
            assert busy_of(server) == 0

    before = (open_files(), threading.active_count())
    play(main)
    assert open_files() <= before[0] + 2
    assert_gone(server)


def busy_of(server: Server) -> int:
    if server.engine == SQLITE:
        return 0
    if server.engine == POSTGRES:
        name = server.entry["options"]["application_name"]
        sql = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
            f" AND application_name = '{name}'"
        )
    else:
        sql = (
            "SELECT count(*) FROM information_schema.processlist"
            f" WHERE command = 'Query' AND user = '{server.entry['username']}'"
        )
    return int(server.ask(sql)[0][0])


def assert_gone(server: Server) -> None:
    """The server notices in a moment that connections were closed."""

    async def main() -> None:
        await until(lambda: server.engine == SQLITE or connections_of(server) == 0)

    play(main)


def test_a_hundred_kills_leave_everything_as_it_was(
    tmp_path: Path, server: Server
) -> None:
    """Ended at random moments of a call; pool, files and threads are as before."""
    worker = """
return { main = function(seed, mark)
  local db = assert(sql.get("app:db"))
  local n = 0
  while true do
    n = n + 1
    local tx = assert(db:begin())
    assert(tx:execute("INSERT INTO t VALUES (1)"))
    assert(tx:savepoint("s"))
    local st = assert(tx:prepare("SELECT count(*) AS n FROM t"))
    assert(st:query())
    if n % 2 == 0 then assert(tx:rollback()) else
      assert(tx:execute("DELETE FROM t"))
      assert(tx:commit())
    end
    assert(db:query("SELECT * FROM t"))
  end
end }"""
    rolls = random.Random(7)

    async def main() -> None:
        runtime = runtime_of(tmp_path, server.yaml(), pworker=worker, find=FIND)
        async with running(runtime):
            database = database_of(runtime)
            await runtime.call("app:find", "CREATE TABLE t (i INT)")

            async def one(delay: float) -> None:
                process = await runtime.spawn_process("app:pworker", "app:processes")
                await trio.sleep(delay)
                assert process.alive, process.exit
                kill(process)

            for _ in range(10):
                async with trio.open_nursery() as nursery:
                    for _ in range(10):
                        nursery.start_soon(one, rolls.uniform(0, 0.03))
            await until(lambda: database.statistics()["in_use"] == 0)
            rows = await runtime.call("app:find", "SELECT count(*) AS n FROM t")
            assert rows == [{"n": 0}]
            stats = database.statistics()
            assert stats["open_connections"] == stats["idle"]
            assert runtime.engine.modules.objects == {}

    before = open_files()
    play(main)
    assert open_files() <= before + 2
    assert_gone(server)


def test_virtual_time_stands_still_in_every_engine(
    tmp_path: Path, server: Server
) -> None:
    """A query of real time does not meet a deadline of virtual time (design 6)."""
    text = {
        "sqlite": """WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r
          WHERE i < 100000) SELECT count(*) AS n FROM r""",
        "postgres": "SELECT 1 AS n FROM pg_sleep(0.05)",
        "mysql": "SELECT 1 AS n FROM (SELECT sleep(0.05)) AS s",
    }[server.engine]

    async def main() -> None:
        runtime = runtime_of(tmp_path, server.yaml(), find=FIND)
        async with running(runtime):
            started = trio.current_time()
            with trio.fail_after(1):
                await runtime.call("app:find", text)
            assert trio.current_time() - started < 0.5

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_server_that_goes_away_and_returns(tmp_path: Path, remote: Server) -> None:
    """The query that is out fails, retryable; idle ones are replaced unseen."""
    sleeper = f"""
return {{ main = function()
  local rows, err = assert(sql.get("app:db")):query([[{SLEEPS[remote.engine]}]])
  return {{ err:kind(), err:retryable() }}
end }}"""

    def cut() -> None:
        if remote.engine == POSTGRES:
            name = remote.entry["options"]["application_name"]
            remote.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE application_name = '{name}'"
            )
            return
        rows = remote.ask(
            "SELECT id FROM information_schema.processlist"
            f" WHERE user = '{remote.entry['username']}'"
        )
        for (number,) in rows:
            with contextlib.suppress(Exception):
                remote.ask(f"KILL {number}")

    async def main() -> None:
        runtime = runtime_of(tmp_path, remote.yaml(), sleep=sleeper, find=FIND)
        async with running(runtime):
            database = database_of(runtime)
            async with trio.open_nursery() as nursery:

                async def fails() -> None:
                    got = await runtime.call("app:sleep")
                    assert got == ["Unavailable", True]  # modules-io 2.8

                nursery.start_soon(fails)
                await until(lambda: busy_of(remote) == 1)
                while busy_of(remote):
                    cut()
                    await trio.sleep(0.01)
            assert database.statistics()["in_use"] == 0
            for _ in range(3):
                assert await runtime.call("app:find", "SELECT 1 AS n") == [{"n": 1}]
                assert database.statistics()["idle"] == 1
                cut()
                await until(lambda: connections_of(remote) == 0)

    play(main)


def test_a_server_that_is_not_there(tmp_path: Path, remote: Server) -> None:
    """Starting fails and is tried again; calls fail with a kind that says so."""
    entries = remote.yaml(port=1).replace(
        '"auto_start": true', '"auto_start": true, "startup": "optional"'
    )

    async def main() -> None:
        runtime = runtime_of(tmp_path, entries, find=FIND)
        async with running(runtime):
            got = await runtime.call("app:find", "SELECT 1 AS n")
            assert got.startswith("Unavailable: sql: ")
            await until(
                lambda: runtime.supervisor.states()["app:db"].status == "failed"
            )
            assert "failed to ping" in runtime.supervisor.states()["app:db"].details
            changes = Changeset()
            entry = runtime.live.state.state["app:db"]
            changes.update(
                entry._replace(data=entry.data | {"port": remote.entry["port"]})
            )
            await runtime.live.apply(changes.operations)
            assert await runtime.call("app:find", "SELECT 1 AS n") == [{"n": 1}]

    play(main)


def test_settings_change_while_it_runs(tmp_path: Path, remote: Server) -> None:
    """Sizes at once; other credentials for new connections, and nobody is cut off."""
    holder = """
return { main = function()
  local db = assert(sql.get("app:db"))
  local tx = assert(db:begin())
  process.inbox():receive()
  assert(tx:query("SELECT 1"))
  assert(tx:commit())
  return "kept"
end }"""

    async def main() -> None:
        runtime = runtime_of(tmp_path, remote.yaml(), pholder=holder, find=FIND)
        async with running(runtime):
            database = database_of(runtime)
            process = await runtime.spawn_process("app:pholder", "app:processes")
            await until(lambda: database.statistics()["in_use"] == 1)

            async def change(**data: Any) -> None:
                changes = Changeset()
                entry = runtime.live.state.state["app:db"]
                changes.update(entry._replace(data=entry.data | data))
                await runtime.live.apply(changes.operations)

            await change(pool={"max_open": 9, "max_idle": 2})
            assert database_of(runtime) is database
            assert database.statistics()["max_open_connections"] == 9
            await change(username="nobody_like_this", password="wrong")
            got = await runtime.call("app:find", "SELECT 1 AS n")
            assert got.startswith("Unavailable: sql: ")
            runtime.node.send(process.pid, "go", (1,), sender=None)
            await until(lambda: not process.alive)
            assert process.exit is not None
            assert process.exit.ok, process.exit.error
            assert database.statistics()["open_connections"] == 0

    play(main)


def test_an_environment_variable_moves_a_database(tmp_path: Path) -> None:
    """An entry that names one is read again at the next ``sql.get`` (apps 7.5)."""
    entries = """
  - {name: mem, kind: env.storage.memory}
  - {name: v, kind: env.variable, variable: DB_FILE, storage: mem, default: DEFAULT}
  - {name: db, kind: db.sql.sqlite, file: "${env:DB_FILE}"}
"""
    one, two = tmp_path / "deep/one.db", tmp_path / "deep/two.db"

    async def main() -> None:
        text = entries.replace("DEFAULT", str(one))
        runtime = runtime_of(tmp_path, text, find=FIND)
        async with running(runtime):
            await runtime.call("app:find", "CREATE TABLE here (i INT)")
            assert one.exists()
            runtime.env.set("DB_FILE", str(two))
            got = await runtime.call("app:find", "SELECT * FROM here")
            assert got == "Invalid: sql: no such table: here"
            assert two.exists()
            runtime.env.set("DB_FILE", str(one))
            assert await runtime.call("app:find", "SELECT * FROM here") == []

    play(main)
    assert not (tmp_path / "deep/one.db-wal").exists()  # it was closed properly


def test_stopping_waits_for_those_who_hold_it(tmp_path: Path) -> None:
    """New handles are refused, held ones go on, then it closes (modules-io 2.1)."""
    holder = """
return { main = function()
  local db = assert(sql.get("app:db"))
  process.inbox():receive()
  assert(db:execute("CREATE TABLE late (i INT)"))
  return "done"
end }"""
    get = """
return { main = function()
  local db, err = sql.get("app:db")
  return err and err:kind() or "open"
end }"""
    file = tmp_path / "app.db"
    entries = f"""
  - {{name: db, kind: db.sql.sqlite, file: "{file}", lifecycle: {{auto_start: true}}}}
"""

    async def main() -> None:
        runtime = runtime_of(tmp_path, entries, pholder=holder, get=get)
        async with running(runtime):
            database = database_of(runtime)
            process = await runtime.spawn_process("app:pholder", "app:processes")
            await until(lambda: database._handles == 1)  # type: ignore[attr-defined]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(runtime.supervisor.stop, "app:db")
                await trio.testing.wait_all_tasks_blocked()
                assert await runtime.call("app:get") == "Unavailable"
                runtime.node.send(process.pid, "go", (1,), sender=None)
            assert process.exit is not None
            assert process.exit.ok, process.exit.error
            assert database.statistics()["open_connections"] == 0
            await runtime.supervisor.start(["app:db"], runtime.live.state.state)
            assert await runtime.call("app:get") == "open"

    play(main)
    assert os.path.getsize(file) > 0  # noqa: PTH202


def test_another_program_locks_the_file(tmp_path: Path) -> None:
    """A writer waits for the lock; killed meanwhile, it is gone at once."""
    import apsw  # noqa: PLC0415

    file = tmp_path / "app.db"
    writer = """
return { main = function()
  assert(assert(sql.get("app:db")):execute("INSERT INTO t VALUES (1)"))
  return "written"
end }"""
    entries = f'\n  - {{name: db, kind: db.sql.sqlite, file: "{file}"}}\n'

    async def main() -> None:
        runtime = runtime_of(tmp_path, entries, pwriter=writer, write=writer, find=FIND)
        async with running(runtime):
            database = database_of(runtime)
            await runtime.call("app:find", "CREATE TABLE t (i INT)")
            other = apsw.Connection(str(file))
            other.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (7)")
            process = await runtime.spawn_process("app:pwriter", "app:processes")
            await until(lambda: database.statistics()["in_use"] == 1)
            kill(process)
            with trio.fail_after(2):
                await until(lambda: database.statistics()["in_use"] == 0)
            async with trio.open_nursery() as nursery:

                async def waits() -> None:
                    assert await runtime.call("app:write") == "written"

                nursery.start_soon(waits)
                await until(lambda: database.statistics()["in_use"] == 1)
                other.execute("COMMIT")
            rows = await runtime.call("app:find", "SELECT sum(i) AS s FROM t")
            assert rows == [{"s": 8}]
            other.close()

    play(main)
