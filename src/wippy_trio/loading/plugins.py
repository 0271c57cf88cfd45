"""Modules and kinds of installed packages, by their entry points; none is imported.

The groups are ``wippy_trio.modules`` and ``wippy_trio.kinds``. The name of an entry
point is what programs write: the ``require`` name, the kind. So a check of an
application knows them without running anybody's code. Of two packages with one name
the first in alphabetical order has it; what comes with us goes before all.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import NamedTuple

__all__ = ["KINDS_GROUP", "MODULES_GROUP", "Plugin", "plugins"]

MODULES_GROUP = "wippy_trio.modules"
KINDS_GROUP = "wippy_trio.kinds"


class Plugin(NamedTuple):
    """An entry point.

    ``place`` is the import path, ``attribute`` what it names there, ``package`` the
    distribution with its version.
    """

    name: str
    place: str
    attribute: str
    package: str

    def file(self) -> Path | None:
        """Find the source file, importing nothing; None if there is no such file."""
        from importlib.util import find_spec  # noqa: PLC0415 - start-up cost

        top, *below = self.place.split(".")
        try:
            spec = find_spec(top)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        if not below:
            candidates = [spec.origin or ""]
        else:
            candidates = []
            for folder in spec.submodule_search_locations or ():
                base = Path(folder).joinpath(*below)
                candidates += [f"{base}.py", str(base / "__init__.py")]
        for candidate in candidates:
            if candidate.endswith(".py") and Path(candidate).is_file():
                return Path(candidate)
        return None


@functools.cache
def plugins(group: str) -> dict[str, Plugin]:
    """List the entry points of a group, by name."""
    if not _has_plugins():
        return {}
    from importlib.metadata import entry_points  # noqa: PLC0415 - start-up cost

    found: dict[str, Plugin] = {}
    points = entry_points(group=group)
    for point in sorted(points, key=lambda each: (_package(each), each.name)):
        place, _, attribute = point.value.partition(":")
        plugin = Plugin(point.name, place.strip(), attribute.strip(), _package(point))
        found.setdefault(point.name, plugin)
    return found


def _package(point: object) -> str:
    distribution = getattr(point, "dist", None)
    if distribution is None:
        return ""
    return f"{distribution.name} {distribution.version}"


@functools.cache
def _has_plugins() -> bool:
    """Tell whether an installed package may have entry points for us.

    ``importlib.metadata`` parses the entry points of all packages, 20 ms and more; a
    look at the files for our name takes a tenth. Where packages may lie in an archive
    or are found by a finder of their own, the answer is yes.
    """
    usual = {"BuiltinImporter", "FrozenImporter", "PathFinder"}
    for finder in sys.meta_path:
        name = getattr(finder, "__name__", type(finder).__name__)
        if name not in usual and hasattr(finder, "find_distributions"):
            return True
    for place in dict.fromkeys(sys.path):
        try:
            with os.scandir(place or ".") as entries:
                names = [e.path for e in entries if e.name.endswith(("-info", ".egg"))]
        except NotADirectoryError:
            return True
        except OSError:
            continue
        for path in names:
            file = os.path.join(path, "entry_points.txt")  # noqa: PTH118
            if path.endswith(".egg"):
                file = os.path.join(path, "EGG-INFO", "entry_points.txt")  # noqa: PTH118
            try:
                with open(file, "rb") as opened:  # noqa: PTH123 - start-up cost
                    if b"[wippy_trio." in opened.read():
                        return True
            except NotADirectoryError:
                return True
            except OSError:
                continue
    return False
