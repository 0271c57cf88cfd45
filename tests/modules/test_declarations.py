"""What a module exports, what it declares and what its page says are the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_application, run_function
from wippy_trio.runtime.catalogue import ALWAYS, load_module, module_names

if TYPE_CHECKING:
    from wippy_trio.sdk import LuaModule

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "modules"
BUILT = sorted(
    path.stem for path in PAGES.glob("*.md") if path.stem in module_names() - ALWAYS
)
LISTING = """
return { main = function(name)
  local module = require(name)
  local out = {}
  local function list(t, prefix)
    for key, value in pairs(t) do
      out[#out + 1] = prefix .. key
      if type(value) == "table" and prefix == "" then list(value, key .. ".") end
    end
  end
  if type(module) == "table" then list(module, "") end
  return out
end }
"""


def fields_of(record: str) -> set[str]:
    """Give the field names of ``{name: type, ...}``, those of its first level."""
    assert record.startswith("{"), record
    names, depth, name = set(), 0, ""
    for character in record.replace("->", "  "):
        if character in "([{":
            depth += 1
            name = ""
        elif character in ")]}":
            depth -= 1
        elif depth == 1 and character == ":" and name.strip().isidentifier():
            names.add(name.strip())
        elif depth == 1 and character == ",":
            name = ""
        elif depth == 1:
            name += character
    return names


def handles_of(module: LuaModule) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    waiting = [module.describe()]
    while waiting:
        table = waiting.pop()
        waiting += table.tables.values()
        for handle in table.classes:
            found[handle.name.rpartition(".")[2]] = {
                method.name
                for method in handle.methods
                if not method.name.startswith("_")
            }
    return found


@pytest.mark.parametrize("name", BUILT)
def test_exports_and_declarations_are_the_same(name: str, tmp_path: Path) -> None:
    """The checker knows each function, and none that is not there."""
    declared: set[str] = set()
    for entry, signature in load_module(name).declarations.items():
        if entry.startswith("type "):
            continue
        declared.add(entry)
        if signature.startswith("{") and not signature.startswith("{["):
            declared |= {f"{entry}.{field}" for field in fields_of(signature)}
    if name in UNDECLARED:
        pytest.skip(UNDECLARED[name])
    shown = run_function(tmp_path, LISTING, name, modules=name)
    records = {key.partition(".")[0] for key in declared if "." in key}
    exported = {
        key for key in shown if "." not in key or key.partition(".")[0] in records
    }
    assert exported == declared


UNDECLARED = {
    "logger": "it is an object, no table of functions",
}


@pytest.mark.parametrize("name", BUILT)
def test_the_page_names_each_function(name: str, tmp_path: Path) -> None:
    """What can be called can be looked up."""
    text = (PAGES / f"{name}.md").read_text("utf-8")
    words = set(re.findall(r"\w+", text))
    shown = run_function(tmp_path, LISTING, name, modules=name)
    names = {key.rpartition(".")[2] for key in shown}
    names = {key for key in names if not key.isupper()}  # constants come in ranges
    if load_module(name).source is None:  # else its Lua part may rename them
        for methods in handles_of(load_module(name)).values():
            names |= methods
    assert sorted(names - words) == []


UNDECLARED_HANDLES = {
    ("store", "RemoteStore"): "declared as Store: a program sees no difference",
}
ZIP = '"PK\\5\\6" .. ("\\0"):rep(18)'
OPEN = 'fs.get("app:files"):open("x", "w")'
SAMPLES = {
    ("fs", "FS"): 'fs.get("app:files")',
    ("fs", "File"): OPEN,
    ("fs", "Scanner"): f"{OPEN}:scanner()",
    ("exec", "Executor"): 'exec.get("app:shell")',
    ("exec", "Process"): 'exec.get("app:shell"):exec("cat")',
    ("exec", "Stream"): 'exec.get("app:shell"):exec("cat"):stdout_stream()',
    ("store", "Store"): 'store.get("app:cache")',
    ("pg", "Instance"): 'pg.open("app:groups")',
    ("pg", "Subscription"): 'pg.open("app:groups"):monitor("g")',
    ("contract", "Contract"): 'contract.get("app:greeter")',
    ("registry", "Snapshot"): "registry.snapshot()",
    ("registry", "Changes"): "registry.snapshot():changes()",
    ("registry", "Version"): "registry.current_version()",
    ("registry", "History"): "registry.history()",
    ("loader", "Loader"): 'loader.new("app:files")',
    ("events", "Subscription"): 'events.subscribe("x")',
    ("security", "Actor"): 'security.new_actor("a")',
    ("security", "Scope"): "security.new_scope()",
    ("security", "Policy"): 'security.policy("app:policy")',
    ("security", "TokenStore"): 'security.token_store("app:tokens")',
    ("sql", "DB"): 'sql.get("app:db")',
    ("sql", "Statement"): 'sql.get("app:db"):prepare("SELECT 1")',
    ("sql", "Transaction"): 'sql.get("app:db"):begin()',
    ("sql", "SelectBuilder"): 'sql.builder.select("a")',
    ("sql", "InsertBuilder"): 'sql.builder.insert("a")',
    ("sql", "UpdateBuilder"): 'sql.builder.update("a")',
    ("sql", "DeleteBuilder"): 'sql.builder.delete("a")',
    ("sql", "QueryExecutor"): 'sql.builder.select("1"):run_with(sql.get("app:db"))',
    ("sql", "Sqlizer"): 'sql.builder.expr("1")',
    ("exec", "StreamScanner"): (
        'exec.get("app:shell"):exec("cat"):stdout_stream():scanner()'
    ),
    ("eval_runner", "Program"): 'eval_runner.compile("return 1")',
    ("expr", "Program"): 'expr.compile("1 + 1")',
    ("html", "Policy"): "html.sanitize.new_policy()",
    ("html", "AttrBuilder"): 'html.sanitize.new_policy():allow_attrs("id")',
    ("templates", "Set"): 'templates.get("app:pages")',
    ("text", "Regexp"): 'text.regexp.compile("a(b)")',
    ("text", "Differ"): "text.diff.new()",
    ("text", "Splitter"): "text.splitter.recursive()",
    ("tty", "KeyBinding"): 'tty.bind({keys = {"q"}})',
    ("tty", "Style"): "tty.style()",
    ("archive", "Reader"): f'archive.open({ZIP}, "zip")',
    ("archive", "Walker"): f'archive.scan({ZIP}, {{format = "zip"}})',
    ("archive", "Writer"): 'archive.create(fs.get("app:files"), "x.zip")',
    ("excel", "Workbook"): "excel.new()",
    ("excel", "Rows"): 'excel.new():rows("Sheet1")',
    ("treesitter", "Language"): 'treesitter.language("go")',
    ("treesitter", "Parser"): "treesitter.parser()",
    ("treesitter", "Tree"): 'treesitter.parse("go", "package a")',
    ("treesitter", "Node"): 'treesitter.parse("go", "package a"):root_node()',
    ("treesitter", "Cursor"): 'treesitter.parse("go", "package a"):walk()',
    ("treesitter", "Query"): 'treesitter.query("go", "(identifier) @i")',
    ("time", "Time"): "time.now()",
    ("time", "Duration"): 'time.parse_duration("1s")',
    ("time", "Location"): "time.utc",
    ("time", "Timer"): 'time.timer("1s")',
    ("time", "Ticker"): 'time.ticker("1s")',
}
"""How a program comes by one of each handle."""
MADE = """
  - {name: files, kind: fs.directory, directory: files, auto_init: true}
  - {name: shell, kind: exec.native}
  - {name: cache, kind: store.memory}
  - {name: groups, kind: pg.scope, lifecycle: {auto_start: true}}
  - {name: greeter, kind: contract.definition, methods: [{name: greet}]}
  - {name: pages, kind: template.set}
  - {name: tokens, kind: security.token_store, store: cache}
  - {name: policy, kind: security.policy,
     policy: {actions: "*", resources: "*", effect: allow}}
  - {name: db, kind: db.sql.sqlite, file: ":memory:", lifecycle: {auto_start: true}}
"""
PROBE = """
local module = require("%s")
local %s = module
return { main = function(names)
  local handle = assert(%s)
  local found = {}
  for _, name in ipairs(names) do
    if handle[name] ~= nil then found[#found + 1] = name end
  end
  return found
end }
"""


def declared_handles(name: str) -> dict[str, set[str]]:
    """Give the methods of each record of methods among the declared types."""
    return {
        entry.removeprefix("type "): fields_of(record)
        for entry, record in load_module(name).declarations.items()
        if entry.startswith("type ") and "(self:" in record
    }


@pytest.mark.parametrize("name", BUILT)
def test_every_handle_is_declared(name: str) -> None:
    """The checker knows each class of handles."""
    undeclared = {
        handle
        for handle in set(handles_of(load_module(name))) - set(declared_handles(name))
        if (name, handle) not in UNDECLARED_HANDLES
    }
    assert undeclared == set()


@pytest.mark.parametrize("name", BUILT)
def test_declared_handles_have_the_methods_that_are_there(name: str) -> None:
    """A handle that is declared with its methods is declared whole."""
    module = load_module(name)
    handles = handles_of(module)
    for handle, methods in declared_handles(name).items():
        if handle in handles and (name, handle) not in SAMPLES:
            assert methods == handles[handle]


@pytest.mark.parametrize(("name", "handle"), SAMPLES)
def test_a_handle_has_the_methods_that_are_declared(
    name: str, handle: str, tmp_path: Path
) -> None:
    """No more and no less than Lua sees, and its page names each of them."""
    declared = declared_handles(name)[handle]
    python = handles_of(load_module(name)).get(handle, set())
    if handle in ("Stream", "StreamScanner"):
        python = set(declared)
    asked = sorted(declared | python)
    source = PROBE % (name, name, SAMPLES[name, handle])
    modules = ", ".join({name, "fs"})
    found = run_application(tmp_path, source, asked, modules=modules, entries=MADE)
    assert set(found) == declared
    words = set(re.findall(r"\w+", (PAGES / f"{name}.md").read_text("utf-8")))
    if not handle.startswith("Stream"):  # it has a page of its own
        assert sorted(declared - words) == []
