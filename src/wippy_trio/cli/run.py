"""``wippy-trio run``: an application, or one process of it (apps 1.12, 5.3)."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from wippy_trio.cli.flags import add_run_flags, memory_limit
from wippy_trio.cli.project import add_project_arguments, load
from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from wippy_trio.loading import Project

__all__ = ["add_arguments", "run", "run_program"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--exec", "-x", metavar="NS:NAME", help="run this process")
    parser.add_argument("--host", help="the terminal host to run it on")
    parser.add_argument("--lua", default="", metavar="5.4", help="the version of Lua")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="repeat the run of this number"
    )
    add_run_flags(parser, again=True)
    add_project_arguments(parser)
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="arguments",
        help="of the process; without -x first a command of the application ('list'"
        " shows them), or nothing to serve until a signal comes",
    )


def run(options: argparse.Namespace) -> int:
    """Run until the program ends, or until a signal comes."""
    arguments = program_arguments(options)
    target = options.exec
    project = load(options, logged=target is None and not arguments)
    if target is None and arguments:
        from wippy_trio.cli.commands import (  # noqa: PLC0415 - start-up cost
            find_command,
            list_commands,
        )

        if arguments[0] == "list":
            return list_commands(project)
        target = find_command(project, arguments.pop(0))
    if target is not None:
        _check_target(target)
    return run_program(options, project, target, arguments)


def program_arguments(options: argparse.Namespace) -> list[str]:
    """Give what follows the flags; a leading ``--`` is ours."""
    arguments = list(options.arguments)
    if arguments[:1] == ["--"]:
        del arguments[0]
    return arguments


def run_program(
    options: argparse.Namespace,
    project: Project,
    target: str | None,
    arguments: list[str],
) -> int:
    """Set up the log, then run the application and one process of it, if any."""
    limit = memory_limit(options.memory_limit)
    debug = options.verbose or options.very_verbose
    unlogged = target is not None and not (options.console or debug)
    quiet = options.silent or unlogged
    form = "json" if project.config.text("logger.encoding") == "json" else "lines"
    if options.console:
        form = "console"

    from wippy_trio.cli.launch import Launch, launch  # noqa: PLC0415 - start-up cost
    from wippy_trio.runtime.logging import configure_logging  # noqa: PLC0415

    stream = options.event_streams or project.config.flag("logmanager.stream_to_events")
    configure_logging(
        "silent" if quiet else form,
        debug=debug,
        stacks=options.very_verbose,
        stream=stream,
    )
    if options.profiler:
        sys.stderr.write("Warning: --profiler: there is no profiler in this version\n")
    return launch(
        Launch(
            project,
            target,
            arguments,
            options.host,
            options.lua or os.environ.get("WIPPY_TRIO_LUA") or "5.4",
            limit,
            stream,
            getattr(options, "seed", None),
            warn=unlogged and not options.silent,
        )
    )


def _check_target(target: str) -> None:
    ns, colon, name = target.partition(":")
    if not (ns and colon and name):
        raise InvalidError(f"-x {target}: wanted namespace:name")
