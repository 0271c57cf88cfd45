"""Functions of an application: pools, contexts, limits. apps 6."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from tests.apps.application import Application, application, lua, settle
from wippy_trio.errors import Error, InvalidError, TimedOutError
from wippy_trio.kernel import Context
from wippy_trio.security import Actor

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

SLOW = """
local running = 0
return { main = function(n)
  note("begin", n)
  time.sleep("1s")
  note("end", n)
  return n
end }
"""


def function(name: str, pool: str = "", modules: str = "time") -> str:
    """Write a function with a pool."""
    more = f"    pool: {{{pool}}}\n" if pool else ""
    return lua(name, kind="function.lua", more=more, modules=modules)


async def call_all(app: Application, name: str, count: int) -> list[int]:
    """Call a function with 1..count at once; give the results in order of arrival."""
    results: list[int] = []

    async def one(number: int) -> None:
        results.append(await app.call(name, number))

    async with trio.open_nursery() as nursery:
        for number in range(1, count + 1):
            nursery.start_soon(one, number)
    return results


@pytest.mark.parametrize(
    ("pool", "at_once"),
    [
        ("type: static, workers: 2", 2),
        ("workers: 3", 3),  # apps 13.27
        ("type: static, size: 4", 4),
        ("type: static", 8),
        ("type: lazy, max_size: 2", 2),
        ("type: lazy", 16),
        ("type: adaptive, max_size: 5", 5),
        ("type: adaptive", 16),
        ("", 20),  # up to 100 when nothing is said
    ],
)
async def test_pools_bound_how_many_calls_run_at_once(
    tmp_path: Path, autojump_clock: MockClock, pool: str, at_once: int
) -> None:
    """The others wait, and none is refused (core F-10, apps 6.2)."""
    entries = function("slow", pool)
    async with application(tmp_path, entries, {"slow": SLOW}) as app:
        results = await call_all(app, "slow", 20)
        assert sorted(results) == list(range(1, 21))
        first = [note for note in app.notes if note.kind == "begin" and note.at < 0.5]
        assert len(first) == min(at_once, 20)


async def test_a_caller_that_goes_leaves_the_queue(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A waiting call whose caller is cancelled never runs (apps 6.2, 6.4)."""
    entries = function("slow", "type: static, workers: 1")
    async with application(tmp_path, entries, {"slow": SLOW}) as app:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app.call, "slow", 1)
            await settle(0.1)
            with trio.move_on_after(0.1):
                await app.call("slow", 2)
            nursery.start_soon(app.call, "slow", 3)
        assert app.said("begin") == [1, 3]


