"""``http.static``: files of a file system below a prefix (modules-io 8.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Runtime
    from wippy_trio.services.http.middleware import Middleware

__all__ = ["StaticMount"]


class StaticMount:
    """Serve files."""

    def __init__(
        self, runtime: Runtime, entry: Entry, middlewares: Sequence[Middleware]
    ) -> None:
        raise UnavailableError("http.static is not available in this version")
