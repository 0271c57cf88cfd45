"""The event bus: systems, kinds and paths, fire and forget (core section 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.errors import RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Bus", "matches"]

MOST_SUBSCRIBERS = 4096
"""More fail (core EV-11)."""


def matches(pattern: str | None, text: str) -> bool:
    """Match exactly, everything by ``*``, a prefix by a trailing ``*`` (core EV-5)."""
    if not pattern or pattern == "*":
        return True
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return pattern == text


class Bus:
    """Give each event to every subscriber that matches, in order of subscription.

    A subscriber is a plain function; it must not block and must not raise.
    """

    __slots__ = ("_last", "_subscribers")

    def __init__(self) -> None:
        self._last = 0
        self._subscribers: dict[
            int, tuple[str, str | None, Callable[[Mapping[str, Any]], None]]
        ] = {}

    def publish(self, system: str, kind: str, path: str, data: Any = None) -> None:
        """Give an event away; nobody tells whether anybody listened (core EV-10)."""
        event: dict[str, Any] = {"system": system, "kind": kind, "path": path}
        if data is not None:
            event["data"] = data
        for wanted, wanted_kind, receive in list(self._subscribers.values()):
            if matches(wanted, system) and matches(wanted_kind, kind):
                receive(event)

    def subscribe(
        self,
        system: str,
        kind: str | None,
        receive: Callable[[Mapping[str, Any]], None],
    ) -> Callable[[], None]:
        """Have matching events given to a function.

        Returns:
          A function that ends the subscription; calling it twice is harmless.

        Raises:
          RateLimitedError: There are too many subscribers (core EV-11).
        """
        if len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise RateLimitedError(f"event bus: {MOST_SUBSCRIBERS} subscribers already")
        self._last += 1
        key = self._last
        self._subscribers[key] = (system, kind, receive)

        def unsubscribe() -> None:
            self._subscribers.pop(key, None)

        return unsubscribe

    def __len__(self) -> int:
        return len(self._subscribers)
