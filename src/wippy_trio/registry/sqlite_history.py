"""A history in a SQLite file.

Apart from the other histories, since importing :mod:`sqlite3` takes its time.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InternalError, InvalidError
from wippy_trio.registry.entry import Entry
from wippy_trio.registry.version import BASELINE, Version, VersionTree

if TYPE_CHECKING:
    from wippy_trio.registry.history import Written

__all__ = ["SqliteHistory"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
  number INTEGER PRIMARY KEY,
  parent INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS writes (
  version INTEGER NOT NULL,
  id TEXT NOT NULL,
  entry TEXT,
  PRIMARY KEY (version, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS head (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  number INTEGER NOT NULL
);
"""


class SqliteHistory:
    """Keep everything in a file (``history_type: sqlite``).

    Calls block for the time of a small transaction. The file belongs to one runtime.

    Raises:
      InternalError: The file cannot be opened, read or written.

    Source: apps 7.6.
    """

    __slots__ = ("_connection", "_path", "head", "tree")

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        try:
            if self._path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise self._failed("open", error) from error
        try:
            self._connection.executescript(_SCHEMA)
            rows = self._connection.execute("SELECT number, parent FROM versions")
            self.tree = VersionTree([BASELINE, *(Version(*row) for row in rows)])
            row = self._connection.execute("SELECT number FROM head").fetchone()
        except sqlite3.Error as error:
            self._connection.close()
            raise self._failed("read", error) from error
        self.head: int = row[0] if row else 0

    def record(self, version: Version, written: Written) -> None:
        """Keep what a new version wrote and make it current.

        Raises:
          InternalError: The file cannot be written; then nothing was.
          InvalidError: An entry holds a value that is no plain data.
        """
        rows = [
            (version.number, id_, None if entry is None else _dump(entry))
            for id_, entry in written.items()
        ]
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO versions VALUES (?, ?)", (version.number, version.parent)
            )
            connection.executemany("INSERT INTO writes VALUES (?, ?, ?)", rows)
            connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", version[:1])
        self.tree.add(version)
        self.head = version.number

    def written(self, number: int) -> Written:
        """Say what a version wrote; nothing for the baseline.

        Raises:
          NotFoundError: There is no such version.
          InternalError: The file cannot be read.
        """
        self.tree.get(number)
        try:
            rows = self._connection.execute(
                "SELECT id, entry FROM writes WHERE version = ?", (number,)
            ).fetchall()
        except sqlite3.Error as error:
            raise self._failed("read", error) from error
        return {id_: None if text is None else _load(text) for id_, text in rows}

    def move(self, number: int) -> None:
        """Make an existing version current.

        Raises:
          NotFoundError: There is no such version.
          InternalError: The file cannot be written; then nothing was.
        """
        self.tree.get(number)
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", (number,))
        self.head = number

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection, self._failed)

    def _failed(self, verb: str, error: Exception) -> InternalError:
        return InternalError(f"registry history {self._path!r}: cannot {verb}: {error}")


class _Transaction:
    __slots__ = ("_connection", "_failed")

    def __init__(self, connection: sqlite3.Connection, failed: Any) -> None:
        self._connection = connection
        self._failed = failed

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._failed("write", error) from error
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        try:
            self._connection.execute("ROLLBACK" if error else "COMMIT")
        except sqlite3.Error as failure:
            raise self._failed("write", failure) from failure
        if isinstance(error, sqlite3.Error):
            raise self._failed("write", error) from error


def _dump(entry: Entry) -> str:
    value = [entry.id, entry.kind, dict(entry.meta), entry.data]
    try:
        return json.dumps(_pack(value), separators=(",", ":"))
    except (TypeError, RecursionError) as error:
        raise InvalidError(f"entry {entry.id}: not plain data: {error}") from error


def _load(text: str) -> Entry:
    id_, kind, meta, data = _unpack(json.loads(text))
    return Entry(id_, kind, meta, data)


# JSON lacks bytes and maps with other keys than text; both are written as maps of the
# one key "$bytes" or "$map", and so is a map that happens to have such a key.


def _pack(value: Any) -> Any:
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and not (
            len(value) == 1 and value.keys() & {"$bytes", "$map"}
        ):
            return {key: _pack(item) for key, item in value.items()}
        return {"$map": [[_pack(key), _pack(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_pack(item) for item in value]
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        if "$map" in value:
            return {_unpack(key): _unpack(item) for key, item in value["$map"]}
    return {key: _unpack(item) for key, item in value.items()}
