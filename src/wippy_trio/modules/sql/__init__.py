"""`sql`: queries on SQLite, PostgreSQL and MySQL, and a builder for their texts.

The handles are in `handles`, what they ask of a database in `contract`; the kinds of
``services/sql`` implement that. The builder and the values to bind are Lua text and
live in the VM: a chain of builder calls costs no crossing.
"""

from __future__ import annotations

from importlib import resources

from wippy_trio.modules.sql.contract import Database
from wippy_trio.modules.sql.declarations import DECLARES
from wippy_trio.modules.sql.handles import DB, Statement, Transaction
from wippy_trio.sdk import (
    InvalidError,
    LuaModule,
    check_permission,
    current_process,
    current_runtime,
)

__all__ = ["ISOLATION", "MODULE", "TYPES"]

TYPES = {
    "POSTGRES": "postgres",
    "MYSQL": "mysql",
    "SQLITE": "sqlite",
    "UNKNOWN": "unknown",
}
ISOLATION = {
    name: name.lower()
    for name in (
        "DEFAULT",
        "READ_UNCOMMITTED",
        "READ_COMMITTED",
        "WRITE_COMMITTED",
        "REPEATABLE_READ",
        "SERIALIZABLE",
    )
}

MODULE = LuaModule(
    "sql",
    classes=("storage", "io", "nondeterministic"),
    source=(resources.files(__name__) / "sql.lua").read_bytes(),
    declares=DECLARES,
)
MODULE.constant("type", TYPES)
MODULE.constant("isolation", ISOLATION)
MODULE.constant("_isolations", dict.fromkeys(ISOLATION.values(), True))
for _part in ("builder", "statements"):
    _text = (resources.files(__name__) / f"{_part}.lua").read_bytes()
    MODULE.constant(f"_{_part}", _text)
for _class in (DB, Transaction, Statement):
    MODULE.handle(_class)


@MODULE.export
def get(id: str) -> DB:  # noqa: A002 - its name
    """Give a handle of a database; the frame that asks owns it."""
    if not id:
        raise InvalidError("sql: wanted the id of a database, got an empty text")
    check_permission("db.get", id, f"sql: not allowed to use the database {id}")
    found = current_runtime().resources.get(id)
    if not isinstance(found, Database):
        raise InvalidError(f"sql: {id} is not a database", retryable=False)
    process = current_process()
    if not process.alive:
        raise InvalidError(f"sql: {id}: the call that asks has ended", retryable=False)
    return DB(found, process)
