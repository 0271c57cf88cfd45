"""The language server, driven as an editor drives it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lsp.editor import (
    INDEX,
    LIB,
    MAIN,
    Editor,
    RequestError,
    place_of,
    write_application,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    """One server for all tests of this file: each has an application of its own."""
    editor = Editor(
        workspace={"didChangeWatchedFiles": {"dynamicRegistration": True}},
        textDocument={"rename": {"prepareSupport": True}},
    )
    yield editor
    assert editor.close() == 0
    assert editor.errors == ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path)
    return tmp_path


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def codes(found: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(each["code"], each["range"]["start"]["line"]) for each in found]


def labels(editor: Editor, uri: str, text: str, needle: str, shift: int) -> list[str]:
    """Take a text, and complete behind the needle."""
    editor.change(uri, text)
    answer = editor.at("completion", uri, *place_of(text, needle, shift))
    return [item["label"] for item in answer["items"]]


def test_what_it_can_do(editor: Editor) -> None:
    """Formatting is not promised, and neither is anything else that is not there."""
    can = editor.server["capabilities"]
    assert {name for name, value in can.items() if name.endswith("Provider")} == {
        "completionProvider",
        "definitionProvider",
        "documentSymbolProvider",
        "executeCommandProvider",  # of no commands
        "hoverProvider",
        "referencesProvider",
        "renameProvider",
        "signatureHelpProvider",
        "workspaceSymbolProvider",
    }
    assert can["executeCommandProvider"] == {"commands": []}
    assert can["textDocumentSync"]["change"] == 1


# -- what is wrong ---------------------------------------------------------------------


def test_diagnostics_follow_the_buffer(editor: Editor, folder: Path) -> None:
    """Syntax, types, requires and rules, with the entry's imports; nothing is saved."""
    uri = editor.open(folder / "src/main.lua")
    assert editor.diagnostics(uri) == []
    text = changed(MAIN, "local twice = lib", "local twice: string = lib")
    editor.change(uri, text)
    (found,) = editor.diagnostics(uri)
    assert found["code"] == "E0000"
    assert found["message"].startswith("cannot assign number to string")
    assert found["range"]["start"] == {"line": 4, "character": 24}
    assert found["severity"] == 1
    editor.change(uri, changed(MAIN, "json.encode({})", 'require("sql")'))
    several = editor.diagnostics(uri)
    assert codes(several) == [("W0006", 0), ("E0030", 5)]
    assert several[0]["tags"] == [1]
    editor.change(uri, changed(MAIN, "return twice", "return return"))
    assert codes(editor.diagnostics(uri)) == [("P0001", 6)]
    editor.change(uri, MAIN)
    assert editor.diagnostics(uri) == []
    editor.shut(uri)


def test_a_change_reaches_what_imports_it(editor: Editor, folder: Path) -> None:
    """Only if its exports change; a buffer that does not parse changes nothing."""
    main, lib = (
        editor.open(folder / "src/main.lua"),
        editor.open(folder / "src/lib.lua"),
    )
    assert editor.diagnostics(main) == editor.diagnostics(lib) == []
    editor.change(lib, changed(LIB, "(x: number): number", "(x: string): number"))
    found = editor.next_diagnostics(main)
    assert codes(found) == [("E0000", 4)]
    editor.change(lib, changed(LIB, "return x * 2", "return x *"))
    assert codes(editor.diagnostics(lib)) == [("P0001", 4)]
    editor.change(lib, LIB)
    assert editor.next_diagnostics(main) == []
    editor.shut(main)
    editor.shut(lib)


def test_saving_checks_files_that_are_not_open(editor: Editor, folder: Path) -> None:
    """What imports a saved library is checked wherever it is."""
    lib = editor.open(folder / "src/lib.lua")
    assert editor.diagnostics(lib) == []
    text = changed(LIB, "(x: number): number", "(x: string): number")
    editor.change(lib, text)
    editor.diagnostics(lib)
    (folder / "src/lib.lua").write_text(text)
    editor.save(lib)
    found = editor.next_diagnostics((folder / "src/main.lua").as_uri())
    assert codes(found) == [("E0000", 4)]
    editor.shut(lib)


