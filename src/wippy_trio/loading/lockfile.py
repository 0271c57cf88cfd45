"""The lock file: where the sources and the modules of an application are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from wippy_trio.errors import InvalidError
from wippy_trio.loading.yaml import load_yaml
from wippy_trio.registry import Finding

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "LOCK_NAME",
    "Lock",
    "LockedModule",
    "Replacement",
    "locate_module",
    "read_lock",
    "write_directories",
]

LOCK_NAME = "wippy.lock"
_SOURCE = "./src"
_MODULES = ".wippy"


class LockedModule(NamedTuple):
    """A module that the lock pins."""

    name: str
    version: str
    hash: str = ""
    local_hash: str = ""


class Replacement(NamedTuple):
    """A folder that stands for a module."""

    module: str
    folder: Path


class Lock(NamedTuple):
    """What a lock says, or what stands for it where there is none.

    ``path`` is None without a file, ``source`` where there is nothing to scan.
    """

    path: Path | None
    folder: Path
    source: Path | None
    modules_dir: Path
    modules: tuple[LockedModule, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    unpack_modules: bool = False
    findings: tuple[Finding, ...] = ()


def read_lock(folder: Path, name: str | Path = LOCK_NAME) -> Lock:
    """Read the lock of an application.

    Parent folders are not searched. Without a file, ``./src`` is scanned if there is
    such a folder.

    Args:
      folder: Where to look.
      name: The file, relative to the folder.

    Raises:
      InvalidError: The file cannot be read or says something malformed.

    Source: apps 1.2, 13.1.
    """
    path = folder / name
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return _missing(folder)
    except OSError as error:
        raise InvalidError(f"{path}: {error.strerror}") from error
    shown = str(name)
    body = load_yaml(raw, shown)
    if not isinstance(body, dict):
        raise InvalidError(f"{shown}: wanted a map, got {_type(body)}")
    home = path.parent
    directories = _map(body, "directories", shown)
    source = _path(directories, "src", None, shown)
    modules_dir = _path(directories, "modules", _MODULES, shown)
    modules = tuple(_module(item, shown) for item in _list(body, "modules", shown))
    replaced = _list(body, "replacements", shown)
    replacements = tuple(_replacement(item, home, shown) for item in replaced)
    unpack = _map(body, "options", shown).get("unpack_modules", False)
    if not isinstance(unpack, bool):
        raise InvalidError(
            f"{shown}: options.unpack_modules: wanted true or false, got {unpack!r}"
        )
    findings = []
    if replacements:
        fields = {"path": shown, "use_instead": "workspace.replacements"}
        findings.append(
            Finding("warning", "replacements in the lock file are deprecated", fields)
        )
    return Lock(
        path,
        home,
        home / source,
        home / modules_dir,
        modules,
        replacements,
        unpack,
        tuple(findings),
    )


def locate_module(lock: Lock, module: LockedModule) -> Path | None:
    """Find where the store keeps a module: its folder, its pack, its old folder.

    Returns:
      None where the store has nothing of it.

    Source: apps 1.2.4.
    """
    for place in module_places(lock, module):
        if place.exists():
            return place
    return None


def module_places(lock: Lock, module: LockedModule) -> tuple[Path, Path, Path]:
    """List where a module may be kept, best first."""
    organization, _, name = module.name.partition("/")
    vendor = lock.modules_dir / "vendor" / organization
    return (
        vendor / name,
        vendor / f"{name}-{module.version}.wapp",
        vendor / f"{name}-{module.version}",
    )


def write_directories(
    path: Path, source: str = _SOURCE, modules: str = _MODULES
) -> None:
    """Write where the sources and modules are, keeping what else the lock says.

    The file is readable by its owner only.

    Raises:
      InvalidError: The existing file is malformed, or it cannot be written.

    Source: apps 10.2.
    """
    import yaml  # noqa: PLC0415 - only `init` writes

    for key, value in (("src", source), ("modules", modules)):
        if not value.strip():
            raise InvalidError(f"{path}: directories.{key}: wanted a path, got none")
    body: Any = {}
    try:
        body = load_yaml(path.read_bytes(), str(path)) or {}
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InvalidError(f"{path}: {error.strerror}") from error
    if not isinstance(body, dict):
        raise InvalidError(f"{path}: wanted a map, got {_type(body)}")
    body = {"directories": {}, **body}
    body["directories"] = {
        **_map(body, "directories", str(path)),
        "modules": modules,
        "src": source,
    }
    text = yaml.safe_dump(body, sort_keys=False, default_flow_style=False)
    draft = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is a descriptor
            file.write(text)
        draft.chmod(0o600)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InvalidError(f"{path}: {error.strerror}") from error


def _missing(folder: Path) -> Lock:
    source = folder / _SOURCE
    found = source if source.is_dir() else None
    message = "no lock file found, starting with empty registry"
    if found is not None:
        message = "no lock file found, loading entries from ./src"
    return Lock(
        None,
        folder,
        found,
        folder / _MODULES,
        findings=(Finding("info", message, {}),),
    )


def _map(body: dict[str, Any], key: str, shown: str) -> dict[str, Any]:
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidError(f"{shown}: {key}: wanted a map, got {_type(value)}")
    return value


def _list(body: dict[str, Any], key: str, shown: str) -> list[Any]:
    value = body.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidError(f"{shown}: {key}: wanted a list, got {_type(value)}")
    return value


def _path(body: dict[str, Any], key: str, default: str | None, shown: str) -> str:
    value = body.get(key, default)
    if not isinstance(value, str) or not value.strip():
        raise InvalidError(f"{shown}: directories.{key}: wanted a path, got {value!r}")
    return value


def _module(item: Any, shown: str) -> LockedModule:
    if not isinstance(item, dict):
        raise InvalidError(f"{shown}: modules: wanted maps, got {_type(item)}")
    name, version = item.get("name"), item.get("version")
    if not _is_module(name):
        raise InvalidError(
            f'{shown}: modules: name: wanted "organization/module", got {name!r}'
        )
    if isinstance(version, (int, float)) and not isinstance(version, bool):
        version = str(version)
    if not isinstance(version, str) or not version.strip():
        raise InvalidError(f"{shown}: module {name}: version: wanted text, found none")
    hashes = [item.get(key) for key in ("hash", "local_hash")]
    return LockedModule(name, version, *(str(value or "") for value in hashes))


def _replacement(item: Any, home: Path, shown: str) -> Replacement:
    if not isinstance(item, dict):
        raise InvalidError(f"{shown}: replacements: wanted maps, got {_type(item)}")
    module, folder = item.get("from"), item.get("to")
    if not _is_module(module):
        raise InvalidError(
            f'{shown}: replacements: from: wanted "organization/module", got {module!r}'
        )
    if not isinstance(folder, str) or not folder.strip():
        raise InvalidError(f"{shown}: replacement of {module}: to: wanted a folder")
    return Replacement(module, home / folder)


def _is_module(name: object) -> TypeGuard[str]:
    if not isinstance(name, str) or name.count("/") != 1:
        return False
    # Part of a path in the store: a module may not climb out of it.
    return all(part.strip() and part not in {".", ".."} for part in name.split("/"))


def _type(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
