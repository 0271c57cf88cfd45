"""The chapters again: other Luas, kernel channels, processes in VMs of their own.

What differs is named here, each with its reason; everything else must be the same.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from wippy_trio.lua.engine import VmEngine

if TYPE_CHECKING:
    from tests.core.chapter import Chapter

NAMES = (
    "processes",
    "names",
    "fates",
    "messages",
    "spawning",
    "permissions",
    "channels",
    "coroutines",
    "stdlib",
    "errors",
    "functions",
    "bus",
    "timing",
    "payloads",
    "combinations",
)
ERROR_OF_NIL = {
    "CO-14: errors go to the resumer with identity",
    "STD-21: error levels",
    "STD-22: pcall and xpcall keep identity",
}
"""Lua 5.5 gives a text for ``error(nil)``."""


def chapter(name: str) -> Chapter:
    """Find the chapter of a test file."""
    found: Chapter = import_module(f"tests.core.test_{name}").CHAPTER
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lua", ["5.3", "5.5"])
def test_other_luas(name: str, lua: str) -> None:
    """The rules hold in each Lua there is."""
    failures = chapter(name).variant(lua=lua).failures()
    known = ERROR_OF_NIL if lua == "5.5" else set()
    assert not failures.keys() - known


@pytest.mark.parametrize("name", NAMES)
def test_channels_of_the_kernel(name: str) -> None:
    """With ``channels: kernel`` programs see no difference."""
    assert chapter(name).variant(host="channels: kernel").failures() == {}


@pytest.mark.parametrize("name", NAMES)
def test_processes_in_vms_of_their_own(name: str) -> None:
    """With ``isolation: vm`` neither: M-1a holds between VMs, too."""
    assert chapter(name).variant(host="isolation: vm").failures() == {}


@pytest.mark.parametrize("name", NAMES)
def test_slices_that_end_everywhere(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is set aside at each of its checks sees no difference either."""
    defaults = VmEngine.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "slice_seconds", 1e-9)
    assert chapter(name).variant().failures() == {}