async def test_a_cancelled_caller_cancels_its_call(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """From Python too: the call leaves nothing running (core F-8, apps 6.4.1)."""
    entries = function("slow")
    async with application(tmp_path, entries, {"slow": SLOW}) as app:
        with trio.move_on_after(0.5):
            await app.call("slow", 1)
        await trio.sleep(5)
        assert app.said("begin") == [1]
        assert app.said("end") == []


async def test_an_unread_async_call_ends_with_its_owner(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """What nobody reads finishes; when its owner ends it is discarded (apps 6.4.3)."""
    owner = """
    return { main = function(wait)
      funcs.async("app:slow", 1)
      if wait then time.sleep("5s") end
    end }
    """
    entries = function("slow") + lua("owner", modules="funcs, time")
    sources = {"slow": SLOW, "owner": owner}
    async with application(tmp_path, entries, sources) as app:
        await app.run("owner", True)
        assert app.said("end") == [1]
        await app.run("owner", False)
        await trio.sleep(5)
        assert app.said("end") == [1]


async def test_a_timeout_ends_the_callee(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """`with_options({timeout = ...})` gives Timeout and stops the function."""
    caller = """
    return { main = function(limit)
      return funcs.new():with_options({ timeout = limit }):call("app:slow", 1)
    end }
    """
    entries = function("slow") + function("caller", modules="funcs")
    sources = {"slow": SLOW, "caller": caller}
    async with application(tmp_path, entries, sources) as app:
        for limit in (500, "500ms"):
            with pytest.raises(TimedOutError):
                await app.call("caller", limit)  # apps 6.4.2, 13.10
        await trio.sleep(5)
        assert app.said("end") == []
        assert await app.call("caller", 5000) == 1


WHO = """
return { main = function()
  local actor = security.actor()
  return { id = actor and actor:id(), may = process.send(process.pid(), "t") == true }
end }
"""
POLICY = """
  - name: nothing
    kind: security.policy
    policy: {actions: "process.spawn", resources: "*", effect: allow}
"""


async def test_a_functions_own_identity(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It counts when the caller brings none; the caller's own wins (apps 13.35)."""
    more = """    security:
      actor: {id: robot}
      policies: [nothing, unknown]
"""
    entries = lua("who", kind="function.lua", modules="security", more=more) + POLICY
    async with application(tmp_path, entries, {"who": WHO}) as app:
        assert await app.call("who") == {"id": "robot", "may": False}
        ada = Context(actor=Actor("ada", {}))
        assert await app.call("who", context=ada) == {"id": "ada", "may": True}


async def test_context_values_go_down_and_not_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Every call opens a child frame (apps 6.3.1, core S-22)."""
    source = """
    return { main = function(depth)
      local own = ctx.get("depth")
      if depth == 0 then return { own } end
      local below = funcs.new():with_context({ depth = depth }):call("app:f", depth - 1)
      table.insert(below, 1, own or "none")
      below[#below + 1] = ctx.get("depth") == own
      return below
    end }
    """
    entries = function("f", modules="ctx, funcs")
    async with application(tmp_path, entries, {"f": source}) as app:
        assert await app.call("f", 2) == ["none", 2, 1, True, True]


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("", "function ID required"),
        ("bare", "namespace required in function ID"),
        ("app:", "name required in function ID"),
    ],
)
async def test_ids_are_checked_from_python_too(
    tmp_path: Path,
    autojump_clock: MockClock,
    id: str,  # noqa: A002 - its name
    text: str,
) -> None:
    """As for Lua callers (apps 6.1.2)."""
    async with application(tmp_path, "") as app:
        with pytest.raises(InvalidError, match=text):
            await app.runtime.call(id)


async def test_errors_reach_python_by_kind(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """With message, retryable flag and details (core P-26, F-6)."""
    source = """
    return { main = function(how)
      local e = errors.new({ message = "m", kind = "Custom", retryable = true,
        details = { a = { 1 } } })
      if how == "raise" then error(e) end
      return nil, e
    end }
    """
    async with application(tmp_path, function("f"), {"f": source}) as app:
        for how in ("raise", "return"):
            with pytest.raises(Error) as caught:
                await app.call("f", how)
            error = caught.value
            assert (error.kind, error.message) == ("Custom", "m")
            assert error.retryable is True
            assert error.details == {"a": [1]}


async def test_values_between_python_and_lua(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Scalars, lists, maps, bytes that are no UTF-8 (apps 6.1.4)."""
    source = "return { main = function(...) return ... end }"
    async with application(tmp_path, function("f"), {"f": source}) as app:
        for value in (
            None,
            True,
            0,
            -1,
            2**63 - 1,
            1.5,
            "text",
            "",
            b"\xff\x00",
            [1, [2]],
            {"a": {"b": [1]}},
        ):
            assert await app.call("f", value) == value
        assert await app.call("f", b"ascii") == "ascii"
        assert await app.call("f", {}) in ([], {})


async def test_a_process_called_as_a_function_is_asked_when_the_caller_goes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """CANCEL `caller context canceled`; it is not killed (core F-15, apps 6.6)."""
    more = "    meta: {default_host: processes}\n"
    source = """
    return { main = function()
      note("event", process.events():receive().reason)
      time.sleep("1s")
      note("end")
    end }
    """
    entries = lua("p", more=more)
    async with application(tmp_path, entries, {"p": source}) as app:
        with trio.move_on_after(0.5):
            await app.call("p")
        await trio.sleep(5)
        assert app.said("event") == ["caller context canceled"]
        assert len(app.said("end")) == 1
