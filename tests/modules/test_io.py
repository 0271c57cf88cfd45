"""The module `io` without a terminal; the examples show it with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_terminal_it_is_unavailable(tmp_path: Path) -> None:
    """A function has no terminal (modules-data 21)."""
    source = """
    return { main = function()
      local ok, err = io.print("x")
      return { ok == nil, err:kind(), err:message(), #io.args() }
    end }
    """
    got = run_function(tmp_path, source, modules="io")
    assert got == [True, "Unavailable", "no terminal context", 0]
