"""What the checker is told of an application: its sources and the host's modules.

The signatures of a host module stand beside its exports, in its own file. They are read
from there as text: importing the module would import the event loop and the virtual
machine, which costs more than the whole check.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from wippy_trio.lang.program import Program, Unit

if TYPE_CHECKING:
    from wippy_trio.loading import Project

__all__ = ["declares_of", "program_of"]

MODULES = Path(__file__).parent.parent / "modules"


def program_of(project: Project) -> Program:
    """Describe the Lua sources of an application to the checker."""

    def find(id_: str) -> Unit | None:
        entry = project.entries.get(id_)
        data = entry.data if entry is not None else None
        if not isinstance(data, dict) or not isinstance(data.get("source"), str):
            return None
        imports = data.get("imports")
        known = imports if isinstance(imports, dict) else {}
        return Unit(
            id_,
            data["source"].encode("utf-8", "surrogateescape"),
            {str(alias): str(target) for alias, target in known.items()},
        )

    undefined = project.config.get("lua.type_system.rules.undefined") is True
    return Program(find, declares_of, undefined=undefined)


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
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _is_module(call, name):
            for keyword in call.keywords:
                if keyword.arg == "declares":
                    return _text(keyword.value, constants)
    return None


def _file(name: str) -> Path | None:
    if not name.isidentifier():
        return None
    for file in (MODULES / f"{name}.py", MODULES / name / "__init__.py"):
        if file.is_file():
            return file
    return _other_files().get(name)


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
