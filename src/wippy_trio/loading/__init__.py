"""From files to entries: locks, definition files, modules, configuration.

:func:`load_project` reads a whole application. Nothing here logs: what is worth a line
comes back as findings. Names are imported when first used; PyYAML when a file is read.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.loading.check import (
        check_dependencies,
        check_kinds,
        check_references,
    )
    from wippy_trio.loading.coerce import (
        coerce_override,
        coerce_set,
        parse_override_flag,
        parse_set_flag,
    )
    from wippy_trio.loading.config import CONFIG_NAME, Config, load_config
    from wippy_trio.loading.defaults import DEFAULTS
    from wippy_trio.loading.definitions import (
        SUFFIXES,
        Located,
        Origin,
        UnreadableError,
        read_definition,
    )
    from wippy_trio.loading.lockfile import (
        LOCK_NAME,
        Lock,
        LockedModule,
        Replacement,
        read_lock,
        write_directories,
    )
    from wippy_trio.loading.manifest import MANIFEST_NAME, Manifest, read_manifest
    from wippy_trio.loading.placeholders import find_placeholders, interpolate
    from wippy_trio.loading.project import MountedModule, Project, load_project
    from wippy_trio.loading.scanning import Failure, Scanned, scan, skipped_folders
    from wippy_trio.loading.yaml import Document, YamlError, load_document, load_yaml

_HOMES = {
    "check": ("check_dependencies", "check_kinds", "check_references"),
    "coerce": (
        "coerce_override",
        "coerce_set",
        "parse_override_flag",
        "parse_set_flag",
    ),
    "config": ("CONFIG_NAME", "Config", "load_config"),
    "defaults": ("DEFAULTS",),
    "definitions": (
        "SUFFIXES",
        "Located",
        "Origin",
        "UnreadableError",
        "read_definition",
    ),
    "placeholders": ("find_placeholders", "interpolate"),
    "lockfile": (
        "LOCK_NAME",
        "Lock",
        "LockedModule",
        "Replacement",
        "read_lock",
        "write_directories",
    ),
    "manifest": ("MANIFEST_NAME", "Manifest", "read_manifest"),
    "project": ("MountedModule", "Project", "load_project"),
    "scanning": ("Failure", "Scanned", "scan", "skipped_folders"),
    "yaml": ("Document", "YamlError", "load_document", "load_yaml"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CONFIG_NAME",
    "DEFAULTS",
    "LOCK_NAME",
    "MANIFEST_NAME",
    "SUFFIXES",
    "Config",
    "Document",
    "Failure",
    "Located",
    "Lock",
    "LockedModule",
    "Manifest",
    "MountedModule",
    "Origin",
    "Project",
    "Replacement",
    "Scanned",
    "UnreadableError",
    "YamlError",
    "check_dependencies",
    "check_kinds",
    "check_references",
    "coerce_override",
    "coerce_set",
    "find_placeholders",
    "interpolate",
    "load_config",
    "load_document",
    "load_project",
    "load_yaml",
    "parse_override_flag",
    "parse_set_flag",
    "read_definition",
    "read_lock",
    "read_manifest",
    "scan",
    "skipped_folders",
    "write_directories",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
