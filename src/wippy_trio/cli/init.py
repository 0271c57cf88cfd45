"""``wippy-trio init``: write the lock of an application (apps 10.2)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "--src-dir", "-d", default="./src", help="where the sources are"
    )
    parser.add_argument(
        "--modules-dir", default=".wippy", help="where modules are kept"
    )
    parser.add_argument("--lock-file", "-l", default="wippy.lock", help="what to write")


def run(options: argparse.Namespace) -> int:
    """Write the lock; keep what else it says."""
    from wippy_trio.loading import write_directories  # noqa: PLC0415 - start-up cost

    write_directories(Path(options.lock_file), options.src_dir, options.modules_dir)
    sys.stderr.write(f"lock file initialized successfully: {options.lock_file}\n")
    return 0
