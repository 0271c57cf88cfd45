"""Carrying out requests: permissions, redirects, limits, answers (modules-io 9)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2
import trio

from wippy_trio.modules.http_client.multipart import Multipart
from wippy_trio.modules.http_client.options import (
    RequestOptions,
    canonical,
    with_query,
)
from wippy_trio.modules.http_client.transport import (
    DIAL_S,
    Transport,
    is_address,
    is_private,
    pinned,
    resolve,
    tls_context,
)
from wippy_trio.sdk import (
    InternalError,
    check_permission,
    current_process,
    current_runtime,
    hold_time,
)
from wippy_trio.sdk.networks import find_network, selected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wippy_trio.modules.http_client.options import TlsOptions

__all__ = ["Client", "Exchange"]

MOST_REDIRECTS = 10
_FAILURES = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.StreamError,
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
    OSError,
)


class _Limited(httpx2.AsyncByteStream):
    """A request body that is written piece by piece."""

    def __init__(self, body: Multipart) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            yield piece


class Exchange:
    """A request and the answer whose body has not been read yet."""

    def __init__(self, response: httpx2.Response, deadline: float) -> None:
        self.response = response
        self.deadline = deadline
        self._pieces = response.aiter_bytes()
        self._rest = b""

    async def read(self, most: int) -> bytes:
        """Read up to so many bytes of the body, none at the end.

        Raises:
          InternalError: The network failed, or the time is up.
        """
        if not self._rest:
            with trio.move_on_at(self.deadline) as limit, hold_time():
                try:
                    self._rest = await anext(self._pieces, b"")
                except _FAILURES as error:
                    raise failed(error) from error
            if limit.cancelled_caught:
                await self.close()
                raise timed_out()
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece

    async def close(self) -> None:
        """Let go of the connection.

        What was not read is not wanted any more; but the generators of the library that
        wait for it, one in another, end only when the innermost finds itself closed.
        """
        with trio.move_on_after(1, shield=True):
            await self.response.aclose()
            with contextlib.suppress(*_FAILURES, KeyError, RuntimeError):
                while await anext(self._pieces, b""):
                    pass

    def head(self) -> dict[str, Any]:
        """Show status, headers and cookies as a program sees them."""
        headers: dict[str, str] = {}
        decoded = "content-encoding" in self.response.headers
        for raw_name, raw_value in self.response.headers.raw:
            name = canonical(raw_name.decode("latin-1"))
            if decoded and name in ("Content-Encoding", "Content-Length"):
                continue
            headers.setdefault(name, raw_value.decode("latin-1"))
        return {
            "status_code": self.response.status_code,
            "url": str(self.response.url),
            "headers": headers,
            "cookies": {
                cookie.name: cookie.value or "" for cookie in self.response.cookies.jar
            },
        }


def failed(error: BaseException) -> InternalError:
    """Say that the network failed; such a request may be tried again (9.3)."""
    text = str(error) or type(error).__name__
    return InternalError(f"request failed: {text}", retryable=True)


def timed_out() -> InternalError:
    """Say that the time of a request is up."""
    return InternalError("request failed: timeout", retryable=True)


class Client:
    """The connections of one runtime, by TLS material and socket."""

    def __init__(self) -> None:
        self._transports: dict[tuple[TlsOptions, str, Any], Transport] = {}

    def _transport(self, options: RequestOptions) -> Transport:
        network = None if options.unix_socket else find_network(options.network)
        key = (options.tls, options.unix_socket, network and network.identity)
        found = self._transports.get(key)
        if found is None:
            context = tls_context(options.tls)
            found = Transport(context, options.unix_socket, network)
            self._transports[key] = found
        return found

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def begin(self, method: str, url: str, options: RequestOptions) -> Exchange:
        """Send a request, follow redirects, give the head of the answer.

        Raises:
          PermissionDeniedError: A check of modules-io 9.2 says no, for a redirect too.
          InternalError: The network, TLS or the time.
        """
        check_first(url, options)
        deadline = trio.current_time() + options.timeout
        with trio.move_on_at(deadline), hold_time():
            try:
                response = await self._send(method, url, options)
            except _FAILURES as error:
                raise failed(error) from error
            return Exchange(response, deadline)
        raise timed_out()

    async def _send(
        self, method: str, url: str, options: RequestOptions
    ) -> httpx2.Response:
        async with _borrowed(self._transport(options)) as client:
            request = self._request(client, method, url, options)
            for _ in range(MOST_REDIRECTS + 1):
                token = pinned.set(await allowed_addresses(request.url, options))
                try:
                    response = await client.send(
                        request, stream=True, follow_redirects=False
                    )
                finally:
                    pinned.reset(token)
                if response.next_request is None:
                    return response
                await response.aclose()
                request = response.next_request
                check_url(str(request.url))
        raise InternalError(
            f"request failed: stopped after {MOST_REDIRECTS} redirects", retryable=True
        )

    def _request(
        self,
        client: httpx2.AsyncClient,
        method: str,
        url: str,
        options: RequestOptions,
    ) -> httpx2.Request:
        headers = dict(options.headers)
        tracing = current_runtime().tracing
        if tracing is not None and tracing.http and tracing.injects:
            tracing.carry(current_process().context.trace, headers)
        body: Any = options.body or None
        data: Any = None
        if options.files:
            parts = Multipart(options.form, options.files)
            headers = _without(headers, "content-type")
            headers["Content-Type"] = parts.content_type
            if parts.size is not None:
                headers["Content-Length"] = str(parts.size)
            body = _Limited(parts)
        elif options.form:
            body, data = None, options.form
        extensions: dict[str, Any] = {"timeout": {"connect": DIAL_S}}
        if options.tls.server_name:
            extensions["sni_hostname"] = options.tls.server_name
        request = client.build_request(
            method,
            with_query(url, options.query),
            headers=headers,
            content=body,
            data=data,
            cookies=options.cookies or None,
            extensions=extensions,
        )
        if options.auth is not None:
            auth = httpx2.BasicAuth(*options.auth)
            request = next(auth.auth_flow(request))
        return request


class _borrowed:  # noqa: N801 - used as a function
    """A client over a transport that outlives it."""

    def __init__(self, transport: Transport) -> None:
        self._client = httpx2.AsyncClient(transport=transport, trust_env=False)

    async def __aenter__(self) -> httpx2.AsyncClient:
        return self._client

    async def __aexit__(self, *_: object) -> None:
        return None


def _without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() != name}


def check_url(url: str) -> None:
    """Ask whether a URL may be requested."""
    check_permission("http_client.request", url, f"not allowed to request: {url}")


def check_first(url: str, options: RequestOptions) -> None:
    """Make the checks that need no address, in their order (9.2)."""
    if options.unix_socket:
        check_permission(
            "http_client.unix_socket",
            options.unix_socket,
            f"not allowed to use unix socket: {options.unix_socket}",
        )
    if options.tls.insecure:
        check_permission(
            "http_client.insecure_tls", url, f"not allowed: insecure TLS for {url}"
        )
    if options.network:
        check_permission(
            "network.select",
            options.network,
            f"not allowed: network {options.network}",
        )
    check_url(url)


async def allowed_addresses(
    url: httpx2.URL, options: RequestOptions
) -> dict[str, list[str]]:
    """Resolve the host of a URL once, and check every address.

    Through a network nothing is resolved here: it has names of its own.

    Raises:
      PermissionDeniedError: One is private, and that is not allowed.
      InternalError: The host has no address.
    """
    if options.unix_socket:
        return {}
    if url.scheme not in ("http", "https") or not url.host:
        raise InternalError(
            f"request failed: {str(url)!r}: wanted an http or https URL", retryable=True
        )
    port = url.port or (443 if url.scheme == "https" else 80)
    if selected(options.network) and not is_address(url.host):
        return {}
    addresses = await resolve(url.host, port)
    for address in addresses:
        if is_private(address):
            check_permission(
                "http_client.private_ip",
                address,
                f"not allowed to request private IP: {address}",
            )
    return {url.host: addresses, url.raw_host.decode("ascii"): addresses}
