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
