"""Regular expressions of the RE2 language, on Python's engine where that is safe.

Python's engine is fast but backtracks: nested repeats take exponential time on some
texts. So an expression is read by our own parser, and :class:`Matcher` estimates what
a search could cost; the cheap ones run on `re`, the others on an automaton of linear
time. :func:`compile_pattern` is for callers that need groups and therefore `re`.

Subjects are `str`; bytes that are no UTF-8 come as surrogate escapes, each of which
matches ``.`` and ``[^a]`` like any other character.

Source: types 4.4 (``@pattern``); modules-data 10.1.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.expr.re2_automaton import Automaton
from wippy_trio.expr.re2_syntax import (
    ANY,
    Alternation,
    Assertion,
    Concatenation,
    Group,
    Ranges,
    Regex,
    Repeat,
    Set,
    parse_regex,
)

__all__ = ["Matcher", "compile_matcher", "compile_pattern", "translate"]

_CHEAP = 2_000_000.0
_PLACES = {
    "begin_text": r"\A",
    "end_text": r"\Z",
    "begin_line": r"(?m:^)",
    "end_line": r"(?m:$)",
    "word": r"(?a:\b)",
    # Python before 3.14 lets \B fail on an empty text.
    "not_word": r"(?!(?a:\b))",
}


class _Cost(NamedTuple):
    """What backtracking may do: ``factor`` times length to the ``degree``."""

    degree: int
    factor: float
    explodes: bool


class Matcher:
    """A compiled expression that answers one question: does it match somewhere?"""

    __slots__ = ("_automaton", "_cost", "_regex", "_tree", "pattern")

    def __init__(self, pattern: str) -> None:
        """Compile an expression.

        Raises:
          InvalidError: It is malformed; the text begins ``error parsing regexp:``.
        """
        self.pattern = pattern
        self._tree = parse_regex(pattern)
        self._cost = _cost(self._tree)
        self._regex: re.Pattern[str] | None = None
        self._automaton: Automaton | None = None
        if self._cost.explodes:
            self._automaton = Automaton(self._tree)
        else:
            self._regex = re.compile(_python(self._tree, set()), re.DOTALL)

    def search(self, subject: str) -> bool:
        """Tell whether the expression matches anywhere in a text.

        Raises:
          InvalidError: A large expression met a long text that was made for it.
        """
        cost = self._cost
        if self._regex is not None:
            tries = cost.factor * float(max(len(subject), 1)) ** (cost.degree + 1)
            if tries <= _CHEAP:
                return self._regex.search(subject) is not None
        if self._automaton is None:
            self._automaton = Automaton(self._tree)
        return self._automaton.search(subject)


@functools.lru_cache(maxsize=256)
def compile_matcher(pattern: str) -> Matcher:
    """Compile an expression for yes-or-no questions; never slow, never refused.

    Raises:
      InvalidError: The expression is malformed.
    """
    return Matcher(pattern)


@functools.lru_cache(maxsize=256)
def compile_pattern(text: str) -> re.Pattern[str]:
    """Translate an expression into one of Python's, with its groups.

    Callers bound the subject: without nested repeats the time is still a power of its
    length.

    Raises:
      InvalidError: The expression is malformed, or it repeats what has repeats or
        alternatives of its own, which can take exponential time on this engine.
    """
    tree = parse_regex(text)
    if _cost(tree).explodes:
        raise InvalidError(
            f"regular expression {text!r}: repeats are nested, which the"
            " backtracking engine cannot search in bounded time"
        )
    return re.compile(_python(tree, set()), re.DOTALL)


def translate(text: str) -> str:
    """Write an expression in Python's language, to be used with ``re.DOTALL``.

    Raises:
      InvalidError: The expression is malformed.
    """
    return _python(parse_regex(text), set())


def _cost(tree: Regex) -> _Cost:
    if isinstance(tree, Group):
        return _cost(tree.item)
    if isinstance(tree, Concatenation):
        costs = [_cost(item) for item in tree.items]
        factor = 1.0
        for cost in costs:
            factor = min(factor * cost.factor, 1e30)
        degree = sum(cost.degree for cost in costs)
        return _Cost(degree, factor, any(cost.explodes for cost in costs))
    if isinstance(tree, Alternation):
        costs = [_cost(branch) for branch in tree.branches]
        return _Cost(
            max(cost.degree for cost in costs),
            sum(cost.factor for cost in costs),
            any(cost.explodes for cost in costs),
        )
    if isinstance(tree, Repeat):
        inner = _cost(tree.item)
        varies = inner.degree > 0 or inner.factor > 1
        if tree.high is None:
            return _Cost(1, 1.0, inner.explodes or varies)
        if varies and tree.high > 1:
            return _Cost(inner.degree, inner.factor, explodes=True)
        factor = inner.factor * (tree.high - tree.low + 1)
        return _Cost(inner.degree, factor, inner.explodes)
    return _Cost(0, 1.0, explodes=False)


def _python(tree: Regex, names: set[str]) -> str:
    if isinstance(tree, Set):
        return _set(tree.ranges)
    if isinstance(tree, Assertion):
        return _PLACES[tree.kind]
    if isinstance(tree, Group):
        name = tree.name
        inner = _python(tree.item, names)
        if not name.isidentifier() or name in names:
            return f"({inner})"
        names.add(name)
        return f"(?P<{name}>{inner})"
    if isinstance(tree, Concatenation):
        return "".join(
            f"(?:{_python(item, names)})"
            if isinstance(item, Alternation)
            else _python(item, names)
            for item in tree.items
        )
    if isinstance(tree, Alternation):
        return "|".join(_python(branch, names) for branch in tree.branches)
    inner = _python(tree.item, names)
    if not isinstance(tree.item, (Set, Group)):
        inner = f"(?:{inner})"
    high = "" if tree.high is None else str(tree.high)
    mark = f"{{{tree.low},{high}}}" if tree.high != tree.low else f"{{{tree.low}}}"
    return inner + mark + ("" if tree.greedy or tree.high == tree.low else "?")


def _set(ranges: Ranges) -> str:
    if ranges == ANY.ranges:
        return "."
    if not ranges:
        return r"[^\x00-\U0010ffff]"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _code(ranges[0][0])
    inner = "".join(
        _code(low) if low == high else f"{_code(low)}-{_code(high)}"
        for low, high in ranges
    )
    return f"[{inner}]"


def _code(code: int) -> str:
    character = chr(code)
    if character.isascii() and character.isalnum():
        return character
    return f"\\U{code:08x}"
