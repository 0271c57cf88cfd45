"""The middlewares: each goes around a handler, before the route or after it.

A middleware is one file: a class with the ``name`` that entries list, the ``place``
where it may stand, and `around`, which gives the handler that goes around another.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from wippy_trio.duration import parse_seconds
from wippy_trio.errors import InvalidError
from wippy_trio.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["NAMES", "Middleware", "Options", "make_middlewares"]

log = get_logger("http")

_HOMES = {
    "compress": "compress:Compress",
    "cors": "cors:Cors",
    "endpoint_firewall": "firewall:EndpointFirewall",
    "metrics": "metrics:RequestMetrics",
    "otel": "otel:Otel",
    "ratelimit": "ratelimit:RateLimit",
    "real_ip": "real_ip:RealIp",
    "resource_firewall": "firewall:ResourceFirewall",
    "sendfile": "sendfile:SendFile",
    "sse_relay": "relays:SseRelayStart",
    "token_auth": "token_auth:TokenAuth",
    "websocket_relay": "relays:WebSocketRelayStart",
}
NAMES = tuple(sorted(_HOMES))


class Options:
    """Read the options of one list of middlewares; all values are texts.

    A dotted name may also be written with underscores, as older applications do.
    """

    def __init__(self, values: Mapping[str, Any], where: str, namespace: str) -> None:
        self._values = {str(k): _text(v) for k, v in values.items()}
        self.where = where
        self.namespace = namespace

    def text(self, name: str, default: str = "", *legacy: str) -> str:
        """Give an option's text."""
        for key in (name, name.replace(".", "_"), *legacy):
            value = self._values.get(key)
            if value is not None and value != "":
                return value
        return default

    def texts(self, name: str, default: str, *legacy: str) -> tuple[str, ...]:
        """Give a list that is written with commas."""
        text = self.text(name, default, *legacy)
        return tuple(item.strip() for item in text.split(",") if item.strip())

    def flag(self, name: str, *legacy: str) -> bool:
        """Give a yes or no."""
        text = self.text(name, "false", *legacy).lower()
        if text not in ("true", "false", "1", "0", "yes", "no"):
            raise InvalidError(f"{self.where}: {name}: wanted true or false: {text!r}")
        return text in ("true", "1", "yes")

    def count(self, name: str, default: int) -> int:
        """Give a whole number above 0."""
        text = self.text(name, str(default))
        if not text.isdigit() or int(text) < 1:
            raise InvalidError(
                f"{self.where}: {name}: wanted a number above 0, got {text!r}"
            )
        return int(text)

    def seconds(self, name: str, default: str) -> float:
        """Give a duration."""
        return parse_seconds(self.text(name, default))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return "" if value is None else str(value)


class Middleware:
    """Go around handlers.

    Class attributes:
      name: What entries list.
      place: ``before`` the route is known, ``after`` it, or ``any``. One that is
        listed in the other place stands in its own all the same, with a warning.
    """

    name: ClassVar[str] = ""
    place: ClassVar[str] = "any"

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        self.stands = place
        self.runtime = runtime
        self.options = options

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Give the handler that goes around another."""
        raise NotImplementedError


def make_middlewares(
    runtime: Runtime,
    names: Sequence[str],
    options: Mapping[str, Any],
    *,
    where: str,
    namespace: str,
    place: str,
) -> list[Middleware]:
    """Make the middlewares of one list; each tells where it ``stands``.

    Raises:
      InvalidError: There is none of a name, it may not stand here, or an option is bad.
    """
    read = Options(options, where, namespace)
    made = []
    for name in names:
        home = _HOMES.get(name)
        if home is None:
            raise InvalidError(
                f"{where}: unknown middleware {name!r}; there are {', '.join(NAMES)}"
            )
        module, _, attribute = home.partition(":")
        cls = getattr(import_module(f"{__name__}.{module}"), attribute)
        stands = place if cls.place == "any" else cls.place
        if stands != place:
            log.warning(
                "middleware stands elsewhere", name=name, entry=where, stands=stands
            )
        made.append(cls(runtime, read, stands))
    return made
