"""Run a small HTTP application on a loopback port and talk to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: gateway
    kind: http.service
    addr: "127.0.0.1:0"
{service}
    lifecycle: {{auto_start: true}}
  - name: api
    kind: http.router
    meta: {{server: gateway}}
    prefix: /
{router}
"""


class Answer(NamedTuple):
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    raw: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Client:
    """Speak HTTP/1.1 in the plainest way, one request at a time."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.buffer = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1"]
        fields = {"Host": "test", **(headers or {})}
        if body is not None:
            fields.setdefault("Content-Length", str(len(body)))
        lines += [f"{name}: {value}" for name, value in fields.items()]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return await self.answer(head=method == "HEAD")

    async def more(self) -> bool:
        data = await self.stream.receive_some(65536)
        self.buffer += data
        return bool(data)

    async def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            if not await self.more():
                raise EOFError(f"closed before {mark!r}: {self.buffer!r}")
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    async def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not await self.more():
                raise EOFError(f"closed before {size} bytes: {self.buffer!r}")
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ")
        assert version == "HTTP/1.1"
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return int(status), headers

    async def answer(self, *, head: bool = False) -> Answer:
        status, headers = await self.head()
        if head or status in (204, 304) or status < 200:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self.until(b"\r\n"), 16):
                body += await self.exactly(size)
                assert await self.exactly(2) == b"\r\n"
            assert await self.until(b"\r\n") == b""
        elif "content-length" in headers:
            body = await self.exactly(int(headers["content-length"]))
        else:
            while await self.more():
                pass
            body, self.buffer = self.buffer, b""
        return Answer(status, headers, body, b"")

    async def closed(self) -> bool:
        """Tell whether the server closes now, without another byte."""
        try:
            return not self.buffer and not await self.more()
        except trio.BrokenResourceError:
            return True


class Application:
    """A running application and its port."""

    def __init__(self, runtime: RunningRuntime, service: str) -> None:
        self.runtime = runtime
        service_object: Any = runtime.supervisor._keepers[service].service
        self.service = service_object
        self.port: int = service_object.port

    @property
    def server(self) -> Any:
        return self.service.server

    async def connect(self) -> Client:
        return Client(await trio.open_tcp_stream("127.0.0.1", self.port))

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        client = await self.connect()
        async with client.stream:
            yield client

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        async with self.client() as client:
            return await client.request(method, path, **options)


def write_application(
    folder: Path,
    functions: Mapping[str, str],
    *,
    routes: Mapping[str, str] | None = None,
    service: str = "",
    router: str = "",
    entries: str = "",
    modules: str = "http, json, time",
) -> None:
    """Write an application: each function is an endpoint at ``/NAME``.

    Args:
      folder: Where it is written.
      functions: Lua text of the body of ``main`` by name.
      routes: ``METHOD /path`` by function, where that is not ``GET /NAME``.
      service: More YAML of the service.
      router: More YAML of the router.
      entries: More entries.
      modules: What the functions declare.
    """
    source = folder / "src"
    source.mkdir(exist_ok=True)
    index = INDEX.format(service=service, router=router)
    for name, text in functions.items():
        method, path = (routes or {}).get(name, f"GET /{name}").split(" ", 1)
        index += f"""
  - name: {name}
    kind: function.lua
    source: file://{name}.lua
    method: main
    modules: [{modules}]
  - name: {name}.endpoint
    kind: http.endpoint
    meta: {{router: api}}
    method: {method}
    path: "{path}"
    func: {name}
"""
        requires = "\n".join(
            f'local {m.strip()} = require("{m.strip()}")' for m in modules.split(",")
        )
        (source / f"{name}.lua").write_text(
            f"{requires}\nlocal function main()\n{text}\nend\nreturn {{main = main}}\n"
        )
    (source / "_index.yaml").write_text(index + entries)


@contextlib.asynccontextmanager
async def serving(folder: Path, service: str = "app:gateway") -> AsyncIterator[Any]:
    """Run the application of a folder."""
    async with running(RunningRuntime(load_project(folder))) as runtime:
        yield Application(runtime, service)


def play(
    folder: Path,
    scene: Callable[[Application], Awaitable[Any]],
    functions: Mapping[str, str],
    **options: Any,
) -> Any:
    """Write an application, run it, play a scene against it."""
    write_application(folder, functions, **options)

    async def main() -> Any:
        with trio.fail_after(20):
            async with serving(folder) as application:
                return await scene(application)

    return trio.run(main)
