"""Core section 13: errors; and 0.2, what host functions have in common."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

FILES = {
    "deep/_index.yaml": """
version: "1.0"
namespace: app.deep.space
entries:
  - {name: thing, kind: process.lua, source: file://thing.lua}
""",
    "deep/thing.lua": "return function() return process.id() end",
}
CHAPTER = Chapter("errors", files=FILES)


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
