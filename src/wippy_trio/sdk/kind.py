"""The contract of an entry kind: who turns an entry into something that runs.

A handler is asked for every entry of its kinds that is created, updated or deleted, one
registry transaction at a time. It answers by returning, or by raising: `NotFoundError`
means "not yet", the operation is tried again after the others (apps 3.3); any other
error rejects the whole transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.errors import Error
    from wippy_trio.registry import Entry
    from wippy_trio.sdk.runtime import Runtime

__all__ = ["EntryKind", "Service", "ServiceReport"]


class EntryKind:
    """Handle the entries of some kinds. Subclass it; one instance serves a runtime.

    Class attributes:
      kinds: The kinds it handles, exact names.
    """

    kinds: ClassVar[tuple[str, ...]] = ()

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def create(self, entry: Entry) -> None:
        """Accept a new entry, or raise."""
        raise NotImplementedError

    async def update(self, old: Entry, new: Entry) -> None:
        """Accept a changed entry; by default deleted and created again."""
        await self.delete(old)
        await self.create(new)

    async def delete(self, entry: Entry) -> None:
        """Forget an entry."""
        raise NotImplementedError


@attrs.frozen(slots=True)
class ServiceReport:
    """Tell the supervisor something about a running service.

    ``status`` is ``running`` with a detail text, ``exited`` (a normal, final end) or
    ``failed`` with the error.
    """

    status: str
    details: str = ""
    error: Error | None = None


class Service(Protocol):
    """What the supervisor keeps alive (apps section 4)."""

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        """Start; return when it runs. May go on reporting until it is stopped.

        Returns:
          A detail text for the log, or an empty one.

        Raises:
          Error: It could not start; retryable or not decides what follows.
        """
        ...

    async def stop(self) -> None:
        """Stop in good order; the supervisor cancels it after the stop timeout."""
        ...
