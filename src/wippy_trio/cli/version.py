"""``wippy-trio version``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from wippy_trio._version import __version__

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--short", action="store_true", help="the number alone")


def run(options: argparse.Namespace) -> int:
    """Print the version."""
    name = "" if options.short else "wippy-trio "
    sys.stdout.write(f"{name}{__version__}\n")
    return 0
