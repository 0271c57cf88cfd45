"""`http`: the request and the response of an endpoint's call (modules-io 8.4).

The functions whose names begin with an underscore are for ``http.lua`` beside this
file, which makes the handles that programs hold.
"""

from __future__ import annotations

from importlib import resources
from typing import Any
from urllib.parse import parse_qsl

import trio

from wippy_trio.errors import Error, InternalError, InvalidError
from wippy_trio.modules._stream import Source, Stream
from wippy_trio.modules._stream_declarations import DECLARES
from wippy_trio.modules.http.constants import CONSTANTS
from wippy_trio.modules.http.exchange import SSE, Exchange
from wippy_trio.modules.http.multipart import Form, boundary_of, read_form
from wippy_trio.modules.json import codec
from wippy_trio.sdk import LuaModule, current_process

__all__ = ["MODULE", "current_exchange"]

MODULE = LuaModule(
    "http",
    classes=("io", "network"),
    declares=DECLARES
    + """
    type Request = {
      method: (self: Request) -> string,
      path: (self: Request) -> string,
      host: (self: Request) -> string,
      remote_addr: (self: Request) -> string,
      query: (self: Request, name: string) -> (string?, Error?),
      query_params: (self: Request) -> ({[string]: string}, Error?),
      header: (self: Request, name: string) -> (string?, Error?),
      content_type: (self: Request) -> (string?, Error?),
      content_length: (self: Request) -> integer,
      has_body: (self: Request) -> boolean,
      is_content_type: (self: Request, prefix: string) -> boolean,
      accepts: (self: Request, kind: string) -> boolean,
      param: (self: Request, name: string) -> (string?, Error?),
      params: (self: Request) -> ({[string]: string}?, Error?),
      body: (self: Request) -> (string?, Error?),
      body_json: (self: Request) -> (any, Error?),
      stream: (self: Request) -> (Stream?, Error?),
      parse_multipart: (self: Request, max_memory: number?) -> (table?, Error?)
    }
    type Response = {
      set_status: (self: Response, code: number) -> (nil, Error?),
      set_header: (self: Response, name: string, value: string) -> (nil, Error?),
      set_content_type: (self: Response, value: string) -> (nil, Error?),
      set_transfer: (self: Response, mode: string) -> (nil, Error?),
      write: (self: Response, data: string) -> (nil, Error?),
      write_json: (self: Response, value: any) -> (nil, Error?),
      write_event: (self: Response, event: {name: string, data: any}) -> (nil, Error?),
      flush: (self: Response) -> (nil, Error?)
    }
    request: (options: table?) -> (Request?, Error?)
    response: () -> (Response?, Error?)
    METHOD: {[string]: string}
    STATUS: {[string]: integer}
    CONTENT: {[string]: string}
    TRANSFER: {[string]: string}
    ERROR: {[string]: string}
    """,
    source=(resources.files(__name__) / "http.lua").read_bytes(),
)
for _name, _value in CONSTANTS.items():
    MODULE.constant(_name, _value)


def current_exchange() -> Exchange:
    """Find the exchange of the running call.

    Raises:
      InternalError: The call was not made for a request.
    """
    exchange = current_process().frame
    if not isinstance(exchange, Exchange):
        raise InternalError("no HTTP request in this call", retryable=False)
    return exchange


@MODULE.export(name="_check")
def check() -> bool:
    """Tell whether the call was made for a request."""
    current_exchange()
    return True


# -- the request -------------------------------------------------------------------


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


@MODULE.export(name="_method", pair=False)
def method() -> str:
    """Give the method."""
    return current_exchange().method


@MODULE.export(name="_path", pair=False)
def path() -> str:
    """Give the decoded path."""
    return current_exchange().path


@MODULE.export(name="_host", pair=False)
def host() -> str:
    """Give the host the request names."""
    return _text(current_exchange().header(b"host")) or ""


