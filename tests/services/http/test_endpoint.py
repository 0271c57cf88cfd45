"""Endpoints call functions: modules-io 8.3, 8.4."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING

import pytest
import trio

from tests.services.http.application import (
    Application,
    Client,
    play,
    write_application,
)
from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from pathlib import Path

HELLO = """
  local res = http.response()
  res:set_content_type(http.CONTENT.JSON)
  res:set_status(http.STATUS.OK)
  res:write_json({message = "hello world"})
"""


def test_a_function_answers_with_json(tmp_path: Path) -> None:
    """The public hello example, and the same connection again."""

    async def scene(app: Application) -> None:
        async with app.client() as client:
            for _ in range(3):
                answer = await client.request("GET", "/hello")
                assert answer.status == 200
                assert answer.headers["content-type"] == "application/json"
                assert answer.text == '{"message":"hello world"}'
                assert answer.headers["content-length"] == "25"
            answer = await client.request("HEAD", "/hello")
            assert answer.headers["content-length"] == "25"
            assert answer.body == b""
            answer = await client.request("OPTIONS", "/hello")
            assert (answer.status, answer.headers["allow"]) == (
                204,
                "GET, HEAD, OPTIONS",
            )
            answer = await client.request("POST", "/hello", b"x")
            assert (answer.status, answer.headers["allow"]) == (
                405,
                "GET, HEAD, OPTIONS",
            )
            assert (await client.request("GET", "/nothing")).status == 404
            answer = await client.request("GET", "/a/../hello?x=1")
            assert (answer.status, answer.headers["location"]) == (301, "/hello?x=1")

    play(tmp_path, scene, {"hello": HELLO})


REQUEST = """
  local req, res = http.request(), http.response()
  local function kind(v, err) return v == nil and err and err:kind() or v end
  res:write_json({
    method = req:method(), path = req:path(), host = req:host(),
    remote = req:remote_addr(), text = tostring(req),
    q = req:query("q"), none = req:query("none") == nil, all = req:query_params(),
    header = req:header("X-MANY"), ct = req:content_type(),
    length = req:content_length(), has = req:has_body(),
    is = req:is_content_type("application/json"),
    accepts = { req:accepts("text/html"), req:accepts("image/png") },
    id = req:param("id"), rest = req:param("rest") == nil, params = req:params(),
    data = kind(req:body_json()), again = kind(req:body()),
  })
