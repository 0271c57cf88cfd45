"""``queue.driver.amqp`` against a RabbitMQ: modules-io 3.5."""

from __future__ import annotations

import json
import ssl
import threading
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.services.queue.brokers import (
    Broker,
    Proxy,
    eventually,
    open_broker,
    runtime_of,
)
from wippy_trio.errors import InternalError, InvalidError
from wippy_trio.kernel import Exit
from wippy_trio.runtime.boot import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wippy_trio.runtime.boot import RunningRuntime


@pytest.fixture
def broker() -> Iterator[Broker]:
    with open_broker() as found:
        yield found


def entries(
    broker: Broker,
    *,
    port: int = 5672,
    driver: str = "",
    queue: str = "",
    consumer: str = "",
    consume: bool = True,
    startup: str = "required",
) -> str:
    """Write a driver, a queue ``jobs`` and its consumer, which calls ``app:handle``."""
    text = f"""
  - name: driver
    kind: queue.driver.amqp
    url: amqp://guest:guest@127.0.0.1:{port}/
    reconnect_delay: 50ms
    reconnect_max_delay: 200ms
    {driver}
    lifecycle:
      auto_start: true
      startup: {startup}
      restart: {{initial_delay: 50ms, max_attempts: 40}}
  - name: jobs
    kind: queue.queue
    driver: driver
    queue_name: {broker.queue("jobs")}
    {queue}
"""
    if consume:
        text += f"""
  - name: workers
    kind: queue.consumer
    queue: jobs
    func: app:handle
    {consumer}
    lifecycle:
      auto_start: true
      stop_timeout: 3s
      restart: {{initial_delay: 50ms}}
      depends_on: [app:driver]
"""
    return text


PUBLISH = """
local queue = require("queue")
return {main = function(data, headers)
  return queue.publish("app:jobs", data, headers)
end}
"""
INFO = """
local queue = require("queue")
return {main = function() return queue.info("app:jobs") end}
"""


HANDLE = """
local queue = require("queue")
return {main = function(body) return true end}
"""


def load(
    folder: Path, text: str, handle: str = HANDLE, **sources: str
) -> RunningRuntime:
    return runtime_of(
        folder,
        text,
        "queue, store, time, json",
        handle=handle,
        publish=PUBLISH,
        info=INFO,
        **sources,
    )


NOTES = """
local queue, store = require("queue"), require("store")
local notes = store.get("app:notes")
local function note(key, value) assert(notes:set("t:" .. key, value)) end
local function read(key) return (notes:get("t:" .. key)) end
"""
STORE = "\n  - {name: notes, kind: store.memory}\n"
READ = NOTES + "return {main = function(key) return read(key) end}"


async def noted(runtime: RunningRuntime, key: str, wanted: Any = None) -> Any:
    """Wait until the handler has noted something."""
    with trio.fail_after(10):
        while True:
            found = await runtime.call("app:read", key)
            if found is not None and (wanted is None or found == wanted):
                return found
            await trio.sleep(0.01)


def amqp_threads() -> int:
    """Count the threads that own a connection."""
    return sum(
        any("_own" in name for name in _functions(thread))
        for thread in threading.enumerate()
    )


def _functions(thread: threading.Thread) -> list[str]:
    import sys  # noqa: PLC0415

    frame = sys._current_frames().get(thread.ident or 0)
    names = []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


async def test_headers_map_to_properties_and_back(
    broker: Broker, tmp_path: Path
) -> None:
    """Known headers are properties; others keep their types, floats too."""
    handle = (
        NOTES
        + """
    return {main = function(body)
      local m = queue.message()
      note("headers", m:headers()) note("id", m:id()) note("body", body)
    end}
    """
    )
    runtime = load(tmp_path, entries(broker) + STORE, handle, read=READ)
    headers = {
        "correlation_id": "c-1",
        "reply_to": "answers",
        "message_type": "order",
        "encoding": "utf-8",
        "timestamp": 1_700_000_000,
        "amqp.priority": 3,
        "n": 7,
        "big": 2**40,
        "f": 1.5,
        "tiny": 1e-300,
        "b": True,
        "s": "x",
        "amqp.x_delay": 5,
    }
    async with running(runtime):
        await runtime.call("app:publish", {"a": [1, 2.5, "ä"]}, headers)
        found = await noted(runtime, "headers")
        assert await noted(runtime, "body") == {"a": [1, 2.5, "ä"]}
        assert len(await noted(runtime, "id")) == 36
    assert found == {
        "correlation_id": "c-1",
        "reply_to": "answers",
        "message_type": "order",
        "content_type": "application/json",
        "encoding": "utf-8",
        "timestamp": 1_700_000_000,
        "amqp.priority": 3,
        "amqp.delivery_mode": 2,  # persistent: modules-io 3.5
        "n": 7,
        "big": 2**40,
        "f": 1.5,
        "tiny": 1e-300,
        "b": True,
        "s": "x",
        "x-delay": 5,
    }


