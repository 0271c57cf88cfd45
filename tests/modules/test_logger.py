"""The module `logger`: modules-data 18."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_record_has_its_fields_pid_and_location(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fields of the call and of `with` are merged; the place is named."""
    source = """
    return { main = function()
      logger:with({ a = 1 }):named("shop"):info("sold", { b = 2 })
    end }
    """
    with structlog.testing.capture_logs() as logs:
        run_function(tmp_path, source, modules="logger")
    [record] = [entry for entry in logs if entry["event"] == "sold"]
    assert record["log_level"] == "info"
    assert (record["a"], record["b"]) == (1, 2)
    assert record["location"] == "app:f:3"
    assert record["pid"] == "{app:f|0x00001}"
    del monkeypatch


def test_texts_and_keys_that_are_no_strings(tmp_path: Path) -> None:
    """The message goes by `tostring`, other keys are dropped, the table is kept."""
    source = """
    return { main = function()
      local fields = { "dropped", kept = true, inner = { x = 1 }, error = "e" }
      logger:warn(12, fields)
      logger:with({ a = 1, b = 1 }):error(true, { a = 2 })
      logger:debug(setmetatable({}, { __tostring = function() error("no") end }))
      return fields.error
    end }
    """
    with structlog.testing.capture_logs() as logs:
        assert run_function(tmp_path, source, modules="logger") == "e"
    [first] = [entry for entry in logs if entry["event"] == "12"]
    assert first["log_level"] == "warning"
    assert (first["kept"], first["inner"]) == (True, {"x": 1})
    assert "dropped" not in first.values()
    [second] = [entry for entry in logs if entry["event"] == "true"]
    assert (second["a"], second["b"]) == (2, 1)


def test_names_and_fields_are_checked(tmp_path: Path) -> None:
    """An empty name and fields that are no table raise."""
    source = """
    return { main = function()
      local out = {}
      for i, f in ipairs({ function() logger:named("") end,
        function() logger:with() end, function() logger:with(5) end,
        function() logger:named({}) end }) do
        out[i] = pcall(f)
      end
      return out
    end }
    """
    assert run_function(tmp_path, source, modules="logger") == [False] * 4


def test_a_record_never_fails(tmp_path: Path) -> None:
    """Fields that are no table, and values that are no data, are written somehow."""
    source = """
    return { main = function()
      local loop = {}
      loop.self = loop
      logger:info("one", 5)
      logger:info("two", errors.new("broken"))
      logger:info("three", { loop = loop, no = false, f = print })
      logger:info()
      logger:info(nil, nil)
    end }
    """
    with structlog.testing.capture_logs() as logs:
        run_function(tmp_path, source, modules="logger")
    by_event = {entry["event"]: entry for entry in logs}
    assert by_event["one"]["value"] == 5
    assert str(by_event["two"]["error"]) == "broken"
    assert by_event["three"]["loop"].startswith("table: ")
    assert by_event["three"]["no"] is False
    assert by_event["three"]["f"].startswith("function: ")
    assert by_event["nil"]["log_level"] == "info"


def test_fields_named_as_our_own_are_told_beside_them(tmp_path: Path) -> None:
    """Neither the program's nor ours is lost (apps 11.3.7)."""
    source = """
    return { main = function()
      logger:info("seen", { pid = "theirs", location = "there" })
    end }
    """
    with structlog.testing.capture_logs() as logs:
        run_function(tmp_path, source, modules="logger")
    [record] = [entry for entry in logs if entry["event"] == "seen"]
    assert (record["pid"], record["location"]) == ("theirs", "there")
    assert record["process_pid"] == "{app:f|0x00001}"
    assert record["process_location"] == "app:f:3"
