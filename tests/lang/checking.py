"""Checking a piece of source in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.check import Checked, check_chunk
from wippy_trio.lang.checker import statements
from wippy_trio.lang.parser import parse

if TYPE_CHECKING:
    from wippy_trio.lang.declarations import Module

__all__ = ["check", "codes", "errors", "shown"]


def check(source: str, modules: dict[str, Module] | None = None) -> Checked:
    """Check a source; a fault of the checker's own fails the test."""
    known = modules or {}
    checked = check_chunk(parse(source.encode(), "test"), modules=known.get, keep=True)
    assert not [each for each in checked.findings if each.code == "E9999"], source
    return checked


def codes(source: str, modules: dict[str, Module] | None = None) -> list[str]:
    """Return the codes of the errors in a source."""
    return [
        each.code
        for each in check(source, modules).findings
        if each.severity == "error"
    ]


def errors(source: str, modules: dict[str, Module] | None = None) -> list[str]:
    """Return the errors in a source, with their codes."""
    return [
        f"{each.code} {each.message}"
        for each in check(source, modules).findings
        if each.severity == "error"
    ]


def shown(source: str, name: str) -> str:
    """Return the text of the type that the last use of a name has."""
    found = check(source).text_at(source.rindex(name))
    assert found is not None
    return found


_ = statements
