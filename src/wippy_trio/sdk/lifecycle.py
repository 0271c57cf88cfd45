"""The ``lifecycle`` block of an entry (apps 4.1)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from wippy_trio.duration import parse_seconds
from wippy_trio.errors import InvalidError
from wippy_trio.kernel import RestartPolicy
from wippy_trio.registry import complete_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.registry import Entry

__all__ = ["Identity", "Lifecycle", "read_identity", "read_lifecycle"]


@attrs.frozen(slots=True)
class Identity:
    """Name an actor and the policies of its scope, as configured."""

    actor: str = ""
    meta: Mapping[str, Any] = attrs.Factory(dict)
    policies: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@attrs.frozen(slots=True)
class Lifecycle:
    """Say how the supervisor treats one service; times in seconds."""

    auto_start: bool = False
    optional: bool = False
    start_timeout: float = 10.0
    stop_timeout: float = 10.0
    restart: RestartPolicy = attrs.Factory(RestartPolicy)
    identity: Identity | None = None


def read_lifecycle(entry: Entry) -> Lifecycle:
    """Read the block of an entry; a missing one has all defaults.

    Raises:
      InvalidError: A value has the wrong type or range; the text names field and value.
    """
    data = entry.data if isinstance(entry.data, dict) else {}
    block = data.get("lifecycle")
    if block is None:
        return Lifecycle()
    where = f"entry {entry.id}: lifecycle"
    if not isinstance(block, dict):
        raise InvalidError(f"{where}: wanted a map, got {block!r}")
    restart = block.get("restart")
    if restart is None:
        restart = {}
    if not isinstance(restart, dict):
        raise InvalidError(f"{where}.restart: wanted a map, got {restart!r}")
    startup = block.get("startup", "required")
    if startup not in ("required", "optional"):
        raise InvalidError(
            f"{where}.startup: wanted required or optional, got {startup!r}"
        )
    return Lifecycle(
        auto_start=_flag(block, "auto_start", where),
        optional=startup == "optional",
        start_timeout=_seconds(block, "start_timeout", 10.0, where),
        stop_timeout=_seconds(block, "stop_timeout", 10.0, where),
        restart=RestartPolicy(
            initial_delay=_seconds(restart, "initial_delay", 1.0, where),
            max_delay=_seconds(restart, "max_delay", 90.0, where),
            factor=_number(restart, "backoff_factor", 2.0, where),
            jitter=_number(restart, "jitter", 0.1, where),
            max_attempts=int(_number(restart, "max_attempts", 0, where)),
            stable_threshold=_seconds(block, "stable_threshold", 5.0, where),
        ),
        identity=read_identity(block.get("security"), entry),
    )


def read_identity(block: Any, entry: Entry) -> Identity | None:
    """Read a ``security`` block: actor, policies, groups (apps 8.6).

    Anything that is not such a block (some functions carry a list of another shape,
    apps 1.5.6) says nothing.
    """
    if not isinstance(block, dict):
        return None
    actor = block.get("actor")
    actor = actor if isinstance(actor, dict) else {}
    meta = actor.get("meta")
    return Identity(
        actor=str(actor.get("id", "")),
        meta=meta if isinstance(meta, dict) else {},
        policies=_ids(block.get("policies"), entry),
        groups=_ids(block.get("groups"), entry),
    )


def _ids(value: Any, entry: Entry) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(complete_id(str(item), entry.ns) for item in items)


def _flag(block: Mapping[str, Any], key: str, where: str) -> bool:
    value = block.get(key, False)
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise InvalidError(f"{where}.{key}: wanted true or false, got {value!r}")
    return value


def _seconds(block: Mapping[str, Any], key: str, default: float, where: str) -> float:
    value = block.get(key)
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise InvalidError(f"{where}.{key}: wanted a duration like 5s, got {value!r}")
    try:
        seconds = parse_seconds(value)
    except InvalidError as error:
        raise InvalidError(f"{where}.{key}: {error}") from error
    if seconds < 0:
        raise InvalidError(f"{where}.{key}: wanted 0 or more, got {value!r}")
    return seconds


def _number(block: Mapping[str, Any], key: str, default: float, where: str) -> float:
    value = block.get(key)
    if value is None:
        return default
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidError(f"{where}.{key}: wanted a number, got {block[key]!r}")
    if not math.isfinite(value):
        raise InvalidError(f"{where}.{key}: wanted a finite number, got {value!r}")
    if value < 0:
        raise InvalidError(f"{where}.{key}: wanted 0 or more, got {value!r}")
    return value
