"""Search by an automaton: time linear in the subject, whatever the expression.

The tree becomes a program of single steps (Thompson's construction). A state of the
search is the set of places in the program that are alive, together with the kind of
the character before it, which assertions ask for. States and the moves between them
are made when they are first needed and kept, so a character usually costs one lookup.

Source: types 4.4; modules-data 10.1 (linear time).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.expr.re2_syntax import (
    Alternation,
    Assertion,
    Concatenation,
    Group,
    Ranges,
    Regex,
    Repeat,
    Set,
)

__all__ = ["Automaton"]

_MAX_STEPS = 20_000
_MAX_STATES = 2_000
_MAX_WORK = 1_000_000  # about a second

_OTHER, _WORD, _NEWLINE, _EDGE = range(4)


class _Step(NamedTuple):
    """One instruction: a set to match, an assertion, or a fork to several places."""

    ranges: Ranges | None
    assertion: str
    targets: tuple[int, ...]


class _State:
    __slots__ = ("before", "moves", "places")

    def __init__(self, places: frozenset[int], before: int) -> None:
        self.places = places
        self.before = before
        self.moves: dict[int, _State | None] = {}


class Automaton:
    """Answer whether an expression matches anywhere in a text."""

    __slots__ = ("_classes", "_cuts", "_entry", "_kinds", "_states", "_steps")

    def __init__(self, tree: Regex) -> None:
        """Build the program.

        Raises:
          InvalidError: It would have more than 20 000 steps.
        """
        self._steps: list[_Step] = [_Step(None, "", ())]  # place 0 is the match
        self._entry = self._compile(tree, 0)
        cuts = {10, 11, 48, 58, 65, 91, 95, 96, 97, 123}
        for step in self._steps:
            for low, high in step.ranges or ():
                cuts.update((low, high + 1))
        self._cuts = sorted(cuts)
        self._kinds = [_kind(0), *(_kind(cut) for cut in self._cuts)]
        self._classes: dict[str, int] = {}
        self._states: dict[tuple[frozenset[int], int], _State] = {}

    def search(self, subject: str) -> bool:
        """Tell whether the expression matches anywhere in a text.

        Raises:
          InvalidError: The search needed more than a stated amount of work, which
            takes a large expression and a long text made for it.
        """
        work = 0
        classes = self._classes
        state = self._state(frozenset((self._entry,)), _EDGE)
        for character in subject:
            number = classes.get(character)
            if number is None:
                number = self._class_of(character)
            try:
                following = state.moves[number]
            except KeyError:
                work += len(state.places) + 100
                if work > _MAX_WORK:
                    raise InvalidError(
                        "regular expression: too much work for a text of"
                        f" {len(subject)} characters"
                    ) from None
                following = self._move(state, number)
            if following is None:
                return True
            state = following
        return self._matches(state, _EDGE) is None

    def _class_of(self, character: str) -> int:
        if len(self._classes) > 10_000:
            self._classes.clear()
        number = bisect_right(self._cuts, ord(character))
        self._classes[character] = number
        return number

    def _state(self, places: frozenset[int], before: int) -> _State:
        key = (places, before)
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= _MAX_STATES:
                for old in self._states.values():
                    old.moves.clear()
                self._states.clear()
            state = self._states[key] = _State(places, before)
        return state

    def _move(self, state: _State, number: int) -> _State | None:
        """Step over a character of a class; None means that it has matched."""
        kind = self._kinds[number]
        alive = self._matches(state, kind)
        following: _State | None = None
        if alive is not None:
            code = self._cuts[number - 1] if number else 0
            places = {self._entry}
            for place in alive:
                step = self._steps[place]
                if any(low <= code <= high for low, high in step.ranges or ()):
                    places.update(step.targets)
            following = self._state(frozenset(places), kind)
        state.moves[number] = following
        return following

    def _matches(self, state: _State, after: int) -> list[int] | None:
        """Follow forks and assertions; None at a match, else the sets to try."""
        before = state.before
        seen = set(state.places)
        pending = list(seen)
        alive: list[int] = []
        while pending:
            place = pending.pop()
            if place == 0:
                return None
            step = self._steps[place]
            if step.ranges is not None:
                alive.append(place)
            elif not step.assertion or _holds(step.assertion, before, after):
                for target in step.targets:
                    if target not in seen:
                        seen.add(target)
                        pending.append(target)
        return alive

    # Building the program, from the end to the beginning

    def _add(self, ranges: Ranges | None, assertion: str, *targets: int) -> int:
        if len(self._steps) >= _MAX_STEPS:
            raise InvalidError("error parsing regexp: expression too large")
        self._steps.append(_Step(ranges, assertion, targets))
        return len(self._steps) - 1

    def _compile(self, tree: Regex, following: int) -> int:
        """Add the steps of a tree before a place; return where they begin."""
        if isinstance(tree, Set):
            return self._add(tree.ranges, "", following)
        if isinstance(tree, Assertion):
            return self._add(None, tree.kind, following)
        if isinstance(tree, Group):
            return self._compile(tree.item, following)
        if isinstance(tree, Concatenation):
            for item in reversed(tree.items):
                following = self._compile(item, following)
            return following
        if isinstance(tree, Alternation):
            starts = [self._compile(branch, following) for branch in tree.branches]
            return self._add(None, "", *starts)
        return self._repeat(tree, following)

    def _repeat(self, tree: Repeat, following: int) -> int:
        if tree.high is None:
            fork = self._add(None, "")
            body = self._compile(tree.item, fork)
            self._steps[fork] = _Step(None, "", (body, following))
            following = fork
        else:
            end = following
            for _ in range(tree.high - tree.low):
                body = self._compile(tree.item, following)
                following = self._add(None, "", body, end)
        for _ in range(tree.low):
            following = self._compile(tree.item, following)
        return following


def _kind(code: int) -> int:
    if code == 10:
        return _NEWLINE
    character = chr(code) if code < 128 else " "
    return _WORD if character == "_" or character.isalnum() else _OTHER


def _holds(assertion: str, before: int, after: int) -> bool:
    match assertion:
        case "begin_text":
            return before == _EDGE
        case "end_text":
            return after == _EDGE
        case "begin_line":
            return before in {_EDGE, _NEWLINE}
        case "end_line":
            return after in {_EDGE, _NEWLINE}
        case "word":
            return (before == _WORD) != (after == _WORD)
        case _:
            return (before == _WORD) == (after == _WORD)
