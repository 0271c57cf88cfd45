"""``token_auth``: the identity a token proves (modules-io 8.5, apps 8.6)."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import attrs

from wippy_trio.errors import Error, InvalidError
from wippy_trio.logs import get_logger
from wippy_trio.modules.http.headers import first_of
from wippy_trio.registry import complete_id
from wippy_trio.services.http.middleware import Middleware, Options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wippy_trio.kernel import Context
    from wippy_trio.modules.http.exchange import Exchange
    from wippy_trio.sdk import Runtime

    Handler = Callable[[Exchange], Awaitable[None]]

__all__ = ["TokenAuth"]

log = get_logger("http")


class TokenAuth(Middleware):
    """Run the request with the actor and the scope of a valid token.

    It blocks nobody: a request without one, or with a bad one, goes on without an
    identity; what that may do is the business of the firewalls and of permissions.
    """

    name = "token_auth"
    place = "before"

    def __init__(self, runtime: Runtime, options: Options, place: str) -> None:
        super().__init__(runtime, options, place)
        store = options.text("token_auth.store", "", "token_store")
        if not store:
            raise InvalidError(f"{options.where}: token_auth.store is required")
        self._store = complete_id(store, options.namespace)
        self._header = options.text(
            "token_auth.header.name", "Authorization", "header_name"
        )
        self._prefix = options.text("token_auth.header.prefix", "Bearer ").rstrip()
        self._query = options.text(
            "token_auth.query.param", "x-auth-token", "query_param"
        )
        self._cookie = options.text(
            "token_auth.cookie.name", "x-auth-token", "cookie_name"
        )

    def around(self, handler: Handler, endpoint: Any) -> Handler:
        """Look for a token before the handler."""
        del endpoint

        async def token_auth(exchange: Exchange) -> None:
            token = self._find(exchange)
            if token:
                await self._identify(exchange, token)
            await handler(exchange)

        return token_auth

    def _find(self, exchange: Exchange) -> str:
        """Look into the header, then the query, then the cookies."""
        header = first_of(exchange.headers, self._header.lower().encode())
        if header is not None:
            value = header.decode("latin-1").strip()
            prefix = self._prefix
            if value[: len(prefix)].lower() == prefix.lower():
                return value[len(prefix) :].strip()
        query: bytes = exchange.scope.get("query_string", b"")
        if query:
            for name, text in parse_qsl(query.decode("latin-1")):
                if name == self._query and text:
                    return text
        cookies = exchange.header(b"cookie")
        if cookies is not None:
            jar: SimpleCookie = SimpleCookie()
            try:
                jar.load(cookies.decode("latin-1").replace(", ", "; "))
            except CookieError:
                return ""
            morsel = jar.get(self._cookie)
            if morsel is not None:
                return str(morsel.value)
        return ""

    async def _identify(self, exchange: Exchange, token: str) -> None:
        try:
            store = self.runtime.resources.get(self._store)
            actor, scope = await store.validate(token)
        except Error as error:
            log.debug("token_auth.refused", store=self._store, error=str(error))
            return
        context: Context = exchange.context
        exchange.context = attrs.evolve(context, actor=actor, scope=scope)
