"""What applications do with several rules at once."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

CHAPTER = Chapter("combinations", modules="time, funcs, ctx, events")


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
