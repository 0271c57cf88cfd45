"""What a process is born with and cannot change: values, an actor, a scope."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EMPTY_CONTEXT", "Context"]


@attrs.frozen(slots=True, eq=False)
class Context:
    """Carry context values and identity; children inherit a snapshot (core S-20).

    ``actor`` and ``scope`` are opaque here; the security room knows what they are.
    ``network`` is the id of the network through which connections are made: an empty
    text for none, ``None`` if nobody has chosen. ``trace`` is what a tracer knows of
    the work that this is part of.
    """

    values: Mapping[str, Any] = MappingProxyType({})
    actor: Any = None
    scope: Any = None
    network: str | None = None
    trace: Any = None

    def with_values(self, values: Mapping[str, Any]) -> Context:
        """Return a context where ``values`` override those of the same key."""
        return attrs.evolve(self, values=MappingProxyType({**self.values, **values}))


EMPTY_CONTEXT = Context()