async def test_what_the_broker_gets(broker: Broker, tmp_path: Path) -> None:
    """Content type by codec, expiration, delivery mode, message id."""
    runtime = load(
        tmp_path,
        entries(
            broker,
            driver="default_message_ttl: 90s",
            queue="codec: application/msgpack",
            consume=False,
        ),
    )
    async with running(runtime):
        await runtime.call("app:publish", {"a": 1}, {"amqp.delivery_mode": 1})
        await runtime.call("app:publish", {"a": 1}, {"amqp.expiration": "5s"})
        counts = await runtime.call("app:info")
        assert counts == {"message_count": 2, "ready": 2, "consumer_count": 0}
    _, properties, body = broker.get("jobs")
    assert body == b"\x81\xa1a\x01"
    assert properties.content_type == "application/msgpack"
    assert properties.expiration == "90000"  # modules-io D13
    assert properties.delivery_mode == 1
    assert len(properties.message_id) == 36
    _, properties, _ = broker.get("jobs")
    assert properties.expiration == "5000"
    assert properties.delivery_mode == 2


async def test_declare_options(broker: Broker, tmp_path: Path) -> None:
    """Limits of a queue work at the broker; another declaration is refused."""
    runtime = load(
        tmp_path,
        entries(
            broker,
            driver="default_queue_expiry: 1h",
            queue="driver_options: {amqp: {max_length: 2, message_ttl: 1h}}",
            consume=False,
        ),
    )
    async with running(runtime):
        for n in range(5):
            await runtime.call("app:publish", {"n": n})
        assert (await runtime.call("app:info"))["message_count"] == 2
    other = load(
        tmp_path,
        entries(broker, queue="driver_options: {amqp: {max_length: 3}}", consume=False),
    )
    async with running(other):  # one refused queue does not keep the application
        assert (await other.call("app:info"))["message_count"] == 2


async def test_failures_come_again(broker: Broker, tmp_path: Path) -> None:
    """An error, ``false`` and ``nack`` have the message delivered again."""
    handle = (
        NOTES
        + """
    return {main = function(body)
      local tries = (read(body.how) or 0) + 1
      note(body.how, tries)
      if tries == 1 then
        if body.how == "error" then error("not yet") end
        if body.how == "false" then return false end
        if body.how == "nack" then assert(queue.message():nack()) end
      end
    end}
    """
    )
    runtime = load(tmp_path, entries(broker) + STORE, handle, read=READ)
    async with running(runtime):
        for how in ("error", "false", "nack", "fine"):
            await runtime.call("app:publish", {"how": how})
        for how in ("error", "false", "nack"):
            assert await noted(runtime, how, 2) == 2
        assert await noted(runtime, "fine") == 1
    assert broker.count("jobs") == 0


async def test_prefetch_bounds_what_is_taken(broker: Broker, tmp_path: Path) -> None:
    """The broker keeps what goes beyond the prefetch; all return at the stop."""
    handle = 'return {main = function() require("time").sleep("1h") end}'
    runtime = load(tmp_path, entries(broker, consumer="prefetch: 3"), handle)
    async with running(runtime):
        for n in range(5):
            await runtime.call("app:publish", {"n": n})
        await eventually(lambda: broker.count("jobs") == 2)
    # Handlers were cancelled and count as failed (modules-io 3.3).
    assert broker.count("jobs") == 5


async def test_unreadable_bodies_are_dropped(broker: Broker, tmp_path: Path) -> None:
    """A body that is not in the codec does not come again and again."""
    handle = NOTES + 'return {main = function(body) note("seen", body.n) end}'
    runtime = load(tmp_path, entries(broker) + STORE, handle, read=READ)
    async with running(runtime):
        broker.put("jobs", b"{not json")
        broker.put("jobs", b'{"n": 7}')
        assert await noted(runtime, "seen") == 7
    assert broker.count("jobs") == 0


