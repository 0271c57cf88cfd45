"""``network.socks5``: connections through a SOCKS5 proxy (modules-io 17)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

import trio

from wippy_trio.sdk import EntryKind, InvalidError, UnavailableError
from wippy_trio.sdk.extras import need
from wippy_trio.sdk.fields import Fields

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["SocksNetwork", "SocksNetworks"]


class Settings(NamedTuple):
    """Where a proxy is, and who we are there."""

    host: str
    port: int
    username: str
    password: str
    isolate_streams: bool


class SocksNetwork:
    """A proxy; it resolves names, so that nobody else learns them."""

    def __init__(self, id: str, settings: Settings) -> None:  # noqa: A002 - its name
        self.id = id
        self.settings = settings

    @property
    def identity(self) -> tuple[str, Settings]:
        """What makes connections interchangeable."""
        return self.id, self.settings

    async def open_stream(self, host: str, port: int) -> trio.SocketStream:
        """Connect to a host through the proxy.

        Raises:
          UnavailableError: The proxy or the host cannot be reached.
        """
        from python_socks import (  # noqa: PLC0415 - start-up cost
            ProxyConnectionError,
            ProxyError,
            ProxyTimeoutError,
            ProxyType,
        )
        from python_socks.async_.trio import Proxy  # noqa: PLC0415

        settings = self.settings
        username, password = settings.username, settings.password
        if settings.isolate_streams:
            # Proxies like Tor keep apart what comes with different credentials.
            username, password = secrets.token_hex(8), secrets.token_hex(8)
        proxy = Proxy(
            ProxyType.SOCKS5,
            settings.host,
            settings.port,
            username or None,
            password or None,
            rdns=True,
        )
        try:
            connected = await proxy.connect(host, port)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError, OSError) as error:
            raise UnavailableError(
                f"network {self.id}: {host}:{port}: {error}", retryable=True
            ) from error
        return trio.SocketStream(connected)


class SocksNetworks(EntryKind):
    """Make a network of each entry; the proxy is contacted when it is used."""

    kinds = ("network.socks5",)

    def _make(self, entry: Entry) -> SocksNetwork:
        fields = Fields(entry)
        host = fields.required("host", "host is required")
        port = fields.integer("port")
        if not 1 <= port <= 65535:
            raise InvalidError(f"port: wanted 1 to 65535, got {port}")
        settings = Settings(
            host,
            port,
            fields.text("username"),
            fields.text("password"),
            fields.flag("isolate_streams"),
        )
        need(f"network.socks5 {entry.id}", "python_socks", "socks")
        return SocksNetwork(entry.id, settings)

    async def create(self, entry: Entry) -> None:
        """Make a network known.

        Raises:
          InvalidError: A wrong field.
          UnavailableError: The extra ``socks`` is not installed.
        """
        await trio.lowlevel.checkpoint()
        self.runtime.resources.put(entry.id, self._make(entry))

    async def update(self, old: Entry, new: Entry) -> None:
        """Exchange a network; if the new one is refused the old one stays."""
        await trio.lowlevel.checkpoint()
        if old.kind != new.kind:
            await super().update(old, new)
            return
        made = self._make(new)
        self.runtime.resources.get(new.id).settings = made.settings

    async def delete(self, entry: Entry) -> None:
        """Forget a network."""
        await trio.lowlevel.checkpoint()
        self.runtime.resources.remove(entry.id)
