"""``http.service``, ``http.router``, ``http.endpoint``, ``http.static``, ``http.asgi``.

Source: modules-io 8.1, apps 2.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    NotFoundError,
)
from wippy_trio.registry import complete_id
from wippy_trio.sdk import EntryKind, read_lifecycle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Runtime
    from wippy_trio.services.http.middleware import Middleware
    from wippy_trio.services.http.site import Router, Site

__all__ = ["HttpKinds"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")


class HttpKinds(EntryKind):
    """Handle the HTTP entries; they refer to each other, so one handler has them."""

    kinds = ("http.service", "http.router", "http.endpoint", "http.static", "http.asgi")

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.sites: dict[str, Site] = {}
        self._router_site: dict[str, Site] = {}
        self._endpoint_site: dict[str, Site] = {}
        self._mount_site: dict[str, Site] = {}
        self._addresses: dict[str, str] = {}

    async def create(self, entry: Entry) -> None:
        """Accept an entry."""
        await self._handler("create", entry)(entry)

    async def update(self, old: Entry, new: Entry) -> None:
        """Accept a changed entry."""
        if new.kind == "http.service":
            await self._update_service(old, new)
        elif new.kind == "http.router":
            await self._update_router(old, new)
        else:
            await self._handler("delete", old)(old)
            try:
                await self._handler("create", new)(new)
            except BaseException:
                await self._handler("create", old)(old)
                raise

    async def delete(self, entry: Entry) -> None:
        """Forget an entry."""
        await self._handler("delete", entry)(entry)

    def _handler(self, verb: str, entry: Entry) -> Any:
        family = entry.kind.removeprefix("http.")
        if family in ("static", "asgi"):
            family = "mount"
        return getattr(self, f"_{verb}_{family}")

    # -- services --------------------------------------------------------------------

    async def _create_service(self, entry: Entry) -> None:
        from wippy_trio.services.http.service import HttpService  # noqa: PLC0415
        from wippy_trio.services.http.site import Site  # noqa: PLC0415

        lifecycle = read_lifecycle(entry)
        site = Site(self.runtime, entry.id)
        service = HttpService(self.runtime, site, entry, lifecycle)
        self._add_service(entry, site, service, lifecycle)

    def _add_service(
        self, entry: Entry, site: Site, service: Any, lifecycle: Any
    ) -> None:
        self.sites[entry.id] = site
        self.runtime.node.host(entry.id)
        self.runtime.resources.put(entry.id, site)
        self.runtime.supervisor.register(entry.id, service, lifecycle)

    async def _update_service(self, old: Entry, new: Entry) -> None:
        from wippy_trio.services.http.service import HttpService  # noqa: PLC0415

        if _data(old).get("addr") != _data(new).get("addr"):
            raise ConflictError("cannot change server address while running")
        lifecycle = read_lifecycle(new)
        site = self.sites[new.id]
        service = HttpService(self.runtime, site, new, lifecycle)
        await self._delete_service(old)
        self._add_service(new, site, service, lifecycle)

    async def _delete_service(self, entry: Entry) -> None:
        await self.runtime.supervisor.unregister(entry.id)
        self.runtime.node.hosts.pop(entry.id, None)
        self.runtime.resources.remove(entry.id)
        del self.sites[entry.id]

    # -- routers ---------------------------------------------------------------------

    def _read_router(self, entry: Entry) -> tuple[Site, Router]:
        from wippy_trio.services.http.site import Router  # noqa: PLC0415

        site = self._site_of(entry)
        data = _data(entry)
        prefix = _text(data, "prefix", "")
        prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        for other in site.routers.values():
            if other.prefix == prefix and other.id != entry.id:
                raise AlreadyExistsError(
                    f"router prefix already exists: {prefix or '/'} is {other.id}'s"
                )
        listed = [
            *self._middlewares(entry, "middleware", "options", "before"),
            *self._middlewares(entry, "post_middleware", "post_options", "after"),
        ]
        router = Router(
            entry.id,
            prefix,
            [each for each in listed if each.stands == "before"],
            [each for each in listed if each.stands == "after"],
            site.id,
        )
        return site, router

    def _middlewares(
        self, entry: Entry, field: str, options: str, place: str
    ) -> list[Middleware]:
        from wippy_trio.services.http.middleware import (  # noqa: PLC0415
            make_middlewares,
        )

        data = _data(entry)
        names = data.get(field) or []
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise InvalidError(f"{field}: wanted a list of names, got {names!r}")
        values = data.get(options) or {}
        if not isinstance(values, dict):
            raise InvalidError(f"{options}: wanted a map, got {values!r}")
        return make_middlewares(
            self.runtime,
            names,
            values,
            where=f"{entry.kind} {entry.id}: {options}",
            namespace=entry.ns,
            place=place,
        )

    async def _create_router(self, entry: Entry) -> None:
        site, router = self._read_router(entry)
        site.routers[entry.id] = router
        self._router_site[entry.id] = site
        site.changed()

    async def _update_router(self, old: Entry, new: Entry) -> None:
        """Replace a router; its endpoints go with it, all or none."""
        from wippy_trio.services.http.routing import (  # noqa: PLC0415
            Route,
            parse_pattern,
            refuse_conflicts,
        )
        from wippy_trio.services.http.site import Endpoint  # noqa: PLC0415

        before = self._router_site[old.id]
        site, router = self._read_router(new)
        moved: dict[str, Route] = {}
        others = {
            id_: route
            for id_, route in site.routes.items()
            if route.target.router.id != old.id
        }
        for id_, route in before.routes.items():
            target = route.target
            if target.router.id != old.id:
                continue
            endpoint = Endpoint(self.runtime, id_, target.function, router, target.path)
            pattern = parse_pattern(endpoint.pattern)
            renewed = Route(route.method, pattern, endpoint)
            refuse_conflicts(renewed, [*others.values(), *moved.values()])
            moved[id_] = renewed
        del before.routers[old.id]
        for id_, route in moved.items():
            before.routes.pop(id_)
            site.routes[id_] = route
            self._endpoint_site[id_] = site
        site.routers[new.id] = router
        self._router_site[new.id] = site
        before.changed()
        site.changed()

    async def _delete_router(self, entry: Entry) -> None:
        site = self._router_site.pop(entry.id)
        del site.routers[entry.id]
        for id_, route in list(site.routes.items()):
            if route.target.router.id == entry.id:
                del site.routes[id_]
        site.changed()

    # -- endpoints -------------------------------------------------------------------

    async def _create_endpoint(self, entry: Entry) -> None:
        from wippy_trio.services.http.routing import (  # noqa: PLC0415
            Route,
            parse_pattern,
            refuse_conflicts,
        )
        from wippy_trio.services.http.site import Endpoint  # noqa: PLC0415

        data = _data(entry)
        method = _text(data, "method", "")
        if method not in METHODS:
            raise InvalidError(f"invalid HTTP method: {method}")
        path = _text(data, "path", "")
        if not path.startswith("/"):
            raise InvalidError(f"path: wanted it to begin with /, got {path!r}")
        function = _text(data, "func", "")
        if not function:
            raise InvalidError("function name is required")
        name = entry.meta.get("router")
        if not isinstance(name, str) or not name:
            raise InvalidError("router metadata is required")
        router_id = complete_id(name, entry.ns)
        site = self._router_site.get(router_id)
        if site is None:
            raise NotFoundError(f"router not found: {router_id}")
        router = site.routers[router_id]
        endpoint = Endpoint(
            self.runtime, entry.id, complete_id(function, entry.ns), router, path
        )
        route = Route(method, parse_pattern(endpoint.pattern), endpoint)
        refuse_conflicts(route, site.routes.values())
        site.routes[entry.id] = route
        self._endpoint_site[entry.id] = site
        site.changed()

    async def _delete_endpoint(self, entry: Entry) -> None:
        site = self._endpoint_site.pop(entry.id)
        site.routes.pop(entry.id, None)
        site.changed()

    # -- mounts ----------------------------------------------------------------------

    async def _create_mount(self, entry: Entry) -> None:
        from wippy_trio.services.http.mounts import make_mount  # noqa: PLC0415
        from wippy_trio.services.http.routing import Mount  # noqa: PLC0415

        site = self._site_of(entry)
        path = _text(_data(entry), "path", "")
        if not path.startswith("/"):
            raise InvalidError(f"path: wanted it to begin with /, got {path!r}")
        prefix = path.rstrip("/")
        for id_, other in site.mounts.items():
            if other.prefix == prefix:
                raise AlreadyExistsError(f"mount {path} exists already: {id_}")
        middlewares = self._middlewares(entry, "middleware", "options", "before")
        target = await make_mount(self.runtime, entry, middlewares)
        site.mounts[entry.id] = Mount(prefix, target)
        self._mount_site[entry.id] = site
        site.changed()

    async def _delete_mount(self, entry: Entry) -> None:
        site = self._mount_site.pop(entry.id)
        mount = site.mounts.pop(entry.id, None)
        site.changed()
        if mount is not None:
            await mount.target.close()

    def _site_of(self, entry: Entry) -> Site:
        name = entry.meta.get("server")
        if not isinstance(name, str) or not name:
            raise InvalidError("server metadata is required")
        id_ = complete_id(name, entry.ns)
        site = self.sites.get(id_)
        if site is None:
            raise NotFoundError(f"server not found: {id_}")
        return site


def _data(entry: Entry) -> Mapping[str, Any]:
    if not isinstance(entry.data, dict):
        raise InvalidError("configuration data is required")
    return entry.data


def _text(data: Mapping[str, Any], field: str, default: str) -> str:
    value = data.get(field, default)
    if value is None:
        return default
    if not isinstance(value, str):
        raise InvalidError(f"{field}: wanted a text, got {value!r}")
    return value
