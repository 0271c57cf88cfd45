"""The module `os`: core 12.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_dates_clocks_and_nothing_else(tmp_path: Path) -> None:
    """Only time functions are there (core OS-1 to OS-9)."""
    source = """
    return { main = function()
      return { os.date("!%Y-%m-%d %H:%M:%S", 86400), os.date("!*t", 0).year,
        os.difftime(5, 3), os.clock() >= 0, os.platform, os.execute == nil,
        os.time({ year = 2024, month = 13, day = 1, hour = 12 }) > 1.7e9,
        require("os") == os }
    end }
    """
    got = run_function(tmp_path, source, modules="")
    assert got == ["1970-01-02 00:00:00", 1970, 2, True, "wippy", True, True, True]
