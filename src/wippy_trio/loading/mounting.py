"""Where the entries of an application lie: its sources, its modules, each in a folder.

A module is what stands in for it by a replacement, what the store has, or what comes
with us. Its manifest takes out what is not meant for a host; the rest is marked as its
own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import InvalidError, NotFoundError, UnavailableError
from wippy_trio.loading.bundled import MountedModule, bundled_module
from wippy_trio.loading.definitions import SUFFIXES, Located
from wippy_trio.loading.lockfile import locate_module, module_places
from wippy_trio.loading.manifest import read_manifest
from wippy_trio.registry import Finding, ModuleVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from wippy_trio.loading.config import Config
    from wippy_trio.loading.lockfile import Lock

__all__ = ["Root", "available_modules", "bundled_roots", "owned", "roots_of"]

_NO_SOURCES = frozenset({"wippy.yaml", ".wippy.yaml", "wippy.lock"})


class Root(NamedTuple):
    """A folder that is scanned, and the module that it belongs to, if any."""

    source: Path
    module: MountedModule | None


def roots_of(config: Config, lock: Lock, findings: list[Finding]) -> Iterator[Root]:
    """List what is scanned, in load order."""
    if lock.source is not None:
        yield Root(lock.source, None)
    replaced = {
        item.module: item.folder
        for item in lock.replacements
        if item.module not in config.dropped_replacements
    }
    replaced.update(config.replacements)
    versions = {module.name: module.version for module in lock.modules}
    for name, folder in replaced.items():
        if not folder.is_dir():
            raise NotFoundError(
                f"replacement of {name}: wanted a folder, found none at {folder}"
            )
        module = _module(name, versions.get(name, ""), folder)
        yield Root(module.source, module)
    for locked in lock.modules:
        if locked.name in replaced:
            continue
        place = locate_module(lock, locked)
        if place is None and (own := bundled_module(locked.name)) is not None:
            fields = {"module": locked.name, "version": locked.version}
            message = "module not in the store, taking the one that comes with us"
            findings.append(Finding("warning", message, fields))
            yield Root(own.source, own)
            continue
        if place is None:
            looked = ", ".join(str(path) for path in module_places(lock, locked))
            raise NotFoundError(
                f"module {locked.name} {locked.version}: not in the store, looked at "
                f"{looked}"
            )
        if not place.is_dir():
            raise UnavailableError(
                f"module {locked.name} {locked.version}: wanted a folder, found the "
                f"pack {place}; packs are not available in this version"
            )
        mounted = _module(locked.name, locked.version, place, stored=True)
        yield Root(mounted.source, mounted)


def bundled_roots(
    located: Iterable[Located], mounted: Mapping[str, MountedModule]
) -> Iterator[Root]:
    """List the modules of our own that are wanted and come from nowhere else."""
    wanted = {
        item.entry.data.get("component"): None
        for item in located
        if item.entry.kind == "ns.dependency" and isinstance(item.entry.data, dict)
    }
    for name in wanted:
        if isinstance(name, str) and name not in mounted:
            module = bundled_module(name)
            if module is not None:
                yield Root(module.source, module)


def owned(entries: list[Located], module: MountedModule | None) -> Iterator[Located]:
    """Filter the entries of a module by its manifest and mark them as its own."""
    if module is None:
        yield from entries
        return
    manifest = read_manifest(module.root)
    marks = {"module": module.name}
    version = module.version or (manifest.version if manifest else "")
    if version:
        marks["module_version"] = version
    for entry, origin in entries:
        if manifest is not None and manifest.excluded.matches(entry):
            continue
        yield Located(
            entry._replace(meta={**entry.meta, **marks}),
            origin._replace(module=module.name),
        )


def available_modules(config: Config, lock: Lock, name: str) -> list[MountedModule]:
    """List what could be mounted under a name, without a network.

    A replacement is the only choice. Otherwise there are the folders of the store, and
    without any of them what comes with us.
    """
    for root in roots_of(config, lock._replace(modules=()), []):
        if root.module is not None and root.module.name == name:
            return [_versioned(root.module)]
    organization, _, short = name.partition("/")
    home = lock.modules_dir / "vendor" / organization
    locked = {module.name: module.version for module in lock.modules}
    found = []
    if (home / short).is_dir():
        found.append(_module(name, locked.get(name, ""), home / short, stored=True))
    if home.is_dir():
        for place in sorted(home.glob(f"{short}-*/")):
            version = place.name.removeprefix(f"{short}-")
            try:
                ModuleVersion.parse(version)
            except InvalidError:
                continue  # another module, whose name begins with this one's
            found.append(_module(name, version, place, stored=True))
    own = bundled_module(name)
    if not found and own is not None:
        found.append(own)
    return [_versioned(module) for module in found]


def _versioned(module: MountedModule) -> MountedModule:
    if module.version:
        return module
    manifest = read_manifest(module.root)
    return module._replace(version=manifest.version if manifest else "")


def _module(
    name: str, version: str, folder: Path, *, stored: bool = False
) -> MountedModule:
    """Describe the module in a folder.

    Its entries are in its ``src``, if it has one. A folder of the store may also have
    them at its root, beside other things.
    """
    below = folder / "src"
    source = below if below.is_dir() else folder
    if stored and source is below and any(_definitions(folder)):
        source = folder
    return MountedModule(name, version, folder, source)


def _definitions(folder: Path) -> Iterator[Path]:
    for file in folder.iterdir():
        if file.suffix in SUFFIXES and file.name not in _NO_SOURCES:
            yield file
