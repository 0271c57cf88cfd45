"""Placeholders in payloads: ``${env:NAME}``, ``${env:NAME|text}``, ``${NAME|text}``.

Here is the grammar only: the order of entries needs the names, and decoding
(``loading.interpolate``) needs the values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Placeholder", "placeholder_names", "split_placeholders"]

_TOKEN = re.compile(
    r"\$\$\{"
    r"|\$\{env:(?P<name>[^}|]+)(?P<bar>\|(?P<default>[^}]*))?\}"
    r"|\$\{(?P<bare>[A-Z0-9_]+)\|(?P<text>[^}]*)\}"
)


class Placeholder(NamedTuple):
    """A name to look up and what to take instead; None: there is no such text."""

    name: str
    default: str | None


def split_placeholders(text: str) -> list[str | Placeholder]:
    """Split text into literal pieces and placeholders.

    ``$${`` becomes a literal ``${``; ``${VAR}`` and ``${VAR:-x}`` stay as they are.

    Source: apps 1.11.
    """
    pieces: list[str | Placeholder] = []
    position = 0
    for match in _TOKEN.finditer(text):
        if match.start() > position:
            pieces.append(text[position : match.start()])
        position = match.end()
        if match["name"] is not None:
            pieces.append(Placeholder(match["name"].strip(), match["default"]))
        elif match["bare"] is not None:
            pieces.append(Placeholder(match["bare"], match["text"]))
        else:
            pieces.append("${")
    if position < len(text):
        pieces.append(text[position:])
    return pieces


def placeholder_names(value: object) -> Iterator[str]:
    """Yield the names of all placeholders in a value, at any depth."""
    if isinstance(value, str):
        if "${" in value:
            for piece in split_placeholders(value):
                if isinstance(piece, Placeholder):
                    yield piece.name
    elif isinstance(value, dict):
        for item in value.values():
            yield from placeholder_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from placeholder_names(item)
