"""Every sentence of a module's page that a program can see, from the files beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.transcript import Transcript, hold, read_transcripts

HERE = Path(__file__).parent
PARTS = [
    pytest.param(part, id=f"{path.stem}: {part.title}")
    for path in sorted(HERE.glob("*.txt"))
    for part in read_transcripts(path)
]


@pytest.mark.parametrize("part", PARTS)
def test_the_page_holds(part: Transcript, tmp_path: Path) -> None:
    """Each line of the transcript gives what it says."""
    hold(tmp_path, part.text, modules=part.modules, entries=part.entries)


def test_a_difference_is_told(tmp_path: Path) -> None:
    """A transcript that is wrong fails, and says where."""
    with pytest.raises(AssertionError, match=r"1 differ:\n1 \+ 1\n +wanted 3"):
        hold(tmp_path, "1 + 1 => 3\n1 + 2 => 3", modules="json")
