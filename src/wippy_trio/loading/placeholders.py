"""Placeholders in payloads, resolved when a handler decodes an entry.

The registry keeps the raw text, so reading an entry never reveals what was filled in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError
from wippy_trio.registry import Placeholder, split_placeholders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Lookup = Callable[[str], str | None]
    """Finds a variable by public name or entry id: its text, or None where it has none
    and no default of its own. Empty text counts as none."""

__all__ = ["find_placeholders", "interpolate"]

_SUFFIX = "_env"


def find_placeholders(value: Any, path: str = "") -> Iterator[tuple[str, Placeholder]]:
    """Yield each placeholder in a payload with the path of the text it stands in."""
    if isinstance(value, str):
        if "${" in value:
            for piece in split_placeholders(value):
                if isinstance(piece, Placeholder):
                    yield path, piece
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from find_placeholders(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from find_placeholders(item, f"{path}.{n}" if path else str(n))


def interpolate(
    value: Any, lookup: Lookup, *, where: str = "", skip: tuple[str, ...] = ()
) -> Any:
    """Return a payload with its placeholders and ``<field>_env`` siblings resolved.

    Text that is one placeholder takes the type of its inline default: boolean, integer
    or float. A placeholder wins over the sibling key.

    Args:
      value: The payload; it is not changed.
      lookup: Finds variables.
      where: What to name in errors, such as ``entry app:db``.
      skip: Fields at the top to leave alone, such as ``source``.

    Raises:
      InvalidError: Nothing to put in, neither a value nor a default.

    Source: apps 1.11, 13.14.
    """
    if isinstance(value, dict) and skip:
        apart = {key: value[key] for key in skip if key in value}
        rest = {key: item for key, item in value.items() if key not in apart}
        return {**_resolve(rest, lookup, where), **apart}
    return _resolve(value, lookup, where)


def _resolve(value: Any, lookup: Lookup, where: str, path: str = "") -> Any:
    if isinstance(value, str):
        return _text(value, lookup, where, path) if "${" in value else value
    if isinstance(value, list):
        return [
            _resolve(item, lookup, where, f"{path}.{n}" if path else str(n))
            for n, item in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    result = {
        key: _resolve(item, lookup, where, f"{path}.{key}" if path else str(key))
        for key, item in value.items()
    }
    for key, name in value.items():
        if not isinstance(key, str) or not key.endswith(_SUFFIX) or key == _SUFFIX:
            continue
        field = key.removesuffix(_SUFFIX)
        if isinstance(name, str) and name and not _has_placeholder(value.get(field)):
            found = lookup(name)
            if found:
                result[field] = found
    return result


def _has_placeholder(value: Any) -> bool:
    return isinstance(value, str) and next(find_placeholders(value), None) is not None


def _text(text: str, lookup: Lookup, where: str, path: str) -> Any:
    pieces = split_placeholders(text)
    values = [
        piece if isinstance(piece, str) else _value(piece, lookup, where, path)
        for piece in pieces
    ]
    if len(pieces) == 1 and isinstance(pieces[0], Placeholder):
        return _typed(values[0], pieces[0].default)
    return "".join(values)


def _value(piece: Placeholder, lookup: Lookup, where: str, path: str) -> str:
    found = lookup(piece.name)
    if found:
        return found
    if piece.default is not None:
        return piece.default
    place = ": ".join(part for part in (where, path) if part)
    raise InvalidError(
        f"{place or 'placeholder'}: wanted a value for {piece.name}, "
        "found neither a variable nor a default"
    )


def _typed(text: str, default: str | None) -> Any:
    if default in {"true", "false"}:
        lowered = text.strip().lower()
        return lowered == "true" if lowered in {"true", "false"} else text
    kind = _number(default)
    found = _number(text)
    if kind is None or found is None:
        return text
    return float(found) if isinstance(kind, float) else found


def _number(text: str | None) -> int | float | None:
    if text is None or not text.isascii() or "_" in text:
        return None
    for read in (int, float):
        try:
            number = read(text)
        except ValueError:
            continue
        return number if -(2**63) <= number < 2**63 else None
    return None
