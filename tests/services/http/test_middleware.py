"""The middlewares: modules-io 8.5, apps 2.3."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.services.http.application import Application, play
from wippy_trio.security import Actor, Scope
from wippy_trio.services.http.middleware.ratelimit import Buckets
from wippy_trio.services.http.origins import OriginList

if TYPE_CHECKING:
    from pathlib import Path

OK = 'http.response():write("ok")'


@pytest.mark.parametrize(
    ("patterns", "origin", "allowed"),
    [
        ("*", "https://any.where", True),
        ("https://a.org", "https://a.org", True),
        ("https://a.org", "https://A.ORG", True),
        ("https://a.org", "http://a.org", False),
        ("https://a.org", "https://a.org.evil.com", False),
        ("*.a.org", "https://x.a.org", True),
        ("*.a.org", "https://x.y.a.org:8080", True),
        ("*.a.org", "https://a.org", False),
        ("*.a.org", "https://evila.org", False),
        ("https://*.a.org", "http://x.a.org", False),
        ("localhost", "http://localhost:3000", True),
        ("localhost", "http://127.0.0.1:1", True),
        ("localhost", "http://localhost.evil.com", False),
        ("a.org", "https://a.org", True),
        ("a.org:81", "http://a.org:81", True),
        ("a.org", "null", False),
        ("a.org", "http://[", False),
    ],
)
def test_origins(patterns: str, origin: str, allowed: bool) -> None:
    """Exact, any, below a domain, the machine itself."""
    assert (origin in OriginList(tuple(patterns.split(",")))) is allowed


def test_cors(tmp_path: Path) -> None:
    """A preflight ends here; the origin is echoed, and never a star (8.5)."""
    router = """
    middleware: [cors]
    options:
      cors.allow.origins: "https://a.org"
      cors.allow.credentials: true
      cors.expose.headers: "X-One, X-Two"
      cors.max.age: 60
      cors.allow.private.network: "true"
"""

    async def scene(app: Application) -> None:
        async with app.client() as client:
            ask = {"Access-Control-Request-Method": "PUT", "Origin": "https://a.org"}
            answer = await client.request("OPTIONS", "/f", headers=ask)
            assert answer.status == 204
            got = answer.headers
            assert got["access-control-allow-origin"] == "https://a.org"
            assert got["access-control-allow-credentials"] == "true"
            assert got["access-control-max-age"] == "60"
            assert "PUT" in got["access-control-allow-methods"]
            assert "Authorization" in got["access-control-allow-headers"]
            assert "Origin" in got["vary"]
            ask["Access-Control-Request-Private-Network"] = "true"
            answer = await client.request("OPTIONS", "/f", headers=ask)
            assert answer.headers["access-control-allow-private-network"] == "true"
            answer = await client.request(
                "GET", "/f", headers={"Origin": ask["Origin"]}
            )
            assert answer.text == "ok"
            assert answer.headers["access-control-expose-headers"] == "X-One, X-Two"
            for headers in ({"Origin": "https://b.org"}, {}):
                answer = await client.request("GET", "/f", headers=headers)
                assert answer.text == "ok"
                assert "access-control-allow-origin" not in answer.headers
                assert answer.headers["vary"] == "Origin"
            ask["Origin"] = "https://b.org"
            answer = await client.request("OPTIONS", "/f", headers=ask)
            assert answer.status == 204  # the automatic OPTIONS (8.2), no headers
            assert "access-control-allow-origin" not in answer.headers

    play(tmp_path, scene, {"f": OK}, router=router)


@given(
    st.integers(1, 50),
    st.integers(1, 10),
    st.lists(st.floats(0, 3), max_size=60),
)
def test_no_more_than_the_rate_and_the_burst(
    rate: int, burst: int, pauses: list[float]
) -> None:
    """In any time t at most burst + rate * t requests pass."""
    buckets = Buckets(rate, burst, most=10, lifetime=1e9)
    now, passed = 0.0, []
    for pause in pauses:
        now += pause
        if buckets.take("k", now) == 0:
            passed.append(now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            elapsed = passed[last] - passed[first]
            assert last - first + 1 <= burst + rate * elapsed + 1e-6


def test_buckets_are_bounded_and_forgotten() -> None:
    """The oldest goes when there are too many, and all after their time."""
    buckets = Buckets(1, 1, most=3, lifetime=10)
    for number in range(5):
        buckets.take(str(number), number)
    assert len(buckets) == 3
    assert buckets.take("4", 4) > 0
    assert buckets.take("0", 4) == 0  # it was evicted, so it begins anew
    buckets.sweep(13.5)
    assert len(buckets) == 2
    buckets.sweep(100)
    assert len(buckets) == 0


def test_ratelimit(tmp_path: Path) -> None:
    """Over the limit is 429, without a key 400."""
    router = """
    middleware: [ratelimit]
    options: {ratelimit.requests: 1, ratelimit.window: 1h, ratelimit.burst: 2,
      ratelimit.key: "header:X-Key"}
