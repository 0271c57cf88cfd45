"""What a handler asks a relay for, and what a process tells it later; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from wippy_trio.duration import parse_seconds
from wippy_trio.errors import InvalidError
from wippy_trio.kernel import Pid
from wippy_trio.modules.http.headers import first_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.modules.http.headers import Headers
    from wippy_trio.services.http.origins import OriginList

__all__ = ["Command", "changed", "may_connect", "read_command"]


@attrs.frozen(slots=True)
class Command:
    """Say whom a connection talks to, and how.

    Attributes:
      target: To whom the client's messages go; nobody if it is detached.
      topic: Of those messages; for events, what is passed on to the client.
      heartbeat: Seconds between two heartbeats, 0 for none.
      idle: Seconds without an event after which the stream ends, 0 for never.
      hard: Seconds after which it ends anyway, 0 for never.
      metadata: What join, heartbeat and leave carry.
    """

    target: Pid | None
    topic: str
    heartbeat: float = 30.0
    idle: float = 0.0
    hard: float = 0.0
    metadata: Any = None


def read_command(text: bytes, topic: str, *, detached: bool) -> Command:
    """Read the JSON of a relay header.

    Args:
      text: The header.
      topic: The message topic if the command names none.
      detached: Whether it may name no target.

    Raises:
      ValueError: It is no JSON object.
      InvalidError: A field is wrong; the text names it.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("no object")  # noqa: TRY004 - as for text that is no JSON
    start = Command(None, topic, metadata=data.get("metadata"))
    found = changed(start, data)
    if found.target is None and not detached:
        raise InvalidError("target_pid is required")
    return found


def changed(command: Command, data: Mapping[str, Any]) -> Command:
    """Apply the fields that a command or control message has.

    Raises:
      InvalidError: A field is wrong.
    """
    changes: dict[str, Any] = {}
    if "target_pid" in data and data["target_pid"] is not None:
        text = str(data["target_pid"])
        changes["target"] = Pid.parse(text) if text else None
    if data.get("message_topic"):
        topic = data["message_topic"]
        if not isinstance(topic, str) or topic.startswith("@"):
            raise InvalidError(f"message_topic: wanted a topic, got {topic!r}")
        changes["topic"] = topic
    for field, name in (
        ("heartbeat_interval", "heartbeat"),
        ("idle_timeout", "idle"),
        ("hard_timeout", "hard"),
    ):
        if data.get(field) is not None:
            changes[name] = _seconds(field, data[field])
    if "metadata" in data:
        changes["metadata"] = data["metadata"]
    return attrs.evolve(command, **changes)


def _seconds(field: str, value: Any) -> float:
    """Read a duration: its text, or milliseconds."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InvalidError(f"{field}: wanted a duration, got {value!r}")
    seconds = parse_seconds(value) if isinstance(value, str) else value / 1000
    if seconds < 0:
        raise InvalidError(f"{field}: wanted 0 or more, got {value!r}")
    return float(seconds)


def may_connect(headers: Headers, allowed: OriginList | None) -> bool:
    """Tell whether a page of its origin may connect: its own site's, or a listed one.

    Who sends no origin is no browser, and browsers are what this protects.
    """
    origin = first_of(headers, b"origin")
    if origin is None:
        return True
    text = origin.decode("latin-1")
    if allowed is not None:
        return text in allowed
    host = (first_of(headers, b"host") or b"").decode("latin-1").lower()
    try:
        return bool(host) and urlsplit(text.lower()).netloc == host
    except ValueError:
        return False