def test_definition_files(editor: Editor, folder: Path) -> None:
    """Their own mistakes; and what an entry declares counts before it is saved."""
    index = editor.open(folder / "src/_index.yaml")
    assert editor.diagnostics(index) == []
    main = editor.open(folder / "src/main.lua")
    assert editor.diagnostics(main) == []
    editor.change(index, changed(INDEX, "modules: [json, time]", "modules: [jason]"))
    (found,) = editor.diagnostics(index)
    assert found["message"] == "app:main: wanted a module 'jason', found none"
    assert found["range"]["start"]["line"] == place_of(INDEX, "name: main")[0]
    assert codes(editor.next_diagnostics(main)) == [("E0030", 0)]
    editor.change(index, changed(INDEX, "app:lib", "app:nope"))
    (found,) = editor.diagnostics(index)
    assert found["message"] == (
        "app:main: import 'lib': wanted a library app:nope, found none"
    )
    editor.change(index, INDEX + "  - {name: [}\n")
    (found,) = editor.diagnostics(index)
    assert found["code"] == "load"
    assert found["range"]["start"]["line"] == INDEX.count("\n")
    editor.change(
        index, INDEX + "  - {name: inline, kind: library.lua, source: 'local = 1'}\n"
    )
    (found,) = editor.diagnostics(index)
    assert found["code"] == "P0001"
    assert found["message"].startswith("app:inline, line 1 of its source: unexpected")
    editor.shut(index)
    editor.shut(main)


def test_a_file_without_an_entry(editor: Editor, folder: Path) -> None:
    """It is checked by itself, and nothing is said of what it requires."""
    text = 'local json = require("json")\nlocal n: string = 1\nreturn json.encode(n)\n'
    uri = editor.open(folder / "loose.lua", text)
    assert codes(editor.diagnostics(uri)) == [("E0000", 1)]
    assert "decode" in labels(
        editor, uri, changed(text, "json.encode(n)", "json."), "json.", 5
    )
    editor.shut(uri)


def test_a_file_of_two_entries(editor: Editor, folder: Path) -> None:
    """Each has its own declarations; what is wrong for one of them is told once."""
    more = (
        "  - {name: two, kind: library.lua, source: file://add.lua, modules: [sql]}\n"
        "  - {name: three, kind: library.lua, source: file://add.lua}\n"
    )
    (folder / "src/_index.yaml").write_text(INDEX + more)
    uri = editor.open(folder / "src/add.lua", 'return require("sql")\n')
    assert codes(editor.diagnostics(uri)) == [("E0030", 0)]
    editor.shut(uri)


def test_what_changes_on_disk(editor: Editor, folder: Path) -> None:
    """The server asks to be told, and reads it anew."""
    (asked,) = editor.asked
    assert asked["method"] == "client/registerCapability"
    main = editor.open(folder / "src/main.lua")
    assert editor.diagnostics(main) == []
    lib = folder / "src/lib.lua"
    lib.write_text(changed(LIB, "(x: number): number", "(x: string): number"))
    editor.notify(
        "workspace/didChangeWatchedFiles",
        {"changes": [{"uri": lib.as_uri(), "type": 2}]},
    )
    assert codes(editor.next_diagnostics(main)) == [("E0000", 4)]
    editor.shut(main)


def test_closing_forgets_the_buffer(editor: Editor, folder: Path) -> None:
    """Then the file on disk counts again."""
    main, lib = (
        editor.open(folder / "src/main.lua"),
        editor.open(folder / "src/lib.lua"),
    )
    editor.diagnostics(main)
    editor.diagnostics(lib)
    editor.change(lib, changed(LIB, "(x: number): number", "(x: string): number"))
    assert codes(editor.next_diagnostics(main)) == [("E0000", 4)]
    editor.shut(lib)
    assert editor.next_diagnostics(main) == []
    editor.shut(main)


