"""The door under damage: what is wrong with one message concerns its receiver alone."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.lua.engine_fixture import Bench, bench
from wippy_trio.errors import Error, InvalidError
from wippy_trio.kernel import Exit, wait_end
from wippy_trio.lua import vm as door
from wippy_trio.lua.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTENER = """
return function(...)
  local inbox, events = process.inbox(), process.events()
  process.set_options({ trap_links = true })
  local heard = {}
  while true do
    local r = channel.select({ events:case_receive(), inbox:case_receive() })
    if r.channel == inbox then
      if r.value:topic() == "stop" then return heard end
      heard[#heard + 1] = "message"
    else
      local result = r.value.result
      local failed = result and result.error and " with an error" or ""
      heard[#heard + 1] = r.value.kind .. failed
    end
  end
end
"""
BAD = b"\x91\xa9name"
VERSIONS = ("5.3", "5.4", "5.5")


async def stop(b: Bench, process: Any) -> Any:
    b.node.send(process.pid, "stop", (), sender=None)
    with trio.fail_after(10):
        return (await wait_end(process)).unwrap()


@pytest.mark.parametrize("version", VERSIONS)
async def test_damage_is_an_error_of_that_entry(version: str) -> None:
    async with bench(
        {"main": LISTENER, "echo": "return function(x) return x end"},
        lua_version=version,
    ) as b:
        process = await b.spawn("main")
        await b.settle()  # it traps links now
        number, vm = process.pid.number, b.engine.vm
        vm.post(door.MESSAGE, number, b"t", b"", BAD)
        vm.post(door.EXIT_WIRE, number, b"{a|0x00009}", 1, BAD)
        vm.post(door.EXIT_ERROR, number, b"{a|0x00009}", 1, BAD)
        vm.post(door.LINK_DOWN, number, b"{a|0x00009}", 1, BAD)
        vm.post(door.TOPIC, number, b"@pid/events", BAD)
        vm.post(door.TOPIC, number, b"@pid/events", encode([1]))
        vm.post(door.MESSAGE, number, b"t", b"", encode([1]))
        await b.settle()
        assert await stop(b, process) == [
            "pid.exit with an error",
            "pid.exit with an error",
            "pid.link.down with an error",
            "message",
        ]
        texts = [text for text, _ in b.logged]
        assert [text.split(" was")[0] for text in texts] == [
            "a message",
            "a value for @pid/events",
            "a value for @pid/events",
        ]
        assert all("malformed wire data" in text for text in texts[:2])
        assert await b.engine.call("app:echo", [7]) == 7
        assert b.engine.vm is vm


@pytest.mark.parametrize("version", VERSIONS)
async def test_damaged_arguments_of_a_birth_or_a_call(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(
        {"main": LISTENER, "echo": "return function(x) return x end"},
        lua_version=version,
    ) as b:
        other = await b.spawn("main")
        vm = b.engine.vm
        with monkeypatch.context() as patch:
            patch.setattr("wippy_trio.lua.engine.encode", lambda *_a, **_k: BAD)
            with pytest.raises(InvalidError, match="malformed wire data"):
                await b.spawn("main")
            with pytest.raises(InvalidError, match="malformed wire data"):
                await b.engine.call("app:echo", [1])
        assert list(b.node.processes) == [other.pid.number]
        assert await stop(b, other) == []
        assert b.engine.vm is vm


def mutations(rng: random.Random, data: bytes) -> Iterator[bytes]:
    """Change bytes, cut, put something in."""
    for _ in range(12):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        yield bytes(changed)
        yield data[: rng.randrange(len(data))]
        at = rng.randrange(len(data))
        yield data[:at] + rng.randbytes(rng.randint(1, 4)) + data[at:]


@pytest.mark.parametrize("seed", range(4))
async def test_no_bytes_end_the_vm(seed: int) -> None:
    """Mutated messages of every kind; then the VM and its processes still answer."""
    rng = random.Random(seed)
    error = InvalidError("x", details={"a": [1, {"b": None}]})
    loop: list[Any] = [1, "two"]
    loop.append(loop)
    samples = [
        encode([{"id": 7, "name": "row", "list": [1, 2.5, None, True, b"\xff" * 40]}]),
        encode([loop, {"x": "y" * 300}]),
        encode([error]),
        encode([1, -70000, 2**40, "\u00e9", {1: 2, "k": {}}]),
        encode([{"kind": "pid.outdated", "sources": ["a"]}]),
    ]
    async with bench(
        {"main": LISTENER, "echo": "return function(...) return (...) end"}
    ) as b:
        other = await b.spawn("main")
        vm = b.engine.vm
        for sample in samples:
            for data in mutations(rng, sample):
                process = await b.spawn("main")
                number = process.pid.number
                for op in (door.MESSAGE, door.EXIT_WIRE, door.EXIT_ERROR):
                    vm.post(op, number, b"t", b"", data)
                vm.post(door.LINK_DOWN, number, b"{a|0x00009}", 1, data)
                vm.post(door.TOPIC, number, b"@pid/events", data)
                vm.post(door.TOPIC, number, b"@x", data)
                vm.post(door.ANSWER, number, 1, 1, data)
                vm.post(door.REMOTE_ANSWER, 1, 1, data)
                await b.settle()
                assert b.engine.vm is vm, data
                vm.post(door.DROP, number, data)
                process.end(Exit.terminated(process.pid))
                await b.settle()
                assert b.engine.vm is vm, data
        assert await b.engine.call("app:echo", [7]) == 7
        assert await stop(b, other) == []
        assert not b.node.processes


async def test_memory_that_runs_out_at_a_message_ends_its_receiver_alone() -> None:
    """The entries behind it are taken in the next step."""
    keeper = """
    return function()
      local kept = {}
      local inbox = process.inbox()
      while true do
        local m = inbox:receive()
        if m:topic() == "stop" then return #kept end
        kept[#kept + 1] = m
      end
    end
    """
    async with bench({"main": keeper}, memory_limit=48 << 20) as b:
        victim, other = await b.spawn("main"), await b.spawn("main")
        large = encode(["x" * (1 << 20)])
        for _ in range(60):
            b.engine.vm.post(door.MESSAGE, victim.pid.number, b"t", b"", large)
        b.engine.vm.post(door.MESSAGE, other.pid.number, b"t", b"", encode([1]))
        with trio.fail_after(20):
            ended = await wait_end(victim)
        assert isinstance(ended.error, Error)
        assert "not enough memory" in ended.error.message
        assert await stop(b, other) == 1


async def message_of(b: Bench, name: str, *args: Any) -> str:
    """Tell why a program ends, be it in the slice of its birth."""
    try:
        ended = await b.run(name, *args)
    except Error as error:
        return error.message
    assert ended.error is not None
    return ended.error.message


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_result_for_which_there_is_no_room_ends_its_caller(
    version: str,
) -> None:
    """It would hang the interpreter: lupa cannot pass an error of memory on there."""
    hog = """
    local test = require("test")
    return function(size)
      local kept = {}
      while true do
        local ok, text = pcall(test.text, size)
        kept[#kept + 1] = text .. #kept
      end
    end
    """
    async with bench(
        {"main": LISTENER, "hog": hog}, lua_version=version, memory_limit=24 << 20
    ) as b:
        other = await b.spawn("main")
        for size in (1000, 100_000, 30_000_000):
            with trio.fail_after(20):
                assert await message_of(b, "hog", size) == "not enough memory"
        assert b.engine.vm._runtime.get_memory_used() < 24 << 20
        assert await stop(b, other) == []


async def test_a_message_too_large_for_its_vm_is_dropped() -> None:
    async with bench({"main": LISTENER}, memory_limit=16 << 20) as b:
        process = await b.spawn("main")
        large = encode(["x" * (40 << 20)])
        b.engine.vm.post(door.MESSAGE, process.pid.number, b"t", b"", large)
        b.engine.vm.post(door.MESSAGE, process.pid.number, b"t", b"", encode([1]))
        await b.settle()
        assert await stop(b, process) == ["message"]
        assert b.logged[0][0].startswith("a message was dropped: malformed")


async def test_a_limit_set_while_the_vm_runs_holds_from_the_next_step_on() -> None:
    hog = """
    local test = require("test")
    return function()
      test.limit(16 << 20)
      local kept = {}
      while true do kept[#kept + 1] = test.text(100000) .. #kept end
    end
    """
    async with bench({"hog": hog}) as b:
        for _ in range(2):
            with trio.fail_after(20):
                assert await message_of(b, "hog") == "not enough memory"