"""


def test_what_a_function_sees_of_a_request(tmp_path: Path) -> None:
    """Every reader of section 8.4, with and without a body."""

    async def scene(app: Application) -> None:
        answer = await app.request(
            "POST",
            "/r/a%2Fb/x/y?q=1&q=2&e=&u=%C3%A9+z",
            body=b'{"n": 5, "list": []}',
            headers={
                "X-Many": "1, 2",
                "Content-Type": "application/json; charset=utf-8",
                "Accept": "text/html;q=0.9, text/plain",
            },
        )
        got = json.loads(answer.body)
        assert got.pop("remote").startswith("127.0.0.1:")
        assert got == {
            "method": "POST",
            "path": "/r/a/b/x/y",
            "host": "test",
            "text": "http.Request{method=POST, path=/r/a/b/x/y}",
            "q": "1",
            "none": True,
            "all": {"q": "1,2", "e": "", "u": "é z"},
            "header": "1, 2",
            "ct": "application/json; charset=utf-8",
            "length": 20,
            "has": True,
            "is": True,
            "accepts": [True, False],
            "id": "a/b",
            "rest": True,
            "params": {"id": "a/b"},
            "data": {"n": 5, "list": []},
            "again": "Invalid",
        }
        answer = await app.request("POST", "/r/1/x", headers={"Accept": "*/*"})
        got = json.loads(answer.body)
        assert (got["length"], got["has"], got["data"]) == (0, False, "Invalid")
        assert got["accepts"] == [True, True]
        answer = await app.request("POST", "/r/1/x", body=b"{")
        assert json.loads(answer.body)["data"] == "Invalid"

    play(tmp_path, scene, {"r": REQUEST}, routes={"r": "POST /r/{id}/{rest...}"})


OUTCOMES = {
    "nothing": "",
    "value": "return {a = 1}",
    "text": 'return "text"',
    "raw": 'return "\\255\\254"',
    "raised": 'error("broken")',
    "returned": 'return nil, "refused"',
    "written": 'http.response():write("x") error("late")',
    "status": "http.response():set_status(202)",
    "order": """
      local res = http.response()
      res:write_json({1})
      res:set_status(201)
      res:set_header("X-After", "yes")""",
    "late": """
      local res = http.response()
      res:write("a")
      res:flush()
      local out = {}
      for _, f in ipairs({
        function() return res:set_status(201) end,
        function() return res:set_header("a", "b") end,
        function() return res:set_content_type("a") end,
        function() return res:set_transfer("chunked") end,
        function() return res:write_event({name = "n", data = 1}) end,
      }) do
        local v, err = f()
        out[#out + 1] = err:kind()
      end
      res:write(table.concat(out, " "))""",
    "inject": """
      local res = http.response()
      local out = {}
      for _, pair in ipairs({
        {"X-A", "b\\r\\nX-Evil: 1"}, {"X-A", "b\\nX-Evil: 1"}, {"X-A", "b\\0c"},
        {"X-A\\r\\nX-Evil", "1"}, {"X A", "1"}, {"", "1"}, {"X-A", "b\\rc"},
      }) do
        local v, err = res:set_header(pair[1], pair[2])
        out[#out + 1] = err and err:kind() or "sent"
      end
      res:set_content_type("text/plain")
      local v, err = res:set_content_type("a\\r\\nX-Evil: 1")
      out[#out + 1] = err:kind()
      res:write(table.concat(out, " "))""",
    "nobody": """
      local res = http.response()
      res:set_status(204)
      local v, err = res:write("x")
      res:set_header("X-Kind", err:kind())""",
    "nested": """
      local v, err = funcs.call("app:inner")
      http.response():write(v)""",
    "other": """
      local ok, err = pcall(function() return saved:method() end)
      saved = http.request()
      http.response():write(tostring(ok))""",
    "large": """
      local res = http.response()
      for i = 1, 40 do res:write(("x"):rep(10000)) end""",
    "codes": """
      local res, out = http.response(), {}
      for _, code in ipairs({0, 99, 100, 199, 1000}) do
        local v, err = res:set_status(code)
        out[#out + 1] = err and err:kind() or "sent"
      end
      out[#out + 1] = tostring(pcall(res.write_event, res, {name = "x"}))
      out[#out + 1] = tostring(pcall(res.write_event, res, {data = "x"}))
      out[#out + 1] = tostring(pcall(res.set_transfer, res, "x"))
      local v, err = res:write_json({[1] = 1, a = 2})
      out[#out + 1] = err:kind()
      res:write(table.concat(out, " "))""",
}
INNER = """
  - name: inner
    kind: function.lua
    source: |
      local http = require("http")
      return { main = function()
        local v, err = http.request()
        return err:kind()
      end }
    method: main
    modules: [http]
"""


def test_outcomes(tmp_path: Path) -> None:
    """What a function does is what the client gets (8.3)."""

    async def scene(app: Application) -> None:
        async with app.client() as client:

            async def get(name: str) -> tuple[int, str, str]:
                answer = await client.request("GET", f"/{name}")
                kind = answer.headers.get("content-type", "")
                return answer.status, kind, answer.text

            plain, js = "text/plain; charset=utf-8", "application/json"
            assert await get("nothing") == (500, plain, "no response sent\n")
            assert await get("value") == (200, js, '{"a":1}')  # apps 13.33
            assert await get("text") == (200, js, '"text"')
            answer = await client.request("GET", "/raw")
            assert (answer.status, answer.body) == (200, b"\xff\xfe")
            status, kind, text = await get("raised")
            assert (status, kind) == (500, plain)
            assert "broken" in text
            assert await get("returned") == (500, plain, "refused\n")
            assert await get("written") == (200, "", "x")
            answer = await client.request("GET", "/status")
            assert (answer.status, answer.body) == (202, b"")
            answer = await client.request("GET", "/order")  # modules-io D7
            assert (answer.status, answer.text) == (201, "[1]")
            assert answer.headers["content-type"] == js
            assert answer.headers["x-after"] == "yes"
            answer = await client.request("GET", "/late")
            assert answer.text == "a" + " ".join(["Invalid"] * 5)
            assert answer.headers["transfer-encoding"] == "chunked"
            answer = await client.request("GET", "/inject")
            assert answer.text == " ".join(["Invalid"] * 8)
            assert "x-evil" not in answer.headers
            answer = await client.request("GET", "/nobody")
            assert (answer.status, answer.headers["x-kind"]) == (204, "Internal")
            assert await get("nested") == (200, "", "Internal")
            assert await get("other") == (200, "", "false")
            assert await get("other") == (200, "", "false")
            answer = await client.request("GET", "/large")
            assert answer.body == b"x" * 400000
            answer = await client.request("GET", "/codes")
            assert answer.text == " ".join(
                ["Invalid"] * 5 + ["false"] * 3 + ["Invalid"]
            )

    play(
        tmp_path,
        scene,
        OUTCOMES,
        entries=INNER,
        modules="http, json, time, funcs",
    )


BODIES = {
    "body": """
      local req, res = http.request({max_body = 200000}), http.response()
      local body, err = req:body()
      if err then res:set_status(413) res:write(err:kind() .. ":" .. err:message())
      else res:write(tostring(#body)) end""",
    "slow": """
      local req, res = http.request({timeout = 100}), http.response()
      local body, err = req:body()
      res:write(err:kind() .. ": " .. err:message())""",
    "stream": """
      local req, res = http.request(), http.response()
      local stream, err = req:stream()
      if err then res:write(err:kind()) return end
      local info = stream:stat()
      local n, pieces = 0, 0
      while true do
        local data, err = stream:read(1000)
        if err then error(err) end
        if not data then break end
        assert(#data <= 1000)
        n, pieces = n + #data, pieces + 1
      end
      local v, e1 = stream:write("x")
      local p, e2 = stream:seek("set", 0)
      res:write_json({n = n, many = pieces > 1, size = info.size,
        write = {v, e1:kind()}, seek = {p, e2:kind()},
        position = stream:stat().position,
        bad = pcall(stream.seek, stream, "x"), closed = stream:close()})""",
    "lines": """
      local req, res = http.request(), http.response()
      local scanner, out = req:stream():scanner(), {}
      while scanner:scan() do out[#out + 1] = scanner:text() end
      res:write_json({out, scanner:err() == nil})""",
    "form": """
      local req, res = http.request(), http.response()
      local form, err = req:parse_multipart(1000)
      if err then res:write(err:kind()) return end
      local file = form.files.doc[1]
      local stream = file:stream()
      local first = stream:read(5)
      stream:seek("end", -3)
      local last = stream:read()
      res:write_json({values = form.values, name = file:name(), size = file:size(),
        type = file:header("Content-Type"), first = first, last = last,
        count = #form.files.doc, done = stream:read() == nil})""",
    "echo": """
      local stream, res = http.request():stream(), http.response()
      while true do
        local data = stream:read()
        if not data then break end
        res:write(data)
        res:flush()
      end""",
}


def test_bodies(tmp_path: Path) -> None:
    """Whole, too large, too slow, streamed, line by line, as a form."""
    chunked = {"Transfer-Encoding": "chunked"}

    async def scene(app: Application) -> None:
        async def post(path: str, body: bytes, **headers: str) -> str:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = await app.request("POST", path, body=body, headers=named)
            return answer.text

        assert await post("/body", b"x" * 150000) == "150000"
        assert (await post("/body", b"x" * 200001)).startswith("Invalid:")
        async with app.client() as client:
            await client.send(
                b"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + (b"8000\r\n" + b"y" * 0x8000 + b"\r\n") * 8
                + b"0\r\n\r\n"
            )
            assert (await client.answer()).status == 413  # noticed while reading
        async with app.client() as client:
            await client.send(
                b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"
            )
            answer = await client.answer()
            assert answer.text == "Internal: reading the request body timed out"
        got = json.loads(await post("/stream", b"z" * 5000))
        assert got == {
            "n": 5000,
            "many": True,
            "size": 5000,
            "write": [0, "Internal"],
            "seek": [-1, "Internal"],
            "position": 5000,
            "bad": False,
            "closed": True,
        }
        assert await post("/stream", b"") == "Invalid"
        got = json.loads(await post("/lines", b"a\r\nb\n\nc"))
        assert got == [["a", "b", "", "c"], True]
        form = (
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
            b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n'
            b'--B\r\nContent-Disposition: form-data; name="doc"; filename="d.txt"\r\n'
            b"Content-Type: text/plain\r\n\r\n"
            b"begin" + b"." * 100000 + b"end\r\n--B--\r\n"
        )
        kind = "multipart/form-data; boundary=B"
        got = json.loads(await post("/form", form, Content_Type=kind))
        assert got == {
            "values": {"a": ["1", "2"]},
            "name": "d.txt",
            "size": 100008,
            "type": "text/plain",
            "first": "begin",
            "last": "end",
            "count": 1,
            "done": True,
        }
        assert await post("/form", form[:-9], Content_Type=kind) == "Internal"
        assert await post("/form", form, Content_Type="text/plain") == "Invalid"
        async with app.client() as client:
            # Both ways at once: a piece comes back before the next one is sent.
            await client.send(
                b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for number in range(3):
                await client.send(b"1\r\n%d\r\n" % number)
                if number == 0:
                    _, headers = await client.head()
                    assert headers["transfer-encoding"] == chunked["Transfer-Encoding"]
                assert await client.exactly(6) == b"1\r\n%d\r\n" % number
            await client.send(b"0\r\n\r\n")
            assert await client.exactly(5) == b"0\r\n\r\n"

    play(
        tmp_path,
        scene,
        BODIES,
        routes={name: f"POST /{name}" for name in BODIES},
    )


def test_events_are_sent_as_they_are_written(tmp_path: Path) -> None:
    """The first one arrives while the function goes on (modules-io 8.4)."""
    source = """
      local res = http.response()
      res:write_event({name = "first", data = {n = 1}})
      time.sleep("50ms")
      res:write_event({name = "second", data = "a\\nb"})
      local v, err = res:write_event({name = "a\\nb", data = 1})
      res:write(err:kind())
    """

    async def scene(app: Application) -> None:
        async with app.client() as client:
            await client.send(b"GET /sse HTTP/1.1\r\nHost: a\r\n\r\n")
            status, headers = await client.head()
            assert (status, headers["content-type"]) == (200, "text/event-stream")
            assert headers["cache-control"] == "no-cache"
            assert await client.until(b"\r\n") == b"1c"
            assert await client.until(b"\r\n") == b'event: first\ndata: {"n":1}\n\n'
            rest = await client.until(b"0\r\n\r\n")
            assert b'event: second\ndata: "a\\nb"\n\n' in rest
            assert b"Invalid" in rest

    play(tmp_path, scene, {"sse": source})


def test_the_call_ends_when_the_client_leaves(tmp_path: Path) -> None:
    """And nothing of it stays: no process, no task, no connection (8.3)."""
    source = """
      process.send("app.watch", "begun", process.pid())
      time.sleep("1h")
    """

    async def scene(app: Application) -> None:
        node = app.runtime.node
        async with app.client() as client:
            await client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            with trio.fail_after(5):
                while not any(p.entry == "app:wait" for p in node.processes.values()):
                    await trio.testing.wait_all_tasks_blocked(0.01)
        with trio.fail_after(5):
            while app.server.connections:
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert not any(p.entry == "app:wait" for p in node.processes.values())

    play(tmp_path, scene, {"wait": source.replace('process.send("app.watch"', "--")})


def test_bad_options_raise(tmp_path: Path) -> None:
    """A timeout that is none is the program's mistake."""
    source = """
      local out = {}
      for _, opts in ipairs({ {timeout = -1}, {max_body = "x"}, {timeout = 0/0} }) do
        out[#out + 1] = tostring(pcall(http.request, opts))
      end
      out[#out + 1] = tostring(pcall(http.request, 5))
      http.response():write(table.concat(out, " "))
    """

    async def scene(app: Application) -> None:
        answer = await app.request("GET", "/f")
        assert answer.text == "false false false false"

    play(tmp_path, scene, {"f": source})


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("kind: http.endpoint, method: get, path: /x, func: f", "invalid HTTP method"),
        ("kind: http.endpoint, method: GET, path: x, func: f", "wanted it to begin"),
        ("kind: http.endpoint, method: GET, path: /x", "function name is required"),
    ],
)
def test_entries_that_say_nonsense_are_refused(
    tmp_path: Path, entry: str, text: str
) -> None:
    """The application does not start, and the text says why (apps 2.3)."""

    async def scene(app: Application) -> None:
        raise AssertionError("it started")

    more = f"\n  - {{name: bad, meta: {{router: api}}, {entry}}}\n"
    with pytest.raises(BaseExceptionGroup) as caught:
        play(tmp_path, scene, {"f": ""}, entries=more)
    assert text in str(caught.value.exceptions[0])


def test_a_stream_whose_client_leaves(tmp_path: Path) -> None:
    """Writing fails with Internal, or the call has ended already; nothing stays."""
    source = """
      local res = http.response()
      for i = 1, 1000 do
        res:write(("x"):rep(100000))
        local v, err = res:flush()
        if err then
          funcs.call("app:note", err:kind())
          return
        end
      end
      funcs.call("app:note", "all written")
    """
    entries = """
  - name: note
    kind: function.lua
    source: |
      local notes = {}
      return { main = function(note)
        if note then notes[#notes + 1] = note end
        return notes
      end }
    method: main
"""

    async def scene(app: Application) -> None:
        for _ in range(5):
            async with app.client() as client:
                await client.send(b"GET /f HTTP/1.1\r\nHost: a\r\n\r\n")
                await client.head()
        with trio.fail_after(5):
            await app.server.wait_idle()
        notes = await app.runtime.call("app:note")
        assert set(notes) <= {"Internal"}
        assert not any(p.entry == "app:f" for p in app.runtime.node.processes.values())

    play(tmp_path, scene, {"f": source}, entries=entries, modules="http, funcs")


def test_a_coroutine_that_outlives_the_response(tmp_path: Path) -> None:
    """The response leaves at once, the coroutine goes on (apps 13.31)."""
    source = """
      local req, res = http.request(), http.response()
      local body, err = req:body_json()
      if err then
        res:set_status(400)
        res:write_json({error = "invalid JSON"})
        return
      end
      coroutine.spawn(function()
        time.sleep("50ms")
        local v, err = res:write("late")
        funcs.call("app:note", body.name .. " " .. err:kind())
      end)
      res:set_status(http.STATUS.ACCEPTED)
      res:write_json({status = "accepted"})
    """
    entries = """
  - name: note
    kind: function.lua
    source: |
      local notes = {}
      return { main = function(note)
        if note then notes[#notes + 1] = note end
        return notes
      end }
    method: main
"""

    async def scene(app: Application) -> None:
        async with app.client() as client:
            answer = await client.request("POST", "/f", b"{")
            assert answer.status == 400
            answer = await client.request("POST", "/f", b'{"name":"x"}')
            assert (answer.status, answer.text) == (202, '{"status":"accepted"}')
            assert await app.runtime.call("app:note") == []
            with trio.fail_after(5):
                while await app.runtime.call("app:note") != ["x Internal"]:  # noqa: ASYNC110
                    await trio.sleep(0.02)

    play(
        tmp_path,
        scene,
        {"f": source},
        routes={"f": "POST /f"},
        entries=entries,
        modules="http, funcs, time",
    )


def test_pipelined_requests_behind_a_slow_one(tmp_path: Path) -> None:
    """They wait, are answered in order, and the connection goes on."""

    async def scene(app: Application) -> None:
        async with app.client() as client:
            for path in (b"/slow", b"/hello", b"/slow", b"/hello"):
                await client.send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            texts = [(await client.answer()).text for _ in range(4)]
            assert texts == ["slow", "hello"] * 2
            await trio.sleep(0.1)
            assert (await client.request("GET", "/hello")).text == "hello"

    play(
        tmp_path,
        scene,
        {
            "slow": 'time.sleep("120ms") http.response():write("slow")',
            "hello": 'http.response():write("hello")',
        },
    )


def test_a_hello_request_leaves_nothing_behind(tmp_path: Path) -> None:
    """No process, no handle, no object, neither here nor in the VM."""

    async def scene(app: Application) -> None:
        engine = app.runtime.engine

        async def ask(client: Client, times: int) -> None:
            for _ in range(times):
                assert (await client.request("GET", "/hello")).status == 200

        async with app.client() as client:
            await ask(client, 100)
            engine.vm.collect()
            gc.collect()
            objects = len(gc.get_objects())
            before = engine.vm.statistics()
            await ask(client, 1000)
            engine.vm.collect()
            gc.collect()
            after = engine.vm.statistics()
            assert after.processes == before.processes
            assert after.tasks == before.tasks
            assert after.bytes - before.bytes < 20_000
            assert not engine.modules.objects
            assert not engine.call_frames
            assert len(gc.get_objects()) - objects < 200

    play(tmp_path, scene, {"hello": HELLO})


@pytest.mark.parametrize("version", ["5.3", "5.5"])
def test_other_versions_of_lua(tmp_path: Path, version: str) -> None:
    """The same answers."""
    write_application(tmp_path, {"hello": HELLO, "late": OUTCOMES["late"]})

    async def main() -> None:
        runtime = RunningRuntime(load_project(tmp_path), lua_version=version)
        async with running(runtime):
            app = Application(runtime, "app:gateway")
            answer = await app.request("GET", "/hello")
            assert answer.text == '{"message":"hello world"}'
            answer = await app.request("GET", "/late")
            assert answer.text == "a" + " ".join(["Invalid"] * 5)

    trio.run(main)
