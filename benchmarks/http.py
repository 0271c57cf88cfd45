"""Requests a second: a Lua endpoint here, beside uvicorn with Starlette.

``python -m benchmarks http``. Servers and load run in processes of their own; each pair
is measured in turn, three rounds, and the medians are compared. The load is a loop over
keep-alive connections that sends the next request when an answer is complete.
"""

from __future__ import annotations

import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS = 3.0
CONNECTIONS = 32

INDEX = """
version: "1.0"
namespace: app
entries:
  - {name: gateway, kind: http.service, addr: "127.0.0.1:PORT",
     lifecycle: {auto_start: true}}
  - {name: api, kind: http.router, meta: {server: gateway}, prefix: /}
  - {name: hello, kind: function.lua, source: "file://hello.lua", method: main,
     modules: [http]}
  - {name: hello.get, kind: http.endpoint, meta: {router: api}, method: GET,
     path: /hello, func: hello}
  - {name: echo, kind: function.lua, source: "file://echo.lua", method: main,
     modules: [http]}
  - {name: echo.post, kind: http.endpoint, meta: {router: api}, method: POST,
     path: "/echo/{id}", func: echo}
"""

HELLO = """
local http = require("http")
local function main()
  local response = http.response()
  response:set_status(200)
  response:write_json({ message = "hello world" })
end
return { main = main }
"""

ECHO = """
local http = require("http")
local function main()
  local request, response = http.request(), http.response()
  local data = request:body_json()
  response:write_json({ id = request:param("id"), data = data })
end
return { main = main }
"""

OURS = """
import sys, trio
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging
from pathlib import Path
configure_logging("silent")
async def main():
    async with running(RunningRuntime(load_project(Path(sys.argv[1])))):
        await trio.sleep_forever()
trio.run(main)
"""

STARLETTE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
async def hello(request):
    return JSONResponse({"message": "hello world"})
async def echo(request):
    data = await request.json()
    return JSONResponse({"id": request.path_params["id"], "data": data})
app = Starlette(routes=[Route("/hello", hello),
                        Route("/echo/{id}", echo, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", http="httptools",
            loop="asyncio", access_log=False)
"""

BODY = b'{"name":"x","tags":["a","b"],"n":3}'
REQUESTS = {
    "hello, JSON": b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "echo, JSON both ways": b"POST /echo/17 HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(BODY), BODY),
}


def load(port: int, request: bytes, seconds: float, connections: int) -> float:
    """Keep connections busy; give the requests a second."""
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        client = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(request)
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ)
    done = 0
    buffers: dict[socket.socket, bytes] = {}
    begin = time.perf_counter()
    while (now := time.perf_counter()) - begin < seconds:
        for key, _ in selector.select(1.0):
            client = key.fileobj  # type: ignore[assignment]
            data = buffers.pop(client, b"") + client.recv(65536)
            if not data.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"unexpected answer: {data!r}")
            if not data.endswith(b"}"):
                buffers[client] = data
                continue
            done += 1
            client.sendall(request)
    selector.close()
    return done / (now - begin)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(code: str, argument: str, port: int) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(
        [sys.executable, "-c", code, argument], stderr=subprocess.DEVNULL
    )
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return server
        except OSError:
            time.sleep(0.05)
    server.kill()
    raise RuntimeError("the server did not start")


def measure(port: int, request: bytes) -> float:
    """Load a server from another process, so that the two do not share a lock."""
    code = (
        "import sys; from benchmarks.http import load;"
        f"print(load({port}, {request!r}, {SECONDS}, {CONNECTIONS}))"
    )
    root = Path(__file__).parents[1]
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, check=True
    )
    return float(out.stdout)


def main() -> None:
    """Print a row for each request."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = free_port(), free_port()
        source = Path(folder) / "src"
        source.mkdir()
        (source / "_index.yaml").write_text(INDEX.replace("PORT", str(ours)))
        (source / "hello.lua").write_text(HELLO)
        (source / "echo.lua").write_text(ECHO)
        servers = [
            start(OURS, folder, ours),
            start(STARLETTE, str(theirs), theirs),
        ]
        try:
            for name, request in REQUESTS.items():
                rounds = [
                    (measure(ours, request), measure(theirs, request)) for _ in range(3)
                ]
                mine = statistics.median(pair[0] for pair in rounds)
                other = statistics.median(pair[1] for pair in rounds)
                print(
                    f"{name:24} {mine:8.0f}/s   uvicorn+starlette {other:8.0f}/s"
                    f"   ratio {mine / other:5.2f}"
                )
        finally:
            for server in servers:
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
