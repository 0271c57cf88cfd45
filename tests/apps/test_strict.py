"""Strict mode: who has no identity may do nothing. core PERM-0b, apps 8.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.apps.application import application, lua
from wippy_trio.kernel import Context
from wippy_trio.security import Actor, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

SOURCE = """
local function kind(_, err) return err and err:kind() or "allowed" end
local function raised(f, ...)
  local ok, e = pcall(f, ...)
  return ok and "allowed" or e:kind()
end
return { main = function()
  return {
    send = kind(process.send(process.pid(), "t")),
    spawn = kind(process.spawn("app:p", "app:processes")),
    exec = kind(process.exec("app:p", "app:processes")),
    register = kind(process.registry.register("n")),
    call = kind(funcs.call("app:g")),
    async = kind(funcs.async("app:g")),
    executor = kind(funcs.new():with_context({})),
    builder = raised(process.with_context, {}),
    event = kind(events.send("s", "k", "p")),
    subscribe = kind(events.subscribe("s")),
    lookup = kind(process.registry.lookup("n")),
  }
end }
"""
DENIED = "PermissionDenied"


def entries() -> str:
    """Write the application."""
    return (
        lua("f", kind="function.lua", modules="funcs, events")
        + """
  - {name: p, kind: process.lua, source: "return function() end"}
  - {name: g, kind: function.lua, method: m, source: "return function() end"}
"""
    )


async def test_without_identity_everything_is_denied(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Each call says so in its own way (core PERM-1a to PERM-12)."""
    sets = ["security.strict_mode=true"]
    async with application(tmp_path, entries(), {"f": SOURCE}, sets=sets) as app:
        got = await app.call("f")
    assert got == {
        "send": DENIED,
        "spawn": DENIED,
        "exec": DENIED,
        "register": DENIED,
        "call": DENIED,
        "async": DENIED,
        "executor": DENIED,
        "builder": DENIED,
        "event": "Invalid",  # core EV-4
        "subscribe": "Invalid",
        "lookup": "NotFound",  # core PERM-5
    }


@pytest.mark.parametrize("strict", [True, False])
async def test_one_of_the_two_is_as_none(
    tmp_path: Path, autojump_clock: MockClock, strict: bool
) -> None:
    """An actor without a scope, or a scope without an actor (core PERM-0b)."""
    sets = [f"security.strict_mode={str(strict).lower()}"]
    async with application(tmp_path, entries(), {"f": SOURCE}, sets=sets) as app:
        for context in (Context(actor=Actor("ada", {})), Context(scope=Scope(()))):
            got = await app.call("f", context=context)
            assert got["send"] == (DENIED if strict else "allowed")
