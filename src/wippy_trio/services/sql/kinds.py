"""The handler of the SQL databases' entries (modules-io 2.1, apps 2.4)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wippy_trio.loading import interpolate
from wippy_trio.sdk import EntryKind, InvalidError, read_lifecycle
from wippy_trio.services.sql.settings import Settings, read_settings

if TYPE_CHECKING:
    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Runtime
    from wippy_trio.services.sql.pool import PooledDatabase

__all__ = ["SqlDatabase"]

ENGINES = {
    "db.sql.sqlite": ("wippy_trio.services.sql.sqlite", "SqliteDatabase"),
    "db.sql.postgres": ("wippy_trio.services.sql.postgres", "PostgresDatabase"),
    "db.sql.mysql": ("wippy_trio.services.sql.mysql", "MysqlDatabase"),
}


class SqlDatabase(EntryKind):
    """Make a pool of each entry: a resource at once, a service besides."""

    kinds = ("db.sql.sqlite", "db.sql.postgres", "db.sql.mysql")

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._databases: dict[str, PooledDatabase] = {}

    def _settings(self, entry: Entry) -> Settings:
        data = entry.data
        mode = data.get("access_mode") if isinstance(data, dict) else None
        if mode not in (None, "", "normal"):
            raise InvalidError(f"access_mode: wanted normal, got {mode!r}")
        return read_settings(entry.kind, data, self.runtime.env.lookup)

    async def create(self, entry: Entry) -> None:
        """Make a database known; it is opened when somebody uses it."""
        settings = self._settings(entry)
        lifecycle = read_lifecycle(entry)
        where, name = ENGINES[entry.kind]
        cls = getattr(import_module(where), name)
        database: PooledDatabase = cls(
            self.runtime, entry.id, settings, grace=lifecycle.stop_timeout
        )
        self._follow_environment(database, entry)
        self.runtime.resources.put(entry.id, database)
        self._databases[entry.id] = database
        self.runtime.supervisor.register(entry.id, database, lifecycle)

    async def update(self, old: Entry, new: Entry) -> None:
        """Change the settings in place, unless another engine or lifecycle is asked."""
        database = self._databases.get(new.id)
        if (
            database is None
            or old.kind != new.kind
            or read_lifecycle(old) != read_lifecycle(new)
        ):
            await super().update(old, new)
            return
        database.configure(self._settings(new))
        self._follow_environment(database, new)

    async def delete(self, entry: Entry) -> None:
        """Stop it and forget it."""
        await self.runtime.supervisor.unregister(entry.id)
        self.runtime.resources.remove(entry.id)
        database = self._databases.pop(entry.id, None)
        if database is not None:
            database.dispose()

    def _follow_environment(self, database: PooledDatabase, entry: Entry) -> None:
        """Have an entry that names variables read again at every ``sql.get``."""
        runtime = self.runtime

        def raw() -> Entry | None:
            found: Entry | None = runtime.live.state.state.get(entry.id)
            return found

        def refresh() -> Settings:
            current = raw()
            if current is None:
                return database.settings
            data = interpolate(
                current.data, runtime.env.lookup, where=f"entry {entry.id}"
            )
            return self._settings(current._replace(data=data))

        def first() -> Settings:
            # The registry has the raw text only after the commit.
            current = raw()
            named = current is not None and _names_variables(current.data)
            database.refresh = refresh if named else None
            return refresh() if named else database.settings

        database.refresh = first


def _names_variables(data: Any) -> bool:
    if isinstance(data, dict):
        return any(
            str(key).endswith("_env") or _names_variables(value)
            for key, value in data.items()
        )
    return isinstance(data, str) and "${" in data