def test_strange_documents(editor: Editor, folder: Path) -> None:
    """Bytes that are no text, documents that are no files, broken applications."""
    (folder / "src/lib.lua").write_bytes(b"return {\xff\xfe}\n")
    uri = editor.open(folder / "src/lib.lua", "return {\ud800\x00 \U0001f600}")
    assert codes(editor.diagnostics(uri)) == [("P0001", 0)]
    editor.shut(uri)
    document = {"uri": "untitled:1", "languageId": "lua", "version": 1, "text": "x"}
    editor.notify("textDocument/didOpen", {"textDocument": document})
    assert editor.at("hover", "untitled:1", 0, 0) is None
    (folder / ".wippy.yaml").write_text("version: [")
    other = folder / "broken"
    other.mkdir()
    (other / ".wippy.yaml").write_text("version: [")
    uri = editor.open(other / "a.lua", "local n: string = 1 return n")
    assert codes(editor.diagnostics(uri)) == [("E0000", 0)]
    index = editor.open(other / "_index.yaml", "x: 1")
    (found,) = editor.diagnostics(index)
    assert ".wippy.yaml" in found["message"]
    editor.shut(uri)
    editor.shut(index)


# -- what is asked ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needle", "shift", "shown"),
    [
        ("user =", 1, "local user: User"),
        ("count)\n  print", 1, "(parameter) count: number"),
        ("lib.double", 5, "double: fun(x: number) -> number"),
        ("json.encode", 6, "encode: fun(value: any) -> (string, error?)"),
        ("user.name", 6, "name: string"),
        ("main(count", 1, "function main: fun(count: number) -> number"),
        ('"lib")', 2, "double: fun(x: number) -> number"),
        ('"lib")', 2, "`app:lib` (library.lua)"),
        ('"json")', 2, "encode: fun(value: any) -> (string, error?)"),
        ("print(", 1, "print: "),
        ("json.encode", 6, "JSON"),
        ("lib.double", 5, "Twice as much.\nNot more."),
        ("main(count", 1, "Greets."),
    ],
)
def test_hover(
    editor: Editor, folder: Path, needle: str, shift: int, shown: str
) -> None:
    """The type of what stands there and what is written above it."""
    library = changed(
        LIB, "function M.double", "--- Twice as much.\n-- Not more.\nfunction M.double"
    )
    (folder / "src/lib.lua").write_text(library)
    text = changed(
        MAIN, "local function", "-- unrelated\n\n  -- Greets.\nlocal function"
    )
    uri = editor.open(folder / "src/main.lua", text)
    answer = editor.at("hover", uri, *place_of(text, needle, shift))
    assert "unrelated" not in answer["contents"]["value"]
    assert shown in answer["contents"]["value"]
    editor.shut(uri)


def test_hover_says_nothing_of_nothing(editor: Editor, folder: Path) -> None:
    """Keywords, spaces and places outside of the text have no type."""
    uri = editor.open(folder / "src/main.lua")
    for place in ((0, 2), (9, 1), (500, 5), (0, 500)):
        assert editor.at("hover", uri, *place) is None
    editor.shut(uri)


def test_hover_counts_as_the_editor_does(editor: Editor, folder: Path) -> None:
    """Wide characters are two units."""
    text = 'local a = "\U0001f600\u20ac" local name = 1 return a, name\n'
    uri = editor.open(folder / "src/main.lua", text)
    line, character = place_of(text, "name =")
    answer = editor.at("hover", uri, line, character)
    assert answer["range"]["start"] == {"line": 0, "character": character}
    assert "local name: " in answer["contents"]["value"]
    editor.shut(uri)


