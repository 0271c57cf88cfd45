"""One semantics: local, shared, kernel and mixed channels, in lock step.

A script is a list of operations. Each is started in a coroutine of its own, then all
runs to quiescence; the log says who completed with what, and in which order. The log of
local channels is the standard, which the conformance applications hold against core
section 9.
"""

from __future__ import annotations

from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.lua.engine_fixture import bench
from wippy_trio.kernel import PythonBody, PythonContext, wait_end

PROGRAM = """
local time = require("time")

local function main(script, capacities, python)
  local channels, names = {}, {}
  for i, capacity in ipairs(capacities) do
    channels[i] = channel.new(capacity)
    names[channels[i]] = "ch" .. i
  end
  local log = {}
  local function run(i, op)
    local ch = channels[op.channel]
    local a, b
    if op.what == "send" then
      a, b = pcall(ch.send, ch, i)
    elseif op.what == "receive" then
      a, b = ch:receive()
    elseif op.what == "close" then
      a = ch:close()
    else
      local cases = {}
      for n, arm in ipairs(op.arms) do
        ch = channels[arm.channel]
        cases[n] = arm.send and ch:case_send(i) or ch:case_receive()
      end
      cases.default = op.default
      local r, err = channel.select(cases)
      if not r then
        a, b = "error", err:message()
      elseif r.default then
        a = "default"
      else
        a, b = names[r.channel] .. " " .. tostring(r.value), r.ok
      end
    end
    log[#log + 1] = i .. ": " .. tostring(a) .. ", " .. tostring(b)
  end
  for i, op in ipairs(script) do
    if op.what == "pass" then
      if python ~= "" then
        process.send(python, "channel", channels[op.channel])
      end
    else
      coroutine.spawn(function() run(i, op) end)
    end
    time.sleep("1ms")
  end
  return log
end
return { main = main }
"""

CHANNELS = st.integers(1, 3)
ARMS = st.lists(
    st.fixed_dictionaries({"channel": CHANNELS, "send": st.booleans()}),
    min_size=1,
    max_size=3,
    unique_by=lambda arm: arm["channel"],
)
OPERATIONS = st.one_of(
    st.fixed_dictionaries(
        {"what": st.sampled_from(["send", "receive"]), "channel": CHANNELS}
    ),
    st.fixed_dictionaries(
        {
            "what": st.just("select"),
            "arms": ARMS,
            "default": st.sampled_from([False, False, True]),
        }
    ),
    st.fixed_dictionaries(
        {"what": st.sampled_from(["send", "receive", "pass"]), "channel": CHANNELS}
    ),
    st.fixed_dictionaries({"what": st.just("close"), "channel": CHANNELS}),
)


async def hold(me: PythonContext) -> None:
    """Receive channels, and do nothing with them."""
    kept = [message.open() async for message in me.inbox]
    del kept


HOLDER = """
return function()
  local inbox, kept = process.inbox(), {}
  while true do
    kept[#kept + 1] = inbox:receive():payload():data()
  end
end
"""


async def logs(script: list[dict[str, Any]], capacities: list[int]) -> dict[str, Any]:
    """Play a script in each mode."""
    found = {}
    async with bench({"main": PROGRAM, "holder": HOLDER}) as b:
        python = b.node.admit(PythonBody(hold), b.place)
        lua = await b.spawn("holder")
        for mode, in_kernel, holder in (
            ("local", False, ""),
            ("shared", False, str(lua.pid)),
            ("moved", False, str(python.pid)),
            ("kernel", True, ""),
            ("kernel, shared", True, str(lua.pid)),
            ("kernel, passed to Python", True, str(python.pid)),
        ):
            b.in_kernel = in_kernel
            process = await b.spawn("main", script, capacities, holder)
            found[mode] = (await wait_end(process)).unwrap()
            await b.settle()
            assert not b.engine.channels.pending, mode
    return found


@settings(deadline=None, max_examples=60)
@given(
    st.lists(OPERATIONS, min_size=1, max_size=12),
    st.lists(st.sampled_from([0, 0, 1, 2]), min_size=3, max_size=3),
)
def test_all_modes_answer_alike(
    script: list[dict[str, Any]], capacities: list[int]
) -> None:
    """Who completes with what, and in which order, does not depend on the mode."""
    found = trio.run(logs, script, capacities, clock=MockClock(autojump_threshold=0))
    for mode, log in found.items():
        assert log == found["local"], mode
