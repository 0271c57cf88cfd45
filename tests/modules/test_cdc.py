"""`cdc` over a source that a test feeds: modules-io 7.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from tests.services.queue.brokers import runtime_of
from wippy_trio.errors import Error
from wippy_trio.kernel import Exit
from wippy_trio.runtime.boot import running
from wippy_trio.sdk.changes import Change

if TYPE_CHECKING:
    from pathlib import Path

    from wippy_trio.sdk.changes import Subscription

STREAM = """
local cdc, store = require("cdc"), require("store")
local notes = store.get("app:notes")
return {main = function(options)
  local stream = assert(cdc.stream("app:people", options))
  notes:set("t:text", tostring(stream))
  local changes = stream:channel()
  notes:set("t:same", changes == stream:receive())
  local seen = {}
  while true do
    local change, ok = changes:receive()
    if not ok then break end
    seen[#seen + 1] = change.op
    notes:set("t:seen", seen)
    if change.op == "delete" then
      notes:set("t:closed", {stream:close(), stream:release()})
    end
  end
  local _, err = stream:channel()
  notes:set("t:after", tostring(err:kind()))
end}
"""
ASK = """
local cdc = require("cdc")
local function told(v, err) return v == nil and tostring(err and err:kind()) or v end
return {main = function()
  return {
    cdc.list_sources(), told(cdc.source("app:people")).slot,
    told(cdc.source("people")).slot,
    told(cdc.source("s1")).slot, told(cdc.source("nope")), told(cdc.source("")),
    told(cdc.stream("")), told(cdc.stream("nope")), told(cdc.stream("people")),
    told(cdc.stream("people", {buffer = 0})),
    told(cdc.stream("people", {buffer = 65537})),
    told(cdc.stream("people", {buffer = 1.5})),
    told(cdc.stream("people", {ops = {"x"}})),
    told(cdc.stream("people", {tables = "a"})), told(cdc.stream("people", "x")),
  }
end}
"""


class Source:
    """A source that knows nothing of databases."""

    def __init__(self, id: str, slot: str) -> None:  # noqa: A002
        self.id = id
        self.slot = slot
        self.subscriptions: list[Subscription] = []

    def describe_source(self) -> dict[str, Any]:
        return {"name": self.id, "slot": self.slot}

    def subscribe_changes(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)

    def unsubscribe_changes(self, subscription: Subscription) -> None:
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
        subscription.channel.close()

    def tell(self, op: str, table: str = "a") -> None:
        change = Change(op, "public", table, None, {"id": "1"}, 1)
        for subscription in list(self.subscriptions):
            if subscription.wants(change):
                subscription.channel.send_nowait({"op": op, "table": table})


NOTES = "  - {name: notes, kind: store.memory}\n"


async def _noted(runtime: Any, key: str) -> Any:
    with trio.fail_after(10):
        while True:
            try:
                return runtime.resources.get("app:notes").entry(f"t:{key}").value
            except Error:
                await trio.sleep(0.01)


async def test_a_stream_gives_what_it_wants(tmp_path: Path) -> None:
    """Tables and operations choose; closing it closes the channel."""
    runtime = runtime_of(tmp_path, NOTES, "cdc, store", p_stream=STREAM)
    async with running(runtime):
        source = Source("app:people", "s1")
        runtime.resources.put(source.id, source)
        options = {"tables": ["public.a"], "ops": ["snapshot", "insert", "delete"]}
        await runtime.spawn_process("app:p_stream", "app:processes", [options])
        assert await _noted(runtime, "same") is True
        assert await _noted(runtime, "text") == "cdc.Stream{app:people}"
        for op, table in (
            ("r", "a"),
            ("insert", "b"),
            ("update", "a"),
            ("insert", "a"),
            ("delete", "a"),
        ):
            source.tell(op, table)
        assert await _noted(runtime, "after") == "Invalid"
        assert await _noted(runtime, "seen") == ["r", "insert", "delete"]
        assert await _noted(runtime, "closed") == [True, True]
        assert source.subscriptions == []


async def test_a_stream_ends_with_its_process(tmp_path: Path) -> None:
    """A process that is ended leaves no subscription."""
    runtime = runtime_of(tmp_path, NOTES, "cdc, store", p_stream=STREAM)
    async with running(runtime):
        source = Source("app:people", "s1")
        runtime.resources.put(source.id, source)
        process = await runtime.spawn_process("app:p_stream", "app:processes", [{}])
        await _noted(runtime, "same")
        (subscription,) = source.subscriptions
        process.end(Exit.terminated(process.pid))
        assert source.subscriptions == []
        assert subscription.channel.closed


async def test_questions_and_mistakes(tmp_path: Path) -> None:
    """Sources by id, name and slot; each mistake has its kind."""
    runtime = runtime_of(tmp_path, NOTES, "cdc, store", ask=ASK)
    async with running(runtime):
        runtime.resources.put("app:people", Source("app:people", "s1"))
        runtime.resources.put("app:b", Source("app:b", "s2"))
        found = await runtime.call("app:ask")
    assert [row["name"] for row in found[0]] == ["app:b", "app:people"]
    assert found[1:] == [
        *["s1"] * 3,
        "nil",
        *["Invalid"] * 2,
        "Internal",
        "Internal",  # a function call is no process
        *["Invalid"] * 6,
    ]
