"""Versions of modules and the constraints on them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Constraint", "ModuleVersion", "choose_version"]

_VERSION = re.compile(
    r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_TERM = re.compile(r"(\^|~|>=|<=|!=|>|<|=)?\s*([^\s<>=!^~,]+)")


class ModuleVersion(NamedTuple):
    """A semantic version, sorted as such; build text does not count."""

    major: int
    minor: int
    patch: int
    release: bool = True
    label: tuple[tuple[int, int, str], ...] = ()
    text: str = ""

    @staticmethod
    def parse(text: str) -> ModuleVersion:
        """Read ``1.2.3``, ``v1.2`` or ``1.2.3-rc.1``.

        Raises:
          InvalidError: The text is no version.
        """
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            raise InvalidError(f'version {text!r}: wanted text like "1.2.3"')
        label = tuple(
            (0, int(part), "") if part.isdecimal() else (1, 0, part)
            for part in (match[4] or "").split(".")
            if part
        )
        numbers = (int(match[1]), int(match[2] or 0), int(match[3] or 0))
        return ModuleVersion(*numbers, not label, label, text.strip())

    def __str__(self) -> str:
        return self.text

    @property
    def rank(self) -> tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]:
        """What decides which of two versions is higher."""
        return self[0], self[1], self[2], self[3], self[4]


_Rank = tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]


class Constraint(NamedTuple):
    """A conjunction of terms: exact, ``^``, ``~``, comparisons, ``*``.

    Source: apps 1.10.6.
    """

    text: str
    terms: tuple[tuple[str, _Rank], ...]
    labels: bool

    @staticmethod
    def parse(text: str) -> Constraint:
        """Read a constraint; blanks and commas stand for "and".

        Raises:
          InvalidError: A term is malformed.
        """
        terms: list[tuple[str, _Rank]] = []
        labels = False
        rest = text.replace(",", " ").strip()
        position = 0
        while position < len(rest):
            match = _TERM.match(rest, position)
            if match is None:
                raise InvalidError(
                    f"version constraint {text!r}: at {rest[position:]!r}"
                )
            position = match.end()
            while rest[position : position + 1].isspace():
                position += 1
            operator, body = match[1] or "", match[2]
            try:
                found = _terms(operator, body)
            except InvalidError as error:
                raise InvalidError(f"version constraint {text!r}: {error}") from error
            labels = labels or "-" in body
            terms.extend(found)
        return Constraint(text.strip() or "*", tuple(terms), labels)

    def allows(self, version: ModuleVersion) -> bool:
        """Tell whether a version fits; pre-releases fit only where one is named."""
        if not version.release and not self.labels:
            return False
        return all(
            _holds(operator, version.rank, bound) for operator, bound in self.terms
        )


def choose_version(
    module: str, available: Iterable[str], wanted: Mapping[str, str]
) -> str:
    """Choose the highest version that all constraints allow.

    Args:
      module: Its name, for errors.
      available: The versions there are.
      wanted: The constraint of each dependency, by the id of the dependency.

    Raises:
      ConflictError: None fits all; details are ``{count, summary, errors}``.
      InvalidError: A version or a constraint is malformed.

    Source: apps 1.10.6.
    """
    constraints = {by: Constraint.parse(text) for by, text in wanted.items()}
    versions = sorted(map(ModuleVersion.parse, available), key=lambda v: v.rank)
    for version in reversed(versions):
        if all(constraint.allows(version) for constraint in constraints.values()):
            return version.text
    errors = [f"{by} wants {item.text}" for by, item in sorted(constraints.items())]
    there = ", ".join(version.text for version in versions) or "none"
    summary = f"module {module}: no version fits {'; '.join(errors)}; there is {there}"
    raise ConflictError(
        summary,
        details={"count": len(errors), "summary": summary, "errors": errors},
    )


def _terms(operator: str, body: str) -> list[tuple[str, _Rank]]:
    if body in {"*", "x", "X"}:
        if operator:
            raise InvalidError(f"{operator}{body} compares with nothing")
        return []
    numbers = re.sub(r"\.[*xX]", "", body)
    wild = numbers != body
    version = ModuleVersion.parse(numbers)
    given = numbers.split("-")[0].count(".") + 1
    rank = version.rank
    if operator == "^":
        fixed = next((i for i in range(given) if version[i]), given - 1)
        return [(">=", rank), ("<", _bumped(version, fixed))]
    if operator == "~":
        return [(">=", rank), ("<", _bumped(version, min(given, 2) - 1))]
    if wild and operator in {"", "="}:
        return [(">=", rank), ("<", _bumped(version, given - 1))]
    return [(operator or "=", rank)]


def _bumped(version: ModuleVersion, index: int) -> _Rank:
    numbers = [version.major, version.minor, version.patch]
    numbers[index] += 1
    numbers[index + 1 :] = [0] * (2 - index)
    # False and no label: below every pre-release of that number.
    return numbers[0], numbers[1], numbers[2], False, ()


def _holds(operator: str, rank: _Rank, bound: _Rank) -> bool:
    if operator == "=":
        return rank == bound
    if operator == "!=":
        return rank != bound
    if operator == ">":
        return rank > bound
    if operator == ">=":
        return rank >= bound
    return rank < bound if operator == "<" else rank <= bound
