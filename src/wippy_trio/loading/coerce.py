"""Values written on the command line: text that may stand for something else."""

from __future__ import annotations

import re
from typing import Any

from wippy_trio.errors import InvalidError

__all__ = ["coerce_override", "coerce_set", "parse_override_flag", "parse_set_flag"]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DIGITS = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
# The reference splits the whole flag at commas. Here a comma splits only where another
# override follows, so a value may hold one.
_NEXT = re.compile(r",(?=\s*[^\s,:=]+:[^\s,:=]+:[^,=]+=)")


def coerce_override(text: str) -> Any:
    """Give the value of ``-o`` its type.

    Source: apps 10.2.
    """
    lowered = text.lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if any(letter in text for letter in ".eE") and _FLOAT.fullmatch(text):
        return float(text)
    return text


def coerce_set(text: str) -> Any:
    """Give the value of ``--set`` its type.

    Source: apps 10.2.
    """
    if text in {"true", "false"}:
        return text == "true"
    if _DIGITS.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def parse_override_flag(text: str) -> list[tuple[str, Any]]:
    """Read ``ns:entry:path=value``, or several with commas between.

    Raises:
      InvalidError: The sign ``=`` or a part of the key is missing.
    """
    found = []
    for item in _NEXT.split(text):
        key, sign, value = item.strip().partition("=")
        parts = key.split(":", 2)
        if not sign or len(parts) < 3 or not all(part.strip() for part in parts):
            raise InvalidError(
                f'invalid --override "{item.strip()}": '
                "wanted namespace:entry:path=value"
            )
        found.append((key.strip(), coerce_override(value)))
    return found


def parse_set_flag(text: str) -> tuple[str, Any]:
    """Read ``section.path=value``.

    Raises:
      InvalidError: The sign ``=`` is missing, or the key has no dot.
    """
    key, sign, value = text.partition("=")
    key = key.strip()
    section, dot, path = key.partition(".")
    if not dot or not section or not path:
        raise InvalidError(
            f'invalid --set "{text}": key must be section.path, got "{key}"'
        )
    if not sign:
        raise InvalidError(f'invalid --set "{text}": wanted section.path=value')
    return key, coerce_set(value)


def _integer(text: str) -> int | float:
    if len(text) > 20:
        return float(text)
    number = int(text)
    return number if -(2**63) <= number < 2**63 else float(text)
