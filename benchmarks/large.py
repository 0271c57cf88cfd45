"""How long an application of 600 entries of 30 kinds needs to its first HTTP answer."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

RUNS = 7

FEW = """
version: "1.0"
namespace: big
entries:
  - {name: terminal, kind: terminal.host, lifecycle: {auto_start: true}}
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
  - {name: gateway, kind: http.service, addr: "127.0.0.1:PORT",
     lifecycle: {auto_start: true}}
  - {name: api, kind: http.router, meta: {server: gateway}, prefix: /api,
     middleware: [cors]}
  - {name: public, kind: http.static, meta: {server: gateway}, path: /static, fs: files}
  - {name: files, kind: fs.directory, directory: ., mode: "0755"}
  - {name: memory, kind: store.memory}
  - {name: tokens, kind: security.token_store, store: memory}
  - {name: all, kind: security.policy, groups: [users],
     policy: {actions: "*", resources: "*", effect: allow}}
  - {name: own, kind: security.policy.expr, groups: [users],
     policy: {actions: "*", resources: "*", effect: allow,
              expression: "actor.id == meta.owner"}}
  - {name: db, kind: db.sql.sqlite, file: ":memory:", lifecycle: {auto_start: true}}
  - {name: os, kind: env.storage.os}
  - {name: kept, kind: env.storage.memory}
  - {name: fixed, kind: env.storage.static, values: {A: "1"}}
  - {name: route, kind: env.storage.router, storages: [kept, fixed, os]}
  - {name: pages, kind: template.set}
  - {name: driver, kind: queue.driver.memory, lifecycle: {auto_start: true}}
  - {name: jobs, kind: queue.queue, driver: driver}
  - {name: consumer, kind: queue.consumer, queue: jobs, func: "big.f0:call0",
     lifecycle: {auto_start: true}}
  - {name: shell, kind: exec.native, default_work_dir: .}
  - {name: cloud, kind: config.aws, region: eu-west-1}
  - {name: groups, kind: pg.scope}
  - {name: card, kind: ns.definition, module: big/app}
"""

SOURCE = """
local json = require("json")
local time = require("time")

type Request = {id: string, count: integer, tags: {string}}

