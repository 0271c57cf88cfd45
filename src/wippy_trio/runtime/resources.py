"""Objects that entries stand for, by entry id."""

from __future__ import annotations

from typing import Any

from wippy_trio.errors import AlreadyExistsError, NotFoundError
from wippy_trio.logs import get_logger

__all__ = ["ResourceTable"]

log = get_logger(__name__)


class ResourceTable:
    """Hold what handlers made of entries: databases, stores, file systems ..."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[str, Any] = {}

    def get(self, id: str) -> Any:  # noqa: A002 - its name
        """Find one.

        Raises:
          NotFoundError: No entry of that id stands for anything.
        """
        try:
            return self._by_id[id]
        except KeyError:
            raise NotFoundError(
                f"resource {id}: wanted a running entry, found none"
            ) from None

    def put(self, id: str, value: Any) -> None:  # noqa: A002
        """Make one known.

        Raises:
          AlreadyExistsError: The id stands for something already.
        """
        if id in self._by_id:
            raise AlreadyExistsError(f"resource {id} exists already")
        self._by_id[id] = value

    def remove(self, id: str) -> None:  # noqa: A002
        """Make one unknown, whether it was known or not."""
        self._by_id.pop(id, None)

    def values(self) -> list[Any]:
        """List all objects."""
        return list(self._by_id.values())

    async def close(self) -> None:
        """Close what is still there, the last one first.

        A resource says by a method how it is closed: ``aclose`` that is a coroutine
        function, or a plain ``close``. One that fails does not keep the others.
        """
        while self._by_id:
            id_, resource = self._by_id.popitem()
            try:
                if hasattr(resource, "aclose"):
                    await resource.aclose()
                elif hasattr(resource, "close"):
                    resource.close()
            except Exception as error:  # noqa: BLE001 - the rest must be closed too
                log.error("resource.close_failed", entry=id_, error=repr(error))  # noqa: TRY400
