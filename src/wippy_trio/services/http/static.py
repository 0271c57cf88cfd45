"""``http.static``: files of a file system below a prefix (modules-io 8.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from wippy_trio.errors import Error, InvalidError, NotFoundError
from wippy_trio.registry import complete_id
from wippy_trio.sdk import run_in_thread
from wippy_trio.sdk.volumes import resolve
from wippy_trio.services.http.files import send_file
from wippy_trio.services.http.site import answer_text, chained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Runtime
    from wippy_trio.sdk.volumes import FileInfo, Volume
    from wippy_trio.services.http.middleware import Middleware

__all__ = ["StaticMount"]

METHODS = b"GET, HEAD, OPTIONS"


class StaticMount:
    """Serve files below a prefix, or an index for what is no file (``spa``)."""

    def __init__(
        self, runtime: Runtime, entry: Entry, middlewares: Sequence[Middleware]
    ) -> None:
        """Read the entry.

        Raises:
          InvalidError: A field is missing or of the wrong type.
          NotFoundError: There is no such file system.
        """
        self.id = entry.id
        data = entry.data if isinstance(entry.data, dict) else {}
        fs = data.get("fs")
        if not isinstance(fs, str) or not fs:
            raise InvalidError("fs: wanted the id of a file system")
        self._fs = complete_id(fs, entry.ns)
        self._runtime = runtime
        runtime.resources.get(self._fs)
        options = {**_map(data, "options"), **_map(data, "static_options")}
        self._spa = _flag(options.get("spa", False))
        self._index = str(options.get("index") or "")
        self._cache = str(options.get("cache") or "").encode()
        if self._spa and not self._index:
            raise InvalidError("index file must be specified for SPA mode")
        self.handler = chained(middlewares, self._serve, self)
        self.options_handler = self.handler

    async def close(self) -> None:
        """Have nothing to close."""

    async def serve(self, exchange: Exchange, prefix: str, rest: str) -> None:
        """Serve a request below the prefix."""
        del prefix
        exchange.params = {"": unquote(rest)}
        await self.handler(exchange)

    async def _serve(self, exchange: Exchange) -> None:
        assert exchange.params is not None
        path = exchange.params[""]
        if exchange.method == "OPTIONS":
            exchange.set_status(204)
            exchange.set_field(b"allow", METHODS)
            return
        if exchange.method not in ("GET", "HEAD"):
            answer_text(exchange, 405, "Method Not Allowed")
            exchange.set_field(b"allow", METHODS)
            return
        if self._cache:
            exchange.set_field(b"cache-control", self._cache)
        volume: Volume = self._runtime.resources.get(self._fs)
        try:
            found = await run_in_thread(self._find, volume, path)
        except Error:
            if not self._spa:
                answer_text(exchange, 404, "404 page not found")
                return
            try:
                found = await run_in_thread(self._file, volume, self._index)
            except Error:
                answer_text(exchange, 404, "404 page not found")
                return
            exchange.set_field(b"content-type", b"text/html; charset=utf-8")
        if isinstance(found, str):
            query = exchange.scope.get("query_string", b"")
            exchange.status = 301
            location = exchange.scope["raw_path"] + b"/" + (query and b"?" + query)
            exchange.set_field(b"location", location)
            return
        place, info = found
        await send_file(exchange, volume, place, info)

    def _find(self, volume: Volume, path: str) -> tuple[str, FileInfo] | str:
        """Find the file of a path; a folder stands for its index file.

        Returns:
          A path and what is known of it; or a text if the path wants a slash.
        """
        place = resolve(".", path)
        info = volume.stat(place)
        if not info.is_dir:
            if path.endswith("/"):
                raise NotFoundError(f"{path} is a file")
            return place, info
        index = self._index if place == "." and self._index else "index.html"
        found = self._file(volume, index if place == "." else f"{place}/{index}")
        # Relative links on the index page need the slash.
        return found if path.endswith("/") or place == "." else "/"

    @staticmethod
    def _file(volume: Volume, path: str) -> tuple[str, FileInfo]:
        place = resolve(".", path)
        info = volume.stat(place)
        if info.is_dir:
            raise NotFoundError(f"{path} is a folder")
        return place, info


def _map(data: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = data.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidError(f"{field}: wanted a map, got {value!r}")
    return value


def _flag(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false", ""):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise InvalidError(f"spa: wanted true or false, got {value!r}")
    return value
