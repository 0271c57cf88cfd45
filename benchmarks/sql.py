"""SELECTs from Lua, beside the bare driver from Python in the same run.

``python -m benchmarks sql``. Both yardsticks give what a program works with, a list of
dictionaries: ``driver`` calls it and blocks, ``driver on Trio`` calls it in a worker
thread, as a Trio program must that does anything else besides.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable

SERIES = {
    "sqlite": """WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r
      WHERE i < 1000) INSERT INTO t SELECT i, 'name ' || i, i * 1.5 FROM r""",
    "postgres": """INSERT INTO t SELECT i, 'name ' || i, i * 1.5
      FROM generate_series(1, 1000) AS i""",
    "mysql": """INSERT INTO t SELECT seq, concat('name ', seq), seq * 1.5
      FROM seq_1_to_1000""",
}
DROP = "DROP TABLE IF EXISTS t"
TABLE = "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40), price DOUBLE PRECISION)"

ENTRIES = """
version: "1.0"
namespace: app
entries:
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
  - {name: sqlite, kind: db.sql.sqlite, file: ":memory:"}
  - {name: postgres, kind: db.sql.postgres, host: 127.0.0.1, port: 5432,
     database: postgres, username: postgres, password: x, pool: {max_idle: 20},
     options: {options: "-c search_path=wippy_bench"}}
  - {name: mysql, kind: db.sql.mysql, host: 127.0.0.1, port: 3306,
     database: wippy_bench, username: root, password: "${env:BENCH_PASSWORD|x}",
     pool: {max_idle: 20}}
  - {name: run, kind: function.lua, source: "file://run.lua", method: main,
     modules: [sql]}
  - {name: many, kind: function.lua, source: "file://many.lua", method: main,
     modules: [sql, channel]}
