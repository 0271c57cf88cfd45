"""`pg` and ``pg.scope``: core 22, modules-io 15."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from trio.testing import MockClock

from tests.modules.application import run_application
from wippy_trio.errors import Error
from wippy_trio.kernel import Context
from wippy_trio.security import Actor, Scope, parse_policy

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - {name: groups, kind: pg.scope}
  - {name: second, kind: pg.scope, max_groups: 2, max_members_per_group: 2}
  - {name: kept, kind: store.memory}
  - name: member
    kind: process.lua
    source: |
      local pg = require("pg")
      return {main = function(parent, times)
        local g = pg.open("app:groups")
        for _ = 1, times do g:join("team") end
        local inbox = process.inbox()
        process.send(parent, "ready", process.pid())
        while true do
          local m = inbox:receive()
          if m:topic() == "stop" then return end
          process.send(parent, "got", {m:topic(), m:from(), m:payload():data()})
        end
      end}
    method: main
    modules: [pg]
"""
HEAD = """
local pg, time = require("pg"), require("time")
local function told(v, err)
  return {v == nil and "nil" or v, err and tostring(err:kind()) or "no error"}
end
"""


def run(folder: Path, body: str, **more: Any) -> Any:
    return run_application(
        folder,
        f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
        modules="pg, time",
        entries=more.pop("entries", ENTRIES),
        clock=MockClock(autojump_threshold=0),
        **more,
    )


def test_members_are_counted(tmp_path: Path) -> None:
    """Joining twice needs leaving twice; a list is one step (PG-3 to PG-6)."""
    assert run(
        tmp_path,
        """
        local g = pg.open("app:groups")
        assert(select("#", pg.open("app:groups")) == 1)
        local me = process.pid()
        assert(#g:get_members("a") == 0 and #g:which_groups() == 0)
        assert(g:join("a") == true and g:join({"a", "b"}) == true)
        local list = g:get_members("a")
        assert(#list == 2 and list[1] == me and list[2] == me)
        assert(#g:get_local_members("b") == 1)
        assert(table.concat(g:which_groups(), " ") == "a b")
        assert(table.concat(g:which_local_groups(), " ") == "a b")
        assert(g:leave("a") == true and #g:get_members("a") == 1)
        assert(g:leave({"a", "none"}) == true)
        assert(table.concat(g:which_groups(), " ") == "b")
        assert(#pg.open("app:second"):which_groups() == 0)
        return {told(g:leave("a")), told(g:leave({"x", "y"}))}
        """,
    ) == [["nil", "NotFound"], ["nil", "NotFound"]]


def test_members_leave_when_they_end(tmp_path: Path) -> None:
    """A process that joined twice is named twice (PG-9); the watcher is told."""
    assert (
        run(
            tmp_path,
            """
        local g = pg.open("app:groups")
        local sub, members, err = g:monitor("team")
        assert(#members == 0 and err == nil and tostring(sub) == "pg.Subscription{}")
        local all, now = g:events()
        assert(next(now) == nil)
        local inbox = process.inbox()
        local pid = process.spawn("app:member", "app:processes", process.pid(), 2)
        inbox:receive()
        local ch = sub:channel()
        assert(ch == sub:channel())
        for _ = 1, 2 do
          local e = ch:receive()
          assert(e.system == "pg" and e.kind == "member.joined" and e.path == "team")
          assert(e.data.Group == "team" and #e.data.PIDs == 1 and e.data.PIDs[1] == pid)
        end
        process.send(pid, "stop")
        local left = ch:receive()
        assert(left.kind == "member.left" and #left.data.PIDs == 2)
        assert(#g:get_members("team") == 0)
        assert(sub:close() == true and sub:close() == true)
        assert(select(2, ch:receive()) == false)
        assert(all:close({flush = true}))
        assert(select(2, all:channel():receive()) == false)
        return "ok"
        """,
        )
        == "ok"
    )


