"""What ``--help`` says: each flag has a sentence, and stands on the command's page."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wippy_trio.cli.main import COMMANDS, main

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "commands"


def arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of those below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from arguments(below)
        elif not isinstance(action, argparse._HelpAction):
            yield action


def test_each_command_has_its_page() -> None:
    """And each page has its command."""
    pages = {path.stem for path in PAGES.glob("*.md")} - {"index"}
    assert pages == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_argument_is_explained(name: str) -> None:
    """In a line of the help, and on the page of the command or of ``run``."""
    parser = argparse.ArgumentParser()
    import_module(f"wippy_trio.cli.{name}").add_arguments(parser)
    page = (PAGES / f"{name}.md").read_text("utf-8")
    if "run.md" in page or "{doc}`run" in page:
        page += (PAGES / "run.md").read_text("utf-8")
    for action in arguments(parser):
        assert action.help, action
        if action.option_strings:
            names = action.option_strings
            assert any(f"`{flag}" in page for flag in names), f"{names} in {name}.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It begins with the usage, tells what the command is for, and ends well."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: wippy-trio {name} ")
    assert COMMANDS[name] in shown


def test_without_a_command_the_help_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With every command and a line about it (apps 10.1)."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"    {name} " in shown for name in COMMANDS)


def test_version_has_a_short_form(capsys: pytest.CaptureFixture[str]) -> None:
    """Behind other flags as well, where the quick way does not answer (apps 10.2)."""
    assert main(["-s", "version", "--short"]) == 0
    assert main(["-s", "version"]) == 0
    short, long = capsys.readouterr().out.splitlines()
    assert long == f"wippy-trio {short}"
