"""A process that ends in the middle of any host call leaves nothing behind.

For each service, a hundred processes call it again and again and are killed at random
moments, in real time. Afterwards the descriptors, the threads and the children are
those that were there before, and the next call works.
"""

from __future__ import annotations

import contextlib
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import trio

from tests.apps.application import Application, application, lua
from wippy_trio.kernel import Exit, wait_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc"
)

MANY = 100
LONGEST = 0.2  # s that a process lives
IDLE = 100  # threads; Trio keeps those of the last ten seconds for the next use


class Case(NamedTuple):
    """A service: its entries, and a call that gives ``true``."""

    modules: str
    call: str
    entries: str = ""


CASES = {
    "fs": Case(
        "fs, uuid",
        """
        local files = assert(fs.get("app:files"))
        local name = "/" .. uuid.v4()
        assert(files:writefile(name, string.rep("x", 100000)))
        local file = assert(files:open(name, "r"))
        assert(#file:read(100000) > 0)
        file:close()
        return files:remove(name)""",
        "\n  - {name: files, kind: fs.directory, directory: files, auto_init: true}",
    ),
    "exec": Case(
        "exec",
        """
        local p = assert(exec.get("app:shell"):exec("cat"))
        local out = p:stdout_stream()
        assert(p:start())
        assert(p:write_stdin("hello"))
        assert(p:write_stdin(""))
        local text = out:read()
        p:wait()
        return text == "hello" """,
        "\n  - {name: shell, kind: exec.native}",
    ),
    "http_client": Case(
        "http_client",
        """
        local got, err = http_client.get("http://127.0.0.1:PORT/")
        return got ~= nil and got.body == "hello" """,
    ),
    "websocket": Case(
        "websocket",
        """
        local _, err = websocket.connect("ws://127.0.0.1:PORT/")
        return err ~= nil -- the server speaks HTTP only""",
    ),
    "store.memory": Case(
        "store",
        """
        local cache = assert(store.get("app:cache"))
        assert(cache:set("k", {1, 2, 3}))
        local found = cache:get("k")
        cache:release()
        return found ~= nil and found[3] == 3""",
        "\n  - {name: cache, kind: store.memory}",
    ),
    "store.sql": Case(
        "store, sql",
        """
        assert(assert(sql.get("app:db")):execute(
          "CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value, expires_at)"
        ))
        local kept = assert(store.get("app:kept"))
        assert(kept:set("k", {1, 2, 3}))
        local found = kept:get("k")
        kept:release()
        return found ~= nil and found[3] == 3""",
        """
  - {name: db, kind: db.sql.sqlite, file: kept.db}
  - {name: kept, kind: store.sql, database: db, table_name: kv}""",
    ),
    "queue": Case(
        "queue",
        """return (queue.publish("app:jobs", {n = 1}))""",
        """
  - {name: driver, kind: queue.driver.memory, lifecycle: {auto_start: true}}
  - {name: jobs, kind: queue.queue, driver: driver}
  - name: workers
    kind: queue.consumer
    queue: jobs
    func: app:handle
    concurrency: 4
    lifecycle: {auto_start: true, depends_on: [driver]}""",
    ),
    "funcs": Case("funcs", """return funcs.call("app:handle")"""),
    "compress": Case(
        "compress",
        """
        local text = string.rep("abcdefgh", 200000)
        return compress.gzip.decode(assert(compress.gzip.encode(text))) == text""",
    ),
    "crypto": Case(
        "crypto",
        """return #assert(crypto.pbkdf2("secret", "salt", 50000, 32)) == 32""",
    ),
    "json": Case(
        "json",
        """
        local list = {}
        for i = 1, 20000 do list[i] = {n = i, text = "some text"} end
        return #assert(json.decode(assert(json.encode(list)))) == 20000""",
    ),
    "templates": Case(
        "templates",
        """
        local set = assert(templates.get("app:set"))
        local text = assert(set:render("page", {who = "you"}))
        set:release()
        return text == "Hello you" """,
        """
  - {name: set, kind: template.set}
  - {name: page, kind: template.jet, set: set, source: "Hello {{ who }}"}""",
    ),
    "events": Case(
        "events",
        """
        local sub = assert(events.subscribe("killed"))
        events.send("killed", "one", "/")
        sub:channel():receive()
        return sub:close()""",
    ),
}


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"


async def serve(stream: trio.SocketStream) -> None:
    """Answer in two pieces, so that a client can end between them."""
    async with stream:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.receive_some(65536)
            await stream.send_all(HEAD + b"he")
            await trio.sleep(0.001)
            await stream.send_all(b"llo")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            found.update((task / "children").read_text().split())
    return found


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await trio.sleep(0.005)


async def kill_at_random(app: Application, roll: random.Random) -> None:
    """Start a process that calls and calls, end it some time later."""
    process = await app.spawn("caller")
    await trio.sleep(roll.uniform(0, LONGEST))
    process.end(Exit.terminated(process.pid))
    assert (await wait_end(process)).reason == "terminated"


async def kill_many(app: Application, roll: random.Random) -> None:
    others = children()  # servers of other tests
    async with trio.open_nursery() as nursery:
        for _ in range(MANY):
            nursery.start_soon(kill_at_random, app, roll)
    assert await app.call("once") is True  # the next call works
    await until(lambda: children() <= others)


@pytest.mark.parametrize("name", CASES)
async def test_killed_calls_leave_nothing(tmp_path: Path, name: str, port: int) -> None:
    case = CASES[name]
    module = case.modules.split(",")[0]
    requires = "\n".join(
        f'local {each} = require("{each}")'
        for each in case.modules.replace(" ", "").split(",")
    )
    call = case.call.replace("PORT", str(port))
    head = f"{requires}\nlocal function call()\n{call}\nend\n"
    sources = {
        "caller": f"""{head}
return {{main = function()
  while true do
    if call() ~= true then error("wrong answer") end
  end
end}}""",
        "once": f"{head}return {{main = function() return call() end}}",
        "handle": "return {main = function() return true end}",
    }
    entries = case.entries + lua("handle", kind="function.lua")
    entries += lua("caller", modules=case.modules)
    entries += lua("once", kind="function.lua", modules=case.modules)
    roll = random.Random(module)
    async with application(tmp_path, entries, sources) as app:
        await kill_many(app, roll)  # pools are full now
        before = descriptors(), threading.active_count()
        await kill_many(app, roll)
        await until(lambda: descriptors() <= before[0] + 2)
    assert threading.active_count() <= before[1] + IDLE
