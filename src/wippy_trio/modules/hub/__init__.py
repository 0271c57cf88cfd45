"""`hub`: look modules up where they are published (modules-io 16)."""

from __future__ import annotations

from typing import Any

from wippy_trio.modules.hub.answers import page_of, plain
from wippy_trio.modules.hub.asking import (
    CallOptions,
    flag,
    list_message,
    module_message,
    options_of,
    page_message,
    read_call,
    shown_module,
    version_message,
)
from wippy_trio.modules.hub.package import Package
from wippy_trio.sdk import (
    InvalidError,
    LuaModule,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
    check_permission,
    current_runtime,
)

__all__ = ["MODULE"]

MODULE = LuaModule(
    "hub",
    classes=("network", "io", "nondeterministic"),
    declares="""
    type Package = {
      version: (self: Package) -> string,
      digest: (self: Package) -> string,
      packed: (self: Package) -> boolean,
      metadata: (self: Package) -> (table?, Error?),
      entries: (self: Package, options: table?) -> ({table}?, Error?),
      resources: (self: Package) -> ({string}?, Error?),
      fs: (self: Package, resource: string) -> (any, Error?),
      close: (self: Package) -> boolean
    }
    modules: {
      list: (options: table?) -> (table?, Error?),
      search: (query: string, options: table?) -> (table?, Error?),
      get: (module: any, options: table?) -> (table?, Error?),
      readme: (module: any, options: table?) -> (table?, Error?)
    }
    versions: {
      list: (module: any, options: table?) -> (table?, Error?),
      get: (module: any, version: any, options: table?) -> (table?, Error?),
      inspect: (module: any, version: any, options: table?) -> (table?, Error?),
      open: (module: any, version: any, options: table?) -> (Package?, Error?)
    }
    dependencies: {
      get: (module: any, version: any, options: table?) -> (table?, Error?)
    }
    dependents: { get: (module: any, options: table?) -> (table?, Error?) }
    files: { list: (module: any, version: any, options: table?) -> (table?, Error?) }
    auth: {
      authenticate: (token: string, registry: string?) -> (table?, Error?),
      status: (options: table?) -> (table?, Error?),
      logout: (options: table?) -> (boolean?, Error?)
    }
    """,
)

CLIENT = "hub:client"

_modules = MODULE.table("modules")
_versions = MODULE.table("versions")
_dependencies = MODULE.table("dependencies")
_dependents = MODULE.table("dependents")
_files = MODULE.table("files")
_auth = MODULE.table("auth")
MODULE.handle(Package)


def _hub() -> Any:
    from wippy_trio.modules.hub.client import Hub  # noqa: PLC0415 - start-up cost

    resources = current_runtime().resources
    try:
        return resources.get(CLIENT)
    except NotFoundError:
        hub = Hub(current_runtime())
        resources.put(CLIENT, hub)
        return hub


def _allow(action: str, resource: str = "") -> None:
    check_permission(
        action, resource, f"not allowed: {action}{f' {resource}' if resource else ''}"
    )


async def _ask(method: str, message: dict[str, Any], options: CallOptions) -> Any:
    return await _hub().call(method, message, options)


# -- modules ---------------------------------------------------------------------------


@_modules.export(name="list")
async def list_modules(options: Any) -> dict[str, Any]:
    """List modules."""
    given = options_of(options)
    call, message = read_call(given), list_message(given)
    _allow("hub.modules.list")
    return page_of(await _ask("ListModules", message, call), "modules", message)


@_modules.export
async def search(query: str | None, options: Any) -> dict[str, Any]:
    """Search modules by words."""
    if not query or not query.strip():
        raise InvalidError("query is required", retryable=False)
    given = options_of(options)
    call, message = read_call(given), list_message(given, search=True)
    _allow("hub.modules.search", query)
    message["query"] = query
    return page_of(await _ask("SearchModules", message, call), "modules", message)


@_modules.export
async def get(module: Any, options: Any) -> dict[str, Any]:
    """Give a module."""
    which, call = module_message(module), read_call(options_of(options))
    _allow("hub.modules.get", shown_module(which))
    answer = plain(await _ask("GetModule", {"module": which}, call))
    found: dict[str, Any] = answer.get("module", answer)
    return found


@_modules.export
async def readme(module: Any, options: Any) -> dict[str, Any]:
    """Give the text that introduces a module."""
    which, given = module_message(module), options_of(options)
    call = read_call(given)
    version = version_message(given.get("version"), required=False)
    _allow("hub.modules.readme", shown_module(which))
    message = _of(which, version)
    answer = plain(await _ask("GetReadme", message, call))
    found: dict[str, Any] = answer.get("readme", answer)
    return found if isinstance(found, dict) else answer


def _of(which: dict[str, Any], version: dict[str, Any] | None) -> dict[str, Any]:
    return {"module": which} | ({} if version is None else {"version": version})


# -- versions --------------------------------------------------------------------------


