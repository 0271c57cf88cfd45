"""The entries of HTTP and their life: modules-io 8.1, 8.2; apps 2.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.services.http.application import (
    Application,
    Client,
    play,
    serving,
    write_application,
)
from wippy_trio.errors import ConflictError, Error, InvalidError
from wippy_trio.loading import load_project
from wippy_trio.registry import Entry, Operation, OperationKind
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.services.http.tls import read_tls

if TYPE_CHECKING:
    from pathlib import Path

OK = 'http.response():write("ok")'


ROUTED = "meta: {router: api}"


def refused(tmp_path: Path, entries: str, **options: Any) -> str:
    """Give the text with which an application is refused."""

    async def scene(app: Application) -> None:
        raise AssertionError("it started")

    with pytest.raises(BaseExceptionGroup) as caught:
        play(tmp_path, scene, {"f": OK}, entries=entries, **options)
    errors = caught.value.exceptions
    while isinstance(errors[0], BaseExceptionGroup):
        errors = errors[0].exceptions
    assert isinstance(errors[0], Error), errors
    return str(errors[0])


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("kind: http.service", "address is required"),
        ("kind: http.service, addr: ''", "address is required"),
        ("kind: http.service, addr: ':1', timeouts: {read: -1s}", "timeouts.read"),
        ("kind: http.service, addr: ':1', host: {buffer_size: -1}", "buffer_size"),
        ("kind: http.service, addr: ':1', host: {worker_count: x}", "worker_count"),
        ("kind: http.service, addr: ':1', tls: {mode: manual}", "needs cert and key"),
        ("kind: http.service, addr: ':1', tls: {mode: auto}", "overlay network"),
        ("kind: http.service, addr: ':1', tls: {cert: x}", "takes no certificate"),
        ("kind: http.router", "server metadata is required"),
        ("kind: http.router, meta: {server: nothing}", "app:x"),
        ("kind: http.router, meta: {server: gateway}, prefix: /", "already exists"),
        ("kind: http.endpoint, method: GET, path: /x, func: f", "router metadata"),
        ("kind: http.static, path: /x, fs: f", "server metadata is required"),
        (
            f"kind: http.endpoint, {ROUTED}, method: GET, path: /f, func: f",
            "routes conflict: GET /f and /f",
        ),
        (
            f"kind: http.endpoint, {ROUTED}, method: GET, func: f, path: '/{{'",
            "is not closed",
        ),
    ],
)
def test_bad_entries_are_refused(tmp_path: Path, entry: str, text: str) -> None:
    """The application does not start, and the text says why."""
    assert text in refused(tmp_path, f"  - {{name: x, {entry}}}\n")


def test_two_overlapping_endpoints_conflict(tmp_path: Path) -> None:
    """Neither is more specific (8.2)."""
    entries = """
  - {name: a, kind: http.endpoint, meta: {router: api}, method: GET,
     path: "/x/{id}", func: f}
  - {name: b, kind: http.endpoint, meta: {router: api}, method: GET,
     path: "/{id}/y", func: f}
"""
    assert "routes conflict" in refused(tmp_path, entries)


def test_order_does_not_matter(tmp_path: Path) -> None:
    """Endpoints may come before their router, routers before their server."""
    entries = """
  - {name: a.first, kind: http.endpoint, meta: {router: "app:z.router"}, method: GET,
     path: /x, func: f}
  - {name: z.router, kind: http.router, meta: {server: zz.server}, prefix: api}
  - {name: zz.server, kind: http.service, addr: "127.0.0.1:0",
     lifecycle: {auto_start: true}}
