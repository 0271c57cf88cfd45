"""Lists of origins, as ``cors`` and the relays take them; pure."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["OriginList"]


class OriginList:
    """Decide about origins: exact ones, ``*``, ``*.example.org``, ``localhost``.

    An entry without a scheme stands for any, ``localhost`` also for any port.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        lowered = [pattern.lower() for pattern in patterns]
        self._any = "*" in lowered
        self._exact = frozenset(lowered)
        self._suffixes = tuple(_suffix(text) for text in lowered if "*." in text)
        self._localhost = "localhost" in self._exact

    def __contains__(self, origin: str) -> bool:
        if self._any:
            return True
        origin = origin.lower()
        if origin in self._exact:
            return True
        try:
            parts = urlsplit(origin)
            host, scheme, port = parts.hostname or "", parts.scheme, parts.port
        except ValueError:
            return False
        if host in self._exact or (port and f"{host}:{port}" in self._exact):
            return True
        if self._localhost and host in ("localhost", "127.0.0.1", "::1"):
            return True
        return any(
            host.endswith(suffix) and (not wanted or wanted == scheme)
            for wanted, suffix in self._suffixes
        )


def _suffix(pattern: str) -> tuple[str, str]:
    scheme, separator, rest = pattern.partition("://")
    if not separator:
        scheme, rest = "", pattern
    return scheme, rest.removeprefix("*")