@MODULE.export(name="_remote_addr", pair=False)
def remote_addr() -> str:
    """Give the address of the client."""
    return current_exchange().peer


def _query(exchange: Exchange) -> list[tuple[str, str]]:
    text = exchange.scope.get("query_string", b"").decode("latin-1")
    return parse_qsl(text, keep_blank_values=True, errors="replace") if text else []


@MODULE.export(name="_query")
def query(name: str) -> str | None:
    """Give the first value of a query parameter."""
    for key, value in _query(current_exchange()):
        if key == name:
            return value
    return None


@MODULE.export(name="_query_params")
def query_params() -> dict[str, str]:
    """Give all query parameters, several values joined with commas."""
    found: dict[str, str] = {}
    for key, value in _query(current_exchange()):
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


@MODULE.export(name="_header")
def header(name: str) -> bytes | None:
    """Give the values of a header, in any case of its name."""
    return current_exchange().header(name.lower().encode("latin-1", "replace"))


@MODULE.export(name="_content_type")
def content_type() -> bytes | None:
    """Give the content type of the body."""
    return current_exchange().header(b"content-type")


@MODULE.export(name="_content_length", pair=False)
def content_length() -> int:
    """Give the announced length of the body, -1 if it is unknown."""
    return current_exchange().content_length


@MODULE.export(name="_has_body", pair=False)
def has_body() -> bool:
    """Tell whether a body was announced with its length."""
    return current_exchange().content_length > 0


@MODULE.export(name="_is_content_type", pair=False)
def is_content_type(prefix: str) -> bool:
    """Tell whether the content type begins so."""
    value = _text(current_exchange().header(b"content-type")) or ""
    return bool(value) and value.lower().startswith(prefix.lower())


@MODULE.export(name="_accepts", pair=False)
def accepts(kind: str) -> bool:
    """Tell whether the client lists a media type, or takes any."""
    value = _text(current_exchange().header(b"accept"))
    if value is None:
        return False
    listed = {item.partition(";")[0].strip().lower() for item in value.split(",")}
    return kind.lower() in listed or "*/*" in listed


def _params() -> Any:
    found = current_exchange().params
    if found is None:
        raise InternalError("no route in this request")
    return found


@MODULE.export(name="_param")
def param(name: str) -> str | None:
    """Give what the path has for a parameter of the route."""
    value: str | None = _params().get(name)
    return value


@MODULE.export(name="_params")
def params() -> dict[str, str]:
    """Give all parameters of the route."""
    return dict(_params())


def _with_body(most: int) -> Exchange:
    exchange = current_exchange()
    if exchange.content_length == 0:
        raise InvalidError("no request body")
    exchange.check_length(most)
    return exchange


@MODULE.export(name="_body_now")
def body_now(most: int) -> bytes | None:
    """Give the body if all of it is here."""
    body = _with_body(most).body_at_once()
    return body if body is None else _limited(body, most)


