"""``config.aws`` and ``queue.driver.sqs`` against moto's server: modules-io 3.6."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.services.clouds import Cloud, open_cloud
from tests.services.queue.brokers import eventually, runtime_of
from wippy_trio.errors import Error, InternalError, InvalidError
from wippy_trio.kernel import Exit
from wippy_trio.runtime.boot import running
from wippy_trio.sdk.queues import Message
from wippy_trio.services.queue.sqs.attributes import read_message, write_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wippy_trio.runtime.boot import RunningRuntime


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with open_cloud() as found:
        yield found


def entries(
    cloud: Cloud, *, queue: str = "", driver: str = "", consume: bool = True
) -> tuple[str, str]:
    """Write a driver, a queue ``jobs`` and its consumer; give the queue's name too."""
    name = f"jobs-{secrets.token_hex(6)}"
    if "queue_name: F" in queue:
        name += ".fifo"
        queue = queue.replace("queue_name: F", "")
    text = f"""
  - {{name: notes, kind: store.memory}}
  - name: driver
    kind: queue.driver.sqs
    config: aws
    endpoint: {cloud.endpoint}
    {driver}
    lifecycle: {{auto_start: true, restart: {{initial_delay: 50ms}}}}
  - name: jobs
    kind: queue.queue
    driver: driver
    queue_name: {name}
    {queue}
"""
    if consume:
        text += """
  - name: workers
    kind: queue.consumer
    queue: jobs
    func: app:handle
    driver_options: {sqs: {wait_time: 1}}
    lifecycle:
      auto_start: true
      stop_timeout: 3s
      restart: {initial_delay: 50ms}
      depends_on: [app:driver]
"""
    return cloud.config + text, name


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
NOTES = """
local queue, store = require("queue"), require("store")
local notes = store.get("app:notes")
local function note(key, value) assert(notes:set("t:" .. key, value)) end
local function read(key) return (notes:get("t:" .. key)) end
"""
READ = NOTES + "return {main = function(key) return read(key) end}"


def load(folder: Path, text: str, handle: str = READ, **sources: str) -> RunningRuntime:
    return runtime_of(
        folder,
        text,
        "queue, store, time",
        handle=handle,
        publish=PUBLISH,
        info=INFO,
        read=READ,
        **sources,
    )


async def noted(runtime: RunningRuntime, key: str, wanted: Any = None) -> Any:
    """Wait until the handler has noted something."""
    with trio.fail_after(10):
        while True:
            found = await runtime.call("app:read", key)
            if found is not None and (wanted is None or found == wanted):
                return found
            await trio.sleep(0.02)


def counts(cloud: Cloud, name: str) -> tuple[int, int]:
    """Tell how many messages wait, and how many are hidden."""
    client = cloud.client("sqs")
    url = client.get_queue_url(QueueName=name)["QueueUrl"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    attributes = found["Attributes"]
    return (
        int(attributes["ApproximateNumberOfMessages"]),
        int(attributes["ApproximateNumberOfMessagesNotVisible"]),
    )


async def test_headers_keep_their_types(cloud: Cloud, tmp_path: Path) -> None:
    """Numbers, truths, texts and bytes cross as typed attributes."""
    handle = (
        NOTES
        + """
    return {main = function(body)
      note("headers", queue.message():headers()) note("body", body)
    end}
    """
    )
    text, name = entries(cloud)
    runtime = load(tmp_path, text, handle)
    headers = {"n": 7, "f": 1.5, "b": True, "no": False, "s": "x", "timestamp": 5}
    async with running(runtime):
        await runtime.call("app:publish", {"a": [1, "ä"]}, headers)
        assert await noted(runtime, "headers") == headers
        assert await noted(runtime, "body") == {"a": [1, "ä"]}
        await eventually(lambda: counts(cloud, name) == (0, 0))


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.one_of(
            st.integers(-(2**53), 2**53),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.text("abcä€", min_size=1, max_size=9),
            st.binary(min_size=1, max_size=9),
        ),
    ),
    st.sampled_from(["json/plain", "application/msgpack"]),
)
def test_attributes_read_back(headers: dict[str, Any], codec: str) -> None:
    """What is written is read again, with its types."""
    out = write_message("q", codec, Message("id", headers, {"a": [1]}))
    raw = {
        "MessageId": "x",
        "Body": out["MessageBody"],
        "MessageAttributes": out.get("MessageAttributes", {}),
    }
    found = read_message(codec, raw)
    assert found.body == {"a": [1]}
    assert found.headers == headers
    assert {k: type(v) for k, v in found.headers.items()} == {
        k: type(v) for k, v in headers.items()
    }


async def test_failures_come_again(cloud: Cloud, tmp_path: Path) -> None:
    """A failed message is visible again at once; one that went well is deleted."""
    handle = (
        NOTES
        + """
    return {main = function(body)
      local tries = (read(body.how) or 0) + 1
      note(body.how, tries)
      if tries == 1 and body.how == "error" then error("not yet") end
      if tries == 1 and body.how == "nack" then assert(queue.message():nack()) end
      if body.how == "ack" then assert(queue.message():ack()) error("in vain") end
    end}
    """
    )
    text, name = entries(cloud)
    runtime = load(tmp_path, text, handle)
    async with running(runtime):
        for how in ("error", "nack", "ack"):
            await runtime.call("app:publish", {"how": how})
        await noted(runtime, "error", 2)
        await noted(runtime, "nack", 2)
        await noted(runtime, "ack", 1)
        await eventually(lambda: counts(cloud, name) == (0, 0))


