"""Databases for tests: SQLite anywhere, PostgreSQL and MySQL where they answer.

Every test gets a schema or database of its own on the local server, dropped afterwards.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SQLITE, POSTGRES, MYSQL = "sqlite", "postgres", "mysql"
SERVERS = (POSTGRES, MYSQL)

PG = {"host": "127.0.0.1", "port": 5432, "user": "postgres", "dbname": "postgres"}
MY = {"host": "127.0.0.1", "port": 3306, "user": "root", "password": ""}


class Server(NamedTuple):
    """A place for one test.

    ``ask`` runs a statement as the administrator and gives its rows.
    """

    engine: str
    entry: dict[str, Any]
    ask: Callable[[str], list[Any]]

    def yaml(self, **changes: Any) -> str:
        """Write the entry ``app:db``."""
        import json  # noqa: PLC0415

        lifecycle = {"auto_start": True, "stop_timeout": "2s"}
        data = {"name": "db", "kind": f"db.sql.{self.engine}", **self.entry}
        return "\n  - " + json.dumps(data | {"lifecycle": lifecycle} | changes) + "\n"

    def mark(self, n: int) -> str:
        """Write the placeholder of the n-th parameter."""
        return f"${n}" if self.engine == POSTGRES else "?"


@contextlib.contextmanager
def open_server(engine: str) -> Iterator[Server]:
    """Make a place, or skip the test with the reason."""
    name = f"wippy_{secrets.token_hex(6)}"
    if engine == SQLITE:
        yield Server(engine, {"file": ":memory:"}, lambda _sql: [])
        return
    connection, close = _connect(engine)
    try:

        def ask(sql: str) -> list[Any]:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []

        what = "SCHEMA" if engine == POSTGRES else "DATABASE"
        ask(f"CREATE {what} {name}")
        entry: dict[str, Any]
        if engine == POSTGRES:
            entry = {
                "host": PG["host"],
                "port": PG["port"],
                "database": PG["dbname"],
                "username": PG["user"],
                "password": "unused",
                "options": {
                    "options": f"-c search_path={name}",
                    "application_name": name,
                },
            }
        else:
            ask(f"CREATE USER {name}@'%' IDENTIFIED BY 'secret'")
            ask(f"GRANT ALL ON {name}.* TO {name}@'%'")
            entry = {
                "host": MY["host"],
                "port": MY["port"],
                "database": name,
                "username": name,
                "password": "secret",
            }
        entry["pool"] = {"max_open": 4, "max_idle": 4}
        try:
            yield Server(engine, entry, ask)
        finally:
            ask(f"DROP {what} {name}" + (" CASCADE" if engine == POSTGRES else ""))
            if engine == MYSQL:
                ask(f"DROP USER {name}@'%'")
    finally:
        close()


def _connect(engine: str) -> tuple[Any, Callable[[], None]]:
    if engine == POSTGRES:
        psycopg = pytest.importorskip("psycopg", reason="the extra postgres")
        try:
            connection = psycopg.connect(**PG, autocommit=True, connect_timeout=3)
        except psycopg.OperationalError as error:
            pytest.skip(f"no PostgreSQL on {PG['host']}:{PG['port']}: {error}")
        return connection, connection.close
    pymysql = pytest.importorskip("pymysql", reason="the extra mysql")
    try:
        connection = pymysql.connect(**MY, autocommit=True, connect_timeout=3)
    except pymysql.OperationalError as error:
        pytest.skip(f"no MySQL on {MY['host']}:{MY['port']}: {error}")
    return connection, connection.close


def connections_of(server: Server) -> int:
    """Count the connections that an application has to a server."""
    if server.engine == POSTGRES:
        name = server.entry["options"]["application_name"]
        sql = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"
    else:
        sql = (
            "SELECT count(*) FROM information_schema.processlist"
            f" WHERE user = '{server.entry['username']}'"
        )
    return int(server.ask(sql)[0][0])


def runtime_of(folder: Path, entries: str, **sources: str) -> RunningRuntime:
    """Load an application with a host and Lua entries, each with all modules."""
    (folder / "src").mkdir(exist_ok=True)
    index = ['version: "1.0"', "namespace: app", "entries:"]
    index.append(
        "  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}"
    )
    for name, source in sources.items():
        kind = "process.lua" if name.startswith("p") else "function.lua"
        index.append(
            f"  - {{name: {name}, kind: {kind}, source: 'file://{name}.lua',"
            " method: main, modules: [sql, time, channel, json, funcs, process]}"
        )
        (folder / f"src/{name}.lua").write_text(source)
    (folder / "src/_index.yaml").write_text("\n".join(index) + entries)
    return RunningRuntime(load_project(folder))
