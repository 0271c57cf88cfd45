"""`queue`, ``queue.queue`` and ``queue.consumer`` over memory: modules-io 3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from tests.modules.application import run_application
from wippy_trio.errors import Error, InvalidError
from wippy_trio.kernel import Context
from wippy_trio.sdk.queues import Message, Queue, decode, encode
from wippy_trio.security import Actor, Scope, parse_policy
from wippy_trio.services.queue.memory import MemoryDriver

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - {name: driver, kind: queue.driver.memory, lifecycle: {auto_start: true}}
  - {name: seen, kind: store.memory}
  - {name: jobs, kind: queue.queue, driver: driver}
  - name: tiny
    kind: queue.queue
    driver: app:driver
    driver_options: {memory: {max_length: 2}}
  - name: workers
    kind: queue.consumer
    queue: jobs
    func: app:handle
    concurrency: 2
    lifecycle:
      auto_start: true
      depends_on: [app:driver]
      security: {actor: {id: consumer}}
  - name: handle
    kind: function.lua
    source: |
      local store, queue, funcs = require("store"), require("queue"), require("funcs")
      local security, time = require("security"), require("time")
      local seen = store.get("app:seen")
      local function note(key, value) seen:set("t:" .. key, value) end
      return {main = function(body)
        local m = queue.message()
        local tries = (seen:get("t:tries:" .. body.name) or 0) + 1
        note("tries:" .. body.name, tries)
        if body.name == "headers" then
          note("headers", m:headers())
          note("id", m:id())
          note("actor", security.actor():id())
          note("nested", (funcs.call("app:nested")))
          process.spawn("app:child", "app:processes")
        elseif body.name == "twice" and tries == 1 then
          error("not yet")
        elseif body.name == "error" and tries == 1 then
          return nil, "not yet"
        elseif body.name == "false" and tries == 1 then
          return false
        elseif body.name == "own" then
          local ok, err = m:ack()
          local _, again = m:nack()
          note("own", {ok, err and 1 or 0, tostring(again:kind()), tostring(m)})
          error("settled already")
        elseif body.name == "nack" and tries == 1 then
          m:nack()
        elseif body.name == "slow" then
          time.sleep("1h")
        end
      end}
    method: main
    modules: [store, queue, funcs, security, time]
  - name: nested
    kind: function.lua
    source: |
      local queue = require("queue")
      return {main = function() return queue.message():id() end}
    method: main
    modules: [queue]
  - name: child
    kind: process.lua
    source: |
      local store, queue = require("store"), require("queue")
      return {main = function()
        local m, err = queue.message()
        store.get("app:seen"):set("t:child", m ~= nil or tostring(err:kind()))
      end}
    method: main
    modules: [store, queue]
"""
HEAD = """
local queue, store, time = require("queue"), require("store"), require("time")
local seen = store.get("app:seen")
local function told(v, err)
  return {v == nil and "nil" or v, err and tostring(err:kind()) or "no error"}
end
"""


def run(folder: Path, body: str, **more: Any) -> Any:
    return run_application(
        folder,
        f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
        modules="queue, store, time",
        entries=more.pop("entries", ENTRIES),
        clock=MockClock(autojump_threshold=0),
        **more,
    )


def test_consumer_handles_messages(tmp_path: Path) -> None:
    """Body, headers, id, identity; calls and spawned processes inherit the message."""
    found = run(
        tmp_path,
        """
        local ok, err = queue.publish("app:jobs", {name = "headers"}, {
          a = "x", n = 1, f = 1.5, b = true, t = {}, [1] = "no"})
        assert(ok == true and err == nil)
        time.sleep("100ms")
        return {seen:get("t:headers"), seen:get("t:id"), seen:get("t:nested"),
          seen:get("t:actor"), seen:get("t:child")}
        """,
    )
    headers = found[0]
    assert {k: headers[k] for k in "anfb"} == {"a": "x", "n": 1, "f": 1.5, "b": True}
    assert set(headers) == {"a", "n", "f", "b", "timestamp"}
    assert len(found[1]) == 36
    assert found[2] == found[1]
    assert found[3] == "consumer"
    assert found[4] in (True, "Invalid")  # the handler may be over by then


