"""Core section 13: errors; and 0.2, what host functions have in common."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

ENTRIES = """
  - {name: "thing", namespace: "app.deep.space", kind: process.lua,
     source: file://thing.lua}
"""
CHAPTER = Chapter("errors")


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
