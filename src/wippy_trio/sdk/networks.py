"""Networks that lie over the usual one, and which one a process has chosen.

A program chooses a network for a request, a call or a process; the choice is part of
the process's context, so that what it calls and spawns inherits it (modules-io 17).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from wippy_trio.errors import InternalError, NotFoundError
from wippy_trio.lua.functions import current_process
from wippy_trio.sdk.runtime import runtime_of

if TYPE_CHECKING:
    import trio

__all__ = ["Network", "find_network", "selected"]


@runtime_checkable
class Network(Protocol):
    """A way to reach hosts."""

    id: str

    @property
    def identity(self) -> Any:
        """What makes connections interchangeable; a changed network has another."""
        ...

    async def open_stream(self, host: str, port: int) -> trio.SocketStream:
        """Connect to a host, which the network resolves.

        Raises:
          UnavailableError: It cannot be reached.
        """
        ...


def selected(choice: str | None) -> str:
    """Tell which network the running process uses; an empty text is none.

    Args:
      choice: Made for this one thing; ``None`` leaves it to the process, and that to
        the application's ``network_service.default_network``.
    """
    process = current_process()
    if choice is None:
        choice = process.context.network
    if choice is None:
        choice = runtime_of(process).config.text("network_service.default_network")
    return choice or ""


def find_network(choice: str | None) -> Network | None:
    """Find the network that the running process uses, if it uses one.

    Raises:
      InternalError: There is none of that id (modules-io 17).
    """
    id_ = selected(choice)
    if not id_:
        return None
    try:
        found = runtime_of(current_process()).resources.get(id_)
    except NotFoundError as error:
        raise InternalError(
            f"network {id_}: there is none of that id", retryable=False
        ) from error
    if not isinstance(found, Network):
        raise InternalError(
            f"network {id_}: wanted a network, found another kind", retryable=False
        )
    return found
