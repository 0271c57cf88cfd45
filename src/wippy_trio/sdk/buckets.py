"""What a bucket of objects promises, whoever keeps it (modules-io 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

__all__ = ["Bucket"]


@runtime_checkable
class Bucket(Protocol):
    """Objects by key. Options have the names that programs use."""

    async def upload(
        self,
        key: str,
        read: Callable[[int], Awaitable[bytes]],
        options: Mapping[str, Any],
    ) -> None:
        """Keep an object; ``read`` gives up to so many bytes, none at the end."""
        ...

    async def download(
        self,
        key: str,
        write: Callable[[bytes], Awaitable[None]],
        options: Mapping[str, Any],
    ) -> None:
        """Give an object piece by piece."""
        ...

    async def head(self, key: str) -> dict[str, Any]:
        """Tell about an object."""
        ...

    async def list(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give a page of objects."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are missing are no error."""
        ...

    async def presign(
        self, operation: str, key: str, options: Mapping[str, Any]
    ) -> str:
        """Make a URL that lets its holder ``get`` or ``put`` an object."""
        ...
