"""`hub` against a server of our own that speaks its protocol: modules-io 16."""

from __future__ import annotations

import contextlib
import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.services.queue.brokers import eventually, runtime_of
from wippy_trio.kernel import Exit
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from pathlib import Path

SERVICE = "/wippy.api.hub.module.v1.ModuleService/"

MODULE = {
    "id": "m-1",
    "name": "views",
    "orgId": "o-1",
    "fullName": "wippy/views",
    "displayName": "Views",
    "latestVersion": "1.2.0",
    "totalDownloads": "1234",
    "favoritesCount": 3,
    "visibility": "MODULE_VISIBILITY_PUBLIC",
    "type": "MODULE_TYPE_LIBRARY",
    "keywords": ["web"],
    "createTime": "2025-01-02T03:04:05Z",
}
ANSWERS: dict[str, Any] = {
    "ListModules": {"modules": [MODULE], "total": "41", "page": 2, "pageSize": 1},
    "SearchModules": {"modules": [MODULE], "pagination": {"total": 1}},
    "GetModule": {"module": MODULE},
    "GetReadme": {"readme": {"content": "# Views", "filename": "README.md"}},
    "ListVersions": {"versions": [{"id": "v-1", "version": "1.2.0"}]},
    "GetVersion": {"version": {"id": "v-1", "version": "1.2.0"}, "digest": "abc"},
    "GetDependencies": {"dependencies": [{"name": "wippy/test", "version": "^1"}]},
    "GetDependents": {"dependents": []},
    "ListVersionFiles": {"files": [{"path": "a.lua", "size": "12"}]},
}


class Server:
    """Answers with what a test wants, and remembers what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.failure: tuple[int, Any] | None = None
        self.tokens: set[str] | None = None
        self.silent = False
        self.open = 0

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        task_status.started()
        await trio.serve_listeners(self._serve, listeners)

    async def _serve(self, client: trio.SocketStream) -> None:
        self.open += 1
        try:
            async with client:
                with contextlib.suppress(trio.BrokenResourceError):
                    while await self._exchange(client):
                        pass
        finally:
            self.open -= 1

    async def _exchange(self, client: trio.SocketStream) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = await client.receive_some()
            if not piece:
                return False
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (x.partition(": ") for x in lines)
        }
        while len(body) < int(headers.get("content-length", 0)):
            body += await client.receive_some()
        path = first.split(" ")[1]
        assert path.startswith(SERVICE)
        method = path.removeprefix(SERVICE)
        self.asked.append((method, headers, json.loads(body)))
        if self.silent:
            await client.receive_some()
            return False
        status, answer = self._answer(method, headers)
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        await client.send_all(
            b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text)
        )
        return True

    def _answer(self, method: str, headers: dict[str, str]) -> tuple[int, Any]:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens is not None and token not in self.tokens:
            return 401, {"code": "unauthenticated", "message": "who are you?"}
        return self.failure or (200, ANSWERS[method])


@pytest.fixture
async def server(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Server:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WIPPY_TOKEN", raising=False)
    found = Server()
    await nursery.start(found.run)
    return found


CALL = """
local hub = require("hub")
local function told(v, err)
  if v == nil then
    return {kind = tostring(err:kind()), text = tostring(err), may = err:retryable()}
  end
  return v
