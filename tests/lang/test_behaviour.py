"""A translated program does what the author's text does."""

from __future__ import annotations

import pytest

from tests.lang.machine import VERSIONS, Outcome, run, run_plain, translate
from tests.lang.programs import PROGRAMS

CASES = pytest.mark.parametrize("name", PROGRAMS)
EACH_VERSION = pytest.mark.parametrize("version", VERSIONS)


def seen(outcome: Outcome) -> tuple[str, bool | str, str]:
    return outcome.printed, outcome.ok, outcome.results


def plain(name: str, version: str) -> tuple[str, bool | str, str]:
    if version == "5.5" and name in ("assigned loop variables", *CLOSED_OVER):
        version = "5.4"  # 5.5 refuses the author's text, and only that
    return seen(run_plain(PROGRAMS[name], version=version))


CLOSED_OVER = ("each turn has its own loop variable",)


@EACH_VERSION
@CASES
def test_program_behaves_as_written_without_checks(name: str, version: str) -> None:
    outcome = run(PROGRAMS[name], version=version, budget="off")
    assert seen(outcome) == plain(name, version)  # types 4.3
    assert outcome.checks == 0


@EACH_VERSION
@CASES
@pytest.mark.parametrize("credit", [1, 2, 3, 1000, 0])
def test_program_behaves_as_written_with_checks(
    name: str, version: str, credit: int
) -> None:
    outcome = run(PROGRAMS[name], version=version, credit=credit)
    assert seen(outcome) == plain(name, version)  # design 3, "Budget checks"


@CASES
def test_program_behaves_as_written_with_loop_checks_only(name: str) -> None:
    outcome = run(PROGRAMS[name], budget="loops", credit=1)
    assert seen(outcome) == plain(name, "5.4")


@EACH_VERSION
@CASES
def test_translation_keeps_every_line_end(name: str, version: str) -> None:
    source = PROGRAMS[name].encode()
    text = translate(PROGRAMS[name], version=version).text
    on_own_line = text.endswith(b"\nend")
    assert text.count(b"\n") - on_own_line == source.count(b"\n")  # types 4.3


def test_programs_are_many() -> None:
    assert len(PROGRAMS) >= 30
