"""Objects that entries stand for, by entry id."""

from __future__ import annotations

from typing import Any

from wippy_trio.errors import AlreadyExistsError, NotFoundError

__all__ = ["ResourceTable"]


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
