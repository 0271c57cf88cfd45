"""Core section 3: names."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

CHAPTER = Chapter("names")


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
