"""The module `http` without a request; with one: tests/services/http."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_outside_a_request_there_is_none(tmp_path: Path) -> None:
    """Both functions answer with an error, and the constants are there."""
    source = """
    local http = require("http")
    return { main = function()
      local a, b = http.request()
      local c, d = http.response()
      return { tostring(a), b:kind(), tostring(c), d:kind(), http.STATUS.UNPROCESSABLE,
        http.METHOD.PATCH, http.CONTENT.STREAM, http.TRANSFER.SSE,
        http.ERROR.PARSE_FAILED, pcall(function() http.STATUS.OK = 1 end) }
    end }
    """
    got = run_function(tmp_path, source, modules="http")
    assert got[:4] == ["nil", "Internal", "nil", "Internal"]  # modules-io 8.4
    assert got[4:9] == [422, "PATCH", "application/octet-stream", "sse", "PARSE_FAILED"]
    assert got[9] is False  # modules-io 0.2: immutable
