"""Errors, their contexts and kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_application
from wippy_trio.errors import Error, InternalError, InvalidError, NotFoundError, during
from wippy_trio.kernel import Pid
from wippy_trio.kernel.exit import exit_of_exception

if TYPE_CHECKING:
    from pathlib import Path


def test_a_context_names_what_was_going_on() -> None:
    """The message stays as it is; the text has both (modules-data E-a)."""
    with pytest.raises(NotFoundError) as caught, during("open entry"):
        raise NotFoundError("gone", details={"name": "a"})
    assert caught.value.message == "gone"
    assert caught.value.context == "open entry"
    assert str(caught.value) == "open entry: gone"


def test_contexts_nest() -> None:
    """The inner one goes before the message (core E-22)."""
    with (
        pytest.raises(InvalidError) as caught,
        during("extract"),
        during("open entry"),
    ):
        raise InvalidError("gone")
    assert (caught.value.context, caught.value.message) == (
        "extract",
        "open entry: gone",
    )


def test_other_exceptions_pass() -> None:
    """Only errors of ours have a context."""
    with pytest.raises(KeyError, match="x"), during("a"):
        raise KeyError("x")


def test_an_error_that_leaves_its_process_says_all() -> None:
    """Kind, flag, details and stack stay (core E-22, E-44)."""
    error = Error.of(
        "Odd", "m", retryable=True, details={"a": 1}, stack="s", context="c"
    )
    crossed = error.crossed()
    assert (crossed.kind, crossed.message, crossed.context) == ("Odd", "c: m", "")
    assert (crossed.retryable, crossed.details, crossed.stack) == (True, {"a": 1}, "s")
    assert crossed.crossed() is crossed
    ended = exit_of_exception(Pid("n", 1, "h"), InternalError("m", context="c"))
    assert ended.error is not None
    assert ended.error.message == "c: m"


def test_lua_sees_contexts_where_the_reference_shows_them(tmp_path: Path) -> None:
    """In the stack, in a wrap, and after a crossing (core E-22)."""
    entries = """
  - name: fails
    kind: function.lua
    source: file://fails.lua
    method: main
    modules: [base64]
"""
    source = """
    return { main = function()
      local _, err = base64.decode("?")
      local _, crossed = funcs.call("app:fails")
      return {
        err:message(), tostring(err), err:stack():match("^[^\\n]*"), err:kind(),
        errors.wrap(err, "again"):message(), crossed:message(), crossed:kind(),
        err:stack():find("app:f:3", 1, true) ~= nil,
      }
    end }
    """
    (tmp_path / "src").mkdir()
    (tmp_path / "src/fails.lua").write_text(
        "return { main = function() return base64.decode('?') end }"
    )
    got = run_application(tmp_path, source, modules="base64, funcs", entries=entries)
    inner, full = (
        "illegal base64 data at input byte 0",
        ("decode failed: illegal base64 data at input byte 0"),
    )
    assert got == [inner, inner, full, "Invalid", full, full, "Invalid", True]
