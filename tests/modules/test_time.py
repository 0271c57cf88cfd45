"""The module `time`: core section 17, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio.testing import MockClock

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_waits_take_their_time_and_timers_stop(tmp_path: Path) -> None:
    """Sleep, after, timer, ticker (core T-10 to T-17)."""
    source = """
    return { main = function()
      local out = {}
      local start = time.now()
      time.sleep("1.5s")
      out[#out + 1] = time.now():sub(start):milliseconds() >= 1500
      local after = time.after("10ms")
      local v, ok = after:receive()
      local w, more = after:receive()
      out[#out + 1] = ok and type(v) == "userdata" and w == nil and more == false
      local timer = time.timer("1h")
      out[#out + 1] = timer:stop() and not timer:stop()
      local ticker = time.ticker("1s")
      local ticks = 0
      for i = 1, 3 do ticker:channel():receive() ticks = ticks + 1 end
      ticker:stop()
      out[#out + 1] = ticks
      local _, err = time.after("nonsense")
      out[#out + 1] = err:kind()
      return out
    end }
    """
    clock = MockClock(autojump_threshold=0)
    got = run_function(tmp_path, source, modules="time", clock=clock)
    assert got == [True, True, True, 3, "Invalid"]


def test_moments_and_durations_are_read_and_written(tmp_path: Path) -> None:
    """Layouts, arithmetic, texts (core T-30 to T-62)."""
    source = """
    return { main = function()
      local t = time.date(2024, 1, 31, 14, 30, 45, 0, time.utc)
      local d = time.parse_duration("1h30m45s")
      local parsed = time.parse(time.RFC3339, "2024-02-29T12:00:00Z")
      return { t:format(time.DATE_TIME), t:add_date(0, 1, 0):format("2006-01-02"),
        t:add("90m"):format(time.KITCHEN), tostring(d), d:seconds(), parsed:weekday(),
        t:before(parsed), t:unix(), tostring(time.utc), time.MONDAY,
        t:truncate(time.parse_duration("1h")):format(time.TIME_ONLY) }
    end }
    """
    got = run_function(tmp_path, source, modules="time")
    assert got == [
        "2024-01-31 14:30:45",
        "2024-03-02",
        "4:00PM",
        "1h30m45s",
        5445.0,
        4,
        True,
        1706711445,
        "UTC",
        1,
        "14:00:00",
    ]


def test_spans_are_capped_and_sums_are_exact(tmp_path: Path) -> None:
    """What 64 bits cannot hold does not wrap (core T-34, T-39)."""
    source = """
    return { main = function()
      local late, early = time.unix(32503680000, 0), time.unix(-32503680000, 0)
      local zero = time.unix(0, 0)
      local edge = time.unix(9223372036, 854775807)
      local top, bottom = math.maxinteger, math.mininteger
      local low = time.unix(-9223372037, 145224192)
      return {
        late:sub(early):nanoseconds() == top, early:sub(late):nanoseconds() == bottom,
        edge:sub(zero):nanoseconds() == top, low:sub(zero):nanoseconds() == bottom,
        edge:sub(time.unix(0, 1)):nanoseconds() == top - 1,
        time.unix(1, 5):sub(time.unix(2, 6)):nanoseconds(),
        time.unix(1, 999999999):add(top):equal(time.unix(9223372038, 854775806)),
        time.unix(1, 999999999):add(2):nanosecond(),
      }
    end }
    """
    assert run_function(tmp_path, source, modules="time") == [
        *[True] * 5,
        -1_000_000_001,
        True,
        1,
    ]


def test_timers_can_be_reset_until_they_fire(tmp_path: Path) -> None:
    """Nothing is armed again afterwards; buffered ticks remain (core T-15, T-17)."""
    source = """
    return { main = function()
      local timer = time.timer("1h")
      local out = { timer:reset("1s") }
      timer:response():receive()
      out[2], out[3] = timer:reset("1s"), timer:stop()
      out[4] = pcall(function() timer:reset("x") end)
      local ticker = time.ticker("1s")
      time.sleep("2500ms")
      out[5] = ticker:stop()
      for i = 6, 8 do
        local _, more = ticker:response():receive()
        out[i] = more
      end
      return out
    end }
    """
    clock = MockClock(autojump_threshold=0)
    got = run_function(tmp_path, source, modules="time", clock=clock)
    assert got == [True, False, False, False, True, True, True, False]
