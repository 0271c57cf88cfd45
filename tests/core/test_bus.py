"""Core section 16: the event bus."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

CHAPTER = Chapter("bus", modules="time, events")


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