def test_completion(editor: Editor, folder: Path) -> None:
    """Members, names, modules, ids and types, in buffers that do not parse."""
    uri = editor.open(folder / "src/main.lua")

    def typed(line: str, needle: str, shift: int) -> list[str]:
        text = changed(MAIN, "  return twice\n", f"  {line}\n  return twice\n")
        return labels(editor, uri, text, needle, shift)

    assert typed("user.", "user.\n", 5) == ["name", "age"]
    assert typed("user.na", "user.na\n", 7) == ["name", "age"]
    assert typed("local x = lib.user('a').", "'a').\n", 5) == ["name", "age"]
    assert typed("lib.", "lib.\n", 4) == ["double", "user", "limit"]
    assert "upper" in typed("user.name:", "name:\n", 5)
    assert "upper" in typed("local x = user.name:", "name:\n", 5)
    assert "upper" in typed("local x = user.name:up", "name:up\n", 7)
    assert "upper" in typed("local t = {a = 'x'} lib(t) t.a:", "t.a:\n", 4)
    assert typed("-- user.", "user.\n", 5) == []
    assert typed("local x = 1.", "1.\n", 2) == []
    names = typed("tw", "tw\n", 2)
    assert names[:6] == ["json", "lib", "main", "count", "user", "twice"]
    assert {"print", "string", "while"} <= set(names)
    assert "x" not in typed("local x = ", "x = \n", 4)
    assert {"number", "string"} <= set(typed("local x: ", "x: \n", 3))
    assert typed("local x: lib.", "x: lib.\n", 7) == ["User"]
    assert typed('process.spawn("', 'spawn("\n', 7) == ["app:main"]
    assert typed('process.spawn("app:main", "")', ', "")', 3) == ["app:processes"]
    assert typed("funcs.call('app:a', 1)", "'app:a'", 6) == ["app:add"]
    assert typed("print('nothing')", "'nothing'", 3) == []
    assert "app:lib" in typed("print('app:')", "'app:'", 5)
    modules = labels(
        editor, uri, changed(MAIN, 'require("lib")', 'require("'), 'require("\n', 9
    )
    assert modules[:3] == ["json", "lib", "time"]
    assert "sql" in modules
    editor.shut(uri)


def test_completion_replaces_what_was_typed(editor: Editor, folder: Path) -> None:
    """Also in texts, whose dots and colons editors take for ends of words."""
    text = changed(MAIN, "return twice\n", 'return process.spawn("app:ma")\n')
    uri = editor.open(folder / "src/main.lua", text)
    line, character = place_of(text, 'app:ma"', 6)
    answer = editor.at("completion", uri, line, character)
    (item,) = answer["items"]
    assert "documentation" not in item
    assert item["textEdit"] == {
        "range": {
            "start": {"line": line, "character": character - 6},
            "end": {"line": line, "character": character},
        },
        "newText": "app:main",
    }
    editor.shut(uri)


def test_completion_says_what_functions_are_for(editor: Editor, folder: Path) -> None:
    """Those of host modules, as their own documentation does."""
    text = changed(MAIN, "  return twice\n", "  json.\n  return twice\n")
    uri = editor.open(folder / "src/main.lua", text)
    answer = editor.at("completion", uri, *place_of(text, "json.\n", 5))
    about = {item["label"]: item["documentation"] for item in answer["items"]}
    assert about["decode"] == "Read a value from JSON."
    editor.shut(uri)