end
return {main = function(table, name, ...) return told(hub[table][name](...)) end}
"""


def load(folder: Path, server: Server, **sources: str) -> RunningRuntime:
    (folder / ".wippy.yaml").write_text(
        f'version: "1.0"\nmodules: {{registry_url: "{server.url}"}}\n'
    )
    return runtime_of(folder, "", "hub", call=CALL, **sources)


async def test_questions_and_answers(tmp_path: Path, server: Server) -> None:
    """Each function asks its method, and gives the answer with our names."""
    module = {
        "id": "m-1",
        "name": "views",
        "org_id": "o-1",
        "full_name": "wippy/views",
        "display_name": "Views",
        "latest_version": "1.2.0",
        "total_downloads": 1234,
        "favorites_count": 3,
        "visibility": "public",
        "type": "library",
        "keywords": ["web"],
        "create_time": "2025-01-02T03:04:05Z",
    }
    page = {"items": [module], "total": 41, "page": 2, "page_size": 1}
    which = {"org": "wippy", "name": "views"}
    version = {"version": "1.2.0"}
    options = {
        "org": "wippy",
        "visibility": "public",
        "type": "library",
        "sort_order": "downloads_desc",
        "page": 2,
        "page_size": 1,
    }
    sent = {
        "org": "wippy",
        "visibility": "MODULE_VISIBILITY_PUBLIC",
        "type": "MODULE_TYPE_LIBRARY",
        "sortOrder": "MODULE_SORT_ORDER_DOWNLOADS_DESC",
        "page": 2,
        "pageSize": 1,
    }
    name = "wippy/views"
    rows: list[tuple[list[Any], str, dict[str, Any], Any]] = [
        (["modules", "list", options], "ListModules", sent, page),
        (
            [
                "modules",
                "search",
                "web",
                {"keywords": ["a"], "include_deprecated": True},
            ],
            "SearchModules",
            {"query": "web", "keywords": ["a"], "includeDeprecated": True},
            {"items": [module], "total": 1, "page": 1, "page_size": 1},
        ),
        (["modules", "get", name], "GetModule", {"module": which}, module),
        (["modules", "get", which], "GetModule", {"module": which}, module),
        (["modules", "get", "m-1"], "GetModule", {"module": {"id": "m-1"}}, module),
        (
            ["modules", "readme", name, {"version": "1.2.0"}],
            "GetReadme",
            {"module": which, "version": version},
            {"content": "# Views", "filename": "README.md"},
        ),
        (
            ["versions", "list", name, {"include_yanked": True}],
            "ListVersions",
            {"module": which, "includeYanked": True},
            {
                "items": [{"id": "v-1", "version": "1.2.0"}],
                "total": 1,
                "page": 1,
                "page_size": 1,
            },
        ),
        (
            ["versions", "get", name, {"label": "latest"}],
            "GetVersion",
            {"module": which, "version": {"label": "latest"}},
            {"id": "v-1", "version": "1.2.0"},
        ),
        (
            ["versions", "inspect", name, "1.2.0"],
            "GetVersion",
            {"module": which, "version": version},
            {"version": {"id": "v-1", "version": "1.2.0"}, "digest": "abc"},
        ),
        (
            ["dependencies", "get", name],
            "GetDependencies",
            {"module": which},
            {
                "items": [{"name": "wippy/test", "version": "^1"}],
                "total": 1,
                "page": 1,
                "page_size": 1,
            },
        ),
        (
            ["dependents", "get", name, {"page_size": 5}],
            "GetDependents",
            {"module": which, "pageSize": 5},
            {"items": [], "total": 0, "page": 1, "page_size": 5},
        ),
        (
            ["files", "list", name, "1.2.0"],
            "ListVersionFiles",
            {"module": which, "version": version},
            {
                "items": [{"path": "a.lua", "size": 12}],
                "total": 1,
                "page": 1,
                "page_size": 1,
            },
        ),
    ]
    async with running(load(tmp_path, server)) as runtime:
        for arguments, method, message, answer in rows:
            assert await runtime.call("app:call", *arguments) == answer, arguments
            asked, headers, body = server.asked[-1]
            assert (asked, body) == (method, message)
            assert headers["content-type"] == "application/json"
            assert headers["connect-protocol-version"] == "1"
    await eventually(lambda: server.open == 0)


async def test_mistakes_are_found_before_the_network(
    tmp_path: Path, server: Server
) -> None:
    """Nothing is sent for a wrong reference, version, query or option."""
    wrong: list[list[Any]] = [
        ["modules", "get"],
        ["modules", "get", ""],
        ["modules", "get", "a/b/c"],
        ["modules", "get", "/b"],
        ["modules", "get", {"org": "wippy"}],
        ["modules", "get", 5],
        ["modules", "get", "a/b", "no table"],
        ["modules", "get", "a/b", {"timeout": -1}],
        ["modules", "get", "a/b", {"timeout": "soon"}],
        ["modules", "get", "a/b", {"registry": "ftp://x"}],
        ["modules", "readme", "a/b", {"version": {"other": 1}}],
        ["modules", "list", {"visibility": "secret"}],
        ["modules", "list", {"type": "thing"}],
        ["modules", "list", {"sort_order": "up"}],
        ["modules", "list", {"page": 0}],
        ["modules", "search", ""],
        ["modules", "search", " "],
        ["modules", "search", "x", {"keywords": "x"}],
        ["versions", "get", "a/b"],
        ["versions", "get", "a/b", {}],
        ["versions", "inspect", "a/b", {"name": "x"}],
        ["versions", "open", "a/b"],
        ["versions", "list", "a/b", {"include_yanked": 1}],
        ["files", "list", "a/b"],
        ["auth", "authenticate", ""],
    ]
    async with running(load(tmp_path, server)) as runtime:
        for arguments in wrong:
            found = await runtime.call("app:call", *arguments)
            assert found["kind"] == "Invalid", arguments
    assert server.asked == []


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("invalid_argument", "Invalid", False),
        ("not_found", "NotFound", False),
        ("already_exists", "AlreadyExists", False),
        ("permission_denied", "PermissionDenied", False),
        ("unauthenticated", "PermissionDenied", False),
        ("resource_exhausted", "RateLimited", True),
        ("unavailable", "Unavailable", True),
        ("deadline_exceeded", "Timeout", True),
        ("canceled", "Canceled", False),
        ("failed_precondition", "Conflict", False),
        ("aborted", "Conflict", False),
        ("internal", "Internal", False),
        ("unknown", "Internal", False),
    ],
)
async def test_codes(
    tmp_path: Path, server: Server, code: str, kind: str, retryable: bool
) -> None:
    """Each code of the protocol has its kind."""
    server.failure = (400, {"code": code, "message": "because"})
    async with running(load(tmp_path, server)) as runtime:
        found = await runtime.call("app:call", "modules", "get", "a/b")
    assert found == {"kind": kind, "text": "hub: because", "may": retryable}


async def test_what_is_no_answer(tmp_path: Path, server: Server) -> None:
    """Bodies that are no JSON, silence, nobody there."""
    async with running(load(tmp_path, server)) as runtime:
        for failure, kind in (
            ((503, b"<html>"), "Unavailable"),
            ((200, b"<html>"), "Internal"),
            ((200, [1]), "Internal"),
            ((500, b""), "Internal"),
        ):
            server.failure = failure
            found = await runtime.call("app:call", "modules", "get", "a/b")
            assert found["kind"] == kind, failure
        nobody = {"registry": "http://127.0.0.1:9"}
        found = await runtime.call("app:call", "modules", "get", "a/b", nobody)
        assert found["kind"] == "Unavailable"
        assert found["may"] is True
        server.silent = True
        limit = {"timeout": 0.05}
        found = await runtime.call("app:call", "modules", "get", "a/b", limit)
        assert found["kind"] == "Timeout"
        await eventually(lambda: server.open == 0)


async def test_tokens(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given, of the environment, stored: in this order; a refused one is not stored."""
    server.tokens = {"good", "stored", "env"}
    file = tmp_path / "home/.wippy/credentials.json"
    async with running(load(tmp_path, server)) as runtime:

        async def used(options: Any = None) -> str:
            await runtime.call("app:call", "modules", "get", "a/b", options)
            return server.asked[-1][1].get("authorization", "none")

        assert await used() == "none"
        found = await runtime.call("app:call", "auth", "authenticate", "bad")
        assert found["kind"] == "PermissionDenied"
        assert not file.exists()
        found = await runtime.call("app:call", "auth", "authenticate", "stored")
        assert found == {"authenticated": True, "registry": server.url, "orgs": []}
        assert json.loads(file.read_text()) == {server.url: "stored"}
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert await used({"token": "good"}) == "Bearer good"
        assert await used() == "Bearer stored"
        status = await runtime.call("app:call", "auth", "status")
        assert status["authenticated"] is True
    async with running(load(tmp_path, server)) as runtime:
        assert await used() == "Bearer stored"
        monkeypatch.setenv("WIPPY_TOKEN", "env")
        assert await used() == "Bearer env"
        monkeypatch.delenv("WIPPY_TOKEN")
        assert await runtime.call("app:call", "auth", "logout") is True
        assert await used() == "none"
        status = await runtime.call("app:call", "auth", "status")
        assert status["authenticated"] is False
    assert json.loads(file.read_text()) == {}


