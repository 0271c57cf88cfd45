"""Channels that leave their process: shared in a VM, or moved to the kernel."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.lua.engine_fixture import Bench, bench
from wippy_trio.errors import InvalidError
from wippy_trio.kernel import (
    Channel,
    ChannelClosedError,
    PythonBody,
    PythonContext,
    select,
    wait_end,
)

WORKER = """
return function(jobs, results)
  while true do
    local job, ok = jobs:receive()
    if not ok then break end
    results:send({ id = job.id, by = process.pid() })
    job.id = -1 -- a copy: nobody else sees it
  end
end
"""


async def test_processes_of_one_vm_share_a_channel() -> None:
    """What goes through is copied; who sends and who receives is first come."""
    main = """
    return function()
      local jobs, results = channel.new(), channel.new(8)
      local workers = {}
      for i = 1, 3 do
        workers[process.spawn("app:worker", "app:processes", jobs, results)] = true
      end
      local sent, seen = {}, {}
      for i = 1, 6 do
        sent[i] = { id = i }
        jobs:send(sent[i])
      end
      for i = 1, 6 do
        local result = results:receive()
        assert(workers[result.by])
        seen[result.id] = true
        assert(sent[i].id == i)
      end
      return #seen
    end
    """
    async with bench({"main": main, "worker": WORKER}) as b:
        assert await b.value("main") == 6
        await b.settle()
        assert not b.node.processes  # the workers saw the end: their maker is gone


async def test_what_waits_in_a_channel_is_copied_when_it_is_shared() -> None:
    """A buffer and a parked sender hold values of the maker by reference until then."""
    main = """
    return function()
      local ch = channel.new(1)
      local first, second = { n = 1 }, { n = 2 }
      ch:send(first)
      coroutine.spawn(function() ch:send(second) end)
      local me = process.pid()
      process.spawn("app:taker", "app:processes", ch, me)
      first.n, second.n = 10, 20
      local inbox = process.inbox()
      return { inbox:receive():payload():data(), inbox:receive():payload():data() }
    end
    """
    taker = """
    return function(ch, parent)
      process.send(parent, "x", (ch:receive()))
      process.send(parent, "x", (ch:receive()))
    end
    """
    async with bench({"main": main, "taker": taker}) as b:
        assert await b.value("main") == [{"n": 1}, {"n": 2}]


async def test_a_channel_is_itself_after_its_way_there_and_back() -> None:
    """Identity holds within a VM, and through Python."""
    main = """
    return function(python)
      local ch = channel.new()
      process.send(process.pid(), "self", { ch = ch })
      local inbox = process.inbox()
      assert(inbox:receive():payload():data().ch == ch)
      process.send(python, "there", ch)
      assert(inbox:receive():payload():data() == ch)
      return type(ch)
    end
    """

    async def back(me: PythonContext) -> None:
        message, _ = await me.inbox.receive()
        assert message is not None
        assert message.sender is not None
        me.send(message.sender, "back", *message.open())
        await trio.sleep_forever()

    async with bench({"main": main}) as b:
        python = b.node.admit(PythonBody(back), b.place)
        assert await b.value("main", str(python.pid)) == "userdata"


async def test_a_channel_closes_with_its_maker() -> None:
    """A receiver in another process is not left waiting; the buffer stays readable."""
    maker = """
    return function(parent)
      local ch = channel.new(2)
      ch:send("left")
      process.send(parent, "ch", ch)
      process.inbox():receive()
    end
    """
    main = """
    return function()
      local pid = process.spawn("app:maker", "app:processes", process.pid())
      local ch = process.inbox():receive():payload():data()
      assert(ch:receive() == "left")
      process.send(pid, "go on")
      local v, ok = ch:receive()
      assert(v == nil and ok == false)
      local sent, err = pcall(ch.send, ch, 1)
      return err
    end
    """
    async with bench({"main": main, "maker": maker}) as b:
        assert "send on closed channel" in await b.value("main")


async def test_mailbox_and_timer_channels_stay_with_their_process() -> None:
    """Core M-45, M-46: only what `channel.new` made passes."""
    main = """
    local time = require("time")
    return function()
      local bound = channel.new()
      subscribe("topic", bound)
      process.send(process.pid(), "x",
        { process.events(), process.listen("y"), time.after("1h"), bound })
      local got = process.inbox():receive():payload():data()
      return #got
    end
    """
    async with bench({"main": main}) as b:
        assert await b.value("main") == 0


async def test_a_result_may_hold_a_channel_that_is_closed_then() -> None:
    """Its maker has ended; what is in the buffer can still be read."""
    maker = """
    return function()
      local ch = channel.new(1)
      ch:send({ 7 })
      return ch
    end
    """
    main = """
    return function()
      local ch = assert(process.exec("app:maker", "app:processes"))
      local v, ok = ch:receive()
      return { v[1], ok, select(2, ch:receive()) }
    end
    """
    async with bench({"main": main, "maker": maker}) as b:
        assert await b.value("main") == [7, True, False]
        ch = await b.value("maker")
        assert isinstance(ch, Channel)
        assert await ch.receive() == ([7], True)
        assert await ch.receive() == (None, False)


# Python and Lua -----------------------------------------------------------------------


async def test_python_and_lua_use_one_channel() -> None:
    """A Python process passes a channel; both send, receive and select on it."""
    main = """
    return function(requests, replies)
      local seen = {}
      local stop = channel.new()
      while true do
        local r = channel.select{ requests:case_receive(), stop:case_receive() }
        if not r.ok then break end
        assert(r.channel == requests)
        seen[#seen + 1] = r.value.n
        replies:send({ double = r.value.n * 2 })
      end
      return seen
    end
    """
    async with bench({"main": main}) as b:
        requests = Channel[Any](0)
        replies = Channel[Any](1)
        process = await b.spawn("main", requests, replies)
        sent = {"n": 1}
        await requests.send(sent)
        assert await replies.receive() == ({"double": 2}, True)
        chosen = await select([replies.case_receive(), requests.case_send({"n": 2})])
        assert chosen.channel is requests
        assert (await select([replies.case_receive()])).value == {"double": 4}
        requests.close()
        assert (await wait_end(process)).unwrap() == [1, 2]
        await b.settle()
        assert not b.engine.channels.pending


MOVED = """
return function(python)
  local ch, other = channel.new(2), channel.new()
  local order = {}
  ch:send({ 1 })
  ch:send({ 2 })
  for i = 3, 4 do
    coroutine.spawn(function()
      local ok = ch:send({ i })
      order[#order + 1] = { i, ok }
    end)
  end
  coroutine.spawn(function()
    local r = channel.select{ other:case_receive(), ch:case_send({ 5 }) }
    order[#order + 1] = { 5, r.channel == ch }
  end)
  process.send(python, "ch", ch)
  process.inbox():receive()
  local r = channel.select{ other:case_receive(), default = true }
  assert(r.default)
  return order
end
"""


async def test_a_channel_moves_with_its_buffer_and_its_waiters_in_order() -> None:
    """Parked plain sends and selects go on in the kernel, first come, first served."""

    async def take(me: PythonContext) -> list[Any]:
        message, _ = await me.inbox.receive()
        assert message is not None
        assert message.sender is not None
        (ch,) = message.open()
        got = [(await ch.receive())[0][0] for _ in range(5)]
        me.send(message.sender, "done")
        return got

    async with bench({"moved": MOVED}) as b:
        python = b.node.admit(PythonBody(take), b.place)
        process = await b.spawn("moved", str(python.pid))
        assert (await wait_end(python)).unwrap() == [1, 2, 3, 4, 5]
        order = (await wait_end(process)).unwrap()
        assert order == [[3, True], [4, True], [5, True]]


async def test_a_moved_select_is_decided_once() -> None:
    """It waits in the kernel and in the VM; whoever is first takes the claim."""
    main = """
    return function(python, inside)
      local here, there = channel.new(), channel.new()
      local got = channel.new(1)
      coroutine.spawn(function()
        local r = channel.select{ here:case_receive(), there:case_receive() }
        got:send(r.channel == here and "here" or "there")
      end)
      process.send(python, "ch", there)
      if inside then here:send("x") end
      process.send(python, "now")
      local won = got:receive()
      local r = channel.select{ here:case_send("again"), default = true }
      assert(r.default)
      return won
    end
    """

    async def send(me: PythonContext) -> bool:
        message, _ = await me.inbox.receive()
        assert message is not None
        (ch,) = message.open()
        await me.inbox.receive()
        try:
            ch.send_nowait("y")
        except (trio.WouldBlock, ChannelClosedError):
            return False  # the maker may be gone already
        return True

    async with bench({"main": main}) as b:
        for inside in (True, False):
            python = b.node.admit(PythonBody(send), b.place)
            process = await b.spawn("main", str(python.pid), inside)
            assert (await wait_end(python)).unwrap() is not inside
            assert (await wait_end(process)).unwrap() == ("here" if inside else "there")
        assert not b.engine.channels.pending


async def test_a_dead_process_takes_nothing_out_of_a_kernel_channel() -> None:
    """What it waits for is withdrawn at its end, whoever ends it."""
    async with bench({"main": "return function(ch) ch:receive() end"}) as b:
        ch = Channel[Any](0)
        process = await b.spawn("main", ch)
        await b.settle()
        assert ch.wanted
        b.node.terminate(process.pid)
        assert not ch.wanted
        with pytest.raises(trio.WouldBlock):
            ch.send_nowait(1)


async def test_closing_reaches_both_sides() -> None:
    """Core C-23, C-24, C-25, C-41 over the border."""
    main = """
    return function(a, b, c)
      local out = {}
      local v, ok = a:receive()
      out[1] = { tostring(v), ok }
      local sent, err = b:send(1)
      out[2] = { tostring(sent), err:kind() }
      local r, e = channel.select{ c:case_send(1) }
      out[3] = { tostring(r), e:kind() }
      local fine, text = pcall(c.send, c, 1)
      out[4] = { fine, text:find("send on closed channel", 1, true) ~= nil }
      return out
    end
    """
    async with bench({"main": main}) as b:
        channels = [Channel[Any](0) for _ in range(3)]
        process = await b.spawn("main", *channels)
        for channel in channels:
            await b.settle()
            channel.close()
        assert (await wait_end(process)).unwrap() == [
            ["nil", False],
            ["nil", "Invalid"],
            ["nil", "Invalid"],
            [False, True],
        ]


async def test_a_channel_that_lua_made_closes_for_python_with_its_maker() -> None:
    """Also when the maker is killed from Python."""
    main = """
    return function(python)
      process.send(python, "ch", channel.new())
      process.inbox():receive()
    end
    """

    async def take(me: PythonContext) -> bool:
        message, _ = await me.inbox.receive()
        assert message is not None
        assert message.sender is not None
        (ch,) = message.open()
        me.terminate(message.sender)
        with pytest.raises(ChannelClosedError):
            await ch.send(1)
        return bool((await ch.receive()) == (None, False))

    async with bench({"main": main}) as b:
        python = b.node.admit(PythonBody(take), b.place)
        await b.run("main", str(python.pid))
        assert (await wait_end(python)).unwrap() is True


async def test_what_python_sends_is_copied_and_what_has_no_form_is_nil() -> None:
    """Core M-40, M-47."""
    main = """
    return function(ch)
      local v = ch:receive()
      return { v.a, v.f == nil, (ch:receive()) == nil }
    end
    """
    async with bench({"main": main}) as b:
        ch = Channel[Any](2)
        process = await b.spawn("main", ch)
        value = {"a": 1, "f": print}
        await ch.send(value)
        value["a"] = 2
        await ch.send(object())
        assert (await wait_end(process)).unwrap() == [1, True, True]


async def test_no_channel_is_kept_for_a_vm_that_forgot_it() -> None:
    """A reply channel per request does not pile up."""
    main = """
    return function(requests)
      while true do
        local reply, ok = requests:receive()
        if not ok then break end
        reply:send("done")
      end
    end
    """
    async with bench({"main": main}) as b:
        requests = Channel[Any](0)
        process = await b.spawn("main", requests)
        for _ in range(20):
            reply = Channel[Any](1)
            await requests.send(reply)
            assert await reply.receive() == ("done", True)
        del reply
        b.engine.vm.collect()
        b.engine.vm.wake()
        await b.settle()
        assert len(b.engine.channels.table) <= 2
        requests.close()
        await wait_end(process)


async def test_a_foreign_channel_cannot_feed_from_a_mailbox() -> None:
    main = """
    return function(ch)
      local ok, err = subscribe("topic", ch)
      return ok == nil and err:kind()
    end
    """
    async with bench({"main": main}) as b:
        assert await b.value("main", Channel[Any](0)) == InvalidError("x").kind


# channels: kernel --------------------------------------------------------------------


async def kernel(programs: dict[str, str], *args: Any) -> tuple[Any, Bench]:
    async with bench(programs) as b:
        b.in_kernel = True
        return await b.value("main", *args), b


async def test_kernel_channels_pass_by_reference_inside_their_process() -> None:
    """Core C-6; and copy as soon as another process holds them."""
    main = """
    return function()
      local ch = channel.new(2)
      local box, f = { 1 }, function() end
      ch:send(box)
      ch:send(f)
      assert(ch:receive() == box and ch:receive() == f)
      ch:send(nil)
      assert(select("#", ch:receive()) == 2)
      ch:send(box)
      process.spawn("app:peek", "app:processes", ch, process.pid())
      box[1] = 2
      return process.inbox():receive():payload():data()
    end
    """
    peek = """
    return function(ch, parent)
      process.send(parent, "x", (ch:receive())[1])
    end
    """
    value, _ = await kernel({"main": main, "peek": peek})
    assert value == 1


async def test_a_losing_send_case_keeps_nothing() -> None:
    """Values of private channels that were not sent are forgotten."""
    main = """
    return function()
      local weak = setmetatable({}, { __mode = "k" })
      local a, b = channel.new(), channel.new()
      coroutine.spawn(function()
        while true do
          local big = {}
          weak[big] = true
          channel.select{ a:case_receive(), b:case_send(big) }
        end
      end)
      for i = 1, 50 do a:send(i) end
      return "done", weak
    end
    """
    value, b = await kernel({"main": main})
    assert value == "done"
    assert not b.engine.channels.pending
