"""`.wippy.yaml`: the configuration of the runtime.

A configuration is a flat map from leaf paths to values: ``lua.cache.dir`` is one leaf,
and whoever comes later wins leaf by leaf. Four sections are not settings but data, and
are kept apart: ``override``, ``disable``, ``vars`` and ``workspace.replacements``.

The order: built-in defaults, packed defaults, files, profiles, ``--set``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.duration import parse_seconds
from wippy_trio.errors import InvalidError, NotFoundError
from wippy_trio.loading.coerce import parse_set_flag
from wippy_trio.loading.defaults import DEFAULTS
from wippy_trio.loading.variables import Variables, expand_environment
from wippy_trio.loading.yaml import load_yaml
from wippy_trio.registry import DisableRules, Override

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wippy_trio.registry import Finding

__all__ = ["CONFIG_NAME", "Config", "load_config"]

CONFIG_NAME = ".wippy.yaml"
_VERSION = "1.0"
_NUMBERS = (int, float)


class Config(NamedTuple):
    """The configuration in force.

    ``base`` is the folder that relative paths start from; ``files`` were read.
    """

    base: Path
    files: tuple[Path, ...]
    leaves: Mapping[str, Any]
    overrides: tuple[Override, ...]
    disable: DisableRules
    replacements: Mapping[str, Path]
    dropped_replacements: frozenset[str]
    findings: tuple[Finding, ...]

    def get(self, path: str, default: Any = None) -> Any:
        """Return a leaf, the built-in default, or the one given."""
        value = self.leaves.get(path)
        if value is None:
            value = DEFAULTS.get(path)
        return default if value is None else value

    def section(self, path: str) -> dict[str, Any]:
        """Return what is below a path as nested maps, built-in defaults included."""
        prefix = path + "."
        result: dict[str, Any] = {}
        given = {leaf: v for leaf, v in self.leaves.items() if v is not None}
        for leaf, value in {**DEFAULTS, **given}.items():
            if leaf.startswith(prefix):
                *steps, last = leaf.removeprefix(prefix).split(".")
                below = result
                for step in steps:
                    if not isinstance(below.get(step), dict):
                        below[step] = {}
                    below = below[step]
                below[last] = value
        return result

    def text(self, path: str) -> str:
        """Return a leaf as text, empty if there is none.

        Raises:
          InvalidError: It is a list or a map.
        """
        value = self.get(path, "")
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, _NUMBERS):
            return str(value)
        raise self._wrong(path, "text", value)

    def flag(self, path: str) -> bool:
        """Return a leaf that is true or false, or text that reads so.

        Raises:
          InvalidError: It is neither.
        """
        value = self.get(path, default=False)
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if isinstance(value, bool):
            return value
        raise self._wrong(path, "true or false", value)

    def integer(self, path: str) -> int:
        """Return a leaf that is a whole number, or text that reads so.

        Raises:
          InvalidError: It is not.
        """
        value = self.get(path, 0)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str):
            try:
                return int(value)
            except ValueError:
                pass
        raise self._wrong(path, "a whole number", value)

    def seconds(self, path: str) -> float:
        """Return a leaf that is a duration, in seconds; a plain 0 is none.

        Raises:
          InvalidError: It is no duration.
        """
        value = self.get(path, "0")
        if isinstance(value, str):
            try:
                return parse_seconds(value)
            except InvalidError as error:
                raise InvalidError(f"{self._where(path)}: {error}") from error
        if value == 0 and not isinstance(value, bool):
            return 0.0
        raise self._wrong(path, "a duration", value)

    def path(self, path: str) -> Path | None:
        """Return a leaf that is a path, starting from ``base``; None if it is empty."""
        text = self.text(path)
        return self.base / Path(text).expanduser() if text else None

    def _where(self, path: str) -> str:
        files = ", ".join(str(file) for file in self.files) or "configuration"
        return f"{files}: {path}"

    def _wrong(self, path: str, wanted: str, value: Any) -> InvalidError:
        return InvalidError(f"{self._where(path)}: wanted {wanted}, got {value!r}")


def load_config(
    folder: Path,
    files: Sequence[str | Path] = (),
    *,
    profiles: Sequence[str] = (),
    sets: Iterable[str] = (),
    packed: Mapping[str, Any] | None = None,
    environ: Mapping[str, str],
) -> Config:
    """Read the configuration of an application.

    Args:
      folder: Where relative names start from.
      files: The files named by ``--config``, later ones winning; all have to exist. If
        left out, ``.wippy.yaml`` in the folder, which may be absent.
      profiles: The profiles in force, later ones winning.
      sets: The texts of ``--set``.
      packed: Defaults that came in a pack, in the shape of a file.
      environ: The environment for ``${env:NAME}``.

    Raises:
      InvalidError: A file is malformed or of another version, or refers to a variable
        of the environment that is not set.
      NotFoundError: A named file, a profile or a replacement folder does not exist.

    Source: apps 9.1.
    """
    paths = [folder / name for name in files]
    if not paths and (folder / CONFIG_NAME).exists():
        paths = [folder / CONFIG_NAME]
    layers = _Layers()
    available: dict[str, tuple[Path, dict[str, Any]]] = {}
    if packed is not None:
        layers.add(dict(packed), "packed defaults", environ)
    for path in paths:
        body = _read(path)
        for name, profile in _profiles(body, path).items():
            earlier = available.get(name)
            merged = profile if earlier is None else _deep(earlier[1], profile)
            available[name] = (path, merged)
        layers.add(body, str(path), environ)
    for name in profiles:
        if name not in available:
            known = ", ".join(sorted(available))
            wanted = f"wanted one of: {known}" if known else "no file has profiles"
            raise NotFoundError(f"profile {name!r}: {wanted}")
        path, body = available[name]
        layers.add(body, f"{path}: profiles.{name}", environ, profile=True)
    for text in sets:
        layers.set(*parse_set_flag(text))
    return layers.finish(paths[0].parent if paths else folder, tuple(paths))


class _Layers:
    """What the layers so far amount to."""

    def __init__(self) -> None:
        self.leaves: dict[str, Any] = {}
        self.overrides: dict[str, Any] = {}
        self.disable: dict[str, Any] = {}
        self.vars: dict[str, Any] = {}
        self.replacements: dict[str, Any] = {}

    def add(
        self,
        body: dict[str, Any],
        where: str,
        environ: Mapping[str, str],
        *,
        profile: bool = False,
    ) -> None:
        if profile and "${env:" in repr(body.get("vars")):
            raise InvalidError(
                f"{where}: vars: references to the environment are not allowed here"
            )
        for section, raw in body.items():
            if section in {"version", "profiles"}:
                continue
            value = expand_environment(raw, environ, f"{where}: {section}")
            if section == "override":
                self.overrides.update(_map(value, f"{where}: override"))
            elif section == "disable":
                self._disable(_map(value, f"{where}: disable"), where)
            elif section == "vars":
                self._flatten(self.vars, "", _map(value, f"{where}: vars"))
            elif section == "workspace":
                rest = dict(_map(value, f"{where}: workspace"))
                replaced = rest.pop("replacements", None)
                self.replacements.update(
                    _map(replaced, f"{where}: workspace.replacements")
                )
                self._flatten(self.leaves, "workspace.", rest)
            elif isinstance(value, dict):
                self._flatten(self.leaves, section + ".", value)
            else:
                self._write(self.leaves, section, value)

    def set(self, key: str, value: Any) -> None:
        """Change one leaf, wherever it belongs."""
        section, _, path = key.partition(".")
        if section == "override":
            self.overrides[path] = value
        elif section == "vars":
            self._write(self.vars, path, value)
        elif section == "disable":
            top, _, rest = path.partition(".")
            self._disable({top: {rest: value} if rest else value}, "--set")
        elif section == "workspace" and path.startswith("replacements."):
            self.replacements[path.removeprefix("replacements.")] = value or None
        else:
            self._write(self.leaves, key, value)

    def finish(self, base: Path, files: tuple[Path, ...]) -> Config:
        variables = Variables(self.vars)
        leaves = {
            path: variables.expand(value, path) for path, value in self.leaves.items()
        }
        overrides = tuple(
            Override.parse(key, variables.expand(value, f"override {key}"))
            for key, value in self.overrides.items()
        )
        disable = variables.expand(self.disable, "disable")
        rules = DisableRules.read(
            disable.get("namespaces"), disable.get("entries"), disable.get("meta")
        )
        replacements = {}
        for module, target in self.replacements.items():
            if target is None:
                continue
            folder = variables.expand(target, f"workspace.replacements.{module}")
            if not isinstance(folder, str) or not folder.strip():
                raise InvalidError(
                    f"workspace.replacements.{module}: wanted a folder, got {folder!r}"
                )
            replacements[module] = base / Path(folder).expanduser()
            if not replacements[module].is_dir():
                raise NotFoundError(
                    f"workspace.replacements.{module}: wanted a folder, "
                    f"found none at {replacements[module]}"
                )
        dropped = frozenset(
            k for k, value in self.replacements.items() if value is None
        )
        return Config(
            base,
            files,
            leaves,
            overrides,
            rules,
            replacements,
            dropped,
            tuple(variables.findings),
        )

    def _disable(self, body: dict[str, Any], where: str) -> None:
        for key, value in body.items():
            if key == "meta":
                fields = _map(value, f"{where}: disable.meta")
                self.disable["meta"] = {**self.disable.get("meta", {}), **fields}
            elif isinstance(value, dict) and key in {"namespaces", "entries"}:
                unknown = value.keys() - {"add", "remove"}
                if unknown:
                    raise InvalidError(
                        f"{where}: disable.{key}: wanted add or remove, "
                        f"got {', '.join(sorted(unknown))}"
                    )
                removed = _list(value.get("remove"))
                kept = [
                    item for item in _list(self.disable.get(key)) if item not in removed
                ]
                added = [item for item in _list(value.get("add")) if item not in kept]
                self.disable[key] = kept + added
            else:
                self.disable[key] = _list(value)

    def _flatten(self, target: dict[str, Any], prefix: str, body: Any) -> None:
        for key, value in body.items():
            if isinstance(value, dict):
                self._flatten(target, f"{prefix}{key}.", value)
            else:
                self._write(target, f"{prefix}{key}", value)

    @staticmethod
    def _write(target: dict[str, Any], path: str, value: Any) -> None:
        """Set a leaf; what stood above or below it as a leaf gives way."""
        steps = path.split(".")
        for n in range(1, len(steps)):
            target.pop(".".join(steps[:n]), None)
        for other in [leaf for leaf in target if leaf.startswith(path + ".")]:
            del target[other]
        target[path] = value


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"configuration file not found: {path}") from error
    except OSError as error:
        raise InvalidError(f"{path}: {error.strerror}") from error
    body = load_yaml(raw, str(path))
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InvalidError(f"{path}: wanted a map, got {type(body).__name__}")
    version = body.get("version")
    # Unquoted it is a number, which says the same.
    if version != _VERSION and not (isinstance(version, float) and version == 1.0):
        found = "none" if version is None else repr(version)
        raise InvalidError(f'{path}: version: wanted "{_VERSION}", found {found}')
    return body


def _profiles(body: dict[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    found = _map(body.get("profiles"), f"{path}: profiles")
    return {
        name: _map(profile, f"{path}: profiles.{name}")
        for name, profile in found.items()
    }


def _deep(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    result = dict(one)
    for key, value in other.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = _deep(before, value) if both else value  # type: ignore[arg-type]
    return result


def _map(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidError(f"{where}: wanted a map, got {type(value).__name__}")
    return value


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
