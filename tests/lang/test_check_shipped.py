"""All the Lua of this repository passes the strict checker.

Conformance applications and examples are checked as applications, with their imports
and the signatures of the modules they require. The prelude is no user code, but it is
Lua as hard as it comes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lang.checking import errors
from wippy_trio.lang import LuaSyntaxError, parse
from wippy_trio.loading import load_config, load_project
from wippy_trio.loading.checking import program_of

ROOT = Path(__file__).parents[2]
APPLICATIONS = sorted(
    each.parent.parent
    for each in [
        *ROOT.glob("examples/*/src/_index.yaml"),
        *ROOT.glob("tests/conformance/*/src/_index.yaml"),
    ]
)


def in_dialect(file: Path) -> bool:
    """Leave out what uses a word as a name that the dialect reserves."""
    try:
        parse(file.read_bytes(), file.name)
    except LuaSyntaxError:
        return False
    return True


PRELUDE = sorted(filter(in_dialect, (ROOT / "src/wippy_trio").rglob("*.lua")))
UNTYPED = Path(__file__).with_name("untyped_idioms.lua")


@pytest.mark.parametrize("folder", APPLICATIONS, ids=lambda path: path.name)
def test_an_application_has_no_errors(folder: Path) -> None:
    """Every entry with a source, checked with what it imports."""
    project = load_project(folder, config=load_config(folder, [], environ={}))
    program = program_of(project.entries)
    told = []
    for id_ in project.entries:
        checked = program.check(id_)
        if checked is not None:
            told += [
                f"{id_}:{each.line} {each.code} {each.message}"
                for each in checked.findings
                if each.severity == "error" or each.code == "E9999"
            ]
    assert told == []


@pytest.mark.parametrize("file", PRELUDE, ids=lambda path: path.name)
def test_the_prelude_gives_no_false_alarm(file: Path) -> None:
    """Metatables, closures, coroutines and varargs without a type in sight."""
    assert errors(file.read_text(encoding="utf-8")) == []


def test_idioms_without_types_are_silent() -> None:
    """Caches, stacks, mocks through ``_G``, inheritance, open tables."""
    assert errors(UNTYPED.read_text(encoding="utf-8")) == []
