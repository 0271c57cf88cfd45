"""``wippy-trio version``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from wippy_trio._version import __version__

if TYPE_CHECKING:
    import argparse

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Print the version."""
    del options
    sys.stdout.write(f"wippy-trio {__version__}\n")
    return 0
