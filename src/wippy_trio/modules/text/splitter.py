"""Cut text into chunks at separators, the coarse ones first.

Lengths count characters.

Source: modules-data 10.3.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from wippy_trio.modules._texts import from_text, to_text, whole_number
from wippy_trio.sdk import InvalidError, method

__all__ = ["RecursiveSplitter", "Splitter", "cut"]

LARGE = 64 * 1024
CHUNK_SIZE, CHUNK_OVERLAP = 512, 100
_SEPARATORS = ("\n\n", "\n", " ", "")
_MOST_SEPARATORS = 100
_MOST_OUTPUT = 64 * 1024 * 1024
_MOST_SIZE = 1 << 40


class Splitter:
    """Cut texts and pages."""

    lua_name = "text.Splitter"

    def _cut(self, text: str) -> list[str]:
        raise NotImplementedError

    def _chunks(self, text: str) -> list[str]:
        return self._cut(text) if text.strip() else []

    @method(offload=LARGE)
    def split_text(self, text: bytes) -> list[str | bytes]:
        """Cut one text."""
        return [from_text(chunk) for chunk in self._chunks(to_text(text))]

    @method(offload=LARGE)
    def split_batch(self, pages: list[Any]) -> list[dict[str, Any]]:
        """Cut pages; each chunk has the metadata of its page."""
        found: list[dict[str, Any]] = []
        for page in pages if isinstance(pages, list) else ():
            content = page.get("content") if isinstance(page, dict) else None
            if not isinstance(content, (str, bytes)):
                continue
            metadata = page.get("metadata")
            if not isinstance(metadata, (dict, list)):
                metadata = {}
            found += [
                {"content": from_text(chunk), "metadata": metadata}
                for chunk in self._chunks(to_text(content))
            ]
        return found


class RecursiveSplitter(Splitter):
    """Cut at the first separator that occurs, and what stays too long at the next."""

    def __init__(
        self, size: int, overlap: int, separators: tuple[str, ...], *, keep: bool
    ) -> None:
        self._size = size
        self._overlap = overlap
        self._separators = separators
        self._keep = keep

    @classmethod
    def configured(cls, options: Any) -> RecursiveSplitter:
        """Read the options; what is of a wrong type means the default."""
        given = options if isinstance(options, dict) else {}
        listed = given.get("separators")
        names = tuple(
            to_text(item)
            for item in (listed if isinstance(listed, list) else ())
            if isinstance(item, (str, bytes))
        )
        return cls(
            *sizes(given),
            names[:_MOST_SEPARATORS] or _SEPARATORS,
            keep=given.get("keep_separator") is True,
        )

    def _cut(self, text: str) -> list[str]:
        return cut(text, self._size, self._overlap, self._separators, keep=self._keep)


def sizes(options: dict[Any, Any]) -> tuple[int, int]:
    """Read size and overlap of chunks."""
    return (
        whole_number(options.get("chunk_size"), CHUNK_SIZE, 1, _MOST_SIZE),
        whole_number(options.get("chunk_overlap"), CHUNK_OVERLAP, 0, _MOST_SIZE),
    )


def cut(
    text: str,
    size: int,
    overlap: int,
    separators: tuple[str, ...],
    *,
    keep: bool = False,
) -> list[str]:
    """Cut a text recursively.

    Raises:
      InvalidError: Chunks that mostly repeat each other would become too much text.
    """
    separator = separators[-1]
    finer: tuple[str, ...] = ()
    for index, candidate in enumerate(separators):
        if not candidate or candidate in text:
            separator, finer = candidate, separators[index + 1 :]
            break
    pieces = text.split(separator) if separator else list(text)
    joint = separator
    if keep:
        pieces = [separator + piece if i else piece for i, piece in enumerate(pieces)]
        joint = ""
    chunks: list[str] = []
    small: list[str] = []
    for piece in pieces:
        if len(piece) < size:
            small.append(piece)
            continue
        chunks += _merged(small, joint, size, overlap)
        small = []
        if finer:
            chunks += cut(piece, size, overlap, finer, keep=keep)
        else:
            chunks.append(piece)
    return chunks + _merged(small, joint, size, overlap)


def _merged(pieces: list[str], joint: str, size: int, overlap: int) -> list[str]:
    """Gather small pieces to chunks; the end of one may begin the next."""
    chunks: list[str] = []
    current: deque[str] = deque()
    total = made = 0
    for piece in pieces:
        grown = total + len(piece) + (len(joint) if current else 0)
        if grown > size and current:
            made += total
            if made > _MOST_OUTPUT:
                raise InvalidError("chunk_overlap is too large for a text of this size")
            _emit(chunks, current, joint)
            while (
                current
                and total
                and (total > overlap or total + len(joint) + len(piece) > size)
            ):
                total -= len(current.popleft()) + (len(joint) if current else 0)
        total += len(piece) + (len(joint) if current else 0)
        current.append(piece)
    _emit(chunks, current, joint)
    return chunks


def _emit(chunks: list[str], pieces: deque[str], joint: str) -> None:
    chunk = joint.join(pieces).strip()
    if chunk:
        chunks.append(chunk)
