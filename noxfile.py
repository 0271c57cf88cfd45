"""Everything that can be run on this project, by name.

``nox -l`` lists the sessions; plain ``nox`` runs lint, types and tests. Each session
makes its own environment and needs nothing but Python and a package index.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
CI = bool(os.environ.get("CI"))

PYTHONS = ("3.14", "3.13", "3.12", "3.11")
"""The Pythons we claim. The oldest comes last, so that the full cell ends a log."""
LUAS = ("5.3", "5.5", "5.4")
"""The Luas we claim. The default one comes last, for the same reason."""
SMOKE = ("tests/smoke", "tests/conformance")
"""What CI runs in all cells but one."""
TEST_TIMEOUT_S = 300
"""After this a hanging test is ended, with the stacks of all threads."""

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"


# --- which interpreters answer --------------------------------------------------------


def ask(*command: str) -> str:
    """Run a short command and return what it says, or nothing if it fails."""
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def widen_pyenv() -> None:
    """Let pyenv's shims answer for every version that it has, its own first."""
    if pyenv := shutil.which("pyenv"):
        own = ask(pyenv, "version-name").split(":")
        every = ask(pyenv, "versions", "--bare").split()
        if versions := [version for version in (*own, *every) if version]:
            os.environ["PYENV_VERSION"] = ":".join(dict.fromkeys(versions))


def answers(version: str) -> bool:
    """Tell whether ``pythonX.Y`` is there, runs and really is that version."""
    if version == OWN:
        return True
    python = shutil.which(f"python{version}")
    question = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    return python is not None and ask(python, "-c", question) == version


OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
widen_pyenv()
ANSWERING = [version for version in PYTHONS if answers(version)]
MATRIX = ANSWERING or [OWN]  # a newer Python than those we claim may still try
PYTHON = MATRIX[-1]
FULL_CELL = (PYTHON, LUAS[-1])
"""The one cell that CI runs completely."""


# --- helpers --------------------------------------------------------------------------


def install(session: nox.Session, *groups: str, package: str = "-e.[all]") -> None:
    """Install the package with all extras, and the named dependency groups."""
    session.install(package, *needs(*groups))


def needs(*groups: str) -> tuple[str, ...]:
    """Read the requirements of dependency groups from pyproject.toml."""
    return nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()


def pytest(session: nox.Session, *arguments: str, lua: str = LUAS[-1]) -> None:
    """Run pytest under one Lua; no tests collected is a failure as any other."""
    session.run(
        *("python", "-m", "pytest", f"--timeout={TEST_TIMEOUT_S}", *arguments),
        env={"WIPPY_TRIO_LUA": lua},
    )


def applications() -> list[Path]:
    """List the folders of all applications that we ship or test with."""
    roots = (ROOT / "examples", ROOT / "tests" / "conformance")
    return sorted(
        folder
        for root in roots
        for folder in root.glob("*/")
        if any(folder.rglob("*.lua"))
    )


# --- style, types, tests --------------------------------------------------------------


@nox.session(python=PYTHON)
def fmt(session: nox.Session) -> None:
    """Rewrite: safe fixes, then the formatter."""
    session.install(*needs("lint"))
    session.run("ruff", "check", "--fix-only", ".")
    session.run("ruff", "format", ".")