async def test_declared_with_options(cloud: Cloud, tmp_path: Path) -> None:
    """A queue that is missing is made, with what the driver and the queue say."""
    text, name = entries(
        cloud,
        driver="message_retention_period: 600\n    default_delay_seconds: 0",
        queue="driver_options: {sqs: {default_visibility_timeout: 77}}",
        consume=False,
    )
    runtime = load(tmp_path, text)
    async with running(runtime):
        await runtime.call("app:publish", {"a": 1}, {"sqs.delay_seconds": 600})
        await runtime.call("app:publish", {"a": 1})
        info = await runtime.call("app:info")
    assert info == {"message_count": 1, "ready": 1, "in_flight": 0}
    client = cloud.client("sqs")
    url = client.get_queue_url(QueueName=name)["QueueUrl"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    assert found["Attributes"]["MessageRetentionPeriod"] == "600"
    assert found["Attributes"]["VisibilityTimeout"] == "77"


async def test_fifo(cloud: Cloud, tmp_path: Path) -> None:
    """An ordered queue needs the group of each message."""
    handle = (
        NOTES
        + """
    return {main = function(body)
      note("n", (read("n") or "") .. body.n)
      note("group", queue.message():header("sqs.message_group_id"))
    end}
    """
    )
    text, _ = entries(cloud, queue="queue_name: F")
    runtime = load(tmp_path, text, handle)
    async with running(runtime):
        with pytest.raises(InternalError, match="message_group_id is required"):
            await runtime.call("app:publish", {"n": 1})
        for n in range(3):
            group = {"sqs.message_group_id": "g", "sqs.message_deduplication_id": n}
            await runtime.call("app:publish", {"n": n}, group)
        assert await noted(runtime, "n", "012") == "012"
        assert await noted(runtime, "group") == "g"


async def test_stop_gives_back(cloud: Cloud, tmp_path: Path) -> None:
    """A consumer that stops keeps none of the messages it took ahead."""
    text, name = entries(cloud)
    handle = 'return {main = function() require("time").sleep("1h") end}'
    runtime = load(tmp_path, text, handle)
    async with running(runtime):
        for n in range(4):
            await runtime.call("app:publish", {"n": n})
        await eventually(lambda: counts(cloud, name)[1] > 0)
    await eventually(lambda: counts(cloud, name) == (4, 0))


async def test_killed_publishers(cloud: Cloud, tmp_path: Path) -> None:
    """Processes ended in the middle of a call: each message is there once, or not."""
    publisher = """
    local queue = require("queue")
    return {main = function()
      for n = 1, 20 do queue.publish("app:jobs", {n = n}) end
    end}
    """
    text, name = entries(cloud, consume=False)
    runtime = load(tmp_path, text, p_publisher=publisher)
    async with running(runtime):
        await runtime.call("app:publish", {"n": 0})
        for wait in (0.0, 0.005, 0.01, 0.02, 0.03):
            process = await runtime.spawn_process("app:p_publisher", "app:processes")
            await trio.sleep(wait)
            process.end(Exit.terminated(process.pid))
        await runtime.call("app:publish", {"n": 0})
        limiter = runtime.resources.get("app:driver")._client._limiter
        await eventually(lambda: limiter.borrowed_tokens == 0)
    assert 2 <= counts(cloud, name)[0] <= 102


async def test_no_server(tmp_path: Path) -> None:
    """Nobody answers: publishing fails and says so; the application runs."""
    text, _ = entries(Cloud("http://127.0.0.1:9"), consume=False)
    text = text.replace("auto_start: true, restart", "auto_start: false, restart")
    runtime = load(tmp_path, text)
    async with running(runtime):
        with pytest.raises(InternalError, match=r"127\.0\.0\.1:9"):
            await runtime.call("app:publish", {"n": 0})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("kind: config.aws", "region is required"),
        ("kind: config.aws, region_env: NOT_THERE", "NOT_THERE has no value"),
        ("kind: queue.driver.sqs", "config is required"),
        (
            "kind: queue.driver.sqs, config: aws, message_retention_period: 5",
            "message_retention_period: wanted 60",
        ),
        (
            "kind: queue.driver.sqs, config: aws, default_delay_seconds: 901",
            "default_delay_seconds: wanted 0 to 900",
        ),
        ("kind: queue.driver.sqs, config: notes", "wanted a config.aws"),
    ],
)
async def test_wrong_fields_are_refused(
    tmp_path: Path, entry: str, message: str
) -> None:
    """The error names the field."""
    text = Cloud("").config + f"  - {{name: x, {entry}}}\n"
    text += "  - {name: notes, kind: store.memory}\n"
    with pytest.raises(BaseExceptionGroup) as caught:
        async with running(runtime_of(tmp_path, text)):
            pass
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Error)
    assert message in f"{error} {error.details}"


def test_limits_of_headers() -> None:
    """Ten attributes, delays up to 900 s."""
    with pytest.raises(InvalidError, match="at most 10"):
        write_message(
            "q", "json/plain", Message("", {f"a{n}": n for n in range(11)}, 1)
        )
    for value in (901, -1, "soon", True):
        message = Message("", {"sqs.delay_seconds": value}, 1)
        with pytest.raises(InvalidError, match="delay_seconds"):
            write_message("q", "json/plain", message)