async def test_auto_ack(broker: Broker, tmp_path: Path) -> None:
    """The message is done with when it is handed on; a failure does not return it."""
    handle = (
        NOTES
        + """
    return {main = function(body)
      local _, err = queue.message():nack()
      note("kind", tostring(err:kind()))
      error("in vain")
    end}
    """
    )
    runtime = load(
        tmp_path, entries(broker, consumer="auto_ack: true") + STORE, handle, read=READ
    )
    async with running(runtime):
        await runtime.call("app:publish", {"n": 1})
        assert await noted(runtime, "kind") == "Invalid"
    assert broker.count("jobs") == 0


async def test_mandatory_and_bad_headers(broker: Broker, tmp_path: Path) -> None:
    """What no queue takes is an error if that is asked for; so is a bad header."""
    runtime = load(tmp_path, entries(broker, consume=False))
    async with running(runtime):
        await runtime.call("app:publish", {"n": 1}, {"amqp.mandatory": True})
        broker.delete("jobs")
        with pytest.raises(InternalError, match="no queue took"):
            await runtime.call("app:publish", {"n": 2}, {"amqp.mandatory": True})
        with pytest.raises(InternalError, match="255"):
            await runtime.call("app:publish", {"n": 2}, {"correlation_id": "x" * 256})
        with pytest.raises(InternalError, match=r"jobs.*NOT_FOUND"):
            await runtime.call("app:info")
        # A refused question does not hurt the connection.
        await runtime.call("app:publish", {"n": 3})


async def test_reconnects_when_the_broker_returns(
    broker: Broker, tmp_path: Path
) -> None:
    """Meanwhile publishing fails; afterwards queues and consumers are there again."""
    handle = NOTES + 'return {main = function(body) note("n" .. body.n, body.n) end}'
    async with trio.open_nursery() as nursery:
        proxy = Proxy()
        await nursery.start(proxy.run)
        runtime = load(
            tmp_path, entries(broker, port=proxy.port) + STORE, handle, read=READ
        )
        async with running(runtime):
            await runtime.call("app:publish", {"n": 1})
            await noted(runtime, "n1")
            driver = runtime.resources.get("app:driver")
            for n in (2, 3):
                await proxy.cut()
                await eventually(lambda: driver._link is None)
                with pytest.raises(InternalError, match="no connection"):
                    await runtime.call("app:publish", {"n": n})
                broker.delete("jobs")  # it is declared again
                await nursery.start(proxy.run)
                await eventually(lambda: driver._link is not None)
                await runtime.call("app:publish", {"n": n})
                await noted(runtime, f"n{n}")
            assert amqp_threads() == 1
        assert proxy.connections == 0
        nursery.cancel_scope.cancel()
    assert amqp_threads() == 0


async def test_handler_survives_the_loss_of_its_delivery(
    broker: Broker, tmp_path: Path
) -> None:
    """A message whose connection broke is delivered again, not lost, not in limbo."""
    handle = (
        NOTES
        + """
    local time = require("time")
    return {main = function(body)
      local tries = (read("tries") or 0) + 1
      note("tries", tries)
      if tries == 1 then
        while not read("go") do time.sleep("10ms") end
        local _, err = queue.message():ack()
        note("kind", tostring(err:kind()))
      end
    end}
    """
    )
    go = NOTES + 'return {main = function() note("go", true) end}'
    async with trio.open_nursery() as nursery:
        proxy = Proxy()
        await nursery.start(proxy.run)
        runtime = load(
            tmp_path, entries(broker, port=proxy.port) + STORE, handle, read=READ, go=go
        )
        async with running(runtime):
            await runtime.call("app:publish", {"n": 1})
            await noted(runtime, "tries")
            driver = runtime.resources.get("app:driver")
            await proxy.cut()
            await eventually(lambda: driver._link is None)
            await runtime.call("app:go")
            assert await noted(runtime, "kind") == "Internal"  # modules-io 3.2
            await nursery.start(proxy.run)
            await noted(runtime, "tries", 2)
        nursery.cancel_scope.cancel()
    assert broker.count("jobs") == 0


