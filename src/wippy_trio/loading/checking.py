"""What the checker is told of an application: its sources and the host's modules.

The signatures of a host module stand beside its exports, in its own file. They are read
from there as text: importing the module would import the event loop and the virtual
machine, which costs more than the whole check.
"""

from __future__ import annotations

import ast
import re
import runpy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wippy_trio.loading.plugins import MODULES_GROUP, plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wippy_trio.lang import Diagnostic
    from wippy_trio.lang.program import Program, Unit
    from wippy_trio.loading.config import Config
    from wippy_trio.registry import Entry

__all__ = [
    "CHECKED",
    "declared_names",
    "declares_of",
    "findings_of",
    "known_names",
    "module_names",
    "program_of",
    "reports_undefined",
    "summaries_of",
    "unit_of",
]

MODULES = Path(__file__).parent.parent / "modules"

CHECKED = frozenset({"function.lua", "library.lua", "process.lua", "workflow.lua"})
"""The kinds of entries that have a source to check (types 3.11)."""

ALWAYS = frozenset(
    {"process", "channel", "payload", "errors", "os", "table", "math", "string"}
    | {"coroutine", "package"}
)
"""The modules that need no declaration."""


def reports_undefined(config: Config) -> bool:
    """Tell whether names that nothing defines are reported (types 3.8)."""
    return config.get("lua.type_system.rules.undefined") is True


def unit_of(entry: Entry | None) -> Unit | None:
    """Describe an entry to the checker; None if it has no source."""
    from wippy_trio.lang.program import Unit  # noqa: PLC0415 - start-up cost

    data = entry.data if entry is not None else None
    if not isinstance(data, dict) or not isinstance(data.get("source"), str):
        return None
    assert entry is not None
    imports = data.get("imports")
    known = imports if isinstance(imports, dict) else {}
    return Unit(
        entry.id,
        data["source"].encode("utf-8", "surrogateescape"),
        {str(alias): str(target) for alias, target in known.items()},
    )


def program_of(
    entries: Mapping[str, Entry],
    *,
    undefined: bool = False,
    interfaces: Callable[[str], Mapping[str, Any] | None] | None = None,
) -> Program:
    """Describe the Lua sources of an application to the checker.

    Args:
      entries: Its entries by id; may change later, see `Program.forget`.
      undefined: Whether names that nothing defines are reported.
      interfaces: What is known already of what a unit exports.
    """
    from wippy_trio.lang.program import Program  # noqa: PLC0415 - start-up cost

    def find(id_: str) -> Unit | None:
        return unit_of(entries.get(id_))

    return Program(find, declares_of, undefined=undefined, interfaces=interfaces)


def findings_of(
    entry: Entry, entries: Mapping[str, Entry], program: Program, *, rules: bool
) -> list[Diagnostic]:
    """Check one entry: syntax, style, ``require``, types; in order of place."""
    from wippy_trio.lang import lint_chunk  # noqa: PLC0415 - start-up cost

    source = entry.data.get("source") if isinstance(entry.data, dict) else None
    if not isinstance(source, str):
        return []
    found = lint_chunk(
        source.encode("utf-8", "surrogateescape"),
        entry.id,
        known=known_names(entry),
        closure=_closure(entry, entries, set()),
        rules=rules,
        chunk=program.chunk(entry.id),
    )
    checked = program.check(entry.id)
    if checked is not None and not any(each.code == "P0001" for each in found):
        found.extend(checked.findings)
        found.sort(key=lambda each: (each.line, each.column, each.code, each.message))
    return found


def known_names(entry: Entry) -> frozenset[str]:
    """List what an entry may require."""
    return declared_names(entry) | ALWAYS


def declared_names(entry: Entry) -> frozenset[str]:
    """List the modules and the aliases of imports that an entry declares."""
    data = entry.data if isinstance(entry.data, dict) else {}
    modules, imports = data.get("modules"), data.get("imports")
    names = set(modules) if isinstance(modules, list) else set()
    if isinstance(imports, dict):
        names.update(imports)
    return frozenset(str(name) for name in names)