"""

    async def scene(app: Application) -> None:
        other = Application(app.runtime, "app:zz.server")
        assert (await other.request("GET", "/api/x")).text == "ok"

    play(tmp_path, scene, {"f": OK}, entries=entries)


def test_changes_while_it_runs(tmp_path: Path) -> None:
    """Added, moved and removed routes count at once; running requests go on (8.2)."""

    def entry(name: str, kind: str, meta: Any, **data: Any) -> Entry:
        return Entry(f"app:{name}", kind, meta, data)

    async def scene(app: Application) -> None:
        live = app.runtime.live

        async def apply(verb: str, changed: Entry) -> None:
            kind = OperationKind(f"entry.{verb}")
            await live.apply([Operation(kind, changed)])

        async def status(path: str) -> int:
            return (await app.request("GET", path)).status

        new = entry(
            "new",
            "http.endpoint",
            {"router": "api"},
            method="GET",
            path="/new",
            func="f",
        )
        assert await status("/new") == 404
        await apply("create", new)
        assert await status("/new") == 200
        async with app.client() as client, trio.open_nursery() as nursery:
            answers: list[int] = []

            async def slow() -> None:
                answers.append((await client.request("GET", "/slow")).status)

            nursery.start_soon(slow)
            await trio.sleep(0.02)
            await apply("delete", live.state.state["app:slow.endpoint"])
            assert await status("/slow") == 404
        assert answers == [200]
        moved = live.state.state["app:api"]
        await apply("update", moved._replace(data={**moved.data, "prefix": "/v2"}))
        assert await status("/new") == 404
        assert await status("/v2/new") == 200
        await apply("update", new._replace(data={**new.data, "path": "/newer"}))
        assert (await status("/v2/new"), await status("/v2/newer")) == (404, 200)
        clash = entry(
            "clash",
            "http.endpoint",
            {"router": "api"},
            method="GET",
            path="/newer",
            func="f",
        )
        with pytest.raises(ConflictError):
            await apply("create", clash)
        assert await status("/v2/newer") == 200  # the old table stays
        await apply("delete", live.state.state["app:new"])
        assert await status("/v2/newer") == 404
        service = live.state.state["app:gateway"]
        with pytest.raises(ConflictError, match="cannot change server address"):
            await apply(
                "update", service._replace(data={**service.data, "addr": "127.0.0.1:1"})
            )
        limited = {**service.data, "limits": {"target": 20}}
        await apply("update", service._replace(data=limited))
        again = Application(app.runtime, "app:gateway")
        assert (await again.request("GET", "/" + "x" * 30)).status == 414
        assert (await again.request("GET", "/v2/f")).text == "ok"

    play(
        tmp_path,
        scene,
        {"f": OK, "slow": f'time.sleep("200ms") {OK}'},
    )


def test_a_port_in_use_fails_the_service_and_says_so(tmp_path: Path) -> None:
    """The rest of the application goes on; the service tries again."""

    async def main() -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        write_application(tmp_path, {"f": OK})
        index = tmp_path / "src/_index.yaml"
        text = index.read_text().replace('"127.0.0.1:0"', f'"127.0.0.1:{port}"')
        fast = (
            "lifecycle: {auto_start: true, startup: optional,"
            " restart: {initial_delay: 50ms}}"
        )
        index.write_text(text.replace("lifecycle: {auto_start: true}", fast, 1))
        with trio.fail_after(10):
            async with running(RunningRuntime(load_project(tmp_path))) as runtime:
                while runtime.supervisor.states()["app:gateway"].status != "failed":  # noqa: ASYNC110
                    await trio.sleep(0.01)
                state = runtime.supervisor.states()["app:gateway"]
                assert "the port is in use by another server" in state.details
                await listeners[0].aclose()
                while runtime.supervisor.states()["app:gateway"].status != "running":  # noqa: ASYNC110
                    await trio.sleep(0.01)
                app = Application(runtime, "app:gateway")
                assert (await app.request("GET", "/f")).text == "ok"

    trio.run(main)


def test_graceful_stop_of_an_application(tmp_path: Path) -> None:
    """A request that runs is answered, then the port is closed (8.1)."""

    async def main() -> None:
        write_application(
            tmp_path,
            {"f": f'time.sleep("300ms") {OK}'},
            service="    limits: {head: 9000}",
        )
        answers: list[str] = []
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                async with serving(tmp_path) as app:
                    client: Client = await app.connect()

                    async def ask() -> None:
                        answers.append((await client.request("GET", "/f")).text)
                        assert await client.closed()
                        await client.stream.aclose()

                    nursery.start_soon(ask)
                    await trio.sleep(0.1)
                    port = app.port
                with pytest.raises(OSError, match="all attempts"):
                    await trio.open_tcp_stream("127.0.0.1", port)
        assert answers == ["ok"]

    trio.run(main)


def test_the_identity_of_the_server(tmp_path: Path) -> None:
    """Requests run with its actor and scope (8.1)."""
    source = """
      http.response():write(security.actor():id() .. " "
        .. tostring(security.can("read", "x")))"""
    policy = """
  - name: may
    kind: security.policy
    policy: {actions: read, resources: "*", effect: allow}
"""
    write_application(tmp_path, {"f": source}, entries=policy, modules="http, security")
    index = tmp_path / "src/_index.yaml"
    index.write_text(
        index.read_text().replace(
            "lifecycle: {auto_start: true}",
            "lifecycle: {auto_start: true, requires: [],"
            " security: {actor: {id: web}, policies: [may]}}",
            1,
        )
    )

    async def main() -> None:
        async with serving(tmp_path) as app:
            assert (await app.request("GET", "/f")).text == "web true"

    trio.run(main)


PEM = "-----BEGIN X-----"
MANUAL = {"mode": "manual", "cert": PEM, "key": PEM}


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ([], "wanted a map"),
        ({"mode": "on"}, "wanted auto or manual"),
        ({"mode": "manual", "cert": PEM}, "needs cert and key"),
        ({"mode": "manual", "cert": PEM, "cert_env": "X"}, "exclude each other"),
        ({"mode": "manual", "cert_env": "NOT_SET_AT_ALL"}, "is not set"),
        ({"mode": "manual", "cert": PEM, "key": PEM, "client_auth": "x"}, "one of"),
        (
            {
                "mode": "manual",
                "cert": PEM,
                "key": PEM,
                "client_auth": "require_and_verify",
            },
            "needs client_ca",
        ),
        ({"mode": "manual", "cert": PEM, "key": PEM, "client_ca": PEM}, "without"),
        ({"client_auth": "request"}, "takes no certificate"),
        ({"mode": "auto", "cert": PEM}, "takes no certificate"),
    ],
)
def test_tls_blocks_that_contradict_themselves(block: Any, text: str) -> None:
    """The text names the fields (8.1)."""
    with pytest.raises(InvalidError, match=text):
        read_tls(block, "x", network="")


def test_a_certificate_that_is_none() -> None:
    """It is found out when the service starts."""
    tls = read_tls({"mode": "manual", "cert": PEM, "key": PEM}, "x", network="")
    assert tls is not None
    with pytest.raises(InvalidError, match="cannot use certificate and key"):
        tls.context()
    assert read_tls({"mode": ""}, "x", network="") is None
    assert read_tls(None, "x", network="") is None
