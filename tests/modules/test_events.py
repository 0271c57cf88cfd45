"""The module `events`: core section 16."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_function
from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_subscriber_hears_what_matches_in_order(tmp_path: Path) -> None:
    """Exact systems, prefixes and kinds match; the sender hears itself."""
    source = """
    return { main = function()
      local all = events.subscribe("shop.*")
      local one = events.subscribe("shop.cart", "added")
      events.send("other", "added", "/x")
      events.send("shop.cart", "added", "/1", { n = 1 })
      events.send("shop.cart", "removed", "/2")
      local a, b = all:channel():receive(), all:channel():receive()
      local c = one:channel():receive()
      assert(all:channel() == all:channel())
      one:close()
      return { a.path, b.path, c.path, c.data.n, tostring(one), one:close() }
    end }
    """
    got = run_function(tmp_path, source, modules="events")
    assert got == [
        "/1",
        "/2",
        "/1",
        1,
        "events.Subscription{}",
        True,
    ]  # core EV-5, EV-7


def test_missing_arguments_are_invalid(tmp_path: Path) -> None:
    """An empty system is refused (core EV-1, EV-2)."""
    source = """
    return { main = function()
      local _, a = events.subscribe("")
      local _, b = events.send("s", "", "p")
      return { a:message(), a:kind(), b:message() }
    end }
    """
    got = run_function(tmp_path, source, modules="events")
    assert got == ["system pattern is required", InvalidError.KIND, "kind is required"]


def test_the_error_of_a_function_keeps_its_kind(tmp_path: Path) -> None:
    """A returned structured error reaches Python by its class."""
    source = "return { main = function() return events.subscribe('') end }"
    with pytest.raises(InvalidError, match="system pattern is required"):
        run_function(tmp_path, source, modules="events")