@pytest.mark.parametrize(
    ("name", "tries"),
    [("twice", 2), ("error", 2), ("false", 2), ("nack", 2), ("plain", 1), ("own", 1)],
)
def test_settlement(tmp_path: Path, name: str, tries: int) -> None:
    """Errors, ``false`` and nack deliver again; what settled itself is left alone."""
    assert (
        run(
            tmp_path,
            f"""
            queue.publish("app:jobs", {{name = "{name}"}})
            time.sleep("1s")
            assert(queue.info("app:jobs").ready == 0)
            return seen:get("t:tries:{name}")
            """,
        )
        == tries
    )


def test_second_settlement_is_refused(tmp_path: Path) -> None:
    """Whatever it is (modules-io 3.2)."""
    found = run(
        tmp_path,
        """
        queue.publish("app:jobs", {name = "own"})
        time.sleep("100ms")
        return seen:get("t:own")
        """,
    )
    assert found[:3] == [True, 0, "Invalid"]
    assert found[3].startswith("queue.Message{id=")


def test_full_queue_makes_its_publisher_wait(tmp_path: Path) -> None:
    """Until there is room, or it gives up (modules-io 3.4)."""
    assert run(
        tmp_path,
        """
        assert(queue.publish("app:tiny", {n = 1}) and queue.publish("app:tiny", "text"))
        assert(queue.info("app:tiny").message_count == 2)
        local done = channel.new(1)
        coroutine.spawn(function() done:send(queue.publish("app:tiny", {n = 3})) end)
        local r = channel.select({done:case_receive(), time.after("1m"):case_receive()})
        return r.channel ~= done
        """,
    )


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ('queue.publish("", {a = 1})', "Invalid"),
        ("queue.publish(nil, {a = 1})", "Invalid"),
        ('queue.publish("app:jobs")', "Invalid"),
        ('queue.publish("app:jobs", {})', "Invalid"),
        ('queue.publish("app:jobs", {a = 1}, "x")', "Invalid"),
        ('queue.publish("app:none", {a = 1})', "Internal"),
        ('queue.publish("app:seen", {a = 1})', "Internal"),
        ('queue.info("")', "Invalid"),
        ('queue.info("app:none")', "Internal"),
        ("queue.message()", "Invalid"),
    ],
)
def test_refusals(tmp_path: Path, call: str, kind: str) -> None:
    """Each failure has its kind (modules-io 3.2)."""
    assert run(tmp_path, f"return told({call})") == ["nil", kind]


@pytest.mark.parametrize("allowed", [[], ["queue.publish"]])
def test_permissions(tmp_path: Path, allowed: list[str]) -> None:
    """Publishing as such, then to this queue; denials are Invalid (D14)."""
    actions = [*allowed, "store.get"]
    rules = {"actions": actions, "resources": "*", "effect": "allow"}
    policy = parse_policy("app:p", "security.policy", {"policy": rules})
    context = Context(actor=Actor("me", {}), scope=Scope([policy]))
    found = run(
        tmp_path, 'return told(queue.publish("app:jobs", {a = 1}))', context=context
    )
    assert found == ["nil", "Invalid"]


