"""Slips of the pen are answered with what was meant, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.application import INDEX, run_command, write_application
from wippy_trio.loading import load_project

if TYPE_CHECKING:
    from pathlib import Path


def slips(folder: Path, entry: str) -> list[tuple[str, str]]:
    """Load an application of one entry; pair odd fields with those that were meant."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src/_index.yaml").write_text(
        f'version: "1.0"\nnamespace: app\nentries:\n  - {entry}\n'
    )
    found: list[Any] = [
        finding
        for finding in load_project(folder, environ={}).findings
        if finding.message == "unknown field"
    ]
    assert all(finding.level == "warning" for finding in found)
    assert all("_index.yaml:4" in finding.fields["file"] for finding in found)
    return [(each.fields["field"], each.fields["use_instead"]) for each in found]


@pytest.mark.parametrize(
    ("entry", "pair"),
    [
        ("{name: a, kind: process.lua, sourcce: x}", ("sourcce", "source")),
        ("{name: a, kind: function.lua, source: x, methodx: m}", ("methodx", "method")),
        ("{name: a, kind: library.lua, source: x, import: {}}", ("import", "imports")),
        (
            "{name: a, kind: process.lua, source: x, module: [io]}",
            ("module", "modules"),
        ),
        (
            "{name: a, kind: process.host, lifecycle: {autostart: true}}",
            ("lifecycle.autostart", "lifecycle.auto_start"),
        ),
        (
            "{name: a, kind: process.host, lifecycle: {restart: {max_attempt: 1}}}",
            ("lifecycle.restart.max_attempt", "lifecycle.restart.max_attempts"),
        ),
        (
            "{name: a, kind: http.endpoint, meta: {routerr: r}, method: GET, path: /}",
            ("meta.routerr", "meta.router"),
        ),
        ("{name: a, kind: fs.directory, directoryy: x}", ("directoryy", "directory")),
    ],
)
def test_a_misspelled_field_is_told(
    tmp_path: Path, entry: str, pair: tuple[str, str]
) -> None:
    """With its place and the name that was meant."""
    assert slips(tmp_path, entry) == [pair]


@pytest.mark.parametrize(
    "entry",
    [
        # Fields that existing applications have, without effect (apps 1.5.6).
        "{name: a, kind: process.host, host: {max_processes: 5}}",
        "{name: a, kind: function.lua, source: x, method: m, security: []}",
        "{name: a, kind: queue.queue, driver: d, lifecycle: {auto_start: true}}",
        "{name: a, kind: template.jet, source: x, set: s, data_func: f}",
        "{name: a, kind: http.endpoint, method: GET, path: /, post_middleware: [x]}",
        # The field is there, so the other is something else.
        "{name: a, kind: process.lua, source: x, modules: [], module: mine}",
        "{name: a, kind: registry.entry, sourcce: x, methodx: y}",
        "{name: a, kind: process.lua, source: x, description: long, tags: [a]}",
    ],
)
def test_what_is_the_application_s_own_is_let_be(tmp_path: Path, entry: str) -> None:
    """Unknown fields are kept and ignored."""
    assert slips(tmp_path, entry) == []


def test_lint_and_a_failing_run_show_it(tmp_path: Path) -> None:
    """Where somebody looks for the cause."""
    index = INDEX.replace("modules: [io", "module: [io")
    write_application(tmp_path, "print(1)", index)
    shown = "module: no field of process.lua; did you mean modules?"
    assert shown in run_command(tmp_path, "lint").out
    outcome = run_command(tmp_path, "run", "-x", "app:main")
    assert outcome.code == 1
    assert shown in outcome.err


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("return { mainn = main, other = main, x = 1 }", ": it has mainn, other"),
        ("return {}", ": it has no functions"),
        ("return 1", ": its code returns a number"),
        ("", ": its code returns nothing"),
    ],
)
def test_a_missing_method_is_answered_with_what_there_is(
    tmp_path: Path, returned: str, said: str
) -> None:
    """The name that is in the table is mostly the one that was meant (core P-7)."""
    write_application(tmp_path, "")
    source = tmp_path / "src/main.lua"
    source.write_text(source.read_text().replace("return { main = main }", returned))
    outcome = run_command(tmp_path, "run", "-x", "app:main")
    assert outcome.code == 1
    assert f'method "main" not found in module app:main{said}\n' in outcome.err


def test_an_undeclared_module_is_answered_with_its_declaration(tmp_path: Path) -> None:
    """A global that is nil and has the name of a module."""
    write_application(tmp_path, "json.encode({})")
    outcome = run_command(tmp_path, "run", "-x", "app:main")
    assert "attempt to index a nil value (global 'json')" in outcome.err
    assert "the entry has to declare it: modules: [json]" in outcome.err
