"""Start-up is a feature: commands that run nothing import nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = frozenset(
    {
        "anyio",
        "asyncio",
        "attr",
        "attrs",
        "lupa",
        "msgspec",
        "rich",
        "structlog",
        "trio",
    }
)

PROBE = """
import json, sys
from wippy_trio.__main__ import main
sys.argv = ["wippy-trio", *sys.argv[1:]]
try:
    code = main()
except SystemExit as exit:
    code = exit.code
loaded = sorted({name.partition(".")[0] for name in sys.modules})
sys.stderr.write("\\n" + json.dumps({"code": code, "loaded": loaded}))
"""
"""Runs the command in a fresh Python, then tells its exit code and what was loaded."""


def run_probe(folder: Path, *arguments: str) -> tuple[int | None, set[str], str]:
    return _probe(PROBE, folder, *arguments)


def _probe(
    probe: str, folder: Path, *arguments: str
) -> tuple[int | None, set[str], str]:
    outcome = subprocess.run(
        [sys.executable, "-c", probe, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = json.loads(outcome.stderr.splitlines()[-1])
    return told["code"], set(told["loaded"]), outcome.stdout


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A folder with one process that ``lint`` and ``registry list`` can look at."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "_index.yaml").write_text(
        "version: '1.0'\n"
        "namespace: app\n"
        "entries:\n"
        "  - name: hello\n"
        "    kind: process.lua\n"
        "    source: file://hello.lua\n"
        "    method: main\n"
        "    modules: [io]\n"
    )
    (source / "hello.lua").write_text(
        'local io = require("io")\n'
        'local function main() io.print("hello") end\n'
        "return { main = main }\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        pytest.param(["--version"], "wippy-trio ", id="--version"),
        pytest.param(["version", "--short"], "", id="version --short"),
    ],
)
def test_the_command_loads_nothing_heavy(
    arguments: list[str], shown: str, application: Path
) -> None:
    """No event loop, no Lua, no log library: they cost more than the command."""
    code, loaded, output = run_probe(application, *arguments)
    assert code in {0, None}
    assert shown in output
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    "module",
    ["wippy_trio", "wippy_trio.errors", "wippy_trio.lang", "wippy_trio.registry"],
)
def test_importing_a_door_loads_nothing_else(module: str) -> None:
    """A door is lazy: what lies behind it is loaded when it is asked for."""
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


UNUSED = frozenset({"asyncio", "pygments", "rich", "sqlite3", "structlog"})
"""What an application that runs silently and keeps no history has no use for."""


def test_a_silent_run_loads_what_the_application_uses(application: Path) -> None:
    """No log library, and of our services and modules only those that it names."""
    (application / "src" / "_index.yaml").write_text(
        (application / "src" / "_index.yaml").read_text()
        + "  - name: terminal\n    kind: terminal.host\n"
    )
    probe = PROBE.replace('name.partition(".")[0] for name', "name for name")
    code, loaded, output = _probe(probe, application, "run", "-x", "app:hello")
    assert (code, output) == (0, "hello\n")
    assert {name.partition(".")[0] for name in loaded} & UNUSED == set()
    unused = {"env", "process_service", "security"}
    assert {f"wippy_trio.services.{name}" for name in unused} & loaded == set()
