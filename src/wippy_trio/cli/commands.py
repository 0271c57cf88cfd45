"""The commands that an application itself brings: ``meta.command`` (apps 5.3, 12)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import NotFoundError

if TYPE_CHECKING:
    from wippy_trio.loading import Project

__all__ = ["Command", "commands_of", "find_command", "find_test", "list_commands"]


class Command(NamedTuple):
    """One process entry that can be run by name."""

    name: str
    short: str
    id: str
    use_case: str
    own: bool
    """It belongs to the application, not to a module that it uses."""


def commands_of(project: Project) -> list[Command]:
    """List them by entry id."""
    found = []
    for id_, entry in sorted(project.entries.items()):
        command = entry.meta.get("command")
        if entry.kind.startswith("process.") and isinstance(command, dict):
            name = command.get("name")
            if isinstance(name, str) and name:
                short = str(command.get("short") or "")
                use = str(command.get("use_case") or "")
                own = "module" not in entry.meta
                found.append(Command(name, short, id_, use, own))
    return found


def _choose(found: list[Command], asked: str) -> str:
    """Take the application's own, then the smaller id; warn (apps 13.36)."""
    chosen = min(found, key=lambda command: (not command.own, command.id))
    if len(found) > 1:
        ids = ", ".join(command.id for command in found)
        sys.stderr.write(f"Warning: {asked} names {ids}; taking {chosen.id}\n")
    return chosen.id


def find_command(project: Project, name: str) -> str:
    """Find the entry of a command.

    Raises:
      NotFoundError: No entry has that name.
    """
    found = [command for command in commands_of(project) if command.name == name]
    if not found:
        raise NotFoundError(
            f"command \"{name}\" not found. Use 'wippy-trio run list' to see available"
            " commands"
        )
    return _choose(found, f'command "{name}"')


def find_test(project: Project) -> str:
    """Find the test runner: ``use_case: test``, else the command ``test`` (13.34).

    Raises:
      NotFoundError: The application has neither.
    """
    every = commands_of(project)
    found = [command for command in every if command.use_case == "test"]
    found = found or [command for command in every if command.name == "test"]
    if not found:
        raise NotFoundError(
            "no test runner: wanted a process entry with meta.command.use_case: test,"
            " found none; the module wippy/test has one, an entry of kind ns.dependency"
            " with component: wippy/test brings it"
        )
    return _choose(found, "the test runner")


def list_commands(project: Project) -> int:
    """Print them; 0."""
    commands = commands_of(project)
    out = sys.stdout.write
    if not commands:
        out(
            "No commands found.\n\n"
            "A process entry becomes a command by its metadata:\n"
            "  meta:\n    command:\n      name: NAME\n      short: what it does\n"
        )
        return 0
    out("Available commands:\n\n")
    for command in commands:
        out(f"  {command.name}  {command.short}  ({command.id})\n")
    out("\nRun with: wippy-trio run <command>\n")
    return 0
