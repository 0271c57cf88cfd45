"""Letters beyond ASCII, for ``string.upper`` and ``string.lower`` (types 4.9).

A text keeps its number of characters: a letter is mapped to one letter or stays as it
is, as ``ß`` does. Bytes that are not valid UTF-8 stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["lower", "upper"]


def upper(text: bytes) -> bytes:
    """Map the letters of valid UTF-8 to capitals, one to one."""
    return _map(text, str.upper)


def lower(text: bytes) -> bytes:
    """Map the letters of valid UTF-8 to small letters, one to one."""
    return _map(text, str.lower)


def _map(text: bytes, convert: Callable[[str], str]) -> bytes:
    letters = text.decode("utf-8", "surrogateescape")
    whole = convert(letters)
    if len(whole) != len(letters) or convert is str.lower:
        # A letter became several, or its form depends on its place in the word (the
        # Greek final sigma): letter by letter, then.
        whole = "".join([_letter(letter, convert) for letter in letters])
    return whole.encode("utf-8", "surrogateescape")


def _letter(letter: str, convert: Callable[[str], str]) -> str:
    mapped = convert(letter)
    if len(mapped) == 1:
        return mapped
    if convert is str.lower:
        return mapped[0]  # the dotted capital I, the only one
    # The title form is the capital of one letter where there is one (Greek with iota).
    mapped = letter.title()
    return mapped if len(mapped) == 1 else letter