@_versions.export(name="list")
async def list_versions(module: Any, options: Any) -> dict[str, Any]:
    """List the versions of a module."""
    which, given = module_message(module), options_of(options)
    call = read_call(given)
    message = {"module": which, **page_message(given)}
    if flag(given, "include_yanked"):
        message["includeYanked"] = True
    _allow("hub.versions.list", shown_module(which))
    return page_of(await _ask("ListVersions", message, call), "versions", message)


async def _version(
    action: str, module: Any, version: Any, options: Any
) -> dict[str, Any]:
    which = module_message(module)
    wanted = version_message(version, required=True)
    call = read_call(options_of(options))
    _allow(action, shown_module(which))
    answer: dict[str, Any] = plain(await _ask("GetVersion", _of(which, wanted), call))
    return answer


@_versions.export(name="get")
async def get_version(module: Any, version: Any, options: Any) -> dict[str, Any]:
    """Give a version."""
    answer = await _version("hub.versions.get", module, version, options)
    found: Any = answer.get("version")
    return found if isinstance(found, dict) else answer


@_versions.export
async def inspect(module: Any, version: Any, options: Any) -> dict[str, Any]:
    """Give all that the hub says about a version."""
    return await _version("hub.versions.inspect", module, version, options)


@_versions.export(name="open")
async def open_(module: Any, version: Any, options: Any) -> Any:
    """Open a version: one that this application has in a folder."""
    which = module_message(module)
    wanted = version_message(version, required=True)
    call = read_call(options_of(options))
    _allow("hub.versions.open", shown_module(which))
    assert wanted is not None
    found = _mounted(shown_module(which), wanted)
    if found is not None:
        return found
    await _ask("GetVersion", _of(which, wanted), call)  # says whether there is one
    raise UnavailableError(
        f"hub: {shown_module(which)}: packs are not available in this version",
        retryable=False,
    )


def _mounted(name: str, wanted: dict[str, Any]) -> Package | None:
    project = current_runtime().project
    module = project.modules.get(name)
    version = str(getattr(module, "version", "") or "")
    if module is None or wanted.get("version") not in (version, "latest"):
        return None
    entries = {
        id_: entry
        for id_, entry in project.entries.items()
        if entry.meta.get("module") == name
    }
    digest = next((m.hash for m in project.lock.modules if m.name == name), "")
    return Package(name, version, digest or "", entries)


# -- what belongs to a version ---------------------------------------------------------


@_dependencies.export(name="get")
async def get_dependencies(module: Any, version: Any, options: Any) -> dict[str, Any]:
    """Tell what a module needs."""
    which = module_message(module)
    wanted = version_message(version, required=False)
    call = read_call(options_of(options))
    _allow("hub.dependencies.get", shown_module(which))
    message = _of(which, wanted)
    return page_of(
        await _ask("GetDependencies", message, call), "dependencies", message
    )


@_dependents.export(name="get")
async def get_dependents(module: Any, options: Any) -> dict[str, Any]:
    """Tell what needs a module."""
    which, given = module_message(module), options_of(options)
    call = read_call(given)
    message = {"module": which, **page_message(given)}
    _allow("hub.dependents.get", shown_module(which))
    return page_of(await _ask("GetDependents", message, call), "dependents", message)


@_files.export(name="list")
async def list_files(module: Any, version: Any, options: Any) -> dict[str, Any]:
    """List the files of a version."""
    which = module_message(module)
    wanted = version_message(version, required=True)
    given = options_of(options)
    call = read_call(given)
    message = {**_of(which, wanted), **page_message(given)}
    _allow("hub.files.list", shown_module(which))
    return page_of(await _ask("ListVersionFiles", message, call), "files", message)


# -- who we are ------------------------------------------------------------------------


@_auth.export
async def authenticate(token: str | None, registry: str | None) -> dict[str, Any]:
    """Try a token, and store it if the hub takes it."""
    if not token:
        raise InvalidError("token is required", retryable=False)
    call = read_call({"registry": registry, "token": token})
    _allow("hub.auth.authenticate")
    await _ask("ListModules", {"pageSize": 1}, call)
    hub = _hub()
    where = hub.registry(call)
    hub.store(where, token)
    return {"authenticated": True, "registry": where, "orgs": []}


@_auth.export
async def status(options: Any) -> dict[str, Any]:
    """Tell whether we have a token that the hub takes."""
    call = read_call(options_of(options))
    _allow("hub.auth.status")
    hub = _hub()
    found = {"authenticated": False, "registry": hub.registry(call), "orgs": []}
    if hub.token(call):
        try:
            await _ask("ListModules", {"pageSize": 1}, call)
        except PermissionDeniedError:
            found["expired"] = True
        else:
            found["authenticated"] = True
    return found


@_auth.export
async def logout(options: Any) -> bool:
    """Forget the token that is stored."""
    call = read_call(options_of(options))
    _allow("hub.auth.logout")
    hub = _hub()
    hub.store(hub.registry(call), None)
    return True
