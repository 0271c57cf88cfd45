"""`http_client`: requests to other servers (modules-io 9), on httpx2."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus, unquote_to_bytes

import trio

from wippy_trio.modules._stream import Source, Stream
from wippy_trio.modules.http_client.options import RequestOptions, read_options
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    NotFoundError,
    current_process,
    current_runtime,
)

__all__ = ["MODULE"]

MODULE = LuaModule(
    "http_client",
    classes=("network", "io", "nondeterministic"),
    declares="""
    get: (url: string, options: table?) -> (table?, Error?)
    post: (url: string, options: table?) -> (table?, Error?)
    put: (url: string, options: table?) -> (table?, Error?)
    patch: (url: string, options: table?) -> (table?, Error?)
    delete: (url: string, options: table?) -> (table?, Error?)
    head: (url: string, options: table?) -> (table?, Error?)
    request: (method: string, url: string, options: table?) -> (table?, Error?)
    request_batch: (requests: {any}) -> (table?, any)
    encode_uri: (text: string) -> string
    decode_uri: (text: string) -> (string?, Error?)
    """,
)

CLIENTS = "http_client:connections"
CHUNK = 1 << 16


class _Misuse(InvalidError):  # noqa: N818 - raised in Lua
    """A mistake of the program."""


def _client() -> Any:
    from wippy_trio.modules.http_client.client import Client  # noqa: PLC0415

    resources = current_runtime().resources
    try:
        return resources.get(CLIENTS)
    except NotFoundError:
        client = Client()
        resources.put(CLIENTS, client)
        return client


class _BodySource(Source):
    """The body of an answer as the source of a stream."""

    readable = True

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        nursery = current_runtime().nursery
        self._withdraw = current_process().on_end(
            lambda: nursery.start_soon(exchange.close)
        )

    async def read(self, most: int) -> bytes:
        data: bytes = await self._exchange.read(most)
        if not data:
            self._withdraw()  # at the end the connection is free already
        return data

    async def close(self) -> None:
        self._withdraw()
        await self._exchange.close()


async def _perform(method: str, url: str, options: RequestOptions) -> dict[str, Any]:
    exchange = await _client().begin(method, url, options)
    answer: dict[str, Any] = exchange.head()
    if options.stream:
        return answer | {"body_size": -1, "stream": Stream(_BodySource(exchange))}
    try:
        pieces, size = [], 0
        while piece := await exchange.read(CHUNK):
            size += len(piece)
            if size > options.max_body:
                raise InternalError(
                    f"response body is larger than {options.max_body} bytes",
                    retryable=False,
                )
            pieces.append(piece)
    finally:
        await exchange.close()
    body = b"".join(pieces)
    answer["body_size"] = len(body)
    if body:
        answer["body"] = body
    return answer


async def _request(method: str, url: str, given: Any) -> dict[str, Any]:
    if not method or not url:
        raise _Misuse(f"{'url' if method else 'method'} is required")
    return await _perform(method.upper(), url, read_options(given))


def _verb(verb: str) -> None:
    async def send(url: str, options: Any) -> dict[str, Any]:
        return await _request(verb, url, options)

    send.__doc__ = f"Send a {verb} request."
    MODULE.export(name=verb.lower(), raises=_Misuse)(send)


for _name in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
    _verb(_name)


@MODULE.export(raises=_Misuse)
async def request(method: str, url: str, options: Any) -> dict[str, Any]:
    """Send a request of any method."""
    return await _request(method, url, options)


def _batch(requests: Any) -> list[tuple[str, str, RequestOptions]]:
    if not isinstance(requests, list) or not requests:
        raise _Misuse("request_batch: wanted a list of requests that is not empty")
    found = []
    for number, row in enumerate(requests, 1):
        if isinstance(row, dict):
            row = [row.get(1), row.get(2), row.get(3)]
        if (
            not isinstance(row, list)
            or len(row) < 2
            or not all(isinstance(text, str) and text for text in row[:2])
        ):
            raise InvalidError(
                f"request {number}: wanted {{method, url, options?}}", retryable=False
            )
        options = read_options(row[2] if len(row) > 2 else None)
        if options.stream:
            raise InvalidError(
                f"request {number}: stream is not possible in a batch", retryable=False
            )
        found.append((row[0].upper(), row[1], options))
    return found


@MODULE.export(raises=_Misuse)
async def request_batch(requests: Any) -> tuple[Any, ...]:
    """Send requests side by side: their answers, and their errors by position."""
    from wippy_trio.modules.http_client.client import check_first  # noqa: PLC0415

    answers: dict[int, Any] = {}
    errors: dict[int, Error] = {}
    try:
        batch = _batch(requests)
        for _method, url, options in batch:
            check_first(url, options)
    except _Misuse:
        raise
    except Error as error:
        return None, error

    async def one(number: int, method: str, url: str, options: RequestOptions) -> None:
        try:
            answers[number] = await _perform(method, url, options)
        except Error as error:
            errors[number] = error

    async with trio.open_nursery() as nursery:
        for number, (method, url, options) in enumerate(batch, 1):
            nursery.start_soon(one, number, method, url, options)
    denied = [e for e in errors.values() if e.kind == "PermissionDenied"]
    if denied:
        return None, denied[0]
    return answers, errors or None


@MODULE.export(pair=False)
def encode_uri(text: bytes) -> str:
    """Encode a text for a query; a blank becomes ``+``."""
    return quote_plus(text)


@MODULE.export
def decode_uri(text: str) -> bytes:
    """Decode what `encode_uri` made."""
    rest = text.split("%")[1:]
    if any(len(part) < 2 or not _is_hex(part[:2]) for part in rest):
        raise InvalidError(f"invalid URL escape in {text!r}", retryable=False)
    return unquote_to_bytes(text.replace("+", " "))


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdefABCDEF" for c in text)