def _limited(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise InvalidError(f"request body too large: wanted at most {most} bytes")
    if not body:
        raise InvalidError("no request body")
    return body


@MODULE.export(name="_body")
async def body(most: int, seconds: float) -> bytes:
    """Wait for the body (modules-io 8.4)."""
    try:
        found = await _with_body(most).body(most, seconds)
    except InvalidError:
        raise
    except Error as error:
        raise InternalError(error.message, retryable=False) from error
    return _limited(found, most)


@MODULE.export(name="_json_now")
def json_now(most: int) -> bool:
    """Tell whether all of the body is here, and keep it for `json_value`."""
    exchange = _with_body(most)
    found = exchange.body_at_once()
    if found is None:
        return False
    exchange.scope["wippy_trio.body"] = _limited(found, most)
    return True


def _decoded(data: bytes) -> Any:
    try:
        return codec.decode(data)
    except Error as error:
        raise InvalidError(error.message, retryable=False) from error


@MODULE.export(name="_json_value")
def json_value() -> Any:
    """Read the kept body as JSON."""
    return _decoded(current_exchange().scope.pop("wippy_trio.body"))


@MODULE.export(name="_body_json")
async def body_json(most: int, seconds: float) -> Any:
    """Wait for the body and read it as JSON."""
    return _decoded(await body(most, seconds))


class _Body(Source):
    """The body of a request as a stream."""

    readable = True

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.size = exchange.content_length

    async def read(self, most: int) -> bytes:
        """Give some of it as it arrives."""
        return await self._exchange.read(most)


@MODULE.export(name="_stream")
def stream() -> Any:
    """Give the body as a stream."""
    exchange = current_exchange()
    if exchange.content_length == 0:
        raise InvalidError("no request body")
    return Stream(_Body(exchange), closed=lambda: exchange.finished)


@MODULE.export(name="_parse_multipart")
async def parse_multipart(memory: int, most: int, seconds: float) -> dict[str, Any]:
    """Read a form (modules-io 8.4)."""
    exchange = current_exchange()
    boundary = boundary_of(_text(exchange.header(b"content-type")) or "")
    exchange.check_length(most)
    if exchange.files is None:
        exchange.files = []
    size = 0

    async def read() -> bytes:
        nonlocal size
        data = await exchange.read()
        size += len(data)
        if size > most:
            raise InvalidError(f"request body too large: wanted at most {most} bytes")
        return data

    form: Form | None = None
    with trio.move_on_after(seconds):
        form = await read_form(read, boundary, memory, exchange.files.append)
    if form is None:
        raise InternalError("reading the form timed out", retryable=False)
    return {"values": form.values, "files": form.files}


# -- the response ------------------------------------------------------------------


@MODULE.export(name="_set_status")
def set_status(code: int) -> None:
    """Set the status."""
    current_exchange().set_status(code)


@MODULE.export(name="_set_header")
def set_header(name: bytes, value: bytes) -> None:
    """Set a header."""
    exchange = current_exchange()
    exchange.set_field(name, value)
    exchange.touched = True


@MODULE.export(name="_write")
def write(data: bytes) -> bool:
    """Add to the body; false asks for a flush."""
    return current_exchange().write(data)


@MODULE.export(name="_write_json")
def write_json(value: Any) -> bool:
    """Add a value as JSON."""
    exchange = current_exchange()
    try:
        text = codec.encode(value)
    except Error as error:
        raise InvalidError(error.message) from error
    if not exchange.started:
        exchange.set_field(b"content-type", b"application/json")
    return exchange.write(text.encode())


@MODULE.export(name="_flush")
async def flush() -> None:
    """Send what waits."""
    exchange = current_exchange()
    try:
        await exchange.flush()
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
        exchange.disconnected = True
        text = "write: the client went away"
        raise InternalError(text, retryable=False) from error


@MODULE.export(name="_set_transfer")
def set_transfer(mode: str) -> None:
    """Choose how the body is sent."""
    exchange = current_exchange()
    if exchange.started:
        raise InvalidError("headers already sent")
    exchange.touched = True
    exchange.mode = mode
    if mode == SSE:
        exchange.set_field(b"content-type", b"text/event-stream")
        exchange.set_field(b"cache-control", b"no-cache")
        exchange.set_field(b"x-accel-buffering", b"no")
        exchange.set_field(b"connection", b"keep-alive")


@MODULE.export(name="_write_event")
def write_event(name: str, data: Any) -> None:
    """Add a server-sent event."""
    exchange = current_exchange()
    if exchange.mode != SSE:
        set_transfer(SSE)
    if "\n" in name or "\r" in name:
        raise InvalidError("write_event: a name has no line breaks")
    try:
        text = codec.encode(data)
    except Error as error:
        raise InvalidError(error.message) from error
    exchange.write(f"event: {name}\ndata: {text}\n\n".encode())
