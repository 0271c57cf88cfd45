"""Connections of the HTTP client, to addresses that were checked (modules-io 9.2)."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import tempfile
from collections.abc import AsyncIterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2
import trio

from wippy_trio.sdk import Error, InternalError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from wippy_trio.modules.http_client.options import TlsOptions
    from wippy_trio.sdk.networks import Network

__all__ = ["Transport", "is_address", "is_private", "pinned", "resolve", "tls_context"]

DIAL_S = 30.0
MOST_IDLE = 100
IDLE_S = 90.0

pinned: ContextVar[Mapping[str, Sequence[str]]] = ContextVar("pinned")
"""Host to the addresses that were checked for it, in the task that connects."""


def is_private(address: str) -> bool:
    """Tell whether an address is loopback, private, link-local or unspecified."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return (
        ip.is_loopback
        or ip.is_private
        or ip.is_link_local
        or ip.is_unspecified
        or ip.is_reserved
    )


def is_address(host: str) -> bool:
    """Tell whether a host is written as an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def resolve(host: str, port: int) -> list[str]:
    """Find the addresses of a host.

    Raises:
      OSError: It has none.
    """
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    rows = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


class _Backend(httpcore2.AsyncNetworkBackend):
    """Connect to the pinned addresses of a host, one after the other.

    Through a network, to the host by its name: the network resolves it.
    """

    def __init__(self, network: Network | None) -> None:
        from httpcore2._backends.trio import TrioBackend  # noqa: PLC0415

        self._trio = TrioBackend()
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if self._network is not None:
            return await self._connect_through(self._network, host, port, timeout)
        addresses = pinned.get({}).get(host) or [host]
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._trio.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    @staticmethod
    async def _connect_through(
        network: Network, host: str, port: int, timeout: float | None
    ) -> httpcore2.AsyncNetworkStream:
        from httpcore2._backends.trio import TrioStream  # noqa: PLC0415

        with trio.move_on_after(float("inf") if timeout is None else timeout):
            try:
                return TrioStream(await network.open_stream(host, port))
            except Error as error:
                raise httpcore2.ConnectError(error.message) from error
        raise httpcore2.ConnectTimeout(f"network {network.id}: timeout")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return await self._trio.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        close = getattr(self._stream, "aclose", None)
        if close is not None:
            await close()


class Transport(httpx2.AsyncBaseTransport):
    """A pool of connections with one kind of TLS."""

    def __init__(
        self, context: ssl.SSLContext, unix_socket: str, network: Network | None
    ) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=None,
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=IDLE_S,
            http2=network is None,  # modules-io 9.4
            uds=unix_socket or None,
            network_backend=_Backend(network),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and give the head of its answer."""
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        answer = await self._pool.handle_async_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(answer.stream, AsyncIterable)
        return httpx2.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


def tls_context(options: TlsOptions) -> ssl.SSLContext:
    """Make the settings of TLS.

    Raises:
      InternalError: A certificate or key cannot be read, or one of both is missing.
    """
    try:
        context = ssl.create_default_context(cadata=options.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if options.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if bool(options.cert) != bool(options.key):
            raise InternalError(
                "tls: wanted cert and key together, got one of them", retryable=True
            )
        if options.cert:
            with contextlib.ExitStack() as files:
                names = []
                for text in (options.cert, options.key):
                    # The module reads files only; ours are readable for us alone.
                    file = files.enter_context(tempfile.NamedTemporaryFile("w"))
                    file.write(text)
                    file.flush()
                    names.append(file.name)
                context.load_cert_chain(*names)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise InternalError(f"tls: {error}", retryable=True) from error  # 9.3
    return context
