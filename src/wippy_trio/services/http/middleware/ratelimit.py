"""``ratelimit``: so many requests of one client in so much time (modules-io 8.5)."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import trio

from wippy_trio.errors import InvalidError
from wippy_trio.services.http.middleware import Middleware, Options
from wippy_trio.services.http.site import answer_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["Buckets", "RateLimit"]

_UNITS = {"s": 1, "m": 60, "h": 3600}


class Buckets:
    """Token buckets by key; pure, times are given.

    A bucket is ``[tokens, time of its last use]``. They stand in order of use, so that
    the oldest is found at once when there are too many, or when it has gone stale.
    """

    def __init__(self, rate: float, burst: int, most: int, lifetime: float) -> None:
        """Make them.

        Args:
          rate: Tokens a second.
          burst: The most tokens of one bucket, and what it begins with.
          most: How many buckets there are at once.
          lifetime: Seconds after which an unused bucket is forgotten.
        """
        self._rate = rate
        self._burst = burst
        self._most = most
        self._lifetime = lifetime
        self._buckets: OrderedDict[str, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> float:
        """Take a token; give 0, or the seconds until there is one."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = [float(self._burst), now]
        else:
            self._buckets.move_to_end(key)
            gained = (now - bucket[1]) * self._rate
            bucket[0] = min(bucket[0] + gained, float(self._burst))
            bucket[1] = now
        if bucket[0] >= 1:
            bucket[0] -= 1
            return 0.0
        return (1 - bucket[0]) / self._rate

    def sweep(self, now: float) -> None:
        """Forget buckets that nobody used for their lifetime."""
        while self._buckets:
            key = next(iter(self._buckets))
            if self._buckets[key][1] + self._lifetime > now:
                return
            del self._buckets[key]


class RateLimit(Middleware):
    """Answer 429 to a client that asks too often."""

    name = "ratelimit"
    place = "before"

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        requests = options.count("ratelimit.requests", 100)
        self._window_text = options.text("ratelimit.window", "1m")
        window = _window(self._window_text, options.where)
        self._requests = str(requests).encode()
        self._sweep_every = options.seconds("ratelimit.cleanup_interval", "5m")
        self._buckets = Buckets(
            requests / window,
            options.count("ratelimit.burst", 20),
            options.count("ratelimit.max_entries", 100_000),
            options.seconds("ratelimit.entry_ttl", "10m"),
        )
        self._swept = 0.0
        key = options.text("ratelimit.key", "ip")
        kind, _, name = key.partition(":")
        if key != "ip" and (kind not in ("header", "query") or not name):
            raise InvalidError(
                f"{options.where}: ratelimit.key: wanted ip, header:NAME or"
                f" query:NAME, got {key!r}"
            )
        self._kind, self._name = kind, name

    def _key(self, exchange: Exchange) -> str | None:
        if self._kind == "header":
            value = exchange.header(self._name.lower().encode())
            return None if value is None else value.decode("latin-1")
        if self._kind == "query":
            query = exchange.scope.get("query_string", b"").decode("latin-1")
            return dict(reversed(parse_qsl(query))).get(self._name)
        return exchange.peer_ip or None

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Count before the handler; all routes of the router share the count."""
        del endpoint

        async def ratelimit(exchange: Exchange) -> None:
            key = self._key(exchange)
            if not key:
                answer_text(exchange, 400, "Rate limit key not found")
                return
            now = trio.current_time()
            if now - self._swept >= self._sweep_every:
                self._swept = now
                self._buckets.sweep(now)
            wait = self._buckets.take(key, now)
            if not wait:
                await handler(exchange)
                return
            answer_text(exchange, 429, "Rate limit exceeded")
            exchange.set_field(b"x-ratelimit-limit", self._requests)
            exchange.set_field(b"x-ratelimit-window", self._window_text.encode())
            exchange.set_field(b"retry-after", b"%d" % max(round(wait + 0.5), 1))

        return ratelimit


def _window(text: str, where: str) -> float:
    found = re.fullmatch(r"(\d+)([smh])", text)
    if found is None or int(found[1]) < 1:
        raise InvalidError(
            f"{where}: ratelimit.window: wanted a whole number of s, m or h from 1s"
            f" on, got {text!r}"
        )
    return float(int(found[1]) * _UNITS[found[2]])