"""

RUN = """
return { main = function(id, text, n, key)
  local db = assert(sql.get(id))
  local rows
  for i = 1, n do
    rows = assert(db:query(text, key and { i % 1000 + 1 } or nil))
  end
  return #rows
end }"""

MANY = """
return { main = function(id, text, n)
  local db = assert(sql.get(id))
  local done = channel.new(10)
  for k = 1, 10 do
    coroutine.spawn(function()
      for i = 1, n // 10 do assert(db:query(text, { i % 1000 + 1 })) end
      done:send(k)
    end)
  end
  for _ = 1, 10 do done:receive() end
end }"""


class Driver:
    """One bare driver: a connection and a function that gives dictionaries."""

    def __init__(
        self, engine: str, mark: str, query: Callable[[str, tuple[Any, ...]], Any]
    ) -> None:
        self.engine = engine
        self.mark = mark
        self.query = query


@contextlib.contextmanager
def drivers() -> Any:
    """Open what is there."""
    with contextlib.ExitStack() as stack:
        yield [
            found
            for make in (_sqlite, _postgres, _mysql)
            if (found := make(stack)) is not None
        ]


def _sqlite(_stack: contextlib.ExitStack) -> Driver | None:
    import apsw  # noqa: PLC0415 - an extra

    connection = apsw.Connection(":memory:")
    connection.execute(TABLE)
    connection.execute(SERIES["sqlite"])
    cursor = connection.cursor()

    def query(sql: str, params: tuple[Any, ...]) -> list[dict[str, Any]]:
        cursor.execute(sql, params)
        names = [name for name, _ in cursor.get_description()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return Driver("sqlite", "?", query)


def _postgres(stack: contextlib.ExitStack) -> Driver | None:
    import psycopg  # noqa: PLC0415 - an extra
    from psycopg.rows import dict_row  # noqa: PLC0415 - an extra

    try:
        connection = psycopg.connect(
            "host=127.0.0.1 user=postgres dbname=postgres", autocommit=True
        )
    except psycopg.OperationalError as error:
        print(f"postgres: {error}")
        return None
    connection.execute("CREATE SCHEMA wippy_bench")
    stack.callback(connection.execute, "DROP SCHEMA wippy_bench CASCADE")
    connection.execute("SET search_path = wippy_bench")
    connection.execute(TABLE)
    connection.execute(SERIES["postgres"])
    cursor = connection.cursor(row_factory=dict_row)
    return Driver("postgres", "%s", lambda sql, p: cursor.execute(sql, p).fetchall())


def _mysql(stack: contextlib.ExitStack) -> Driver | None:
    import pymysql  # noqa: PLC0415 - an extra

    try:
        connection = pymysql.connect(host="127.0.0.1", user="root", autocommit=True)
    except pymysql.OperationalError as error:
        print(f"mysql: {error}")
        return None
    cursor = connection.cursor(pymysql.cursors.DictCursor)
    cursor.execute("CREATE DATABASE wippy_bench")
    stack.callback(cursor.execute, "DROP DATABASE wippy_bench")
    cursor.execute("CREATE USER wippy_bench@'%' IDENTIFIED BY 'secret'")
    stack.callback(cursor.execute, "DROP USER wippy_bench@'%'")
    cursor.execute("GRANT ALL ON wippy_bench.* TO wippy_bench@'%'")
    cursor.execute("USE wippy_bench")
    cursor.execute(TABLE)
    cursor.execute(SERIES["mysql"])

    def query(sql: str, params: tuple[Any, ...]) -> Any:
        cursor.execute(sql, params or None)
        return cursor.fetchall()

    return Driver("mysql", "%s", query)


async def measure(folder: Path) -> None:
    """Print every row."""
    (folder / "src").mkdir()
    index = ENTRIES.replace("username: root", "username: wippy_bench").replace(
        "${env:BENCH_PASSWORD|x}", "secret"
    )
    (folder / "src/_index.yaml").write_text(index)
    (folder / "src/run.lua").write_text(RUN)
    (folder / "src/many.lua").write_text(MANY)
    with drivers() as found:
        async with running(RunningRuntime(load_project(folder))) as runtime:
            await runtime.call("app:run", "app:sqlite", TABLE, 1)
            await runtime.call("app:run", "app:sqlite", SERIES["sqlite"], 1)
            for driver in found:
                await _measure_one(runtime, driver)


async def _measure_one(runtime: RunningRuntime, driver: Driver) -> None:
    engine, query = driver.engine, driver.query
    id_ = f"app:{engine}"
    one = "SELECT id, name, price FROM t WHERE id = ?"
    ours = one.replace("?", "$1") if engine == "postgres" else one
    theirs = one.replace("?", driver.mark)
    every = "SELECT id, name, price FROM t"

    def bare(sql: str, n: int, *, key: bool) -> None:
        for i in range(n):
            query(sql, (i % 1000 + 1,) if key else ())

    async def threaded(sql: str, n: int, *, key: bool) -> None:
        for i in range(n):
            params = (i % 1000 + 1,) if key else ()
            await trio.to_thread.run_sync(query, sql, params)

    async def lua(sql: str, n: int, key: bool) -> None:
        await runtime.call("app:run", id_, sql, n, key)

    for title, n, key, mine, other in (
        ("1 row", 1000, True, ours, theirs),
        ("1000 rows", 40, False, every, every),
    ):
        times: dict[str, list[float]] = {"lua": [], "driver": [], "thread": []}
        for _ in range(3):
            started = time.perf_counter()
            await lua(mine, n, key)
            times["lua"].append(time.perf_counter() - started)
            started = time.perf_counter()
            bare(other, n, key=key)
            times["driver"].append(time.perf_counter() - started)
            started = time.perf_counter()
            await threaded(other, n, key=key)
            times["thread"].append(time.perf_counter() - started)
        _show(f"{engine}, {title}", n, times)
    times = {"lua": [], "driver": [], "thread": []}
    for _ in range(3):
        started = time.perf_counter()
        await runtime.call("app:many", id_, ours, 1000)
        times["lua"].append(time.perf_counter() - started)
        started = time.perf_counter()
        bare(theirs, 1000, key=True)
        times["driver"].append(time.perf_counter() - started)
        started = time.perf_counter()
        await threaded(theirs, 1000, key=True)
        times["thread"].append(time.perf_counter() - started)
    _show(f"{engine}, 1 row, 10 at once", 1000, times)


def _show(title: str, n: int, times: dict[str, list[float]]) -> None:
    lua, driver, thread = (
        statistics.median(times[name]) / n for name in ("lua", "driver", "thread")
    )
    print(
        f"{title:<26} {1 / lua:>9.0f}/s"
        f"   driver {1 / driver:>9.0f}/s {driver / lua:5.2f}"
        f"   driver on Trio {1 / thread:>9.0f}/s {thread / lua:6.2f}   (wanted 0.7)"
    )


def main() -> None:
    """Measure everything."""
    configure_logging("silent")
    with tempfile.TemporaryDirectory() as name:
        trio.run(measure, Path(name))


if __name__ == "__main__":
    main()
