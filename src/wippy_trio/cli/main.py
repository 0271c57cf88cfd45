"""The command line: one file per command, nothing imported before its time."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from wippy_trio.cli.flags import add_run_flags, command_word

__all__ = ["main"]

COMMANDS = {
    "run": "run an application, or one process of it",
    "test": "run the tests of an application",
    "init": "write the lock of an application",
    "lint": "look for mistakes in the Lua sources",
    "lsp": "serve an editor: mistakes, types, completion",
    "registry": "list or show the entries of an application",
    "version": "print the version",
}


def main(arguments: list[str]) -> int:
    """Run one command.

    Returns:
      The exit code: 0, 1 for a failure, 2 for wrong usage, or that of the program.
    """
    parser = argparse.ArgumentParser(
        prog="wippy-trio",
        description="Isolated Lua processes on Trio. Every command works on the"
        " application of the working directory.",
        epilog="'wippy-trio COMMAND --help' tells more about a command.",
    )
    parser.add_argument(
        "--version", "-V", action="store_true", help="print the version"
    )
    parser.add_argument("--debug", action="store_true", help="show Python tracebacks")
    add_run_flags(parser)
    commands = parser.add_subparsers(dest="command", metavar="command")
    wanted = command_word(arguments)
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        if name == wanted:
            import_module(f"wippy_trio.cli.{name}").add_arguments(sub)
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        code = int(import_module(f"wippy_trio.cli.{options.command}").run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output has seen enough; let nothing be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from wippy_trio.errors import Error  # noqa: PLC0415 - start-up cost

        if options.debug or not isinstance(error, (Error, OSError)):
            raise
        import_module("wippy_trio.cli.failure").report(error)
        return 1
