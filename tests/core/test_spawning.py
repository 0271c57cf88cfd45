"""Core section 7: spawning."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

ENTRIES = """
  - {name: others, kind: process.host, lifecycle: {auto_start: true}}
  - {name: bad, kind: process.lua, source: file://bad.lua}
"""
FILES = {"bad.lua": "error('chunk broke')"}
CHAPTER = Chapter(
    "spawning", modules="time, funcs, ctx, security", entries=ENTRIES, files=FILES
)


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
