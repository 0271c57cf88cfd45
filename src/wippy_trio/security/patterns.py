"""Match actions and resources against the patterns of policies.

Source: apps 8.2, 13.12.
"""

from __future__ import annotations

__all__ = ["matches"]


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern covers a text.

    A star stands for any run of characters, an empty one too, wherever it is. A pattern
    that ends in ``.*`` covers what is before the dot as well: ``a.*`` covers ``a``.
    The time is linear in the text for each star.
    """
    if pattern in {text, "*"}:
        return True
    if "*" not in pattern:
        return False
    return _glob(pattern, text) or (
        pattern.endswith(".*") and _glob(pattern[:-2], text)
    )


def _glob(pattern: str, text: str) -> bool:
    first, *middle = pattern.split("*")
    if not middle:
        return first == text
    last = middle.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first):
        return False
    position, end = len(first), len(text) - len(last)
    if not text.endswith(last):
        return False
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
