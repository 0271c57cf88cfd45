"""``real_ip``: who asks, where a proxy stands between (modules-io 8.5)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError
from wippy_trio.services.http.middleware import Middleware, Options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["RealIp"]

_TRUSTED = (
    "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,"
    "169.254.0.0/16,fe80::/10,100.64.0.0/10,fc00::/7"
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class RealIp(Middleware):
    """Believe the proxies that are trusted, and nobody else."""

    name = "real_ip"
    place = "before"

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        self._all = options.flag("real_ip.trust_all")
        self._networks: list[Network] = []
        for text in options.texts("real_ip.trusted.subnets", _TRUSTED):
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError as error:
                raise InvalidError(
                    f"{options.where}: real_ip.trusted.subnets: {error}"
                ) from error

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        if address is None:
            return False
        return self._all or any(
            address in network
            for network in self._networks
            if network.version == address.version
        )

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Replace the address if the peer is trusted."""
        del endpoint

        async def real_ip(exchange: Exchange) -> None:
            if self._trusts(exchange.peer_ip):
                found = self._find(exchange)
                if found is not None:
                    exchange.remote = str(found)
            await handler(exchange)

        return real_ip

    def _find(self, exchange: Exchange) -> Address | None:
        for name in (b"true-client-ip", b"x-real-ip"):
            value = exchange.header(name)
            if value is not None:
                address = _address(value.decode("latin-1"))
                if address is not None:
                    return address
        forwarded = exchange.header(b"x-forwarded-for")
        if forwarded is None:
            return None
        # Each proxy adds the peer it saw at the end, and what a client wrote itself
        # stands before that: the last address that is no proxy of ours is the client.
        found: Address | None = None
        for part in reversed(forwarded.decode("latin-1").split(",")):
            address = _address(part)
            if address is None:
                break
            found = address
            if self._all or not self._trusts(str(address)):
                if self._all:
                    continue
                break
        return found


def _address(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
