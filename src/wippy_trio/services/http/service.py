"""An ``http.service`` as the supervisor keeps it: listen, probe, serve, drain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import (
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    TimedOutError,
    UnavailableError,
)
from wippy_trio.services.http.limits import read_count, read_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Host
    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Lifecycle, Runtime, ServiceReport
    from wippy_trio.services.http.server import Server
    from wippy_trio.services.http.site import Site

__all__ = ["HttpService"]

PROBE_LIMIT, PROBE_EVERY = 30.0, 0.1


class HttpService:
    """Serve a site on an address."""

    def __init__(
        self, runtime: Runtime, site: Site, entry: Entry, lifecycle: Lifecycle
    ) -> None:
        """Read the entry.

        Raises:
          InvalidError: As modules-io 8.1.
        """
        self.runtime = runtime
        self.site = site
        self.id = entry.id
        self.lifecycle = lifecycle
        data = entry.data
        if not isinstance(data, dict):
            raise InvalidError("configuration data is required")
        address = data.get("addr")
        if isinstance(address, int) and not isinstance(address, bool):
            address = f":{address}"
        if not isinstance(address, str) or not address:
            raise InvalidError("address is required")
        self.address = address
        where = f"http.service {entry.id}"
        self.limits = read_limits(data, where)
        host = data.get("host") or {}
        if not isinstance(host, dict):
            raise InvalidError(f"{where}: host: wanted a map, got {host!r}")
        read_count(host.get("worker_count", 0), f"{where}: host.worker_count")
        size = read_count(host.get("buffer_size", 0), f"{where}: host.buffer_size")
        site.buffer_size = size or 1024
        self.network = str(data.get("network") or "")
        from wippy_trio.services.http.tls import read_tls  # noqa: PLC0415

        self.tls = read_tls(data.get("tls"), where, network=self.network)
        self.server: Server | None = None
        self._task: trio.CancelScope | None = None
        self._host: Host | None = None

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        """Listen, and see that the address answers."""
        del report
        from wippy_trio.services.http.server import (  # noqa: PLC0415 - start-up cost
            Server,
            listen,
            split_address,
        )

        self.site.context = self.runtime.context_of(self.lifecycle.identity)
        if self.network:
            self._refuse_network()
        host, port = split_address(self.address)
        listeners = await listen(host, port)
        server = Server(
            self.site,
            limits=self.limits,
            tls=self.tls.context() if self.tls is not None else None,
        )
        place = self._host = self.runtime.node.fresh_host(self.id)
        await self.runtime.nursery.start(place.run)
        await self.runtime.nursery.start(self._run, server, listeners)
        self.server = server
        try:
            await self._probe(listeners)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.stop()
            raise
        return f"service listening on {self.address}"

    def _refuse_network(self) -> None:
        """Refuse to listen on a network: none of this version can (modules-io 17)."""
        from wippy_trio import security  # noqa: PLC0415

        context = self.site.context
        if not security.allowed(
            context.actor,
            context.scope,
            "network.bind",
            self.network,
            {},
            strict=self.runtime.config.flag("security.strict_mode"),
        ):
            raise PermissionDeniedError(
                f"not allowed: network.bind {self.network}", retryable=False
            )
        try:
            self.runtime.resources.get(self.network)
        except NotFoundError as error:
            known = self.runtime.registry.state.state.get(self.network)
            if known is None:
                raise NotFoundError(
                    f"http.service {self.id}: network {self.network}: there is none"
                    " of that id",
                    retryable=False,
                ) from error
        raise UnavailableError(
            f"http.service {self.id}: network {self.network}: no network of this"
            " version can listen",
            retryable=False,
        )

    async def _run(
        self, server: Server, listeners: Any, *, task_status: trio.TaskStatus[None]
    ) -> None:
        with trio.CancelScope() as self._task:
            await server.serve(listeners, task_status=task_status)

    async def _probe(self, listeners: list[trio.SocketListener]) -> None:
        """Connect to ourselves until it works (modules-io 8.1)."""
        address = listeners[0].socket.getsockname()
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])
        with trio.move_on_after(PROBE_LIMIT):
            while True:
                try:
                    stream = await trio.open_tcp_stream(host, address[1])
                except OSError:
                    await trio.sleep(PROBE_EVERY)
                else:
                    await stream.aclose()
                    return
        raise TimedOutError(
            f"{self.address} did not answer within {PROBE_LIMIT:.0f}s", retryable=True
        )

    @property
    def port(self) -> int:
        """The port that was opened; of use where the entry says 0."""
        assert self.server is not None
        address: tuple[str, int] = self.server.listeners[0].socket.getsockname()
        return address[1]

    async def stop(self) -> None:
        """Finish the requests that run, then close (modules-io 8.1)."""
        server, self.server = self.server, None
        grace = min(self.lifecycle.stop_timeout, PROBE_LIMIT)
        if server is not None:
            await server.stop(max(grace - 0.2, 0.0))
        if self._task is not None:
            self._task.cancel()
        if self._host is not None:
            await self._host.stop(0.1)
