"""What a module exports, what it declares and what its page says are the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_function
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


@pytest.mark.parametrize("name", BUILT)
def test_declared_handles_have_the_methods_that_are_there(name: str) -> None:
    """A handle that is declared with its methods is declared whole."""
    module = load_module(name)
    handles = handles_of(module) if name != "sql" else {}  # its methods are Lua
    for entry, record in module.declarations.items():
        handle = entry.removeprefix("type ")
        if entry.startswith("type ") and handle in handles:
            assert fields_of(record) == handles[handle]
