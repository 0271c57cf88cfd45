"""The door of the room."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

from wippy_trio import loading, registry


def test_the_door_knows_every_name_it_lists() -> None:
    for name in loading.__all__:
        assert getattr(loading, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = loading.nothing_like_it


@pytest.mark.parametrize("room", [loading, registry])
def test_no_name_behind_a_door_is_also_the_name_of_a_file(room: object) -> None:
    """Importing the file would put the file in the place of the name."""
    names = set(room.__all__)  # type: ignore[attr-defined]
    files = {item.name for item in pkgutil.iter_modules(room.__path__)}  # type: ignore[attr-defined]
    assert not names & files


def test_importing_the_room_imports_nothing_heavy() -> None:
    """Not even PyYAML: that waits for the first file."""
    script = (
        "import sys, wippy_trio.loading as l\n"
        "ours = [m for m in sys.modules if m.startswith('wippy_trio.')]\n"
        "assert ours == ['wippy_trio._version', 'wippy_trio.loading'], ours\n"
        "for name in l.__all__: getattr(l, name)\n"
        "bad = {'trio', 'lupa', 'structlog', 'attrs', 'attr', 'msgspec', 'yaml',\n"
        "       'asyncio', 'rich'} & set(sys.modules)\n"
        "assert not bad, bad\n"
        "l.load_yaml('a: 1', 'f')\n"
        "assert 'yaml' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
