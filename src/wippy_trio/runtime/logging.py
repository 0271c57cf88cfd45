"""The log: one line a record on standard error, for people, as JSON, or none."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from wippy_trio.logs import silence

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["configure_default_logging", "configure_logging", "listen"]

Listener = Callable[[str, str, str, dict[str, Any]], None]
"""Is given the level, the logger's name, the message and the fields of a record."""

FIRST = 100
"""So many equal messages a second are written, then every hundredth."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> Callable[[], None]:
    """Give every record that is written to a function too.

    Returns:
      A function that ends it.
    """
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def configure_logging(
    form: str, *, debug: bool = False, stacks: bool = False, stream: bool = False
) -> None:
    """Set where the log goes and what it looks like (apps 10.3).

    Args:
      form: ``lines`` (tabs, standard error), ``console`` (for people, standard output),
        ``json`` (standard output) or ``silent``.
      debug: Show debug records too.
      stacks: Show the traceback of an exception that a record carries.
      stream: Somebody listens to the records, also when none is written.
    """
    silent = form == "silent" and not stream
    silence(silent)
    if silent and "structlog" not in sys.modules:
        return  # nothing will be logged, so nothing is imported for it

    import structlog  # noqa: PLC0415 - start-up cost

    output = sys.stderr if form == "lines" else sys.stdout
    level = logging.DEBUG if debug else logging.INFO
    writers = {"lines": _line, "json": _json, "console": _console()}
    if silent:
        level = logging.CRITICAL
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            *([_traceback] if stacks else []),
            _told,
            *([_Sampler()] if form in ("lines", "json") else []),
            writers.get(form, _line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Writers(None if form == "silent" else output),
        cache_logger_on_first_use=False,
    )


def configure_default_logging() -> None:
    """Write lines, unless the program has configured structlog itself."""
    import structlog  # noqa: PLC0415 - start-up cost

    if not structlog.is_configured():
        configure_logging("lines")


class _Sampler:
    """Let a hundred equal messages a second through, then every hundredth (10.3.1)."""

    def __init__(self) -> None:
        self._second = 0
        self._seen: Counter[tuple[str, str]] = Counter()

    def __call__(
        self, _logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._seen.clear()
        key = (method, str(event.get("event")))
        self._seen[key] += 1
        seen = self._seen[key]
        if seen > FIRST and seen % FIRST:
            from structlog import DropEvent  # noqa: PLC0415 - start-up cost

            raise DropEvent
        return event


def _told(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if _listeners:
        fields = {
            k: v if isinstance(v, (bool, int, float, str)) else str(v)
            for k, v in event.items()
            if k not in ("event", "level") and v is not None
        }
        name = getattr(logger, "name", "")
        for listener in _listeners:
            level = {"warning": "warn", "exception": "error"}.get(method, method)
            listener(level, name, str(event.get("event", "")), fields)
    return event


def _traceback(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    error = event.get("exc_info")
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["stack"] = "".join(traceback.format_exception(error))
    return event


class _Writers:
    """Make loggers that know their name and write to one stream."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def __call__(self, *names: Any) -> _Writer:
        name = str(names[0]) if names else ""
        return _Writer(self._stream, "" if name.startswith("wippy_trio") else name)


class _Writer:
    def __init__(self, stream: TextIO | None, name: str) -> None:
        self.name = name
        self._stream = stream

    def msg(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(text + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = msg


def _parts(logger: Any, event: MutableMapping[str, Any]) -> tuple[str, str, str]:
    level = str(event.pop("level", "info")).upper()
    level = {"WARNING": "WARN", "EXCEPTION": "ERROR"}.get(level, level)
    return level, getattr(logger, "name", ""), str(event.pop("event", ""))


def _fields(event: MutableMapping[str, Any]) -> str:
    error = event.pop("exc_info", None)
    if error is not None and error is not True:
        event["error"] = repr(error)
    return json.dumps(dict(event), default=str, ensure_ascii=False) if event else ""


def _line(logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    level, name, text = _parts(logger, event)
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    return "\t".join(
        part for part in (stamp, level, name, text, _fields(event)) if part
    )


def _json(logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    level, name, text = _parts(logger, event)
    record: dict[str, Any] = {
        "level": level.lower(),
        "ts": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    if name:
        record["logger"] = name
    record["msg"] = text
    record.update(event)
    return json.dumps(record, default=str, ensure_ascii=False)


def _console() -> Any:
    start = time.monotonic()
    colours = {"DEBUG": "35", "INFO": "34", "WARN": "33", "ERROR": "31"}

    def console(logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
        level, name, text = _parts(logger, event)
        shown = f"{level:<5}"
        if sys.stdout.isatty():
            shown = f"\033[{colours.get(level, '0')}m{shown}\033[0m"
        elapsed = time.monotonic() - start
        return f"{elapsed:6.2f}s {shown} {name:<12} {text} {_fields(event)}".rstrip()

    return console
