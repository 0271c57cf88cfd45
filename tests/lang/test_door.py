"""The room's door opens late, and nothing heavy stands behind it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wippy_trio.lang as room

FOREIGN = ("trio", "lupa", "structlog", "attrs", "rich", "msgspec", "asyncio")


def run_python(code: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def test_door_loads_nothing() -> None:
    code = (
        "import sys, wippy_trio.lang\n"
        "print([name for name in sys.modules if name.startswith('wippy_trio.lang.')])"
    )
    assert run_python(code) == "[]"


def test_linting_and_translating_load_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from wippy_trio.lang import compile_chunk, lint_chunk\n"
        "lint_chunk(b'return 1', 'x', known=frozenset(), rules=True)\n"
        "compile_chunk(b'return 1', 'x')\n"
        f"print([name for name in {FOREIGN!r} if name in sys.modules])"
    )
    assert run_python(code) == "[]"


@pytest.mark.parametrize("name", room.__all__)
def test_every_name_of_the_door_is_there(name: str) -> None:
    assert getattr(room, name) is not None
    assert name in dir(room)


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        room.nonsense  # noqa: B018 - the access is the test