local function describe(request: Request): string
    local parts = {}
    for _, tag in ipairs(request.tags) do
        parts[#parts + 1] = string.upper(tag)
    end
    return request.id .. ": " .. table.concat(parts, ", ")
end

local function main(request: Request): (any, Error?)
    if request == nil or request.count < 1 then
        return nil, errors.new({ message = "nothing to do", kind = errors.INVALID })
    end
    local started = time.now()
    local found = {}
    for i = 1, request.count do
        found[i] = { name = describe(request), place = i }
    end
    return { text = json.encode(found), at = started:unix() }, nil
end

return { main = main }
"""
HELLO = """
local http = require("http")
return { main = function() http.response():write_json({ message = "hello" }) end }
"""
WORKER = """
return { main = function()
    local events = process.events()
    while events:receive().kind ~= process.event.CANCEL do end
end }
"""
LIBRARY = """
local library = {}
function library.add(a: number, b: number): number return a + b end
return library
"""


def write(folder: Path, port: int) -> int:
    """Write the application; return how many entries it has."""
    src = folder / "src"
    src.mkdir()
    (src / "_index.yaml").write_text(FEW.replace("PORT", str(port)))
    count = FEW.count("kind:")
    for place in range(8):
        below = src / f"part{place}"
        below.mkdir()
        rows = [f'version: "1.0"\nnamespace: big.f{place}\nentries:']
        for i in range(45):
            rows.append(
                f"  - name: call{i}\n    kind: function.lua\n"
                f"    meta: {{comment: Function {i}, type: api, tags: [a, b]}}\n"
                f"    source: file://call{i}.lua\n    method: main\n"
                f"    modules: [json, time]\n"
                f"    imports: {{lib: big.f{place}:lib{i % 4}}}"
            )
            (below / f"call{i}.lua").write_text(f"-- {place}.{i}\n{SOURCE}")
        for i in range(4):
            rows.append(f"  - name: lib{i}\n    kind: library.lua")
            rows.append(f"    source: file://lib{i}.lua")
            (below / f"lib{i}.lua").write_text(LIBRARY)
        for i in range(6):
            rows.append(f"  - name: work{i}\n    kind: process.lua\n    method: main")
            rows.append("    source: file://work.lua")
        (below / "work.lua").write_text(WORKER)
        rows.append("  - name: wf\n    kind: workflow.lua\n    source: file://work.lua")
        rows += [
            f"  - name: service{i}\n    kind: process.service\n"
            f"    process: work{i}\n    host: big:processes\n"
            "    lifecycle: {auto_start: true}"
            for i in range(2)
        ]
        rows += [
            f"  - name: end{i}\n    kind: http.endpoint\n"
            f"    meta: {{router: big:api}}\n    method: GET\n"
            f"    path: /part{place}/{{id}}/call{i}\n    func: call{i}"
            for i in range(8)
        ]
        rows.append(
            "  - {name: v, kind: env.variable, storage: big:route, default: x,"
            f" variable: V{place}}}\n"
            "  - {name: data, kind: registry.entry, data: {a: [1, 2, 3]}}\n"
            "  - {name: data2, kind: registry.entry, data: {text: something}}\n"
            "  - {name: page, kind: template.jet, set: big:pages,"
            f" meta: {{name: page{place}}}, source: 'hi {{{{ name }}}}'}}\n"
            "  - {name: shape, kind: contract.definition, methods: [{name: greet}]}\n"
            "  - {name: bound, kind: contract.binding, contracts: [{contract: shape,"
            f" methods: {{greet: 'big.f{place}:call1'}}}}]}}"
        )
        text = "\n".join(rows) + "\n"
        count += text.count("kind:")
        (below / "_index.yaml").write_text(text)
    hello = src / "hello"
    hello.mkdir()
    (hello / "hello.lua").write_text(HELLO)
    (hello / "_index.yaml").write_text(
        'version: "1.0"\nnamespace: big.hello\nentries:\n'
        "  - {name: hello, kind: function.lua, source: file://hello.lua,"
        " method: main, modules: [http]}\n"
        "  - {name: get, kind: http.endpoint, meta: {router: big:api}, method: GET,"
        " path: /hello, func: hello}\n"
    )
    return count + 2


def first_answer(folder: Path, port: int, environment: dict[str, str]) -> float:
    """Start it and ask until it answers; return the seconds that took."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "wippy_trio", "run", "-s"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/api/hello")
                if connection.getresponse().status == 200:
                    return time.perf_counter() - started
            time.sleep(0.003)
        raise SystemExit("the application ended before it answered")
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Print the time to the first answer beside bare imports."""
    unset = {"PYTHONDONTWRITEBYTECODE"}
    environment = {k: v for k, v in os.environ.items() if k not in unset}
    bare = [sys.executable, "-c", "import trio, lupa.lua54"]
    with tempfile.TemporaryDirectory() as place:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        folder = Path(place)
        count = write(folder, port)
        first_answer(folder, port, environment)  # bytecode, the cache of the disk
        yard, again, first = [], [], []
        for _ in range(RUNS):
            started = time.perf_counter()
            subprocess.run(bare, check=True, env=environment)
            yard.append(time.perf_counter() - started)
            again.append(first_answer(folder, port, environment))
            shutil.rmtree(folder / ".wippy", ignore_errors=True)
            first.append(first_answer(folder, port, environment))
    base = statistics.median(yard)
    for name, taken, wanted in (
        (f"first answer, {count} entries", again, "   (wanted at most 3)"),
        ("  all sources new", first, ""),
    ):
        median = statistics.median(taken)
        print(
            f"{name:<28} {median * 1000:>7.0f} ms   yardstick {base * 1000:>6.0f} ms"
            f"   {median / base:6.2f} times{wanted}"
        )


if __name__ == "__main__":
    main()
