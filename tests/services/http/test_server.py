"""The server by itself: limits, slow clients, stopping, leaks, TLS."""

from __future__ import annotations

import gc
import random
import resource
import ssl
from typing import Any

import pytest
import trio
import trio.testing

from tests.services.http.application import Client
from tests.services.http.asgi import OpenServer, open_server
from wippy_trio.errors import InvalidError, UnavailableError
from wippy_trio.services.http.limits import Limits, read_limits
from wippy_trio.services.http.server import listen, split_address

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def connect(server: OpenServer) -> Client:
    return Client(await trio.open_tcp_stream("127.0.0.1", server.port))


# -- responses ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "bodies", "framing"),
    [
        ([], [b"abc"], "content-length: 3"),
        ([], [b"a", b"bc"], "transfer-encoding: chunked"),
        ([(b"content-length", b"3")], [b"a", b"bc"], "content-length: 3"),
        ([(b"transfer-encoding", b"chunked")], [b"abc"], "content-length: 3"),
    ],
)
async def test_framing(headers: Any, bodies: list[bytes], framing: str) -> None:
    """The server frames; whatever the application says of that is not sent twice."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, body in enumerate(bodies, 1):
            more = number < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    async with open_server(application) as server:
        client = await connect(server)
        async with client.stream:
            await client.send(GET)
            answer = await client.answer()
            assert answer.body == b"abc"
            name, _, value = framing.partition(": ")
            assert answer.headers[name] == value
            assert ("content-length" in answer.headers) != (
                "transfer-encoding" in answer.headers
            )
            await client.send(b"GET / HTTP/1.0\r\n\r\n")
            assert (await client.answer()).body == b"abc"
            assert await client.closed()


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-a", b"b\r\nx-evil: 1")],
        [(b"x-a", b"b\nx-evil: 1")],
        [(b"x-a\r\nx-evil", b"1")],
        [(b"x-a", b"b\rc")],
        [(b"x-a", b"b\0c")],
        [(b"content-length", b"1"), (b"content-length", b"2")],
        [(b"content-length", b"-1")],
        [(b"content-length", b"x\r\nx-evil: 1")],
    ],
)
async def test_headers_that_would_split_a_response(headers: Any) -> None:
    """They become a 500, whoever wrote them."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x"})

    async with open_server(application) as server:
        client = await connect(server)
        async with client.stream:
            await client.send(GET)
            answer = await client.answer()
            assert answer.status == 500
            assert "x-evil" not in answer.headers


