"""A version of a module, opened to look inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.modules._arguments import named
from wippy_trio.modules.hub.asking import options_of
from wippy_trio.sdk import InvalidError, NotFoundError, method
from wippy_trio.sdk.module import handle_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.registry import Entry

__all__ = ["Package"]


class Package:
    """A module that this application has in a folder."""

    lua_name = "hub.Package"

    def __init__(
        self, name: str, version: str, digest: str, entries: Mapping[str, Entry]
    ) -> None:
        self._name = name
        self._version = version
        self._digest = digest
        self._entries = entries
        self._closed = False

    def __str__(self) -> str:
        state = "closed" if self._closed else f"{self._name}@{self._version}"
        return f"hub.Package{{{state}}}"

    def _open(self) -> None:
        if self._closed:
            raise InvalidError("package is closed", retryable=False)

    @method(pair=False)
    def version(self) -> str:
        """Tell its version."""
        return self._version

    @method(pair=False)
    def digest(self) -> str:
        """Tell its hash, if the lock has it."""
        return self._digest

    @method(pair=False)
    def packed(self) -> bool:
        """Tell whether it is a pack; a folder is none."""
        return False

    def metadata(self) -> dict[str, Any]:
        """Tell what is known of it."""
        self._open()
        return {
            "name": self._name,
            "version": self._version,
            "entries": len(self._entries),
        }

    def entries(self, options: Any) -> list[dict[str, Any]]:
        """List its entries, those of one kind if that is wanted."""
        self._open()
        wanted = options_of(options)
        kind, with_data = wanted.get("kind"), wanted.get("include_data", True)
        if not isinstance(with_data, bool):
            raise InvalidError(
                f"include_data: wanted true or false, got {named(with_data)}",
                retryable=False,
            )
        return [
            {"id": entry.id, "kind": entry.kind, "meta": dict(entry.meta)}
            | ({"data": entry.data} if with_data and entry.data is not None else {})
            for entry in self._entries.values()
            if kind in (None, "", entry.kind)
        ]

    def resources(self) -> list[str]:
        """List the file systems that a pack carries; a folder has none."""
        self._open()
        return []

    def fs(self, resource: str) -> Any:
        """Open one of them."""
        self._open()
        raise NotFoundError(f"resource {resource} not found", retryable=False)

    @method(pair=False)
    def close(self) -> bool:
        """Let go of it; nothing happens the second time."""
        self._closed = True
        return True


handle_class(Package, Package.lua_name)
