"""What reaches a process: messages, exits of the watched, broken links, cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

if TYPE_CHECKING:
    from wippy_trio.kernel.exit import Exit
    from wippy_trio.kernel.pid import Pid

__all__ = ["Cancel", "Event", "ExitEvent", "LinkDown", "Message", "Parcel"]


@runtime_checkable
class Parcel(Protocol):
    """Values on their way, still in the form of the engine that sent them."""

    def open(self) -> tuple[Any, ...]:
        """Return the values as Python values, a private copy."""
        ...


@attrs.frozen(slots=True)
class Message:
    """Carry values to a topic of a process; ``sender`` is ``None`` for the runtime."""

    topic: str
    sender: Pid | None
    values: tuple[Any, ...] | Parcel

    def open(self) -> tuple[Any, ...]:
        """Return the values as Python values."""
        return self.values if isinstance(self.values, tuple) else self.values.open()


@attrs.frozen(slots=True)
class ExitEvent:
    """Tell a monitor how the watched process ended (core EVT-2)."""

    exit: Exit
    at: int


@attrs.frozen(slots=True)
class LinkDown:
    """Tell a linked process that its partner ended abnormally (core EVT-3)."""

    exit: Exit
    at: int


@attrs.frozen(slots=True)
class Cancel:
    """Ask a process to finish (core P-50, P-53)."""

    sender: Pid
    reason: str
    at: int


Event = Message | ExitEvent | LinkDown | Cancel