@pytest.mark.parametrize("bodies", [[b"toolong"], [b"a"], [b"a", b"b"], []])
async def test_a_body_that_is_not_as_long_as_it_says(bodies: list[bytes]) -> None:
    """The connection ends, so that nobody takes the rest for something else."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, body in enumerate(bodies, 1):
            more = number < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    async with open_server(application) as server:
        client = await connect(server)
        async with client.stream:
            await client.send(GET + GET)
            data = b""
            while piece := await client.stream.receive_some():
                data += piece
            assert data.count(b"HTTP/1.1") == 1


async def test_a_failing_application() -> None:
    """500 if nothing was sent, else the end of the connection."""
    late = False

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        if late:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise RuntimeError("boom")

    async with open_server(application) as server:
        client = await connect(server)
        async with client.stream:
            await client.send(GET)
            assert (await client.answer()).status == 500
        late = True
        client = await connect(server)
        async with client.stream:
            await client.send(GET)
            await client.head()
            assert await client.exactly(6) == b"1\r\na\r\n"
            assert await client.closed()


# -- limits and time ---------------------------------------------------------------


async def test_a_body_over_the_limit() -> None:
    """Announced or not, it is 413."""

    async def read(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await hello(scope, receive, send)

    async with open_server(read, limits=Limits(body=10)) as server:
        for head, body in (
            (b"Content-Length: 11", b""),
            (b"Transfer-Encoding: chunked", b"b\r\nabcdefghijk\r\n0\r\n\r\n"),
        ):
            client = await connect(server)
            async with client.stream:
                await client.send(
                    b"POST / HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n"
                )
                await client.send(body)
                assert (await client.answer()).status == 413
                assert await client.closed()


async def test_slow_headers_get_408() -> None:
    """However slowly the bytes drip, the whole head has its time."""
    limits = Limits(header_timeout=0.1)
    async with open_server(hello, limits=limits) as server:
        client = await connect(server)
        async with client.stream:
            with trio.fail_after(5):
                await client.send(b"GET / HT")
                await trio.sleep(0.05)
                await client.send(b"TP/1.1\r\n")
                assert (await client.answer()).status == 408
                assert await client.closed()
        client = await connect(server)
        async with client.stream:  # who says nothing at all is just let go
            assert await client.closed()


async def test_idle_connections_end() -> None:
    """After the time that is set, without an answer."""
    async with open_server(hello, limits=Limits(idle_timeout=0.05)) as server:
        client = await connect(server)
        async with client.stream:
            await client.send(GET)
            assert (await client.answer()).text == "hello"
            with trio.fail_after(5):
                assert await client.closed()


async def test_a_client_that_takes_nothing() -> None:
    """The write timeout ends it; the application does not wait for ever."""
    ended = trio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send(
                    {
                        "type": "http.response.body",
                        "body": b"x" * 100_000,
                        "more_body": True,
                    }
                )
        finally:
            ended.set()

    async with open_server(endless, limits=Limits(write_timeout=0.1)) as server:
        client = await connect(server)
        async with client.stream:
            await client.send(GET)
            with trio.fail_after(10):
                await ended.wait()


async def test_a_body_that_does_not_come() -> None:
    """The read timeout tells the application that the client is gone."""
    seen: list[str] = []

    async def read(scope: Any, receive: Any, send: Any) -> None:
        del scope, send
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])

    async with open_server(read, limits=Limits(read_timeout=0.05)) as server:
        client = await connect(server)
        async with client.stream:
            await client.send(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"
            )
            assert (await client.answer()).status == 500
            assert await client.closed()
        assert seen == ["http.request", "http.disconnect"]


async def test_as_many_connections_as_allowed() -> None:
    """One more waits until another ends; so many requests each."""
    limits = Limits(connections=2, requests=2)
    async with open_server(hello, limits=limits) as server:
        clients = [await connect(server) for _ in range(3)]
        for client in clients[:2]:
            await client.send(GET)
            await client.answer()
        assert len(server.connections) == 2
        await clients[2].send(GET)
        await clients[0].stream.aclose()
        with trio.fail_after(5):
            assert (await clients[2].answer()).text == "hello"
        await clients[1].send(GET)
        assert (await clients[1].answer()).headers["connection"] == "close"
        assert await clients[1].closed()
        for client in clients:
            await client.stream.aclose()


async def test_continue_is_sent_when_the_body_is_wanted() -> None:
    """And not before; who does not want it ends the connection instead."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/want":
            await receive()
        await hello(scope, receive, send)

    ask = b" HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    async with open_server(application) as server:
        client = await connect(server)
        async with client.stream:
            await client.send(b"POST /want" + ask)
            assert (await client.head())[0] == 100
            await client.send(b"ok")
            assert (await client.answer()).text == "hello"
            await client.send(b"POST /not" + ask)
            answer = await client.answer()
            assert answer.headers["connection"] == "close"
            assert await client.closed()


async def test_backpressure() -> None:
    """What the application does not read stays with the client."""
    release = trio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        size = 0
        while True:
            message = await receive()
            size += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % size})

    total = 30_000_000
    async with open_server(application) as server:
        client = await connect(server)
        async with client.stream, trio.open_nursery() as nursery:
            sent = 0

            async def write() -> None:
                nonlocal sent
                await client.send(
                    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % total
                )
                piece = b"x" * 100_000
                while sent < total:
                    await client.send(piece)
                    sent += len(piece)

            nursery.start_soon(write)
            await trio.sleep(0.3)
            assert sent < total
            (connection,) = server.connections
            assert connection.request is not None
            assert sum(map(len, connection.request.body)) < 300_000
            release.set()
            with trio.fail_after(10):
                assert (await client.answer()).body == b"%d" % total


# -- stopping ----------------------------------------------------------------------


async def test_stopping_under_load_loses_nothing() -> None:
    """Two thousand requests are in flight; all are answered."""
    count = 2000
    release = trio.Event()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count * 2 + 200
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"{wanted} open files are needed, {hard} are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        await hello(scope, receive, send)

    answers: list[int] = []

    async def ask(server: OpenServer) -> None:
        client = await connect(server)
        async with client.stream:
            await client.send(GET)
            answer = await client.answer()
            assert answer.headers["connection"] == "close"
            answers.append(answer.status)
            assert await client.closed()

    async with open_server(slow) as server, trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(ask, server)
        while len(server.connections) < count:  # noqa: ASYNC110 - of the real world
            await trio.sleep(0.01)
        port = server.port
        nursery.start_soon(server.stop, 15.0)
        await trio.sleep(0.1)
        release.set()
        with trio.fail_after(20):
            await server.wait_idle()
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream("127.0.0.1", port)
    assert answers == [200] * count


