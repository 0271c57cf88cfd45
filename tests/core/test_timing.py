"""Core section 17: time."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

CHAPTER = Chapter("timing")


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
