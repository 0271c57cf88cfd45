"""The module `ctx`: core section 15."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_missing_and_empty_keys_are_errors(tmp_path: Path) -> None:
    """Nothing was given: every key is missing (core X-1, X-2)."""
    source = """
    return { main = function()
      local _, missing = ctx.get("x")
      local _, empty = ctx.get("")
      return { missing:kind(), missing:message(), empty:kind(), type(ctx.all()) }
    end }
    """
    got = run_function(tmp_path, source, modules="ctx")
    assert got == ["NotFound", "key not found: x", "Invalid", "table"]


def test_a_callee_gets_what_its_caller_gave(tmp_path: Path) -> None:
    """Values of an executor reach the called function (core X-4)."""
    source = """
    return { main = function(depth)
      if depth then return ctx.get("tenant") end
      return (funcs.new():with_context({ tenant = "t1" }):call("app:f", 1))
    end }
    """
    assert run_function(tmp_path, source, modules="ctx, funcs") == "t1"
