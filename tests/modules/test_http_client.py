"""`http_client` against our own server and raw ones: modules-io 9."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme

from tests.modules.application import run_application
from tests.services.http.application import Application, play
from wippy_trio.errors import Error
from wippy_trio.kernel import Context
from wippy_trio.modules.http_client.options import (
    DEFAULT_TIMEOUT,
    canonical,
    read_options,
    with_query,
)
from wippy_trio.modules.http_client.transport import is_private
from wippy_trio.security import Actor, Scope, parse_policy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

ECHO = """
local req, res = http.request(), http.response()
local form = {}
if (req:header("Content-Type") or ""):find("multipart", 1, true) then
  local parsed = assert(req:parse_multipart())
  for name, files in pairs(parsed.files) do
    local reader = files[1]:stream()
    form[name] = files[1]:name() .. ":" .. tostring(reader:read())
  end
  for name, values in pairs(parsed.values) do
    form["v." .. name] = type(values) == "table" and values[1] or values
  end
end
res:set_header("X-Seen", "yes")
res:write_json({
  method = req:method(), path = req:path(), query = req:query("a"), b = req:query("b"),
  type = req:header("Content-Type"), auth = req:header("Authorization"),
  cookie = req:header("Cookie"), own = req:header("X-Own"),
  body = next(form) == nil and req:body() or nil, form = form,
})
"""
MOVED = """
local res = http.response()
res:set_status(302)
res:set_header("Location", "/echo?a=moved")
res:write("")
"""
LOOP = MOVED.replace("/echo?a=moved", "/loop")
BIG = 'http.response():write(string.rep("x", 200000))'
SLOW = 'time.sleep("10s") http.response():write("late")'
FAIL = "local r = http.response() r:set_status(418) r:write_json({no = true})"
FUNCTIONS = {
    "echo": ECHO,
    "moved": MOVED,
    "loop": LOOP,
    "big": BIG,
    "slow": SLOW,
    "fail": FAIL,
}
HEAD = """
local base = "http://127.0.0.1:" .. http.request():header("X-Port")
local function told(v, err)
  if not err then return v or true end
  return {tostring(err:kind()), err:message(), tostring(err:retryable())}
