"""A PostgreSQL whose log can be decoded: the local one, or one of our own."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST, PORT = "127.0.0.1", 5432


class Server:
    """Where it is, and an administrator's connection."""

    def __init__(self, port: int, connection: Any) -> None:
        self.port = port
        self.prefix = f"cdc_{secrets.token_hex(4)}"
        self._connection = connection

    def ask(self, sql: str) -> list[Any]:
        """Run statements; give the rows of the last one."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def slots(self) -> int:
        """Count the slots of the test."""
        return len(
            self.ask(
                "SELECT 1 FROM pg_replication_slots WHERE slot_name LIKE"
                f" '{self.prefix}%'"
            )
        )

    def senders(self) -> int:
        """Count the connections that have the log sent."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'"
        return int(self.ask(sql)[0][0])

    def clean(self) -> None:
        """Drop what the test left."""
        self.ask(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            f" WHERE slot_name LIKE '{self.prefix}%'"
        )


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else None


def _user() -> dict[str, Any]:
    """Tell as whom to run a server: it refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    try:
        found = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def _own_server() -> Iterator[int]:
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL with wal_level=logical, and no initdb to make one")
    who = _user()
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="cdc-") as name:
        folder = Path(name)
        if who:
            os.chown(folder, who["user"], who["group"])
        subprocess.run(
            [
                *(str(binaries / "initdb"), "-D", str(folder / "data")),
                *("-U", "postgres", "-A", "trust", "--no-sync"),
                *("-E", "UTF8", "--locale", "C"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
            timeout=60,
            **who,
        )
        server = subprocess.Popen(
            [
                *(str(binaries / "postgres"), "-D", str(folder / "data")),
                *("-p", str(port), "-k", str(folder)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"),
                *("-c", "wal_level=logical", "-c", "logical_decoding_work_mem=64kB"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **who,
        )
        try:
            yield port
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _connect(port: int, tries: int) -> Any:
    import time  # noqa: PLC0415

    import psycopg  # noqa: PLC0415

    while True:
        try:
            return psycopg.connect(
                host=HOST,
                port=port,
                user="postgres",
                dbname="postgres",
                autocommit=True,
                connect_timeout=3,
            )
        except psycopg.OperationalError:
            tries -= 1
            if tries <= 0:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def open_server() -> Iterator[Server]:
    """Find a server, or start one, or skip the tests with the reason."""
    psycopg = pytest.importorskip("psycopg", reason="the extra postgres")
    with contextlib.ExitStack() as stack:
        port = PORT
        try:
            connection = _connect(port, 1)
            level = connection.execute("SHOW wal_level").fetchone()[0]
            if level != "logical":
                connection.close()
        except psycopg.OperationalError:
            level = ""
        if level != "logical":
            port = stack.enter_context(_own_server())
            connection = _connect(port, 100)
        stack.callback(connection.close)
        yield Server(port, connection)