OPEN = """
local hub = require("hub")
return {main = function()
  local package = assert(hub.versions.open("acme/tools", "2.0.0"))
  local rows = assert(package:entries({kind = "library.lua", include_data = false}))
  local _, nothing = package:fs("x")
  local found = {package:version(), package:packed(), package:metadata().name,
    rows, #package:entries() , #package:resources(), tostring(nothing:kind()),
    tostring(package), package:close(), package:close()}
  local _, err = package:entries()
  found[#found + 1] = tostring(err:kind())
  found[#found + 1] = tostring(package)
  local _, other = hub.versions.open("acme/other", "1")
  found[#found + 1] = tostring(other:kind())
  return found
end}
"""


async def test_open_a_module_of_the_application(tmp_path: Path, server: Server) -> None:
    """A module that is here in a folder is opened there; packs are not part of this."""
    load(tmp_path, server, open=OPEN)
    folder = tmp_path / ".wippy/vendor/acme/tools"
    folder.mkdir(parents=True)
    (folder / "_index.yaml").write_text(
        'version: "1.0"\nnamespace: acme.tools\nentries:\n'
        "  - {name: lib, kind: library.lua, source: 'return {}'}\n"
        "  - {name: data, kind: registry.entry, a: 1}\n"
    )
    (tmp_path / "wippy.lock").write_text(
        "directories: {src: ./src, modules: .wippy}\n"
        "modules: [{name: acme/tools, version: 2.0.0, hash: abc}]\n"
    )
    async with running(RunningRuntime(load_project(tmp_path))) as runtime:
        found = await runtime.call("app:open")
    meta = {"module": "acme/tools", "module_version": "2.0.0"}
    assert found == [
        "2.0.0",
        False,
        "acme/tools",
        [{"id": "acme.tools:lib", "kind": "library.lua", "meta": meta}],
        2,
        0,
        "NotFound",
        "hub.Package{acme/tools@2.0.0}",
        True,
        True,
        "Invalid",
        "hub.Package{closed}",
        "Unavailable",
    ]


async def test_killed_questions_leave_nothing(tmp_path: Path, server: Server) -> None:
    """A process that is ended while the hub thinks: the connection is closed."""
    server.silent = True
    source = 'return {main = function() require("hub").modules.get("a/b") end}'
    async with running(load(tmp_path, server, p_ask=source)) as runtime:
        for n in range(1, 4):
            process = await runtime.spawn_process("app:p_ask", "app:processes")
            await eventually(lambda n=n: len(server.asked) == n)
            process.end(Exit.terminated(process.pid))
            await eventually(lambda: server.open == 0)