end
local function answer() return http.response() end
"""


def talk(folder: Path, body: str, **options: Any) -> Any:
    """Run Lua that talks to the application it belongs to; give what it returns."""

    async def scene(app: Application) -> Any:
        got = await app.request("GET", "/go", headers={"X-Port": str(app.port)})
        assert got.status == 200, got.text
        import json  # noqa: PLC0415

        return json.loads(got.body)["value"]

    go = f"{HEAD}\nlocal function run()\n{body}\nend\n"
    go += "answer():write_json({value = run()})"
    routes = {"echo": "POST /echo"} if options.pop("post", False) else None
    return play(
        folder,
        scene,
        FUNCTIONS | {"go": go},
        modules="http, json, time, http_client",
        routes=routes,
        **options,
    )


def test_answer_has_status_headers_and_body(tmp_path: Path) -> None:
    """Canonical header names, cookies, the final URL, sizes (9.1)."""
    found = talk(
        tmp_path,
        """
        local r, err = http_client.get(base .. "/echo?a=1")
        assert(err == nil and r.status_code == 200 and r.stream == nil)
        assert(r.headers["X-Seen"] == "yes" and r.headers["Content-Type"])
        assert(next(r.cookies) == nil and #r.body == r.body_size)
        assert(r.url == base .. "/echo?a=1")
        local head = http_client.head(base .. "/echo")
        assert(head.status_code == 200 and head.body == nil and head.body_size == 0)
        local failed = http_client.get(base .. "/fail")
        assert(failed.status_code == 418 and failed.body == '{"no":true}')
        assert(http_client.get(base .. "/none").status_code == 404)
        return json.decode(r.body)
        """,
    )
    assert found["method"] == "GET"
    assert found["query"] == "1"


def test_options_reach_the_server(tmp_path: Path) -> None:
    """Headers, query, cookies, authentication, bodies of all kinds."""
    found = talk(
        tmp_path,
        """
        local function seen(method, options)
          local url = base .. "/echo?a=x&b=9"
          local r = assert(http_client.request(method, url, options))
          return json.decode(r.body)
        end
        return {
          seen("post", {headers = {["X-Own"] = "1", [2] = "x", bad = 3}, body = "plain",
            query = {a = "1 2"}, cookies = {c = "d"}, auth = {user = "u", pass = "p"}}),
          seen("POST", {form = {k = "v w", n = 1}}),
          seen("POST", {form = {k = "v"}, files = {
            {name = "f", filename = "a.txt", content = "data"},
            {name = "g", content = ""}, {content = "no name"}, {name = "nothing"}}}),
        }
        """,
        post=True,
    )
    first, second, third = found
    assert first["method"] == "POST"
    assert first["own"] == "1"
    assert first["query"] == "1 2"
    assert first["b"] == "9"
    assert first["cookie"] == "c=d"
    assert first["auth"] == "Basic dTpw"
    assert first["body"] == "plain"
    assert second["type"] == "application/x-www-form-urlencoded"
    assert second["body"] == "k=v+w&n=1"
    assert third["form"] == {"f": "a.txt:data", "g": "g:nil", "v.k": "v"}


def test_redirects_are_followed(tmp_path: Path) -> None:
    """Up to ten; the URL is the last one."""
    found = talk(
        tmp_path,
        """
        local r = http_client.get(base .. "/moved")
        assert(r.url == base .. "/echo?a=moved")
        return {json.decode(r.body).query, told(http_client.get(base .. "/loop"))}
        """,
    )
    assert found[0] == "moved"
    assert found[1][0] == "Internal"
    assert "10 redirects" in found[1][1]


def test_bodies_can_be_streamed_and_are_limited(tmp_path: Path) -> None:
    """A stream gives pieces; a body that is too large is an error, not retryable."""
    found = talk(
        tmp_path,
        """
        local r = assert(http_client.get(base .. "/big", {stream = true}))
        assert(r.body == nil and r.body_size == -1)
        local size, pieces = 0, 0
        while true do
          local piece = r.stream:read(50000)
          if not piece then break end
          size, pieces = size + #piece, pieces + 1
        end
        r.stream:close()
        return {size, pieces > 1,
          told(http_client.get(base .. "/big", {max_response_body = 1000}))}
        """,
    )
    assert found[:2] == [200000, True]
    assert found[2] == ["Internal", "response body is larger than 1000 bytes", "false"]


def test_failures(tmp_path: Path) -> None:
    """Time, refused connections, unknown hosts, wrong URLs: Internal, retryable."""
    found = talk(
        tmp_path,
        """
        local out = {told(http_client.get(base .. "/slow", {timeout = "100ms"})),
          told(http_client.get("http://127.0.0.1:1/")),
          told(http_client.get("http://host.invalid/")),
          told(http_client.get("ftp://127.0.0.1/")), told(http_client.get("nonsense"))}
        for i, row in ipairs(out) do out[i] = row[1] .. " " .. row[3] end
        out[#out + 1] = told(http_client.get(base, {headers = {["a b"] = "c"}}))[1]
        out[#out + 1] = told(http_client.get(base, {headers = {a = "b\\r\\nc: d"}}))[1]
        out[#out + 1] = told(http_client.get(base, "options"))[1]
        out[#out + 1] = pcall(http_client.get, "")
        out[#out + 1] = pcall(http_client.request, "", base)
        out[#out + 1] = pcall(http_client.get)
        return out
        """,
    )
    assert found == [*["Internal true"] * 5, *["Invalid"] * 3, False, False, False]


def test_batches(tmp_path: Path) -> None:
    """Answers by position, errors by position, mistakes for the whole."""
    found = talk(
        tmp_path,
        """
        local answers, errors = http_client.request_batch({
          {"GET", base .. "/echo"}, {"get", base .. "/fail"}})
        assert(errors == nil and answers[1].status_code == 200)
        assert(answers[2].status_code == 418)
        answers, errors = http_client.request_batch({
          {"GET", "http://127.0.0.1:1/"},
          {"GET", base .. "/echo", {query = {a = "q"}}}})
        assert(answers[1] == nil and answers[2].status_code == 200)
        assert(tostring(errors[1]:kind()) == "Internal" and errors[2] == nil)
        return {told(http_client.request_batch({{"GET"}}))[1],
          told(http_client.request_batch({"x"}))[1],
          told(http_client.request_batch({{"GET", base, {stream = true}}}))[1],
          (pcall(http_client.request_batch, {}))}
        """,
    )
    assert found == ["Invalid", "Invalid", "Invalid", False]


def test_encoding(tmp_path: Path) -> None:
    """A blank is a plus; a broken escape is Invalid."""
    found = run_application(
        tmp_path,
        """
        local c = require("http_client")
        return {main = function()
          local _, err = c.decode_uri("%zz")
          return {c.encode_uri("a b&\\u{e9}/~"), c.decode_uri("a+b%26%C3%A9"),
            tostring(err:kind())}
        end}
        """,
        modules="http_client",
    )
    assert found == ["a+b%26%C3%A9%2F~", "a b&é", "Invalid"]


@pytest.mark.parametrize(
    ("allowed", "url", "options", "wanted"),
    [
        ([], "http://127.0.0.1:1/", "", "PermissionDenied"),
        (["http_client.request"], "http://127.0.0.1:1/", "", "PermissionDenied"),
        (["http_client.request"], "http://localhost:1/", "", "PermissionDenied"),
        (
            ["http_client.request", "http_client.private_ip"],
            "http://127.0.0.1:1/",
            "",
            "Internal",
        ),
        (
            ["http_client.request"],
            "http://x/",
            "{unix_socket = '/tmp/none'}",
            "PermissionDenied",
        ),
        (
            ["http_client.request"],
            "https://127.0.0.1:1/",
            "{tls = {insecure_skip_verify = true}}",
            "PermissionDenied",
        ),
        (
            ["http_client.request"],
            "http://x/",
            "{overlay_network = 'app:net'}",
            "PermissionDenied",
        ),
    ],
)
def test_permissions(
    tmp_path: Path, allowed: list[str], url: str, options: str, wanted: str
) -> None:
    """URL, private address, socket, insecure TLS, network (9.2)."""
    rules = {"actions": [*allowed, "x"], "resources": "*", "effect": "allow"}
    policy = parse_policy("app:p", "security.policy", {"policy": rules})
    comma = ", " if options else ""
    source = f"""
    local c = require("http_client")
    return {{main = function()
      local _, err = c.get("{url}"{comma}{options})
      local _, batch = c.request_batch({{{{"GET", "{url}"{comma}{options}}}}})
      local second = type(batch) == "table" and batch[1] or batch
      return {{tostring(err:kind()), tostring(second:kind())}}
    end}}
    """
    found = run_application(
        tmp_path,
        source,
        modules="http_client",
        context=Context(actor=Actor("me", {}), scope=Scope([policy])),
    )
    assert found == [wanted, wanted]


# -- against raw servers ---------------------------------------------------------------

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b; Path=/\r\n\r\nok"


def against(
    folder: Path,
    source: str,
    serve: Callable[[trio.abc.Stream], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None = None,
    unix: str = "",
) -> Any:
    """Run a function beside a raw server; ``PORT`` in its text is the server's."""
    from wippy_trio.loading import load_project  # noqa: PLC0415
    from wippy_trio.runtime.boot import RunningRuntime, running  # noqa: PLC0415

    async def one(stream: trio.abc.Stream) -> None:
        if tls is not None:
            stream = trio.SSLStream(stream, tls, server_side=True)
        try:
            await serve(stream)
        except (trio.BrokenResourceError, ssl.SSLError):
            pass
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def main() -> Any:
        if unix:
            socket = trio.socket.socket(trio.socket.AF_UNIX)
            await socket.bind(unix)
            socket.listen(5)
            listeners: Any = [trio.SocketListener(socket)]
            port = 0
        else:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            port = listeners[0].socket.getsockname()[1]
        text = source.replace("PORT", str(port))
        (folder / "src").mkdir(exist_ok=True)
        (folder / "src/_index.yaml").write_text(
            'version: "1.0"\nnamespace: app\nentries:\n'
            "  - {name: f, kind: function.lua, source: file://f.lua, method: main,"
            " modules: [http_client, time]}\n"
        )
        (folder / "src/f.lua").write_text(
            'local http_client = require("http_client")\n'
            f"return {{main = function()\n{text}\nend}}\n"
        )
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, one, listeners)
                async with running(RunningRuntime(load_project(folder))) as runtime:
                    found = await runtime.call("app:f")
                nursery.cancel_scope.cancel()
        return found

    return trio.run(main)


async def answer(stream: trio.abc.Stream) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some(4096) or b"\r\n\r\n"
    await stream.send_all(ANSWER)
    await stream.receive_some(1)


def test_unix_socket(tmp_path: Path) -> None:
    """The host of the URL is only a name then."""
    path = str(tmp_path / "s")
    source = f"""
    local r = assert(http_client.get("http://any/x", {{unix_socket = "{path}"}}))
    return {{r.body, r.cookies.a}}
    """
    assert against(tmp_path, source, answer, unix=path) == ["ok", "b"]


def test_tls(tmp_path: Path) -> None:
    """An unknown authority is refused; a given one, or none wanted, is not."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "name.test").configure_cert(context)
    pem = authority.cert_pem.bytes().decode().replace("\n", "\\n")
    source = f"""
    local ca = "{pem}"
    local url = "https://127.0.0.1:PORT/"
    local _, refused = http_client.get(url)
    local trusted = assert(http_client.get(url, {{tls = {{ca = ca}}}}))
    local named = assert(http_client.get(url, {{tls = {{ca = ca,
      server_name = "name.test"}}}}))
    local _, other = http_client.get(url, {{tls = {{ca = ca, server_name = "x.test"}}}})
    local insecure = {{tls = {{insecure_skip_verify = true}}}}
    local blind = assert(http_client.get(url, insecure))
    local _, half = http_client.get(url, {{tls = {{cert = "x"}}}})
    local _, broken = http_client.get(url, {{tls = {{ca = "x"}}}})
    return {{refused:kind(), trusted.body, named.body, other:kind(), blind.body,
      half:kind(), broken:kind()}}
    """
    assert against(tmp_path, source, answer, tls=context) == [
        "Internal",
        "ok",
        "ok",
        "Internal",
        "ok",
        "Internal",
        "Internal",
    ]


def test_connections_are_kept(tmp_path: Path) -> None:
    """The second request goes over the first one's connection (9.4)."""
    connections: list[int] = []

    async def serve(stream: trio.abc.Stream) -> None:
        connections.append(1)
        data = b""
        while True:
            data += (more := await stream.receive_some(4096))
            if not more:
                return
            if b"\r\n\r\n" in data:
                data = b""
                await stream.send_all(ANSWER)

    source = """
    for _ = 1, 3 do assert(http_client.get("http://127.0.0.1:PORT/")) end
    return true
    """
    assert against(tmp_path, source, serve)
    assert len(connections) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
)
def test_broken_answers(tmp_path: Path, reply: bytes) -> None:
    """Whatever comes instead of an answer is an error that may be retried."""

    async def serve(stream: trio.abc.Stream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(reply)

    source = """
    local _, err = http_client.get("http://127.0.0.1:PORT/")
    return {tostring(err:kind()), err:retryable()}
    """
    assert against(tmp_path, source, serve) == ["Internal", True]


def test_ended_caller_closes_its_connection(tmp_path: Path) -> None:
    """A request dies with its coroutine's process; nothing is left open."""
    closed: list[bool] = []

    async def serve(stream: trio.abc.Stream) -> None:
        await stream.receive_some(4096)
        with trio.CancelScope(shield=True):
            closed.append(not await stream.receive_some(1))

    source = """
    local time = require("time")
    coroutine.spawn(function() http_client.get("http://127.0.0.1:PORT/") end)
    time.sleep("100ms")
    error("enough")
    """
    with pytest.raises(BaseExceptionGroup) as caught:
        against(tmp_path, source, serve)
    assert caught.group_contains(Error, match="enough")
    assert closed == [True]


# -- pure parts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("192.168.0.1", True),
        ("169.254.1.1", True),
        ("0.0.0.0", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("::ffff:127.0.0.1", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
    ],
)
def test_private_addresses(address: str, private: bool) -> None:
    """Loopback, private, link-local, unspecified; also inside IPv6 (9.2)."""
    assert is_private(address) is private


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (5, 5.0),
        (0.5, 0.5),
        ("250ms", 0.25),
        *((bad, DEFAULT_TIMEOUT) for bad in (0, -1, "soon", True, None, "")),
    ],
)
def test_timeout_option(given: Any, seconds: float) -> None:
    """Seconds or a duration; what cannot be read is 30 s."""
    assert read_options({"timeout": given}).timeout == seconds


def test_small_pure_parts() -> None:
    """Header names, merged queries."""
    assert canonical("x-REQUEST-id") == "X-Request-Id"
    merged = with_query("http://h/p?b=2&a=1#f", {"c": "x y", "a": "é"})
    assert merged == "http://h/p?a=%C3%A9&b=2&c=x+y#f"
    assert with_query("http://h/p?b=2", {}) == "http://h/p?b=2"