"""

    async def scene(app: Application) -> None:
        async with app.client() as client:

            async def get(**headers: str) -> Any:
                return await client.request("GET", "/f", headers=headers)

            assert (await get()).status == 400
            key = {"X-Key": "a"}
            assert [(await get(**key)).status for _ in range(3)] == [200, 200, 429]
            answer = await get(**key)
            assert answer.headers["x-ratelimit-limit"] == "1"
            assert answer.headers["x-ratelimit-window"] == "1h"
            assert int(answer.headers["retry-after"]) > 3000
            assert (await get(**{"X-Key": "b"})).status == 200

    play(tmp_path, scene, {"f": OK}, router=router)


def test_compress(tmp_path: Path) -> None:
    """What is long, takes it and is not packed; streams too, but no events."""
    functions = {
        "long": 'http.response():write(("abc"):rep(1000))',
        "short": 'http.response():write("abc")',
        "stream": """
          local res = http.response()
          for i = 1, 3 do res:write(("x"):rep(1000)) res:flush() end""",
        "packed": """
          local res = http.response()
          res:set_header("Content-Encoding", "br")
          res:write(("abc"):rep(1000))""",
        "image": """
          local res = http.response()
          res:set_content_type("image/png")
          res:write(("abc"):rep(1000))""",
        "events": """
          http.response():write_event({name = "n", data = ("x"):rep(2000)})""",
        "tagged": """
          local res = http.response()
          res:set_header("ETag", '"a"')
          res:write(("abc"):rep(1000))""",
    }

    async def scene(app: Application) -> None:
        async with app.client() as client:

            async def get(
                path: str, accept: str = "gzip, br", method: str = "GET"
            ) -> Any:
                return await client.request(
                    method, path, headers={"Accept-Encoding": accept}
                )

            answer = await get("/long")
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.headers["vary"] == "Accept-Encoding"
            assert int(answer.headers["content-length"]) == len(answer.body) < 200
            assert gzip.decompress(answer.body) == b"abc" * 1000
            for accept in ("", "br", "gzip;q=0", "*;q=0", "identity"):
                answer = await get("/long", accept)
                assert "content-encoding" not in answer.headers
                assert answer.headers["vary"] == "Accept-Encoding"
            assert (await get("/long", "*")).headers["content-encoding"] == "gzip"
            assert "content-encoding" not in (await get("/short")).headers
            answer = await get("/stream")
            assert answer.headers["transfer-encoding"] == "chunked"
            assert gzip.decompress(answer.body) == b"x" * 3000
            assert (await get("/packed")).headers["content-encoding"] == "br"
            for path in ("/image", "/events"):
                assert "content-encoding" not in (await get(path)).headers
            assert (await get("/tagged")).headers["etag"] == 'W/"a"'
            answer = await get("/long", method="HEAD")
            assert answer.status == 200

    play(tmp_path, scene, functions, router="    middleware: [compress]")


def test_real_ip(tmp_path: Path) -> None:
    """Loopback is trusted by default; of a chain the first one that is not."""
    router = "    middleware: [real_ip]"

    async def scene(app: Application) -> None:
        async with app.client() as client:

            async def get(**headers: str) -> str:
                named = {k.replace("_", "-"): v for k, v in headers.items()}
                answer = await client.request("GET", "/f", headers=named)
                return str(answer.text)

            assert (await get()).startswith("127.0.0.1:")
            assert await get(X_Real_IP="1.2.3.4") == "1.2.3.4"
            assert await get(True_Client_IP="::2", X_Real_IP="1.2.3.4") == "::2"
            chain = "6.6.6.6, 9.9.9.9, 10.0.0.1"
            assert await get(X_Forwarded_For=chain) == "9.9.9.9"
            assert (await get(X_Forwarded_For="junk")).startswith("127.0.0.1:")
            assert (await get(X_Real_IP="junk")).startswith("127.0.0.1:")

    play(
        tmp_path,
        scene,
        {"f": "http.response():write(http.request():remote_addr())"},
        router=router,
    )


def test_real_ip_of_a_stranger_is_not_believed(tmp_path: Path) -> None:
    """Only the listed networks are."""
    router = """
    middleware: [real_ip]
    options: {real_ip.trusted.subnets: "192.0.2.0/24"}