def test_broadcast(tmp_path: Path) -> None:
    """Every membership gets it, from the caller, the caller included (PG-7)."""
    assert run(
        tmp_path,
        """
        local g = pg.open("app:groups")
        local inbox = process.inbox()
        local pid = process.spawn("app:member", "app:processes", process.pid(), 2)
        inbox:receive()
        g:join("team")
        local data = {1}
        assert(g:broadcast("team", "news", data) == true)
        local own, theirs = 0, 0
        for _ = 1, 3 do
          local m = inbox:receive()
          if m:topic() == "news" then
            own = own + 1
            assert(m:from() == process.pid() and m:payload():data() ~= data)
          else
            theirs = theirs + 1
            local got = m:payload():data()
            assert(got[1] == "news" and got[2] == process.pid() and got[3][1] == 1)
          end
        end
        process.terminate(pid)
        assert(g:broadcast_local("team", "again") == true)
        return {own, theirs, told(g:broadcast("team", "")), told(g:broadcast("", "t")),
          told(g:broadcast("team", "@x"))}
        """,
    ) == [1, 2, ["nil", "Invalid"], ["nil", "Invalid"], ["nil", "Invalid"]]


def test_refusals(tmp_path: Path) -> None:
    """Names, limits, kinds and released instances."""
    assert run(
        tmp_path,
        """
        local g = pg.open("app:groups")
        local out = {told(g:join("")), told(g:join({})), told(g:join(1)),
          told(g:join({"a", ""})), told(pg.open("")), told(pg.open("app:none")),
          told(pg.open("app:kept"))}
        assert(#g:which_groups() == 0)
        local _, _, err = g:monitor("")
        out[#out + 1] = tostring(err:kind())
        local s = pg.open("app:second")
        assert(s:join("a") and s:join("a"))
        local _, full = s:join("a")
        out[#out + 1] = {tostring(full:kind()), full:retryable()}
        local _, many = s:join({"b", "c"})
        out[#out + 1] = tostring(many:kind())
        assert(table.concat(s:which_groups(), " ") == "a")
        assert(g:release() == true and g:release() == true)
        local _, released = g:which_groups()
        out[#out + 1] = released:message()
        return out
        """,
    ) == [
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Internal"],
        ["nil", "Invalid"],
        "Invalid",
        ["RateLimited", True],
        "RateLimited",
        "pg instance is released",
    ]


def test_permissions(tmp_path: Path) -> None:
    """One for each method, on the group (PG-12, core PERM-14)."""

    def allow(*actions: str) -> Context:
        rules = {"actions": list(actions), "resources": "*", "effect": "allow"}
        policy = parse_policy("app:p", "security.policy", {"policy": rules})
        return Context(actor=Actor("me", {}), scope=Scope([policy]))

    calls = [
        'g:join("a")',
        'g:leave("a")',
        'g:get_members("a")',
        'g:get_local_members("a")',
        "g:which_groups()",
        "g:which_local_groups()",
        'g:broadcast("a", "t")',
        'g:broadcast_local("a", "t")',
    ]
    body = "local g = pg.open('app:groups')\nlocal out = {}\n"
    body += "".join(f"out[#out + 1] = told({call})[2]\n" for call in calls)
    body += """
    local _, _, m = g:monitor("a")
    local _, _, e = g:events()
    out[#out + 1], out[#out + 2] = tostring(m:kind()), tostring(e:kind())
    return out
    """
    assert run(tmp_path, body, context=allow("pg.open")) == ["PermissionDenied"] * 10
    denied = run(tmp_path, "return told(pg.open('app:groups'))", context=allow("x"))
    assert denied == ["nil", "PermissionDenied"]


@pytest.mark.parametrize(
    "fields", ["max_groups: -1", "protocol_timeout: soon", "max_retries: lots"]
)
def test_wrong_entries(tmp_path: Path, fields: str) -> None:
    """The error names the field."""
    entries = f"\n  - {{name: bad, kind: pg.scope, {fields}}}\n"
    with pytest.raises(Error, match=fields.partition(":")[2].strip()):
        run(tmp_path, "return 1", entries=entries)
