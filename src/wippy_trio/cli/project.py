"""Loading the application of the working directory, for every command that needs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from wippy_trio.loading import Project

__all__ = ["add_project_arguments", "load"]


def add_project_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that say what is loaded and how it is configured."""
    parser.add_argument("--config", action="append", default=[], metavar="FILE")
    parser.add_argument("--profile", action="append", default=[], metavar="NAME")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.PATH=VALUE", dest="sets"
    )
    parser.add_argument(
        "--override", "-o", action="append", default=[], metavar="NS:ENTRY:PATH=VALUE"
    )


def load(options: argparse.Namespace) -> Project:
    """Load the application of the working directory."""
    from wippy_trio.loading import load_config, load_project  # noqa: PLC0415

    folder = Path.cwd()
    config = load_config(
        folder,
        options.config,
        profiles=options.profile,
        sets=options.sets,
        environ=os.environ,
    )
    return load_project(folder, config=config, overrides=options.override)