"""

    async def scene(app: Application) -> None:
        answer = await app.request("GET", "/f", headers={"X-Real-IP": "1.2.3.4"})
        assert answer.text.startswith("127.0.0.1:")

    play(
        tmp_path,
        scene,
        {"f": "http.response():write(http.request():remote_addr())"},
        router=router,
    )


TOKENS = """
  - {name: kept, kind: store.memory, lifecycle: {auto_start: true}}
  - {name: tokens, kind: security.token_store, store: kept, token_key: secret}
  - name: may
    kind: security.policy
    policy: {actions: "access", resources: ["app:f.endpoint", "app:thing"],
      effect: allow}
"""


def test_identity_and_firewall(tmp_path: Path) -> None:
    """Header, query, cookie prove who asks; the firewall decides (apps 8.6)."""
    router = """
    middleware: [token_auth]
    options: {token_auth.store: tokens}
    post_middleware: [endpoint_firewall]
"""
    source = """
      local actor = security.actor()
      http.response():write(actor and actor:id() or "nobody")
    """

    async def scene(app: Application) -> None:
        runtime = app.runtime
        store = runtime.resources.get("app:tokens")
        policy = runtime.policies.policy("app:may")
        good = await store.create(Actor("ann"), Scope([policy]))
        poor = await store.create(Actor("bob"), Scope([]))
        async with app.client() as client:

            async def get(path: str = "/f", **headers: str) -> tuple[int, str]:
                answer = await client.request("GET", path, headers=headers)
                if answer.status != 200:
                    body = json.loads(answer.body)
                    assert body["success"] is False
                    assert set(body) == {"success", "error", "details"}
                return answer.status, answer.text if answer.status == 200 else ""

            assert await get(Authorization=f"Bearer {good}") == (200, "ann")
            assert await get(Authorization=f"bearer {good}") == (200, "ann")
            assert await get(f"/f?x-auth-token={good}") == (200, "ann")
            assert await get(Cookie=f"a=b; x-auth-token={good}; c=d") == (200, "ann")
            assert await get(Authorization=f"Bearer {poor}") == (403, "")
            assert await get(Authorization="Bearer nonsense") == (401, "")
            assert await get(Authorization=f"Basic {good}") == (401, "")
            assert await get() == (401, "")

    play(
        tmp_path,
        scene,
        {"f": source},
        router=router,
        entries=TOKENS,
        modules="http, security",
    )


def test_resource_firewall_and_a_firewall_before_the_route(tmp_path: Path) -> None:
    """One asks about a given id; the other knows no endpoint yet (8.5)."""
    router = """
    middleware: [token_auth]
    options: {token_auth.store: tokens}
    post_middleware: [resource_firewall]
    post_options: {resource_firewall.target: thing}
"""
    second = """
  - name: early
    kind: http.router
    meta: {server: gateway}
    prefix: /early
    middleware: [endpoint_firewall]
  - {name: e, kind: http.endpoint, meta: {router: early}, method: GET, path: /f,
     func: f}
