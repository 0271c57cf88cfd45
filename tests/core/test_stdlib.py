"""Core sections 11 and 12: language, standard library, modules, os."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

CHAPTER = Chapter("stdlib")


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
