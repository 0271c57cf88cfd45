"""``db.cdc.postgres`` and the module `cdc` against a PostgreSQL: modules-io 7."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.services.cdc.servers import Server, open_server
from tests.services.queue.brokers import Proxy, eventually, runtime_of
from wippy_trio.errors import Error
from wippy_trio.kernel import Channel, Exit
from wippy_trio.registry import Operation, OperationKind
from wippy_trio.runtime.boot import running
from wippy_trio.sdk.changes import Subscription
from wippy_trio.services.cdc.pgoutput import parse_lsn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wippy_trio.runtime.boot import RunningRuntime


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with open_server() as found:
        yield found


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """Give a test two tables of its own."""
    place = Server(shared.port, shared._connection)
    name = place.prefix
    place.ask(
        f"CREATE TABLE {name}_a (id int PRIMARY KEY, name text, ok bool, big text);"
        f"CREATE TABLE {name}_b (id int PRIMARY KEY)"
    )
    yield place
    place.ask(f"DROP TABLE {name}_a, {name}_b")
    place.ask(f"DROP PUBLICATION IF EXISTS {name}_pub")
    place.clean()


def entry(server: Server, *, port: int = 0, **fields: Any) -> str:
    """Write the entry ``app:source``."""
    data = {
        "name": "source",
        "kind": "db.cdc.postgres",
        "host": "127.0.0.1",
        "port": port or server.port,
        "database": "postgres",
        "username": "postgres",
        "password": "x",
        "slot_name": server.prefix,
        "tables": [f"public.{server.prefix}_a", f"{server.prefix}_b"],
        "standby_interval": "100ms",
        "status_interval": "100ms",
        "lifecycle": {
            "auto_start": True,
            "stop_timeout": "5s",
            "restart": {"initial_delay": "50ms"},
        },
        **fields,
    }
    return "  - " + json.dumps(data) + "\n"


def load(folder: Path, text: str, **sources: str) -> RunningRuntime:
    return runtime_of(folder, text, "cdc, store, time, events", **sources)


class Listener:
    """Hears of changes, in Python."""

    def __init__(self, runtime: RunningRuntime, buffer: int = 10_000) -> None:
        self.channel: Channel[Any] = Channel(buffer)
        self.subscription = Subscription(
            self.channel, tables=frozenset(), ops=frozenset()
        )
        self.source = runtime.resources.get("app:source")
        self.source.subscribe_changes(self.subscription)

    async def next(self) -> Any:
        with trio.fail_after(10):
            value, ok = await self.channel.receive()
        assert ok
        return value


async def test_changes_arrive(server: Server, tmp_path: Path) -> None:
    """Insert, update, delete and truncate, with their values as text."""
    name = server.prefix
    async with running(load(tmp_path, entry(server))) as runtime:
        listener = Listener(runtime)
        server.ask(
            f"BEGIN; INSERT INTO {name}_a VALUES (1, 'ada', true, NULL);"
            f"UPDATE {name}_a SET name = 'eve' WHERE id = 1;"
            f"UPDATE {name}_a SET id = 2 WHERE id = 1;"
            f"DELETE FROM {name}_a WHERE id = 2; COMMIT"
        )
        server.ask(f"TRUNCATE {name}_b")
        found = [await listener.next() for _ in range(5)]
    first = found[0]
    assert parse_lsn(first.pop("lsn")) <= parse_lsn(first.pop("commit_lsn"))
    assert isinstance(first.pop("xid"), int)
    assert first == {
        "op": "insert",
        "schema": "public",
        "table": f"{name}_a",
        "relation": f"public.{name}_a",
        "source": "app:source",
        "after": {"id": "1", "name": "ada", "ok": "t"},  # NULL is nil
    }
    assert [row["op"] for row in found] == [
        "insert",
        "update",
        "update",
        "delete",
        "truncate",
    ]
    assert "before" not in found[1]
    assert found[1]["after"]["name"] == "eve"
    assert found[2]["before"] == {"id": "1"}  # the key alone
    assert found[2]["after"]["id"] == "2"
    assert found[3]["before"] == {"id": "2"}
    assert found[4]["table"] == f"{name}_b"


async def test_unchanged_large_values(server: Server, tmp_path: Path) -> None:
    """A large value that an update does not touch is a marker."""
    name = server.prefix
    server.ask(f"ALTER TABLE {name}_a ALTER big SET STORAGE EXTERNAL")
    server.ask(f"INSERT INTO {name}_a VALUES (1, 'x', true, repeat('y', 100000))")
    async with running(load(tmp_path, entry(server))) as runtime:
        listener = Listener(runtime)
        server.ask(f"UPDATE {name}_a SET name = 'z'")
        found = await listener.next()
    assert found["after"]["big"] == "<unchanged-toast>"  # modules-io 7.2


async def test_snapshot_then_changes(server: Server, tmp_path: Path) -> None:
    """A new slot begins with every row that was there; the next start does not."""
    name = server.prefix
    server.ask(f"INSERT INTO {name}_a SELECT n, 'r' FROM generate_series(1, 25) n")
    text = entry(server, snapshot=True, snapshot_fetch_size=10)
    text = text.replace('"auto_start": true', '"auto_start": false')
    for round_ in range(2):
        async with running(load(tmp_path, text)) as runtime:
            listener = Listener(runtime)
            bus: list[Any] = []
            runtime.bus.subscribe("postgres_cdc", "change", bus.append)
            await runtime.supervisor.start(["app:source"], runtime.live.state.state)
            if round_ == 0:
                rows = [await listener.next() for _ in range(25)]
                assert {row["op"] for row in rows} == {"r"}
                assert sorted(int(row["after"]["id"]) for row in rows) == list(
                    range(1, 26)
                )
            server.ask(f"INSERT INTO {name}_b VALUES ({round_})")
            assert (await listener.next())["op"] == "insert"
        ops = [event["data"]["op"] for event in bus]
        assert ops == ["snapshot"] * (25 if round_ == 0 else 0) + ["insert"]
    assert server.slots() == 1  # a plain stop keeps it


async def test_half_a_snapshot_leaves_no_slot(server: Server, tmp_path: Path) -> None:
    """A snapshot that is cut short is begun anew: slot and checkpoint are dropped."""
    name = server.prefix
    server.ask(f"INSERT INTO {name}_b SELECT generate_series(1, 100)")
    text = entry(server, snapshot=True, standby_interval="60s")
    text = text.replace('"auto_start": true', '"auto_start": false')
    async with running(load(tmp_path, text)) as runtime:
        Listener(runtime, buffer=5)  # nobody receives, so the snapshot waits
        await runtime.supervisor.start(["app:source"], runtime.live.state.state)
        await eventually(lambda: server.slots() == 1)
        await runtime.supervisor.stop("app:source")
        assert server.slots() == 0
        listener = Listener(runtime)
        runtime.resources.get("app:source")._subscriptions.pop(0)
        await runtime.supervisor.start(["app:source"], runtime.live.state.state)
        rows = [await listener.next() for _ in range(100)]
        assert {row["op"] for row in rows} == {"r"}


async def test_resumes_from_its_checkpoint(server: Server, tmp_path: Path) -> None:
    """What is written while nobody listens comes after the next start, once."""
    name = server.prefix
    for round_ in range(3):
        async with running(load(tmp_path, entry(server))) as runtime:
            listener = Listener(runtime)
            server.ask(f"INSERT INTO {name}_b VALUES ({round_ * 10 + 1})")
            wanted = [round_ * 10] if round_ else []
            for number in [*wanted, round_ * 10 + 1]:
                assert (await listener.next())["after"] == {"id": str(number)}
        server.ask(f"INSERT INTO {name}_b VALUES ({round_ * 10 + 10})")


async def test_large_transactions_are_streamed(server: Server, tmp_path: Path) -> None:
    """Pieces wait for the commit; what was rolled back inside is not told."""
    name = server.prefix
    async with running(load(tmp_path, entry(server, streaming=True))) as runtime:
        listener = Listener(runtime)
        server.ask(
            f"BEGIN; INSERT INTO {name}_b SELECT generate_series(1, 3000);"
            f"SAVEPOINT s; INSERT INTO {name}_b SELECT generate_series(3001, 6000);"
            f"ROLLBACK TO s; INSERT INTO {name}_b VALUES (7000); COMMIT"
        )
        server.ask(
            f"BEGIN; INSERT INTO {name}_b SELECT generate_series(8000, 11000);ROLLBACK"
        )
        server.ask(f"INSERT INTO {name}_b VALUES (20000)")
        found = [await listener.next() for _ in range(3002)]
    ids = [int(row["after"]["id"]) for row in found]
    assert ids == [*range(1, 3001), 7000, 20000]
    assert len({row["xid"] for row in found[:3001]}) == 1
    assert all(row["commit_lsn"] for row in found)


async def test_removal_drops_the_slot(server: Server, tmp_path: Path) -> None:
    """Deleting the entry drops slot and checkpoint; updating it keeps them."""
    async with running(load(tmp_path, entry(server))) as runtime:
        known = runtime.live.state.state["app:source"]
        changed = known._replace(data={**known.data, "standby_interval": "200ms"})
        await runtime.live.apply([Operation(OperationKind.UPDATE, changed)])
        assert server.slots() == 1
        listener = Listener(runtime)
        server.ask(f"INSERT INTO {server.prefix}_b VALUES (1)")
        await listener.next()
        await runtime.live.apply([Operation(OperationKind.DELETE, changed)])
        assert server.slots() == 0
        assert listener.channel.closed
    assert (
        server.ask(f"SELECT 1 FROM wippy_cdc_offsets WHERE slot = '{server.prefix}'")
        == []
    )


async def test_reconnects_after_a_loss(server: Server, tmp_path: Path) -> None:
    """The service fails, is started again, and misses nothing."""
    name = server.prefix
    async with trio.open_nursery() as nursery:
        proxy = Proxy(port=server.port)
        await nursery.start(proxy.run)
        async with running(load(tmp_path, entry(server, port=proxy.port))) as runtime:
            listener = Listener(runtime)
            errors: list[Any] = []
            runtime.bus.subscribe("postgres_cdc", "error", errors.append)
            seen: set[str] = set()
            for number in range(1, 5):
                server.ask(f"INSERT INTO {name}_b VALUES ({number})")
                if number % 2:
                    await proxy.cut()
                    await nursery.start(proxy.run)
                while str(number) not in seen:  # at least once: modules-io 7.2
                    seen.add((await listener.next())["after"]["id"])
            assert errors
        nursery.cancel_scope.cancel()
    await eventually(lambda: server.senders() == 0)


async def test_slow_subscribers_are_closed(server: Server, tmp_path: Path) -> None:
    """One that does not receive holds the stream up for an interval, not for ever."""
    name = server.prefix
    async with running(load(tmp_path, entry(server))) as runtime:
        slow, quick = Listener(runtime, buffer=1), Listener(runtime)
        errors: list[Any] = []
        runtime.bus.subscribe("postgres_cdc", "error", errors.append)
        server.ask(f"INSERT INTO {name}_b SELECT generate_series(1, 5)")
        for number in range(1, 6):
            assert (await quick.next())["after"]["id"] == str(number)
        assert slow.channel.closed
        assert "did not receive" in errors[0]["data"]["message"]


STREAM = """
local cdc, store, time = require("cdc"), require("store"), require("time")
local notes = store.get("app:notes")
return {main = function(options)
  local stream = assert(cdc.stream("app:source", options))
  local changes = stream:channel()
  assert(changes == stream:receive())
  notes:set("t:ready", true)
  local ids = {}
  for n = 1, 2 do
    local change = changes:receive()
    ids[n] = change.op .. change.after.id
  end
  notes:set("t:ids", ids)
  stream:close()
  stream:close()
  local _, more = changes:receive()
  notes:set("t:closed", not more)
  process.events():receive()
end}
"""
ASK = """
local cdc, store = require("cdc"), require("store")
return {main = function(what)
  if what == "list" then return cdc.list_sources() end
  if what == "source" then return {cdc.source("source"), (cdc.source("nope"))} end
  if what == "errors" then
    local function kind(_, err) return tostring(err:kind()) end
    return {kind(cdc.source("")), kind(cdc.stream("")), kind(cdc.stream("nope")),
      kind(cdc.stream("app:source")), kind(cdc.stream("app:source", {buffer = 0})),
      kind(cdc.stream("app:source", {buffer = 65537})),
      kind(cdc.stream("app:source", {ops = {"merge"}}))}
  end
  return (store.get("app:notes"):get("t:" .. what))
end}
"""
NOTES = "  - {name: notes, kind: store.memory}\n"


async def asked(runtime: RunningRuntime, what: str) -> Any:
    with trio.fail_after(10):
        while True:
            found = await runtime.call("app:ask", what)
            if found is not None:
                return found
            await trio.sleep(0.01)


async def test_module(server: Server, tmp_path: Path) -> None:
    """Programs list sources, and receive the changes they ask for."""
    name = server.prefix
    runtime = load(tmp_path, entry(server) + NOTES, ask=ASK, p_stream=STREAM)
    async with running(runtime):
        (row,) = await runtime.call("app:ask", "list")
        assert row["name"] == "app:source"
        assert row["slot"] == name
        assert row["publication"] == f"{name}_pub"
        assert row["event_system"] == "postgres_cdc"
        assert (await runtime.call("app:ask", "source"))[0] == row
        assert await runtime.call("app:ask", "errors") == [
            "Invalid",
            "Invalid",
            "Internal",
            "Internal",  # a function call is no process
            *["Invalid"] * 3,
        ]
        options = {"tables": [f"{name}_b"], "ops": ["insert", "update"]}
        await runtime.spawn_process("app:p_stream", "app:processes", [options])
        await asked(runtime, "ready")
        server.ask(f"INSERT INTO {name}_a (id) VALUES (7)")
        server.ask(f"INSERT INTO {name}_b VALUES (1); DELETE FROM {name}_b")
        server.ask(f"INSERT INTO {name}_b VALUES (2)")
        assert await asked(runtime, "ids") == ["insert1", "insert2"]
        assert await asked(runtime, "closed") is True
        source = runtime.resources.get("app:source")
        assert source._subscriptions == []


async def test_killed_subscribers_leave_nothing(server: Server, tmp_path: Path) -> None:
    """The subscription of a process that ends is over with it."""
    runtime = load(tmp_path, entry(server) + NOTES, ask=ASK, p_stream=STREAM)
    async with running(runtime):
        source = runtime.resources.get("app:source")
        for _ in range(3):
            process = await runtime.spawn_process("app:p_stream", "app:processes", [{}])
            await eventually(lambda: len(source._subscriptions) == 1)
            process.end(Exit.terminated(process.pid))
            assert source._subscriptions == []
        assert server.senders() == 1
    await eventually(lambda: server.senders() == 0)


async def test_status_events(server: Server, tmp_path: Path) -> None:
    """The bus hears how much of the log the slot keeps."""
    async with running(load(tmp_path, entry(server))) as runtime:
        events: list[Any] = []
        runtime.bus.subscribe("postgres_cdc", "status", events.append)
        await eventually(lambda: bool(events))
    assert events[0]["path"] == server.prefix
    assert events[0]["data"]["retained_wal_bytes"] >= 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"slot_name": ""}, "slot_name is required"),
        ({"host": ""}, "host is required"),
        ({"tables": []}, "publication is required"),
        ({"temporary": True, "failover": True}, "exclude each other"),
        ({"snapshot_fetch_size": 0}, "snapshot_fetch_size"),
        ({"standby_interval": 5}, "standby_interval: wanted a duration"),
    ],
)
async def test_wrong_fields_are_refused(
    tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    """The error names the field."""
    text = entry(Server(5432, None), **fields)
    with pytest.raises(BaseExceptionGroup) as caught:
        async with running(load(tmp_path, text)):
            pass
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Error)
    assert message in str(error)
