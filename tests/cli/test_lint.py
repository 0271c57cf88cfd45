"""``wippy-trio lint``: levels, forms, limits, and what it remembers (apps 10.4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from wippy_trio.cli.main import main
from wippy_trio.loading import check_cache, checking
from wippy_trio.loading.plugins import Plugin

if TYPE_CHECKING:
    from pathlib import Path

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: lib
    kind: library.lua
    source: file://lib.lua
  - name: main
    kind: process.lua
    source: file://main.lua
    method: main
    modules: [io]
    imports: {lib: app:lib}
"""
LIB = "local M = {}\nfunction M.double(x: number): number return x * 2 end\nreturn M\n"
MAIN = """local io, lib = require("io"), require("lib")
local unused = 1
local function main()
  local n: number = lib.double(2)
  local text: string = n
  io.print(n, text, require("sql"))
end
return { main = main }
"""
OTHER = """
version: "1.0"
namespace: other
entries:
  - {name: x, kind: library.lua, source: "local a = = 1"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an application that has four kinds of findings."""
    source = tmp_path / "src"
    (source / "other").mkdir(parents=True)
    (source / "_index.yaml").write_text(INDEX)
    (source / "lib.lua").write_text(LIB)
    (source / "main.lua").write_text(MAIN)
    (source / "other/_index.yaml").write_text(OTHER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def codes(capsys: pytest.CaptureFixture[str], *flags: str) -> list[str]:
    main(["lint", "--json", *flags])
    report = json.loads(capsys.readouterr().out)
    return [row["code"] for row in report["diagnostics"]]


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ([], ["E0000", "E0030", "P0001"]),
        (["--rules"], ["W0004", "E0000", "E0030", "P0001"]),
        (["--rules", "--level", "error"], ["E0000", "E0030", "P0001"]),
        (["-l", "warning", "--rules", "--code", "W0004"], ["W0004"]),
        (["--code", "E0001"], ["E0000"]),
        (["--code", "e0030,p0001"], ["E0030", "P0001"]),
        (["--ns", "other"], ["P0001"]),
        (["--ns", "app", "--limit", "1"], ["E0000"]),
        (["--ns", "none"], []),
    ],
)
def test_what_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: list[str], found: list[str]
) -> None:
    """By level, code and namespace; E0001 means E0000, too (types 3.8)."""
    del folder
    assert codes(capsys, *flags) == found


def test_limit_counts_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not listed is counted all the same."""
    del folder
    assert main(["lint", "--limit", "1"]) == 1
    out = capsys.readouterr().out
    assert out.count("-->") == 1
    assert "... and 2 more\n" in out
    assert out.endswith("Checked 3 entries: 3 errors, 0 warnings\n")


def test_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers by namespace and by code, the largest first."""
    del folder
    assert main(["lint", "--summary"]) == 1
    assert capsys.readouterr().out == (
        "By namespace:\n  app    2\n  other  1\n\n"
        "By error code:\n  E0000  1\n  E0030  1\n  P0001  1\n\n"
        "Checked 3 entries: 3 errors, 0 warnings\n"
    )


def test_sarif(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log of version 2.1.0 whose results name file, entry and place."""
    del folder
    assert main(["lint", "--sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "E0000",
        "E0030",
        "P0001",
    ]
    first = run["results"][0]
    assert first["ruleId"] == "E0000"
    assert first["level"] == "error"
    (place,) = first["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "src/main.lua"},
        "region": {"startLine": 5, "startColumn": 24, "endLine": 5, "endColumn": 25},
    }
    assert place["logicalLocations"] == [{"fullyQualifiedName": "app:main"}]
    (inline,) = [each for each in run["results"] if each["ruleId"] == "P0001"]
    (place,) = inline["locations"]
    physical = place["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "src/other/_index.yaml"
    assert physical["region"] == {"startLine": 5}
    assert inline["properties"]["sourceLine"] == 1


def test_wrong_flags(folder: Path) -> None:
    """Usage errors are 2 (apps 10.4.1)."""
    del folder
    for flags in (["--level", "all"], ["--limit", "-1"], ["--limit", "x"]):
        with pytest.raises(SystemExit) as caught:
            main(["lint", *flags])
        assert caught.value.code == 2


# -- the cache -------------------------------------------------------------------------


class Counting:
    """Counts how often a program is made for checking."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.checked: list[str] = []
        real = checking.program_of

        def program_of(entries: Any, **options: Any) -> Any:
            program = real(entries, **options)
            check = program.check

            def counted(id_: str, **options: Any) -> Any:
                self.checked.append(id_)
                return check(id_, **options)

            monkeypatch.setattr(program, "check", counted)
            return program

        monkeypatch.setattr(checking, "program_of", program_of)

    def take(self) -> set[str]:
        taken, self.checked = set(self.checked), []
        return taken


def test_unchanged_application_is_not_checked_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What changed is, and what imports it; nothing else."""
    counting = Counting(monkeypatch)
    first = codes(capsys)
    assert "app:main" in counting.take()
    assert codes(capsys) == first
    assert counting.take() == set()
    (folder / "src/main.lua").write_text(MAIN.replace('require("sql")', "1"))
    assert codes(capsys) == ["E0000", "P0001"]
    assert "app:main" in counting.take()
    library = LIB.replace("): number", "): string").replace("x * 2", '"two"')
    (folder / "src/lib.lua").write_text(library)
    assert codes(capsys)[:1] == ["E0000"]
    assert {"app:lib", "app:main"} <= counting.take()
    (folder / "src/_index.yaml").write_text(INDEX.replace("[io]", "[io, sql]"))
    codes(capsys)
    assert counting.take() == {"app:main"}  # what the library exports is known
    assert codes(capsys, "--cache-reset")
    assert counting.take() == {"app:main", "app:lib", "other:x"}


def test_another_version_of_a_package_is_checked_against(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The signatures of its modules may have changed."""
    counting = Counting(monkeypatch)
    for version in ("1.0", "1.1"):
        plugin = Plugin("theirs", "nowhere", "MODULE", f"theirs {version}")
        found = {"theirs": plugin}
        monkeypatch.setattr(check_cache, "plugins", lambda group, found=found: found)
        codes(capsys)
        assert counting.take()
        codes(capsys)
        assert counting.take() == set()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"app:main": 5}', '{"app:main": ["x", 1]}', "\udcff"]
)
def test_damaged_cache_is_no_cache(
    folder: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    """It is made anew, and nobody notices."""
    expected = codes(capsys)
    file = folder / ".wippy/cache/lua/lint.json"
    file.write_text(damage, errors="surrogateescape")
    assert codes(capsys) == expected
    assert json.loads(file.read_text())["app:main"]


@pytest.mark.parametrize("setting", ["lua.cache.mode=off", "lua.cache.mode=readonly"])
def test_cache_follows_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    """Where it may not be written there is no file."""
    codes(capsys, "--set", setting)
    assert not (folder / ".wippy").exists()
    codes(capsys, "--set", "lua.cache.dir=elsewhere")
    assert (folder / "elsewhere/lint.json").is_file()


def test_imports_in_a_circle(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They have keys, too, and are remembered."""
    (folder / "src/_index.yaml").write_text(
        'version: "1.0"\nnamespace: app\nentries:\n'
        "  - {name: a, kind: library.lua, source: 'return {}', imports: {b: app:b}}\n"
        "  - {name: b, kind: library.lua, source: 'return {}', imports: {a: app:a}}\n"
    )
    assert codes(capsys, "--ns", "app") == []
    assert codes(capsys, "--ns", "app") == []
