"""The one way out: whatever ends a process becomes one `Exit`.

This is one of the three places that catch broadly: a process may end by a value, an
error of ours, any exception of a Python body, an exception group of several, a
cancellation from outside. Watchers and supervisors read the result and nothing else.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import attrs
import trio

from wippy_trio.errors import CanceledError, Error, InternalError
from wippy_trio.kernel.events import Parcel
from wippy_trio.logs import get_logger

if TYPE_CHECKING:
    from wippy_trio.kernel.pid import Pid

__all__ = ["Exit", "Reason", "exit_of_exception"]

log = get_logger(__name__)

Reason = str
NORMAL, FAILED, TERMINATED, LINKED, SHUTDOWN = (
    "normal",
    "failed",
    "terminated",
    "linked",
    "shutdown",
)


@attrs.frozen(slots=True)
class Exit:
    """Say how a process ended: a value, or an error, never both.

    ``reason`` is ``normal``, ``failed`` (an error, returned or raised), ``terminated``,
    ``linked`` (a linked process failed) or ``shutdown`` (its host or the runtime
    stopped, or the scope around it was cancelled).
    """

    pid: Pid
    reason: Reason
    _value: Any = None
    error: Error | None = None

    @property
    def value(self) -> Any:
        """The result, as a Python value; ``None`` for a failure."""
        if isinstance(self._value, Parcel):
            values = self._value.open()
            return values[0] if values else None
        return self._value

    @property
    def carried(self) -> Any:
        """The result as it was handed in: a Python value, or a parcel of an engine."""
        return self._value

    @property
    def ok(self) -> bool:
        """Whether it ended normally (core P-23)."""
        return self.error is None

    def unwrap(self) -> Any:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value

    @staticmethod
    def normal(pid: Pid, value: Any = None) -> Exit:
        """Build the exit of a process whose main function returned."""
        return Exit(pid, NORMAL, value)

    @staticmethod
    def failed(pid: Pid, error: Error) -> Exit:
        """Build the exit of a process that failed."""
        return Exit(pid, FAILED, None, error)

    @staticmethod
    def terminated(pid: Pid) -> Exit:
        """Build the exit of a process that was terminated (core P-43)."""
        return Exit(pid, TERMINATED, None, InternalError("process terminated"))

    @staticmethod
    def linked(pid: Pid) -> Exit:
        """Build the exit of a process whose linked partner failed (core L-17)."""
        return Exit(pid, LINKED, None, InternalError("linked process failed"))

    @staticmethod
    def shutdown(pid: Pid) -> Exit:
        """Build the exit of a process that outlived its host's patience (core P-62)."""
        return Exit(pid, SHUTDOWN, None, CanceledError("context canceled"))


def exit_of_exception(pid: Pid, error: BaseException) -> Exit:
    """Reduce what left a Python body to one exit.

    A group is reduced to its first exception that is not a cancellation. An exception
    that is not of ours becomes `InternalError`; its traceback goes to the log.
    """
    found = _first(error)
    if found is None:
        return Exit.shutdown(pid)
    if isinstance(found, Error):
        return Exit.failed(pid, found.crossed())
    log.error(
        "process.raised",
        pid=str(pid),
        error=repr(found),
        traceback="".join(traceback.format_exception(found)),
    )
    wrapped = InternalError(f"{type(found).__name__}: {found}")
    wrapped.__cause__ = found
    return Exit.failed(pid, wrapped)


def _first(error: BaseException) -> BaseException | None:
    if isinstance(error, trio.Cancelled):
        return None
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            found = _first(inner)
            if found is not None:
                return found
        return None
    return error
