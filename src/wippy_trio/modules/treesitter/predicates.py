"""The text predicates of queries: ``#eq?``, ``#match?``, ``#any-of?`` and their kin.

The library would evaluate them itself, with an engine for regular expressions that can
take exponential time, and on the text that was parsed, not on the one that the caller
names. So their names are changed before it compiles the pattern, by one letter and in
place, which makes them unknown to it while all offsets stay; they are evaluated here,
on what the library found.

Source: modules-data 12.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.expr import compile_matcher
from wippy_trio.modules._texts import to_text
from wippy_trio.sdk import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wippy_trio.expr import Matcher

__all__ = ["Predicate", "disguise", "read_predicates"]

_TOKEN = re.compile(
    rb'"(?:[^"\\]|\\.)*"|;[^\n]*|[()\[\]]|[^\s()\[\]";]+|\s+|.', re.DOTALL
)
_NAME = re.compile(rb"#(any-)?(not-)?(eq|match)\?|#(not-)?any-of\?")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


class Predicate(NamedTuple):
    """One question about the text of captured nodes.

    Attributes:
      operator: ``eq``, ``match`` or ``any-of``.
      capture: Whose text.
      values: What it is held against.
      other: For ``eq``: the capture it is held against, instead of a value.
      positive: Whether the answer has to be yes.
      all_nodes: Whether all nodes of the capture have to agree, or one is enough.
      matcher: For ``match``: the expression, compiled.
      at: Where it begins in the pattern.
    """

    operator: str
    capture: str
    values: tuple[str, ...]
    other: str | None
    positive: bool
    all_nodes: bool
    matcher: Matcher | None
    at: int

    def holds(self, texts: Callable[[str], Sequence[str]]) -> bool:
        """Tell whether a match is one, by the texts of its captures."""
        if self.other is not None:
            return self._holds_pairwise(texts(self.capture), texts(self.other))
        agreed = (self._agrees(text) == self.positive for text in texts(self.capture))
        return self._decide(agreed)

    def _decide(self, agreed: Iterator[bool]) -> bool:
        if self.all_nodes:
            return all(agreed)
        answers = list(agreed)
        return any(answers) or not answers

    def _agrees(self, text: str) -> bool:
        if self.matcher is not None:
            return self.matcher.search(text)
        return text in self.values

    def _holds_pairwise(self, first: Sequence[str], second: Sequence[str]) -> bool:
        agreed = [
            (a == b) == self.positive for a, b in zip(first, second, strict=False)
        ]
        if not self.all_nodes and any(agreed):
            return True
        if self.all_nodes and not all(agreed):
            return False
        return len(first) == len(second)

    def shown(self) -> dict[str, Any]:
        """Give it as programs see it."""
        row: dict[str, Any] = {
            "operator": self.operator,
            "capture": self.capture,
            "positive": self.positive,
            "match_all": self.all_nodes,
        }
        if self.other is not None:
            row["other"] = self.other
        else:
            row["values"] = list(self.values)
        return row


def _tokens(pattern: bytes) -> Iterator[tuple[int, bytes]]:
    for found in _TOKEN.finditer(pattern):
        token = found.group()
        if not token.isspace() and token[:1] != b";":
            yield found.start(), token


def disguise(pattern: str) -> str:
    """Make text predicates unknown to the library: the first letter becomes large."""
    data = bytearray(pattern.encode())
    for at, token in _tokens(bytes(data)):
        if _NAME.fullmatch(token):
            data[at + 1] -= 32
    return data.decode()


def read_predicates(pattern: str) -> list[Predicate]:
    """Read the text predicates of a pattern that the library has accepted.

    Raises:
      InvalidError: One has wrong arguments, or its expression is malformed.
    """
    tokens = list(_tokens(pattern.encode()))
    found = []
    for place, (at, token) in enumerate(tokens):
        name = _NAME.fullmatch(token)
        if name is None:
            continue
        arguments = []
        for _at, argument in tokens[place + 1 :]:
            if argument == b")":
                break
            arguments.append(argument.decode())
        found.append(_predicate(name, token.decode(), arguments, at))
    return found


def _predicate(name: Any, shown: str, arguments: list[str], at: int) -> Predicate:
    operator = to_text(name[3] or b"any-of")
    if operator != "any-of" and len(arguments) != 2:
        raise InvalidError(
            f"query: {shown} expects 2 arguments, got {len(arguments)}",
            retryable=False,
        )
    if not arguments or arguments[0][:1] != "@":
        raise InvalidError(
            f"query: the first argument of {shown} must be a capture", retryable=False
        )
    capture, *rest = arguments
    other = None
    if rest and rest[0][:1] == "@":
        if operator != "eq":
            raise InvalidError(
                f"query: {shown} takes strings after its capture, got {rest[0]}",
                retryable=False,
            )
        other = rest.pop()[1:]
    values = tuple(map(_literal, rest))
    return Predicate(
        operator=operator,
        capture=capture[1:],
        values=values,
        other=other,
        positive=not (name[2] or name[4]),
        all_nodes=not name[1],
        matcher=_matcher(values[0]) if operator == "match" else None,
        at=at,
    )


def _matcher(pattern: str) -> Matcher:
    try:
        return compile_matcher(pattern)
    except InvalidError as error:
        raise InvalidError(f"query: {error}", retryable=False) from None


def _literal(token: str) -> str:
    if token[:1] != '"':
        return token
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), token[1:-1])
