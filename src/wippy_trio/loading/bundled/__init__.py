"""Modules that come with us: an application names one as dependency and has it.

They lie here as ``organization/module``, each a folder with its ``wippy.yaml`` as any
other module. A replacement or a module of the lock goes before them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from wippy_trio.loading.manifest import read_manifest

__all__ = ["MountedModule", "bundled_module"]


class MountedModule(NamedTuple):
    """A module whose entries are part of the application.

    ``root`` is the folder of the module itself, ``source`` the one that was scanned.
    """

    name: str
    version: str
    root: Path
    source: Path


def bundled_module(name: str) -> MountedModule | None:
    """Find a module that comes with us.

    Args:
      name: ``organization/module``; any other text finds nothing.
    """
    parts = name.split("/")
    if len(parts) != 2 or not all(
        part.replace("-", "_").isidentifier() for part in parts
    ):
        return None
    root = Path(__file__).parent.joinpath(*parts)
    manifest = read_manifest(root)
    if manifest is None or manifest.name != name:
        return None
    return MountedModule(name, manifest.version, root, root / "src")
