"""Loading the application of the working directory, for every command that needs it."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from wippy_trio.loading import Project

__all__ = ["add_project_arguments", "load"]


def add_project_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags that say what is loaded and how it is configured."""

    def repeated(*names: str, metavar: str, text: str, dest: str | None = None) -> None:
        parser.add_argument(
            *names, action="append", default=[], metavar=metavar, help=text, dest=dest
        )

    repeated(
        "--config", metavar="FILE", text="configuration to read in place of .wippy.yaml"
    )
    repeated("--profile", metavar="NAME", text="a profile of the configuration")
    repeated(
        "--set",
        metavar="SECTION.PATH=VALUE",
        text="a value of the configuration",
        dest="sets",
    )
    repeated(
        "--override",
        "-o",
        metavar="NS:ENTRY:PATH=VALUE",
        text="a field of an entry; like those above it may be repeated",
    )


def load(options: argparse.Namespace, *, logged: bool = False) -> Project:
    """Load the application of the working directory.

    Args:
      options: What the flags said.
      logged: Its findings will be logged; else lines on standard error name each
        definition file that was left out, and the folder if it is no application.
    """
    # Cycles are rare here, and looking for them at every 700 objects costs a tenth of a
    # spawn. The library leaves the collector to its user; this process is ours.
    gc.set_threshold(50_000, 20, 20)

    from wippy_trio.loading import load_config, load_project  # noqa: PLC0415

    folder = Path.cwd()
    config = load_config(
        folder,
        options.config,
        profiles=options.profile,
        sets=options.sets,
        environ=os.environ,
    )
    project = load_project(folder, config=config, overrides=options.override)
    if not logged and (project.failures or not project.entries):
        from wippy_trio.cli.failure import warn_left_out  # noqa: PLC0415 - start-up cost

        warn_left_out(project)
    return project