def test_definition(editor: Editor, folder: Path) -> None:
    """Across locals, members of libraries, requires, ids and types."""
    text = changed(
        MAIN,
        "  return twice\n",
        '  process.spawn("app:add")\n  local u: lib.User = user\n'
        '  process.send("app:processes", u)\n  return twice\n',
    )
    uri = editor.open(folder / "src/main.lua", text)
    lib, add = (folder / "src/lib.lua").as_uri(), (folder / "src/add.lua").as_uri()
    index = (folder / "src/_index.yaml").as_uri()

    def found(needle: str, shift: int) -> list[tuple[str, int, int]]:
        answer = editor.at("definition", uri, *place_of(text, needle, shift))
        starts = [(each["uri"], each["range"]["start"]) for each in answer]
        return [(where, at["line"], at["character"]) for where, at in starts]

    assert found("twice, json", 1) == [(uri, 4, 8)]
    assert found("lib.double", 1) == [(uri, 1, 6)]
    assert found("lib.double", 5) == [(lib, 2, 11)]
    assert found("user.name", 6) == []
    assert found('"lib")', 2) == [(lib, 0, 0)]
    assert found('"json")', 2) == []
    assert found('"app:add"', 3) == [(add, 0, 0)]
    assert found('"app:processes"', 3) == [
        (index, INDEX[: INDEX.index("name: proc")].count("\n"), 0)
    ]
    assert found("lib.User", 5) == [(lib, 1, 5)]
    assert found("lib.User", 1) == [(uri, 1, 6)]
    assert found("main = main", 8) == [(uri, 2, 15)]
    editor.shut(uri)


def test_references(editor: Editor, folder: Path) -> None:
    """Of locals in their source; of members and ids in all sources."""
    text = MAIN + '-- ("app:add")\nprocess.spawn("app:add")\n'
    text = changed(text, "return { main = main }\n", "")
    uri = editor.open(folder / "src/main.lua", text)
    lib = editor.open(folder / "src/lib.lua")

    def found(where: str, source: str, needle: str, shift: int) -> list[Any]:
        context = {"includeDeclaration": True}
        line, character = place_of(source, needle, shift)
        answer = editor.at("references", where, line, character, context=context)
        return [
            (Path(each["uri"]).name, each["range"]["start"]["line"]) for each in answer
        ]

    assert found(uri, text, "twice =", 1) == [
        ("main.lua", 4),
        ("main.lua", 5),
        ("main.lua", 6),
    ]
    assert found(uri, text, "lib.double", 5) == [("lib.lua", 2), ("main.lua", 4)]
    assert found(lib, LIB, "M.double", 3) == [("lib.lua", 2), ("main.lua", 4)]
    assert found(uri, text, '("app:add")\nproc', 15 + 15) == [("main.lua", 9)]
    editor.shut(uri)
    editor.shut(lib)


def test_rename(editor: Editor, folder: Path) -> None:
    """Variables only, and only where nothing else would be meant."""
    text = (
        "local function check(value: any): asserts value is string\n"
        "  if type(value) ~= 'string' then error('no') end\n"
        "end\n"
        "local name = 'x'\n"
        "local function f(other: string)\n  local deep = name\n"
        "  return deep, other\nend\n"
        "return { check = check, f = f }\n"
    )
    uri = editor.open(folder / "src/main.lua", text)

    def renamed(needle: str, shift: int, name: str) -> str:
        line, character = place_of(text, needle, shift)
        answer = editor.at("rename", uri, line, character, newName=name)
        lines = text.split("\n")
        for edit in reversed(answer["changes"][uri]):
            start, end = edit["range"]["start"], edit["range"]["end"]
            row = lines[start["line"]]
            lines[start["line"]] = (
                row[: start["character"]] + edit["newText"] + row[end["character"] :]
            )
        return "\n".join(lines)

    assert renamed("name =", 1, "label") == text.replace("name", "label")
    assert renamed("value: any", 1, "given") == text.replace("value", "given")
    line, character = place_of(text, "name =", 1)
    assert editor.at("prepareRename", uri, line, character) == {
        "start": {"line": 3, "character": 6},
        "end": {"line": 3, "character": 10},
    }
    assert editor.at("prepareRename", uri, 0, 1) is None
    assert editor.at("prepareRename", uri, *place_of(text, "check =", 1)) is None
    for needle, name, told in (
        ("name =", "other", "another variable"),
        ("other:", "name", "another variable"),
        ("name =", "end", "wanted a name"),
        ("name =", "", "wanted a name"),
        ("error(", "e", "wanted a local variable"),
    ):
        with pytest.raises(RequestError, match=told):
            renamed(needle, 1, name)
    editor.change(uri, text + "local = 1")
    with pytest.raises(RequestError, match="syntax error"):
        renamed("name =", 1, "label")
    editor.shut(uri)


