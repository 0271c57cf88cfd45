"""``lint`` checks types: of one source, across imports, against host modules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from wippy_trio.cli.main import main
from wippy_trio.loading import checking
from wippy_trio.loading.checking import declares_of, module_names
from wippy_trio.loading.plugins import Plugin
from wippy_trio.runtime.catalogue import load_module

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
    kind: function.lua
    source: file://main.lua
    method: main
    modules: [time]
    imports: {users: "app:lib"}
"""
LIBRARY = """
type User = {name: string, age: integer}
local M = {}
function M.find(id: string): (User?, error?)
  if id == "" then return nil, errors.new("no id") end
  return {name = id, age = 1}, nil
end
return M
"""


def lint(
    folder: Path,
    source: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    library: str = LIBRARY,
) -> tuple[int, list[tuple[str, str, int]]]:
    """Lint an application of a library and a function that imports it."""
    (folder / "src").mkdir()
    (folder / "src/_index.yaml").write_text(INDEX)
    (folder / "src/lib.lua").write_text(library)
    (folder / "src/main.lua").write_text(source)
    monkeypatch.chdir(folder)
    status = main(["lint", "--json"])
    told = json.loads(capsys.readouterr().out)
    return status, [
        (each["entry_id"], each["code"], each["line"]) for each in told["diagnostics"]
    ]


def test_a_library_gives_its_types_to_the_importer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The alias of the import, not the name of the library, is what counts."""
    source = """local users = require("users")
local function main(id: string): (integer?, error?)
  local user, err = users.find(id)
  if err then return nil, err end
  local name: integer = user.name
  local found: users.User = {name = "a", age = "b"}
  return user.age + found.age, nil
end
return {main = main}
"""
    status, found = lint(tmp_path, source, monkeypatch, capsys)
    assert status == 1
    assert found == [("app:main", "E0000", 5), ("app:main", "E0000", 6)]


def test_a_host_module_gives_its_signatures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read beside its exports, without importing it."""
    source = """local time = require("time")
local function main()
  local now: time.Time = time.now()
  local year: string = now:year()
  return year
end
return {main = main}
"""
    status, found = lint(tmp_path, source, monkeypatch, capsys)
    assert status == 1
    assert found == [("app:main", "E0000", 4)]


def test_a_broken_library_leaves_its_importer_dynamic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One syntax error, and no guesses about what depends on it (types 5, 248)."""
    source = 'local users = require("users")\nlocal n: number = users.find(1)\nreturn n'
    status, found = lint(tmp_path, source, monkeypatch, capsys, "local x = = 1")
    assert status == 1
    assert found == [("app:lib", "P0001", 1)]


@pytest.mark.parametrize("name", sorted(module_names()))
def test_signatures_are_those_of_the_module(name: str) -> None:
    """Text read from the file and text of the imported module are one."""
    assert declares_of(name) == load_module(name).declares


def test_code_of_other_packages_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signatures that stand in another file of a package are not known."""
    file = tmp_path / "theirs.py"
    file.write_text(
        "from their_declarations import DECLARES\n"
        'MODULE = LuaModule("theirs", declares=DECLARES)\n'
    )
    plugin = Plugin("theirs", "theirs", "MODULE", "theirs 1.0")
    monkeypatch.setattr(Plugin, "file", lambda self: file)
    monkeypatch.setattr(checking, "plugins", lambda group: {"theirs": plugin})
    assert declares_of("theirs") is None
    file.write_text('MODULE = LuaModule("theirs", declares="x: integer")\n')
    assert declares_of("theirs") == "x: integer"


def test_an_unknown_module_has_no_signatures() -> None:
    """Neither a name that no file has nor one that is no name."""
    assert declares_of("nope") is None
    assert declares_of("../json") is None