def _closure(
    entry: Entry, entries: Mapping[str, Entry], seen: set[str]
) -> frozenset[str]:
    """Collect the names that imported libraries declare, directly or not."""
    names: set[str] = set()
    data = entry.data if isinstance(entry.data, dict) else {}
    imports = data.get("imports")
    for target in imports.values() if isinstance(imports, dict) else ():
        library = entries.get(str(target))
        if library is not None and library.id not in seen:
            seen.add(library.id)
            names |= declared_names(library) | _closure(library, entries, seen)
    return frozenset(names)


@cache
def module_names() -> frozenset[str]:
    """List the host modules that are installed and can be declared."""
    found = {file.stem for file in MODULES.glob("*.py")}
    found |= {file.parent.name for file in MODULES.glob("*/__init__.py")}
    ours = {name.rstrip("_") for name in found if not name.startswith("_")}
    return frozenset(ours | set(plugins(MODULES_GROUP)))


def declares_of(name: str) -> str | None:
    """Return the signatures of a host module; None if there is no such module."""
    file = _file(name)
    if file is None:
        return None
    tree = ast.parse(file.read_bytes())
    constants: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = _text(node.value, constants)
            if value is not None:
                constants[node.targets[0].id] = value
        elif (
            isinstance(node, ast.ImportFrom)
            and node.names[0].name == "DECLARES"
            and str(node.module).startswith("wippy_trio.")  # nobody else's code is run
        ):
            constants["DECLARES"] = _imported(str(node.module))
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _is_module(call, name):
            for keyword in call.keywords:
                if keyword.arg == "declares":
                    return _text(keyword.value, constants)
    return None


@cache
def _imported(module: str) -> str:
    """Return what a file of declarations says; it imports nothing, so it may run."""
    file = MODULES.parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    text: str = runpy.run_path(str(file))["DECLARES"]
    return text


@cache
def summaries_of(name: str) -> dict[str, str]:
    """Return what the functions of a host module are for, each in a sentence."""
    file = _file(name)
    if file is None:
        return {}
    found: dict[str, str] = {}
    for node in ast.parse(file.read_bytes()).body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        exported = _exported(node)
        text = ast.get_docstring(node) or ""
        if exported and text:
            # Where it is written down means nothing to the author of a program.
            found[exported] = re.sub(
                r" \([^()]*\d[^()]*\)(?=\.$)", "", text.split("\n")[0]
            )
    return found


def _exported(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """Return the name by which a function is exported from its module."""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        place = call.func if call is not None else decorator
        if not (isinstance(place, ast.Attribute) and place.attr == "export"):
            continue
        if not (isinstance(place.value, ast.Name) and place.value.id == "MODULE"):
            continue
        for keyword in call.keywords if call is not None else ():
            if keyword.arg == "name":
                return _text(keyword.value, {})
        return node.name.rstrip("_")
    return None


def _file(name: str) -> Path | None:
    if not name.isidentifier():
        return None
    for file in (MODULES / f"{name}.py", MODULES / name / "__init__.py"):
        if file.is_file():
            return file
    other = _other_files().get(name)
    if other is not None:
        return other
    plugin = plugins(MODULES_GROUP).get(name)
    return None if plugin is None else plugin.file()


@cache
def _other_files() -> dict[str, Path]:
    """Find the modules whose file does not have their name."""
    made = re.compile(r'LuaModule\(\s*"(\w+)"')
    return {
        match: file
        for file in sorted([*MODULES.glob("*.py"), *MODULES.glob("*/__init__.py")])
        for match in made.findall(file.read_text(encoding="utf-8"))
    }


def _is_module(call: ast.Call, name: str) -> bool:
    function = call.func
    if not isinstance(function, ast.Name) or function.id != "LuaModule":
        return False
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and first.value == name


def _text(node: ast.expr, constants: dict[str, str]) -> str | None:
    """Return the text that an expression of literals gives."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left, constants), _text(node.right, constants)
        return None if left is None or right is None else left + right
    return None