async def test_stopping_ends_what_does_not_end() -> None:
    """After the grace; idle connections at once."""
    cancelled = trio.Event()

    async def forever(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    async with open_server(forever) as server:
        idle = await connect(server)
        busy = await connect(server)
        await busy.send(GET)
        await trio.sleep(0.05)
        started = trio.current_time()
        await server.stop(0.3)
        assert 0.25 < trio.current_time() - started < 3
        assert cancelled.is_set()
        assert await idle.closed()
        assert await busy.closed()
        await idle.stream.aclose()
        await busy.stream.aclose()


async def test_clients_killed_at_random_leave_nothing() -> None:
    """A hundred break off before, during and after; no task or socket stays."""
    rng = random.Random(5)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await trio.sleep(rng.random() / 20)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5):
            await send(
                {"type": "http.response.body", "body": b"x" * 50_000, "more_body": True}
            )
            await trio.sleep(rng.random() / 100)
        await send({"type": "http.response.body", "body": b""})

    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" * 2

    async def client(server: OpenServer) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        with trio.move_on_after(rng.random() / 5):
            await stream.send_all(request[: rng.randrange(len(request) + 1)])
            while await stream.receive_some(1000):  # noqa: ASYNC110 - a slow reader
                await trio.sleep(rng.random() / 50)
        if rng.random() < 0.5:
            stream.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: a reset
        await trio.aclose_forcefully(stream)

    async with open_server(application) as server:
        await trio.sleep(0.05)
        before = trio.lowlevel.current_statistics().tasks_living
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(client, server)
        with trio.fail_after(10):
            await server.wait_idle()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert trio.lowlevel.current_statistics().tasks_living == before
        gc.collect()  # an unclosed socket would warn, and warnings are errors
        assert not server._in_flight


async def test_a_small_request_leaves_nothing_behind() -> None:
    """Ten thousand requests on a connection do not make the process grow."""
    async with open_server(hello) as server:
        client = await connect(server)
        async with client.stream:

            async def ask(times: int) -> None:
                for _ in range(times):
                    await client.send(GET)
                    await client.answer()

            await ask(200)
            gc.collect()
            before = len(gc.get_objects())
            await ask(2000)
            gc.collect()
            assert len(gc.get_objects()) - before < 100


# -- addresses ---------------------------------------------------------------------


async def test_a_port_in_use() -> None:
    """The error says which, and why."""
    async with open_server(hello) as server:
        with pytest.raises(UnavailableError, match=rf"127.0.0.1:{server.port}.*in use"):
            await listen("127.0.0.1", server.port)
    with pytest.raises(UnavailableError, match="no interface has this address"):
        await listen("192.0.2.1", 0)
    with pytest.raises(UnavailableError, match=r"listen on no\.such\.host\.invalid:1"):
        await listen("no.such.host.invalid", 1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (":8080", ("", 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:65535", ("localhost", 65535)),
        ("8080", None),
        ("a:", None),
        ("a:b", None),
        ("a:65536", None),
        ("::1:80", None),
        ("", None),
    ],
)
def test_addresses(text: str, wanted: tuple[str, int] | None) -> None:
    """Host and port, or a text that says what was wanted."""
    if wanted is not None:
        assert split_address(text) == wanted
        return
    with pytest.raises(InvalidError, match="wanted host:port"):
        split_address(text)


def test_limits_are_read() -> None:
    """0 is "none" for times; nonsense names its field."""
    data = {"timeouts": {"read": "5s", "idle": "0s"}, "limits": {"body": "10"}}
    limits = read_limits(data, "x")
    assert (limits.read_timeout, limits.idle_timeout) == (5, float("inf"))
    assert limits.body == 10
    for bad, text in (
        ({"timeouts": {"read": "-1s"}}, r"timeouts\.read"),
        ({"timeouts": {"write": "soon"}}, "soon"),
        ({"timeouts": 5}, "timeouts"),
        ({"limits": {"nothing": 1}}, r"limits\.nothing"),
        ({"limits": {"head": -1}}, r"limits\.head"),
    ):
        with pytest.raises(InvalidError, match=text):
            read_limits(bad, "x")


# -- TLS ---------------------------------------------------------------------------


async def test_tls() -> None:
    """Requests over TLS, and a client that speaks plain HTTP to it."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    scopes: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await hello(scope, receive, send)

    async with open_server(application, tls=server_side) as server:
        plain = await trio.open_tcp_stream("127.0.0.1", server.port)
        stream = trio.SSLStream(plain, client_side, server_hostname="localhost")
        client = Client(stream)
        for _ in range(2):
            await client.send(GET)
            assert (await client.answer()).text == "hello"
        assert scopes[0]["scheme"] == "https"
        await stream.aclose()
        client = await connect(server)
        async with client.stream:
            await client.send(GET)
            with trio.fail_after(5):
                while await client.more():
                    pass
        with trio.fail_after(5):
            await server.wait_idle()
