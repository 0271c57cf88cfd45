"""Patterns over names: of namespaces and entries, of queries, of policies.

Three small languages, because the reference has three:

* namespaces and names (apps 1.9): ``*`` is one segment between dots, ``**`` any text,
  ``(a|b)`` one of several;
* queries (7.3): ``*`` is any text;
* policies (8.2, 13.12): ``*`` is any text, and a trailing ``.*`` also matches nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from wippy_trio.errors import InvalidError

__all__ = [
    "EntryPattern",
    "match_glob",
    "match_name",
    "match_policy",
    "match_subtree",
]

_NAME_TOKEN = re.compile(r"\*\*|\*|\(|\)|\||[^*()|]+")


def match_name(pattern: str, text: str) -> bool:
    """Match a namespace or a name: ``app.*``, ``app.**``, ``app.(api|web)``.

    ``app.**`` does not match ``app`` itself.

    Raises:
      InvalidError: The brackets of the pattern do not pair up.

    Source: apps 1.9.
    """
    return _name_pattern(pattern).fullmatch(text) is not None


def match_subtree(pattern: str, text: str) -> bool:
    """Match like :func:`match_name`; ``app.*`` and ``app.**`` are ``app`` and below.

    Source: apps 10.4.2, 2.0.3.
    """
    for ending in (".**", ".*"):
        if pattern.endswith(ending):
            base = pattern.removesuffix(ending)
            return match_name(base, text) or match_name(base + ".**", text)
    return match_name(pattern, text)


class EntryPattern(NamedTuple):
    """A pattern for the namespace and one for the name of an entry."""

    ns: str
    name: str

    @staticmethod
    def parse(text: str) -> EntryPattern:
        """Split ``ns-pattern:name-pattern`` at the first colon.

        Raises:
          InvalidError: A half is missing, or its brackets do not pair up.
        """
        ns, colon, name = text.partition(":")
        if not colon or not ns or not name:
            raise InvalidError(
                f'entry pattern {text!r}: wanted "ns-pattern:name-pattern"'
            )
        _name_pattern(ns)
        _name_pattern(name)
        return EntryPattern(ns, name)

    def matches(self, ns: str, name: str) -> bool:
        """Tell whether an entry of that namespace and name is meant."""
        return match_name(self.ns, ns) and match_name(self.name, name)


def match_glob(pattern: str, text: str) -> bool:
    """Match a query value: equal, or ``*`` stands for any text.

    Source: apps 7.3.
    """
    if "*" not in pattern:
        return pattern == text
    return _glob_pattern(pattern).fullmatch(text) is not None


def match_policy(pattern: str, text: str) -> bool:
    """Match an action or a resource of a policy.

    ``*`` stands for any text, wherever it is; ``a.*`` matches ``a`` and all below it.

    Source: apps 8.2, 13.12.
    """
    if pattern.endswith(".*"):
        base = pattern[:-2]
        return match_glob(base, text) or match_glob(base + ".*", text)
    return match_glob(pattern, text)


@lru_cache(maxsize=1024)
def _glob_pattern(pattern: str) -> re.Pattern[str]:
    # Runs of stars collapse: each further one would only multiply the backtracking.
    pieces = re.sub(r"\*+", "*", pattern).split("*")
    return re.compile(".*".join(map(re.escape, pieces)), re.DOTALL)


@lru_cache(maxsize=1024)
def _name_pattern(pattern: str) -> re.Pattern[str]:
    depth = 0
    parts: list[str] = []
    for token in _NAME_TOKEN.findall(pattern):
        if token == "**":
            parts.append(".*")
        elif token == "*":
            parts.append("[^.]+")
        elif token == "(":
            depth += 1
            parts.append("(?:")
        elif token == ")":
            depth -= 1
            parts.append(")")
        elif token == "|" and depth > 0:
            parts.append("|")
        else:
            parts.append(re.escape(token))
        if depth < 0:
            break
    if depth != 0:
        raise InvalidError(f"pattern {pattern!r}: its brackets do not pair up")
    return re.compile("".join(parts), re.DOTALL)
