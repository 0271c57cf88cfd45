"""What an entry says about a database (apps 2.4, modules-io 2.1). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.duration import parse_seconds
from wippy_trio.sdk import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PoolSettings", "Settings", "read_settings"]

HOUR = 3600.0


class PoolSettings(NamedTuple):
    """Bound the connections; changed while they are in use."""

    max_open: int = 0
    max_idle: int = 0
    max_lifetime: float = HOUR


class Settings(NamedTuple):
    """Say where a database is, and how many connections there may be."""

    host: str = ""
    port: int = 0
    database: str = ""
    username: str = ""
    password: str = ""
    options: tuple[tuple[str, str], ...] = ()
    file: str = ""
    pool: PoolSettings = PoolSettings()

    def same_place(self, other: Settings) -> bool:
        """Tell whether connections of the other settings still serve."""
        return self._replace(pool=other.pool) == other


def read_settings(
    kind: str, data: Any, lookup: Callable[[str], str | None]
) -> Settings:
    """Read the data of an entry.

    Args:
      kind: Of the entry.
      data: With the placeholders filled in.
      lookup: Finds an environment variable, for the fields that end in ``_env``.

    Raises:
      InvalidError: The text names the field.
    """
    if not isinstance(data, dict):
        raise InvalidError("configuration data is required")
    pool = _pool(data.get("pool"))
    if kind == "db.sql.sqlite":
        file = data.get("file")
        if not isinstance(file, str) or not file:
            raise InvalidError("file path is required")
        _options(data)
        return Settings(file=file, pool=PoolSettings(1, 1, pool.max_lifetime))

    def text(field: str) -> str:
        value = _with_env(data, field, lookup)
        if value is None or value == "":
            raise InvalidError(f"{field} is required")
        if isinstance(value, (dict, list, bool)):
            raise InvalidError(f"{field}: wanted a text, got {value!r}")
        return str(value)

    host = text("host")
    given = _with_env(data, "port", lookup)
    port = 0 if given is None else _integer(given, "port")
    if not 0 < port < 65536:
        raise InvalidError("port must be greater than 0 and less than 65536")
    return Settings(
        host=host,
        port=port,
        database=text("database"),
        username=text("username"),
        password=text("password"),
        options=_options(data),
        pool=pool,
    )


def _with_env(
    data: Mapping[str, Any], field: str, lookup: Callable[[str], str | None]
) -> Any:
    value = data.get(field)
    name = data.get(f"{field}_env")
    if value not in (None, "") or not name:
        return value
    if not isinstance(name, str):
        raise InvalidError(f"{field}_env: wanted the name of a variable, got {name!r}")
    found = lookup(name)
    if found is None:
        raise InvalidError(f"{field}_env: environment variable {name} has no value")
    return found


def _integer(value: Any, field: str) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    elif isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidError(f"{field}: wanted a whole number, got {value!r}")
    return value


def _pool(block: Any) -> PoolSettings:
    if block is None:
        return PoolSettings()
    if not isinstance(block, dict):
        raise InvalidError(f"pool: wanted a map, got {block!r}")
    most, idle = (
        _integer(block.get(name) or 0, f"pool.{name}")
        for name in ("max_open", "max_idle")
    )
    if most < 0:
        raise InvalidError("max open connections must be non-negative")
    lifetime = block.get("max_lifetime")
    if lifetime is None or lifetime == "":
        seconds = HOUR
    elif isinstance(lifetime, str):
        seconds = parse_seconds(lifetime)
    else:
        raise InvalidError(
            f"pool.max_lifetime: wanted a duration like 30m, got {lifetime!r}"
        )
    if seconds <= 0:
        raise InvalidError("max lifetime must be greater than 0")
    idle = max(idle, 0)
    return PoolSettings(most, min(idle, most) if most else idle, seconds)


def _options(data: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    options = data.get("options")
    if options is None:
        return ()
    if not isinstance(options, dict):
        raise InvalidError(f"options: wanted a map of texts, got {options!r}")
    found = []
    for name, value in options.items():
        if isinstance(value, (dict, list)) or value is None:
            raise InvalidError(f"options.{name}: wanted a text, got {value!r}")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        found.append((str(name), text))
    return tuple(sorted(found))
