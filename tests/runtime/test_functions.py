"""Function calls of an application: what they leave behind, retries, dead pids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from trio.testing import MockClock

from tests.modules.application import run_application

if TYPE_CHECKING:
    from pathlib import Path


def function(folder: Path, name: str, source: str, extra: str = "") -> str:
    """Write the source of one more function; give its entry."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / f"src/{name}.lua").write_text(source)
    return f"""
  - name: {name}
    kind: function.lua
    source: file://{name}.lua
    method: main
    modules: [time, logger, uuid]
{extra}"""


def test_coroutines_left_behind_finish_detached(tmp_path: Path) -> None:
    """The result comes at once; what waits for time goes on and may log."""
    left = """
    return { main = function()
      for i = 1, 2 do
        coroutine.spawn(function()
          time.sleep("50ms")
          time.sleep("50ms")
          logger:info("step", { i = i, id = #uuid.v4() })
        end)
      end
      coroutine.spawn(function() channel.new():receive() end)
      return "accepted"
    end }
    """
    entries = function(tmp_path, "left", left)
    source = """
    return { main = function()
      local before = time.now()
      local value = funcs.call("app:left")
      local lasted = time.now():sub(before):milliseconds()
      time.sleep("1s")
      return { value, lasted }
    end }
    """
    with structlog.testing.capture_logs() as logs:
        got = run_application(
            tmp_path,
            source,
            modules="funcs, time",
            entries=entries,
            clock=MockClock(autojump_threshold=0),
            inspect=lambda runtime: _nothing_is_left(runtime.engine),
        )
    assert got == ["accepted", 0]  # apps 13.31
    steps = [(e["i"], e["id"]) for e in logs if e["event"] == "step"]
    assert sorted(steps) == [(1, 36), (2, 36)]


def _nothing_is_left(engine: object) -> None:
    assert engine.detached == {}  # type: ignore[attr-defined]


def test_metadata_asks_for_retries(tmp_path: Path) -> None:
    """``meta.options.retry`` of the function counts without options of the call."""
    flaky = """
    local calls = 0
    return { main = function(wanted)
      calls = calls + 1
      if calls < wanted then
        return nil, errors.new({ message = "not yet", kind = errors.UNAVAILABLE })
      end
      return calls
    end }
    """
    retry = "    meta: {options: {retry: {max_attempts: 3, initial_delay: 10}}}\n"
    entries = function(tmp_path, "flaky", flaky, retry)
    source = """
    return { main = function()
      local third = funcs.call("app:flaky", 3)
      local _, err = funcs.call("app:flaky", 100)
      return { third, err:message() }
    end }
    """
    got = run_application(tmp_path, source, modules="funcs", entries=entries)
    assert got == [3, "not yet"]  # core F-37


def test_a_missing_process_and_a_missing_host_are_told_apart(tmp_path: Path) -> None:
    """The place of a pid is known if a process was ever there (core M-4, P-46)."""
    entries = function(tmp_path, "g", "return { main = function() end }")
    source = """
    return { main = function()
      funcs.call("app:g")
      local texts = {}
      for _, pid in ipairs({ "{app:g|0x00002}", "{app:processes|0x00099}",
        "{app:nope|0x00001}" }) do
        local _, sent = process.send(pid, "x")
        local _, ended = process.terminate(pid)
        texts[#texts + 1] = sent:message() .. "/" .. ended:message()
      end
      return texts
    end }
    """
    got = run_application(tmp_path, source, modules="funcs", entries=entries)
    assert got == [
        "process not found/process not found",
        "process not found/process not found",
        "host not found/host not found",
    ]