def test_handler_that_is_cut_short_leaves_its_message(tmp_path: Path) -> None:
    """At the end of the runtime the message is in the queue again."""
    left: list[int] = []

    def look(runtime: Any) -> None:
        driver = runtime.resources.get("app:driver")
        line = driver._lines["jobs"]
        requeue = line.requeue

        def count(message: Message) -> None:
            left.append(1)
            requeue(message)

        line.requeue = count

    run(
        tmp_path,
        'queue.publish("app:jobs", {name = "slow"}) time.sleep("1s") return 1',
        inspect=look,
    )
    assert left  # once by its handler, and perhaps once more out of the buffer


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("queue.queue", "driver ID is required"),
        ("queue.queue, driver: none", "driver not found: app:none"),
        ("queue.queue, driver: driver, codec: xml", "codec: wanted one of"),
        ("queue.queue, driver: seen", "wanted a queue driver"),
        (
            "queue.queue, driver: driver, driver_options: {memory: {max_length: -1}}",
            "max_length",
        ),
        ("queue.consumer, func: handle", "queue ID is required"),
        ("queue.consumer, queue: jobs", "function ID is required"),
        ("queue.consumer, queue: none, func: handle", "app:none"),
        ("queue.consumer, queue: jobs, func: handle, concurrency: 1001", "concurrency"),
        ("queue.consumer, queue: jobs, func: handle, prefetch: 10001", "prefetch"),
    ],
)
def test_wrong_entries(tmp_path: Path, entry: str, text: str) -> None:
    """The entry is refused with the reason."""
    kind, _, fields = entry.partition(", ")
    comma = ", " if fields else ""
    entries = f"{ENTRIES}  - {{name: zz, kind: {kind}{comma}{fields}}}\n"
    with pytest.raises(Error) as caught:
        run(tmp_path, "return 1", entries=entries)
    assert text in str(caught.value) + str(caught.value.details)


# -- the driver ------------------------------------------------------------------------

QUEUE = Queue("app:q", "q", "json/plain", {"memory": {"max_length": 3}}, "app:d")


def message(number: int) -> Message:
    return Message(str(number), {}, number)


async def test_requeued_messages_go_to_the_tail_or_are_lost() -> None:
    """A nack appends; a full queue loses the message (modules-io 3.4)."""
    driver = MemoryDriver("app:d")
    await driver.declare(QUEUE)
    for number in range(3):
        await driver.publish(QUEUE, message(number))
    async with driver.consume(QUEUE, prefetch=1, auto_ack=False, options={}) as taken:
        first = await taken.receive()
        await first.settle(done=False)
        with pytest.raises(InvalidError):
            await first.settle(done=True)
    order = []
    async with driver.consume(QUEUE, prefetch=1, auto_ack=False, options={}) as taken:
        for _ in range(3):
            delivery = await taken.receive()
            order.append(delivery.message.body)
            await delivery.settle(done=True)
    assert sorted(order) == [0, 1, 2]
    assert (await driver.info(QUEUE))["ready"] == 0


async def test_what_was_taken_ahead_goes_back() -> None:
    """A consumer that stops loses nothing of its buffer."""
    driver = MemoryDriver("app:d")
    await driver.declare(QUEUE)
    for number in range(3):
        await driver.publish(QUEUE, message(number))
    async with driver.consume(QUEUE, prefetch=2, auto_ack=False, options={}):
        await trio.testing.wait_all_tasks_blocked()
    assert (await driver.info(QUEUE))["ready"] == 3


async def test_stopped_driver_refuses() -> None:
    """Publishing and waiting for room end with an error."""
    driver = MemoryDriver("app:d")
    await driver.declare(QUEUE)
    for number in range(3):
        await driver.publish(QUEUE, message(number))

    async def publish() -> None:
        with pytest.raises(Error, match="stopped"):
            await driver.publish(QUEUE, message(9))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(publish)
        await trio.testing.wait_all_tasks_blocked()
        driver.stop()
    await publish()


@pytest.mark.parametrize("codec", ["json/plain", "application/msgpack"])
def test_codecs(codec: str) -> None:
    """Both ways; what has no form is refused."""
    body = {"a": [1, 2.5, "é", None, True]}
    assert decode(codec, encode(codec, body)) == body
    with pytest.raises(InvalidError):
        decode(codec, b"\xc1")
    with pytest.raises(InvalidError):
        encode(codec, {"a": object()})
