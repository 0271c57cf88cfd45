"""Commands that read an application and start nothing: init, lint, registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.application import INDEX, run_command, write_application
from wippy_trio.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory is an application without mistakes."""
    write_application(tmp_path, "io.print(1)")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_writes_the_lock(application: Path) -> None:
    """Directories are written, what else it says stays (apps 10.2)."""
    assert main(["init", "-d", "./lua", "-l", "other.lock"]) == 0
    text = (application / "other.lock").read_text()
    assert "src: ./lua" in text
    assert "modules: .wippy" in text


def test_list_is_sorted_by_id(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns, a rule and a total (apps 10.2)."""
    del application
    assert main(["registry", "list"]) == 0
    assert capsys.readouterr().out == (
        "ID            KIND\n"
        "------------  -------------\n"
        "app:main      process.lua\n"
        "app:terminal  terminal.host\n"
        "\nTotal: 2 entries\n"
    )


def test_list_is_filtered(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By kind with a wildcard; nothing found is no failure (apps 10.2)."""
    del application
    assert main(["registry", "list", "-k", "process.*", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "id": "app:main",
            "kind": "process.lua",
            "meta": {"command": {"name": "greet", "short": "Say hello"}},
        }
    ]
    assert main(["registry", "list", "-n", "absent"]) == 0
    assert capsys.readouterr().out == "No entries found\n"


def test_entry_is_shown_by_name(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bare name will do if one entry has it (apps 10.2)."""
    del application
    assert main(["registry", "show", "terminal", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown) == {"id", "kind", "meta", "data"}
    assert shown["id"] == "app:terminal"


def test_entry_that_is_absent_or_ambiguous_fails(
    tmp_path: Path, application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both say so and exit with 1 (apps 10.2)."""
    (tmp_path / "src/more").mkdir()
    (tmp_path / "src/more/_index.yaml").write_text(
        "version: '1.0'\nnamespace: more\nentries:\n"
        "  - {name: terminal, kind: terminal.host}\n"
    )
    del application
    assert main(["registry", "show", "absent"]) == 1
    assert capsys.readouterr().err == "Error: entry not found: absent\n"
    assert main(["registry", "show", "terminal"]) == 1
    assert capsys.readouterr().err == (
        'Error: ambiguous entry name "terminal", use full ID (namespace:name)\n'
    )


def test_lint_of_a_clean_application(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what it checked (apps 10.4.3)."""
    del application
    assert main(["lint"]) == 0
    assert capsys.readouterr().out == "No issues found\nChecked 1 entries\n"


def test_lint_shows_the_place(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A block with a caret, a summary, and 1 (apps 10.4.3, 10.4.5)."""
    write_application(application, 'local sql = require("sql")')
    assert main(["lint"]) == 1
    told = capsys.readouterr()
    assert "error[E0030]" in told.out
    assert "--> app:main:3:" in told.out
    assert "^" in told.out
    assert told.out.endswith("Checked 1 entries: 1 errors, 0 warnings\n")
    assert told.err == "Error: lint failed: 1 errors, 0 warnings\n"


def test_lint_as_json_counts_by_severity(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Syntax is P0001, and errors are no success here either (apps 10.4.4, 10.4.5)."""
    write_application(application, "local = 1")
    assert main(["lint", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (found,) = report.pop("diagnostics")
    assert set(found) == {
        "entry_id",
        "code",
        "severity",
        "message",
        "line",
        "column",
    }
    assert (found["entry_id"], found["code"], found["line"]) == ("app:main", "P0001", 3)
    assert report == {
        "total_entries": 1,
        "error_count": 1,
        "warning_count": 0,
        "hint_count": 0,
    }


def test_lint_reports_style_when_asked(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rules are warnings and hints, which do not fail (apps 10.4.1)."""
    write_application(application, "local unused = 1\nio.print(2)")
    assert main(["lint", "--rules", "--code", "W0004"]) == 0
    assert "warning[W0004]" in capsys.readouterr().out
    assert main(["lint"]) == 0
    assert capsys.readouterr().out.startswith("No issues found\n")


@pytest.mark.parametrize(
    ("pattern", "checked"),
    [("app", 1), ("other", 0), ("app.*", 1), ("other,app", 1), ("ap", 0)],
)
def test_lint_selects_namespaces(
    application: Path, capsys: pytest.CaptureFixture[str], pattern: str, checked: int
) -> None:
    """Exact names, ``.*`` for all below, commas between (apps 10.4.2)."""
    del application
    assert main(["lint", "--ns", pattern]) == 0
    assert f"Checked {checked} entries\n" in capsys.readouterr().out


def test_broken_definition_file_is_a_finding(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is reported under its own name (apps 10.4.1)."""
    (application / "src/_index.yaml").write_text(INDEX + "  - [broken\n")
    assert main(["lint", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert "_index.yaml" in found["entry_id"]


def test_malformed_setting_fails_without_traceback(application: Path) -> None:
    """``Error:`` and 1 unless ``--debug`` is given (apps 10.1, 10.2)."""
    plain = run_command(application, "registry", "list", "--set", "x=1")
    assert plain.code == 1
    assert plain.err.startswith("Error: invalid --set")
    assert plain.err.count("\n") == 1
    debug = run_command(application, "--debug", "registry", "list", "--set", "x=1")
    assert debug.code == 1
    assert "Traceback" in debug.err


def test_wrong_usage_is_2(application: Path) -> None:
    """As the parser of arguments has it."""
    assert run_command(application, "absent").code == 2
