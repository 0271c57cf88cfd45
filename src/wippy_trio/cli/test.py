"""``wippy-trio test``: the test runner that an application brings (apps 12)."""

from __future__ import annotations

import argparse

from wippy_trio.cli.flags import add_run_flags
from wippy_trio.cli.project import add_project_arguments, load

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--host", help="the terminal host to run it on")
    parser.add_argument("--lua", default="", metavar="5.4", help="the version of Lua")
    add_run_flags(parser, again=True)
    add_project_arguments(parser)
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="patterns",
        help="parts of test ids, for the runner",
    )


def run(options: argparse.Namespace) -> int:
    """Run the test runner with the patterns as its arguments."""
    from wippy_trio.cli.commands import find_test  # noqa: PLC0415 - start-up cost
    from wippy_trio.cli.run import program_arguments, run_program  # noqa: PLC0415

    project = load(options)
    return run_program(options, project, find_test(project), program_arguments(options))
