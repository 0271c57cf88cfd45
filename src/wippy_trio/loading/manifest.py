"""`wippy.yaml`: the card of a module, and what it keeps to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.loading.yaml import load_yaml
from wippy_trio.registry import DisableRules

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MANIFEST_NAME", "Manifest", "read_manifest"]

MANIFEST_NAME = "wippy.yaml"
_TEXTS = (
    "organization",
    "module",
    "version",
    "description",
    "license",
    "repository",
    "homepage",
    "type",
)
_LISTS = ("keywords", "authors", "exclude", "embed")


class Manifest(NamedTuple):
    """What a module says about itself.

    ``excluded`` takes out of its entries what is not meant for a host.
    """

    fields: dict[str, Any]
    excluded: DisableRules

    @property
    def name(self) -> str:
        """The name as ``organization/module``, empty if a part is missing."""
        organization, module = self.text("organization"), self.text("module")
        return f"{organization}/{module}" if organization and module else ""

    @property
    def version(self) -> str:
        """The version, empty if there is none."""
        return self.text("version")

    def text(self, field: str) -> str:
        """Return a field as text, empty if there is none."""
        value = self.fields.get(field)
        return "" if value is None else str(value)


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest in the folder of a module.

    Returns:
      None where there is no readable file.

    Raises:
      InvalidError: The file is malformed.

    Source: apps 1.1, 1.2.4.
    """
    path = folder / MANIFEST_NAME
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    shown = str(path)
    body = load_yaml(raw, shown)
    if not isinstance(body, dict):
        raise InvalidError(f"{shown}: wanted a map, got {type(body).__name__}")
    for field in _TEXTS:
        value = body.get(field)
        if isinstance(value, (dict, list)):
            raise InvalidError(f"{shown}: {field}: wanted text, got {value!r}")
    for field in _LISTS:
        value = body.get(field)
        if value is not None and not isinstance(value, (list, str)):
            raise InvalidError(f"{shown}: {field}: wanted a list, got {value!r}")
    listed = body.get("exclude")
    items = listed if isinstance(listed, list) else [listed] if listed else []
    # Items without a colon are file globs for publishing.
    patterns = [item for item in items if isinstance(item, str) and ":" in item]
    excluded = DisableRules.read(
        None, patterns, body.get("exclude_meta"), where=f"{shown}: exclude"
    )
    return Manifest(body, excluded)