@nox.session(python=PYTHON)
def lint(session: nox.Session) -> None:
    """Check style, spelling and the arrows between rooms."""
    session.install("--no-deps", "-e.")
    session.install(*needs("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell", "src", "tests", "docs", "examples", *ROOT.glob("*.md"))
    session.run("lint-imports", "--no-logo", "--no-cache")


@nox.session(python=PYTHON)
def types(session: nox.Session) -> None:
    """Check types: mypy over all, pyright over what our users type."""
    install(session, "test", "types")
    session.run("mypy")
    session.run("pyright")


CELLS: dict[tuple[str, str], str] = {}
"""What became of each cell of the matrix, by Python and Lua."""


@nox.session(python=MATRIX)
def tests(session: nox.Session) -> None:
    """Test every Lua under this Python; in CI one cell fully, the others briefly."""
    install(session, "test")
    python = str(session.python)
    for lua in LUAS:
        full = (python, lua) == FULL_CELL or not CI or bool(session.posargs)
        measured = (python, lua) == FULL_CELL and not session.posargs
        coverage = ("--cov", "--cov-report=term:skip-covered") if measured else ()
        what = session.posargs or ((*coverage,) if full else SMOKE)
        kind = "selected" if session.posargs else "all" if full else "smoke"
        session.log(f"Python {python} x Lua {lua}: {kind}")
        CELLS[python, lua] = f"{kind} FAILED"
        try:
            pytest(session, *what, lua=lua)
        except CommandFailed:
            continue
        CELLS[python, lua] = f"{kind} ok"
    summary = matrix_summary()
    if any(CELLS[python, lua].endswith("FAILED") for lua in LUAS):
        session.error(summary)
    session.log(summary)


def matrix_summary() -> str:
    """Draw the matrix: which cells ran, how, and which could not."""
    rows = [("", *(f"Lua {lua}" for lua in LUAS))]
    for python in dict.fromkeys((*MATRIX, *PYTHONS)):
        absent = "not run" if python in MATRIX else "no interpreter"
        cells = (CELLS.get((python, lua), absent) for lua in LUAS)
        rows.append((f"Python {python}", *cells))
    lines = ("  ".join(f"{text:<14}" for text in row).rstrip() for row in rows)
    return "cells of the matrix\n" + "\n".join(lines)


@nox.session(python=PYTHON)
def minimums(session: nox.Session) -> None:
    """Test with the oldest dependencies that we claim."""
    oldest = [
        re.sub(r">=", "==", requirement)
        for requirement in PYPROJECT["project"]["dependencies"]
    ]
    install(session, "test")
    session.install(*oldest)
    pytest(session, *session.posargs)


# --- Lua, docs, examples --------------------------------------------------------------


@nox.session(python=PYTHON)
def lua(session: nox.Session) -> None:
    """Lint every application that we ship, then run the conformance suite."""
    install(session, "test")
    for folder in applications():
        with session.chdir(folder):
            session.run("wippy-trio", "lint")
    pytest(session, "tests/conformance", *session.posargs)


@nox.session(python=PYTHON)
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error. ``-- linkcheck`` asks the web."""
    install(session, "docs", package="-e.")
    builders = session.posargs or ["html", "doctest"]
    for builder in builders:
        session.run(
            *("sphinx-build", "-W", "--keep-going", "-q", "-b", builder),
            *("docs", f"docs/_build/{builder}"),
        )


@nox.session(python=PYTHON)
def examples(session: nox.Session) -> None:
    """Run every example as its README says, and compare what it prints."""
    session.install("-e.")
    session.run("python", "examples/run.py", "--quiet", *session.posargs)


@nox.session(python=PYTHON)
def demo(session: nox.Session) -> None:
    """Show the examples at work: ``-- 01-hello`` for one of them."""
    session.install("-e.", silent=True)
    session.run("python", "examples/run.py", *session.posargs)


@nox.session(python=PYTHON)
def browser(session: nox.Session) -> None:
    """Look at a site of ours in Chromium, which must be there."""
    install(session, "test")
    session.env["WIPPY_TRIO_BROWSER"] = "required"
    pytest(session, "tests/browser", *session.posargs)


# --- releases -------------------------------------------------------------------------


@nox.session(python=PYTHON)
def news(session: nox.Session) -> None:
    """Show the next changelog; ``-- --compare-with BRANCH`` wants a fragment."""
    session.install(*needs("news"))
    if session.posargs:
        session.run("towncrier", "check", *session.posargs)
    session.run("towncrier", "build", "--draft", "--version", "next")


@nox.session(python=PYTHON)
def build(session: nox.Session) -> None:
    """Build both distributions and test from the installed wheel."""
    target = Path(session.create_tmp()) / "dist"
    shutil.rmtree(target, ignore_errors=True)
    session.install(*needs("build"))
    session.run("python", "-m", "build", "--outdir", str(target))
    (wheel,) = target.glob("*.whl")
    session.install("--force-reinstall", "--no-deps", str(wheel))
    session.install(str(wheel), *needs("test"))
    pytest(session, *(session.posargs or SMOKE))


@nox.session(python=PYTHON)
def bench(session: nox.Session) -> None:
    """Run the benchmarks, each beside its yardstick; on request only."""
    install(session, "test")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=PYTHON)
def soak(session: nox.Session) -> None:
    """Run much, long and often, and print what was seen; five minutes."""
    install(session, "test")
    session.env["WIPPY_TRIO_SOAK"] = "1"
    pytest(session, "-s", "-m", "soak", *session.posargs)
