"""Flags that every command that runs something knows, before and after its name."""

from __future__ import annotations

import argparse
import os
import re

from wippy_trio.errors import InvalidError

__all__ = ["add_run_flags", "command_word", "memory_limit"]

DEFAULT_MEMORY = 1 << 30
LEAST_MEMORY = 4 << 20
"""What the scheduler and the library of a VM need to start, and some."""
_SIZE = re.compile(r"(\d+)\s*([KMGT]?)(?:I?B)?", re.IGNORECASE)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_TAKES_VALUE = frozenset({"--config", "--memory-limit", "-m"})


def add_run_flags(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """Declare the flags of the log, the memory and the configuration (apps 10.1).

    Args:
      parser: Of the program or of one command.
      again: The program has them too; what it read is kept if they are not repeated.
    """
    absent: object = argparse.SUPPRESS if again else None
    no: object = argparse.SUPPRESS if again else False

    def switch(*names: str, text: str) -> None:
        parser.add_argument(*names, action="store_true", default=no, help=text)

    switch("--console", "-c", text="logs for people, on standard output")
    switch("--silent", "-s", text="no logs")
    switch("--verbose", "-v", text="debug logs")
    switch("--very-verbose", text="debug logs with the stacks of errors")
    switch("--event-streams", "-e", text="give the logs to the event bus too")
    switch("--profiler", "-p", text="accepted; there is no profiler in this version")
    parser.add_argument(
        "--memory-limit",
        "-m",
        metavar="512M",
        default=absent,
        help="of the Lua heap: K, M, G, T; else GOMEMLIMIT; else 1G",
    )


def command_word(arguments: list[str]) -> str | None:
    """Find the name of the command behind the program's own flags."""
    skip = False
    for word in arguments:
        if skip:
            skip = False
        elif not word.startswith("-"):
            return word
        else:
            skip = word in _TAKES_VALUE
    return None


def memory_limit(flag: str | None) -> int:
    """Decide how large the Lua heap may become, in bytes (apps 10.1).

    Raises:
      InvalidError: The flag, or ``GOMEMLIMIT``, is no size.
    """
    name, text = "--memory-limit", flag
    if not text:
        name, text = "GOMEMLIMIT", os.environ.get("GOMEMLIMIT")
    if not text or (name == "GOMEMLIMIT" and text == "off"):
        return DEFAULT_MEMORY
    found = _SIZE.fullmatch(text.strip())
    size = int(found[1]) << _UNITS[found[2].upper()] if found else 0
    if size < LEAST_MEMORY:
        raise InvalidError(
            f"{name}: wanted a size of at least 4M, like 512M or 2G, got {text!r}"
        )
    return size