async def test_consumer_is_restarted_when_its_queue_is_deleted(
    broker: Broker, tmp_path: Path
) -> None:
    """The broker ends the consumer: the service fails and is started again."""
    handle = NOTES + 'return {main = function(body) note("n", body.n) end}'
    runtime = load(tmp_path, entries(broker) + STORE, handle, read=READ)
    async with running(runtime):
        broker.delete("jobs")
        workers = "app:workers"
        await eventually(
            lambda: runtime.supervisor.states()[workers].status != "running"
        )
        driver = runtime.resources.get("app:driver")
        await driver.declare(runtime.resources.get("app:jobs").queue)
        await eventually(
            lambda: runtime.supervisor.states()[workers].status == "running"
        )
        await runtime.call("app:publish", {"n": 4})
        assert await noted(runtime, "n") == 4


async def test_broker_that_is_not_there(tmp_path: Path, broker: Broker) -> None:
    """The driver's start fails and is tried again; the application runs meanwhile."""
    async with trio.open_nursery() as nursery:
        proxy = Proxy()
        await nursery.start(proxy.run)
        await proxy.cut()
        text = entries(broker, port=proxy.port, consume=False, startup="optional")
        runtime = load(tmp_path, text)
        async with running(runtime):
            with pytest.raises(InternalError, match="no connection"):
                await runtime.call("app:publish", {"n": 1})
            await nursery.start(proxy.run)
            driver = runtime.resources.get("app:driver")
            await eventually(lambda: driver._link is not None)
            await runtime.call("app:publish", {"n": 1})
        nursery.cancel_scope.cancel()
    assert broker.count("jobs") == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "AMQPLAIN"])
async def test_credentials(broker: Broker, tmp_path: Path, mechanism: str) -> None:
    """Both mechanisms with a password let us in; a wrong password does not."""
    text = entries(broker, driver=f"auth_mechanism: {mechanism}", consume=False)
    runtime = load(tmp_path, text)
    async with running(runtime):
        await runtime.call("app:publish", {"n": 1})
    text = text.replace("guest:guest", "guest:wrong").replace("required", "optional")
    refused = load(tmp_path, text)
    async with running(refused):
        await eventually(
            lambda: (
                "ACCESS_REFUSED" in refused.supervisor.states()["app:driver"].details
            )
        )
    assert amqp_threads() == 0


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("url: 'http://x/'", "url: wanted amqp://"),
        ("auth_mechanism: DIGEST", "auth_mechanism: wanted one of"),
        ("reconnect_delay: soon", "duration"),
        ("prefetch_count: -1", "prefetch_count: wanted 0 to"),
        ("tls: {enabled: true, cert: x}", "cert and key together"),
        ("tls: {enabled: true, ca: x, ca_env: Y}", "exclude each other"),
    ],
)
async def test_wrong_fields_are_refused(
    tmp_path: Path, field: str, message: str
) -> None:
    """The error names the field."""
    runtime = runtime_of(
        tmp_path, f"  - {{name: driver, kind: queue.driver.amqp, {field}}}\n"
    )
    with pytest.raises(BaseExceptionGroup) as caught:
        async with running(runtime):
            pass
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, InvalidError)
    assert message in str(error)