def test_symbols(editor: Editor, folder: Path) -> None:
    """The outline of a source, also of one that does not parse; entries by name."""
    text = LIB + "function M.more(a)\n  local function inner() end\n"
    uri = editor.open(folder / "src/lib.lua", text)
    found = editor.request(
        "textDocument/documentSymbol", {"textDocument": {"uri": uri}}
    )
    assert [(each["name"], each["kind"]) for each in found] == [
        ("M", 13),
        ("User", 5),
        ("M.double", 12),
        ("M.user", 12),
        ("M.more", 12),
    ]
    assert [each["name"] for each in found[-1]["children"]] == ["inner"]
    entries = editor.request("workspace/symbol", {"query": "applib"})
    mine = [each for each in entries if each["location"]["uri"] == uri]
    assert [each["name"] for each in mine] == ["app:lib"]
    editor.shut(uri)


def test_signatures(editor: Editor, folder: Path) -> None:
    """Of functions and methods, while their arguments are typed."""
    text = changed(MAIN, "  return twice\n", "  user.name:sub(1, \n  return twice\n")
    uri = editor.open(folder / "src/main.lua", text)
    answer = editor.at("signatureHelp", uri, *place_of(text, "sub(1, ", 7))
    (found,) = answer["signatures"]
    assert found["label"] == "sub(i: number, j: number?) -> string"
    assert answer["activeParameter"] == 1
    answer = editor.at("signatureHelp", uri, *place_of(text, "double(count", 8))
    (found,) = answer["signatures"]
    assert found["label"] == "double(x: number) -> number"
    assert editor.at("signatureHelp", uri, *place_of(text, "local user")) is None
    editor.shut(uri)


# -- the process -----------------------------------------------------------------------


def test_neither_trio_nor_lua_is_loaded(tmp_path: Path) -> None:
    """The event loop of the server is not the one of the runtime."""
    probe = (
        "import sys, wippy_trio.lsp.server\n"
        "print({'trio', 'lupa', 'structlog', 'anyio'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_the_extra_is_named_when_it_is_missing(tmp_path: Path) -> None:
    """With the line that installs it (modules-data L-5)."""
    probe = (
        "import sys\n"
        "sys.modules['pygls'] = None\n"
        "from wippy_trio.cli.main import main\n"
        "sys.exit(main(['lsp']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'wippy-trio[lsp]'" in done.stderr


def test_an_editor_that_vanishes(tmp_path: Path) -> None:
    """The server ends with it, and says so by its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "wippy_trio", "lsp"],
        input=b"",
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_large_file_is_answered_while_it_is_typed(
    editor: Editor, folder: Path
) -> None:
    """2 000 lines: a few hundredths of a second an answer; here only not seconds."""
    body = "".join(
        f"function M.part{n}(a: number, b: string)\n"
        f"  local t = {{a = a, b = b}}\n"
        "  if t.a > 1 then\n    t.b = t.b .. tostring(t.a)\n  end\n"
        "  for i, v in ipairs({1, 2, 3}) do\n    t.a = t.a + v * i\n  end\n"
        "  return t\nend\n"
        for n in range(180)
    )
    text = f"local M = {{}}\n{body}local last = M.part1(1, 'x')\n"
    text += "return { main = M.part1, last = last }\n"
    assert text.count("\n") > 1_800
    uri = editor.open(folder / "src/add.lua", text)
    assert editor.diagnostics(uri) == []
    begun = time.monotonic()
    for n in range(5):
        typed = changed(text, "return { main", f"local x{n} = last.\nreturn {{ main")
        assert labels(editor, uri, typed, "last.\n", 5) == ["a", "b"]
        assert [code for code, _ in codes(editor.diagnostics(uri))] == ["P0001"]
    assert time.monotonic() - begun < 10
    editor.shut(uri)