"""

    async def scene(app: Application) -> None:
        store = app.runtime.resources.get("app:tokens")
        policy = app.runtime.policies.policy("app:may")
        good = await store.create(Actor("ann"), Scope([policy]))
        answer = await app.request(
            "GET", "/f", headers={"Authorization": f"Bearer {good}"}
        )
        assert answer.text == "ok"
        assert (await app.request("GET", "/f")).status == 401
        assert (await app.request("GET", "/early/f")).status == 500

    play(
        tmp_path,
        scene,
        {"f": OK},
        router=router,
        entries=TOKENS + second,
        modules="http",
    )


def test_metrics(tmp_path: Path) -> None:
    """Counter, histogram, gauge, by route."""

    async def scene(app: Application) -> None:
        async with app.client() as client:
            for _ in range(2):
                await client.request("GET", "/f/7")
        metrics = app.runtime.metrics
        route = {"method": "GET", "route": "/f/{id}"}
        total = tuple(sorted({**route, "status": "201"}.items()))
        labels = tuple(sorted(route.items()))
        assert metrics.counters["wippy_http_requests_total", total] == 2
        assert metrics.gauges["wippy_http_requests_in_flight", labels] == 0
        assert (
            metrics.histograms["wippy_http_request_duration_seconds", labels].count == 2
        )

    play(
        tmp_path,
        scene,
        {"f": "http.response():set_status(201)"},
        routes={"f": "GET /f/{id}"},
        router="    middleware: [metrics, otel]",
    )


def test_sendfile(tmp_path: Path) -> None:
    """The handler names a file, with ranges and a name for the browser."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files/report.txt").write_text("0123456789")
    source = """
      local req, res = http.request(), http.response()
      res:set_header("X-Sendfile", req:query("path"))
      res:set_header("X-File-Name", 'y "1" é.txt')
      res:write("not this")
    """
    entries = """
  - {name: files, kind: fs.directory, directory: FOLDER}
  - name: plain
    kind: http.router
    meta: {server: gateway}
    prefix: /none
    middleware: [sendfile]
  - {name: p, kind: http.endpoint, meta: {router: plain}, method: GET, path: /f,
     func: f}
""".replace("FOLDER", str(tmp_path / "files"))
    router = """
    middleware: [sendfile]
    options: {sendfile.fs: files}
"""

    async def scene(app: Application) -> None:
        async with app.client() as client:
            answer = await client.request("GET", "/f?path=report.txt")
            assert answer.text == "0123456789"
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.headers["content-disposition"] == (
                "attachment; filename=\"y _1_ _.txt\"; filename*=UTF-8''"
                "y%20%221%22%20%C3%A9.txt"
            )
            assert "x-sendfile" not in answer.headers
            answer = await client.request(
                "GET", "/f?path=report.txt", headers={"Range": "bytes=2-4"}
            )
            assert (answer.status, answer.text) == (206, "234")
            for path in ("missing", "../src/_index.yaml", ""):
                assert (await client.request("GET", f"/f?path={path}")).status == 404
            assert (await client.request("GET", "/none/f?path=a")).status == 500

    play(tmp_path, scene, {"f": source}, router=router, entries=entries)


def test_misplaced_middlewares_stand_where_they_belong(tmp_path: Path) -> None:
    """A list that names one of the other kind does not stop the application."""
    router = "    middleware: [sse_relay, compress]\n    post_middleware: [cors]"

    async def scene(app: Application) -> None:
        handler: Any = app.runtime._handler("http.router")
        (site,) = handler.sites.values()
        (found,) = site.routers.values()
        assert [each.name for each in found.before] == ["compress", "cors"]
        assert [each.name for each in found.after] == ["sse_relay"]
        answer = await app.request("GET", "/f", headers={"Origin": "http://a.test"})
        assert answer.headers["access-control-allow-origin"] == "http://a.test"

    play(tmp_path, scene, {"f": OK}, router=router)


@pytest.mark.parametrize(
    ("router", "text"),
    [
        ("middleware: [nothing]", "unknown middleware 'nothing'"),
        ("middleware: cors", "wanted a list of names"),
        ("middleware: [token_auth]", "token_auth.store is required"),
        ("post_middleware: [resource_firewall]", "target is required"),
        ("middleware: [ratelimit]\n    options: {ratelimit.window: 10}", "window"),
        ("middleware: [ratelimit]\n    options: {ratelimit.key: x}", "ratelimit.key"),
        ("middleware: [ratelimit]\n    options: {ratelimit.burst: 0}", "above 0"),
        ("middleware: [compress]\n    options: {compress.level: 5}", "compress.level"),
        ("middleware: [real_ip]\n    options: {real_ip.trust_all: maybe}", "true or"),
    ],
)
def test_bad_lists_are_refused(tmp_path: Path, router: str, text: str) -> None:
    """The application does not start; the text names the option."""

    async def scene(app: Application) -> None:
        raise AssertionError("it started")

    with pytest.raises(BaseExceptionGroup) as caught:
        play(tmp_path, scene, {"f": OK}, router="    " + router)
    assert text in str(caught.value.exceptions[0])