async def test_tls(broker: Broker, tmp_path: Path) -> None:
    """A broker behind TLS is trusted by its CA and its name, or not at all."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("broker.test").configure_cert(context)
    pem = authority.cert_pem.bytes().decode()
    async with trio.open_nursery() as nursery:
        proxy = Proxy(tls=context)
        await nursery.start(proxy.run)
        for number, (fields, works) in enumerate(
            (
                ({"ca": pem, "server_name": "broker.test"}, True),
                ({"insecure_skip_verify": True}, True),
                ({"ca": pem, "server_name": "other.test"}, False),
                ({"server_name": "broker.test"}, False),
            )
        ):
            text = entries(
                broker,
                port=proxy.port,
                driver=f"tls: {json.dumps({'enabled': True, **fields})}",
                consume=False,
                startup="optional",
            )
            runtime = load(tmp_path, text)
            async with running(runtime):
                driver = runtime.resources.get("app:driver")

                def state(runtime: RunningRuntime = runtime) -> Any:
                    return runtime.supervisor.states()["app:driver"]

                if works:
                    await eventually(lambda d=driver: d._link is not None)
                    await runtime.call("app:publish", {"n": number})
                else:
                    await eventually(lambda: "certificate verify" in state().details)
        nursery.cancel_scope.cancel()
    assert broker.count("jobs") == 2


async def test_a_broker_that_says_nothing(broker: Broker, tmp_path: Path) -> None:
    """A start that is given up leaves no thread and no connection."""
    async with trio.open_nursery() as nursery:
        proxy = Proxy()
        proxy.freeze()
        await nursery.start(proxy.run)
        text = entries(broker, port=proxy.port, consume=False, startup="optional")
        text = text.replace(
            "auto_start: true", "auto_start: true\n      start_timeout: 50ms"
        )
        text = text.replace("max_attempts: 40", "max_attempts: 1")
        runtime = load(tmp_path, text)
        async with running(runtime):
            await eventually(
                lambda: (
                    "took longer" in runtime.supervisor.states()["app:driver"].details
                )
            )
            await eventually(lambda: amqp_threads() == 0)
        await eventually(lambda: proxy.connections == 0)
        nursery.cancel_scope.cancel()


# -- kills and losses ------------------------------------------------------------------

PUBLISHER = """
local queue = require("queue")
return {main = function(first, count)
  for n = first, first + count - 1 do queue.publish("app:jobs", {n = n}) end
end}
"""


async def test_killed_publishers_leave_nothing(broker: Broker, tmp_path: Path) -> None:
    """Processes that are ended in the middle of a publish; the driver works on."""
    random = Random(7)
    runtime = load(tmp_path, entries(broker, consume=False), p_publisher=PUBLISHER)
    async with running(runtime):
        for round_ in range(30):
            process = await runtime.spawn_process(
                "app:p_publisher", "app:processes", [round_ * 100, 50]
            )
            for _ in range(random.randrange(60)):
                await trio.lowlevel.checkpoint()
            process.end(Exit.terminated(process.pid))
        await runtime.call("app:publish", {"n": -1})
        link = runtime.resources.get("app:driver")._link
        await eventually(lambda: not link._unconfirmed)
        assert not link._replies
        assert amqp_threads() == 1
    assert amqp_threads() == 0
    assert broker.count("jobs") >= 1


async def test_what_was_confirmed_is_there(broker: Broker, tmp_path: Path) -> None:
    """A broker that goes and returns while many publish: none confirmed is lost."""
    runtime_text = entries(broker, consume=False)
    confirmed: set[int] = set()
    async with trio.open_nursery() as nursery:
        proxy = Proxy()
        await nursery.start(proxy.run)
        runtime = load(tmp_path, runtime_text.replace(":5672/", f":{proxy.port}/"))
        async with running(runtime), trio.open_nursery() as publishers:

            async def publish(first: int) -> None:
                for n in range(first, first + 60):
                    try:
                        await runtime.call("app:publish", {"n": n})
                    except InternalError:
                        await trio.sleep(0.01)
                    else:
                        confirmed.add(n)

            for first in range(0, 500, 100):
                publishers.start_soon(publish, first)
            for _ in range(3):
                await trio.sleep(0.03)
                await proxy.cut()
                await nursery.start(proxy.run)
        nursery.cancel_scope.cancel()
    kept = set()
    while (found := broker.get("jobs"))[0] is not None:
        kept.add(json.loads(found[2])["n"])
    assert confirmed
    assert confirmed <= kept


async def test_stop_while_the_broker_is_silent(broker: Broker, tmp_path: Path) -> None:
    """A goodbye that nobody answers ends after a few seconds, and so do all waits."""
    async with trio.open_nursery() as nursery:
        proxy = Proxy()
        await nursery.start(proxy.run)
        runtime = load(tmp_path, entries(broker, port=proxy.port, consume=False))
        async with running(runtime):
            proxy.freeze()
            with trio.move_on_after(0.05) as limit:
                await runtime.call("app:publish", {"n": 1})
            assert limit.cancelled_caught
            started = trio.current_time()
        assert trio.current_time() - started < 6
        nursery.cancel_scope.cancel()
    assert amqp_threads() == 0


async def test_every_message_is_handled(broker: Broker, tmp_path: Path) -> None:
    """Handlers cancelled by stops of the consumer: each message is handled at last."""
    handle = (
        NOTES
        + """
    return {main = function(body)
      require("time").sleep("2ms")
      note("n" .. body.n, true)
    end}
    """
    )
    runtime = load(
        tmp_path, entries(broker, consumer="concurrency: 4") + STORE, handle, read=READ
    )
    async with running(runtime):
        for n in range(40):
            await runtime.call("app:publish", {"n": n})
        for _ in range(4):
            await trio.sleep(0.02)
            await runtime.supervisor.stop("app:workers")
            await runtime.supervisor.start(["app:workers"], runtime.live.state.state)
        for n in range(40):
            await noted(runtime, f"n{n}")
    assert broker.count("jobs") == 0
