"""The doors of `expr` and `security` are lazy and keep their promises."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

ROOMS = ["wippy_trio.expr", "wippy_trio.security"]
HEAVY = ["trio", "lupa", "structlog", "rich", "asyncio", "attrs", "msgspec", "yaml"]


@pytest.mark.parametrize("room", ROOMS)
def test_every_promised_name_is_there(room: str) -> None:
    door = importlib.import_module(room)
    for name in door.__all__:
        assert getattr(door, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = door.nope


@pytest.mark.parametrize("room", ROOMS)
def test_the_door_loads_nothing_and_the_room_nothing_heavy(room: str) -> None:
    """House style 2: a door is lazy, and pure rooms have no event loop."""
    script = (
        f"import sys, {room} as door\n"
        f"inside = [m for m in sys.modules if m.startswith('{room}.')]\n"
        "assert not inside, inside\n"
        "[getattr(door, name) for name in door.__all__]\n"
        f"heavy = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
