"""`websocket`: connections to WebSocket servers (modules-io 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.duration import parse_seconds
from wippy_trio.sdk import (
    InternalError,
    InvalidError,
    LuaModule,
    check_permission,
    current_process,
    method,
    runtime_of,
)

if TYPE_CHECKING:
    from wippy_trio.modules.websocket.connection import Connection, Dial

__all__ = ["MODULE"]

MODULE = LuaModule(
    "websocket",
    classes=("network", "io", "nondeterministic"),
    declares="""
    type Client = {
      send: (self: Client, data: string, kind: integer?) -> (boolean?, Error?),
      ping: (self: Client) -> (boolean?, Error?),
      channel: (self: Client) -> Channel<any>,
      receive: (self: Client) -> Channel<any>,
      close: (self: Client, code: integer?, reason: string?) -> (boolean?, Error?)
    }
    connect: (url: string, options: table?) -> (Client?, Error?)
    TEXT: integer
    BINARY: integer
    TYPE_TEXT: string
    TYPE_BINARY: string
    TYPE_PING: string
    TYPE_PONG: string
    TYPE_CLOSE: string
    COMPRESSION: {[string]: integer}
    CLOSE_CODES: {[string]: integer}
    """,
)
TEXT, BINARY = 1, 2
MODULE.constant("TEXT", TEXT)
MODULE.constant("BINARY", BINARY)
for _name in ("TEXT", "BINARY", "PING", "PONG", "CLOSE"):
    MODULE.constant(f"TYPE_{_name}", _name.lower())
_MODES = {"DISABLED": 0, "CONTEXT_TAKEOVER": 1, "NO_CONTEXT": 2}
for _name, _value in _MODES.items():
    MODULE.table("COMPRESSION").constant(_name, _value)
_CODES = (
    "NORMAL GOING_AWAY PROTOCOL_ERROR UNSUPPORTED_DATA RESERVED NO_STATUS"
    " ABNORMAL_CLOSURE INVALID_PAYLOAD POLICY_VIOLATION MESSAGE_TOO_BIG"
    " MANDATORY_EXTENSION INTERNAL_ERROR SERVICE_RESTART TRY_AGAIN_LATER BAD_GATEWAY"
    " TLS_HANDSHAKE"
)
for _value, _name in enumerate(_CODES.split(), 1000):
    MODULE.table("CLOSE_CODES").constant(_name, _value)

MEBIBYTE = 1 << 20
DEFAULT_LIMIT, MOST_LIMIT = 16 * MEBIBYTE, 128 * MEBIBYTE
DEFAULT_CAPACITY, MOST_CAPACITY = 32, 10_000
LEAST_CODE, MOST_CODE = 1000, 4999
_COMPRESSION = {
    0: 0,
    1: 1,
    2: 2,
    "disabled": 0,
    "context_takeover": 1,
    "no_context_takeover": 2,
}


class _MisuseError(InvalidError):
    """A mistake of the program, raised in Lua."""


def _seconds(value: Any) -> float | None:
    """Read milliseconds or a duration; what cannot be read is ignored."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value / 1000 if value > 0 else None
    if isinstance(value, str):
        try:
            seconds = parse_seconds(value)
        except InvalidError:
            return None
        return seconds if seconds > 0 else None
    return None


def _whole(value: Any, default: int, least: int, most: int) -> int:
    """Read a whole number; one out of range is ignored."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    return int(value) if least <= value <= most else default


def read_dial(url: str, options: Any) -> Dial:
    """Read the options of `connect`.

    Raises:
      InvalidError: They are no table.
    """
    from wippy_trio.modules.websocket.connection import Dial  # noqa: PLC0415 - start-up cost

    if options is None or options == []:
        options = {}
    if not isinstance(options, dict):
        raise InvalidError("options must be a table", retryable=False)
    headers, protocols = options.get("headers"), options.get("protocols")
    limit = _whole(options.get("read_limit"), DEFAULT_LIMIT, 0, MOST_LIMIT)
    mode = options.get("compression")
    return Dial(
        url,
        {
            key: value
            for key, value in (headers if isinstance(headers, dict) else {}).items()
            if isinstance(key, str) and isinstance(value, str)
        },
        [
            text
            for text in (protocols if isinstance(protocols, list) else [])
            if isinstance(text, str)
        ],
        _seconds(options.get("dial_timeout")),
        _seconds(options.get("read_timeout")),
        _seconds(options.get("write_timeout")),
        _COMPRESSION.get(mode, 0) if isinstance(mode, (int, str)) else 0,
        limit or DEFAULT_LIMIT,
        _whole(options.get("channel_capacity"), DEFAULT_CAPACITY, 1, MOST_CAPACITY),
    )


@MODULE.handle
class Client:
    """A connection as a program holds it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __str__(self) -> str:
        state = "closed" if self._connection.closed else "open"
        return f"websocket.Client{{{state}}}"

    async def send(self, data: bytes, kind: int | None) -> bool:
        """Send one message, text or binary."""
        if kind not in (None, TEXT, BINARY):
            raise InvalidError(
                f"type: wanted websocket.TEXT or BINARY, got {kind}", retryable=False
            )
        await self._connection.send(data, text=kind != BINARY)
        return True

    async def ping(self) -> bool:
        """Send a ping and wait for the pong."""
        await self._connection.ping()
        return True

    @method(pair=False)
    def channel(self) -> Any:
        """Give the channel of messages, always the same."""
        return self._connection.messages

    @method(pair=False)
    def receive(self) -> Any:
        """Give the same channel, by its other name."""
        return self._connection.messages

    async def close(self, code: int | None, reason: str | None) -> bool:
        """Close the connection with a code."""
        if code is None or not LEAST_CODE <= code <= MOST_CODE:
            code = LEAST_CODE
        await self._connection.close(code, reason or "")
        return True


@MODULE.export(raises=_MisuseError)
async def connect(url: str, options: Any) -> Any:
    """Connect to a server."""
    if not url:
        raise _MisuseError("url is required")
    check_permission("websocket.connect", "", "not allowed to connect websockets")
    check_permission("websocket.connect.url", url, f"not allowed to connect: {url}")
    from wippy_trio.modules.websocket.connection import (  # noqa: PLC0415 - start-up cost
        connect as dial,
    )

    connection = await dial(read_dial(url, options))
    process = current_process()
    runtime = runtime_of(process)
    if not process.alive:
        await connection.abort()
        raise InternalError("the process has ended", retryable=False)
    # Its task is the runtime's, so that it can say goodbye when the process has ended.
    scope = runtime.nursery
    withdraw = process.on_end(lambda: scope.start_soon(connection.leave))

    async def run() -> None:
        await connection.run()
        withdraw()

    process.start_soon(run)
    return Client(connection)
