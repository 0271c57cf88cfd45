"""Modules and kinds are found without importing those that nobody asks for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from wippy_trio.registry import KINDS
from wippy_trio.runtime import catalogue

if TYPE_CHECKING:
    from pathlib import Path


def test_every_handler_is_found_by_each_of_its_kinds() -> None:
    """The search by text finds what importing everything finds, one for each kind."""
    claimed: dict[str, type] = {}
    for cls in catalogue.handler_classes():
        for kind in cls.kinds:
            assert kind not in claimed, f"{kind}: {cls} and {claimed[kind]}"
            claimed[kind] = cls
    assert len(claimed) > 10
    assert {kind: catalogue.handler_class(kind) for kind in claimed} == claimed


def test_a_kind_nobody_handles_has_no_handler() -> None:
    """The answer is ``None``, after all files were looked at."""
    assert catalogue.handler_class("no.such.kind") is None


PLUGIN = """
import sys
from wippy_trio.runtime import catalogue
found = catalogue.load_module("greeting")
kind = catalogue.handler_class("acme.thing")
print(found.name, kind.__name__, "importlib.metadata" in sys.modules)
"""

PACKAGE = """
from wippy_trio.sdk import EntryKind, LuaModule

MODULE = LuaModule("greeting")

class Thing(EntryKind):
    kinds = ("acme.thing",)
"""


def test_modules_and_kinds_of_installed_packages_are_found(tmp_path: Path) -> None:
    """A distribution with our entry points is met wherever ``sys.path`` leads."""
    (tmp_path / "acme.py").write_text(PACKAGE)
    info = tmp_path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[wippy_trio.modules]\ngreeting = acme:MODULE\n"
        "[wippy_trio.kinds]\nacme.thing = acme:Thing\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PLUGIN}"
    outcome = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert outcome.stdout.split() == ["greeting", "Thing", "True"]


BARE = """
import importlib.abc, sys
from wippy_trio.registry import KINDS

EXTRAS = set(sys.argv[1:])

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from wippy_trio.runtime import catalogue
print(sum(catalogue.handler_class(kind) is not None for kind in sorted(KINDS)))
catalogue.handler_class("no.such.kind")
"""

EXTRAS = (
    *("apsw", "boto3", "botocore", "brotli", "cryptography", "docker", "grpc"),
    *("httptools", "httpx2", "jsonschema_rs", "nats", "openpyxl", "pika", "psycopg"),
    *("psutil", "pymysql", "re2", "sqlite_vec", "temporalio", "tree_sitter"),
    *("wasmtime", "wcwidth", "wsproto"),
)
"""What an application need not have installed, by the names that are imported."""


def test_every_kind_is_found_without_any_extra() -> None:
    """A package that is missing is told of by what needs it, never by another kind."""
    outcome = subprocess.run(
        [sys.executable, "-c", BARE, *EXTRAS],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    handled = {kind for cls in catalogue.handler_classes() for kind in cls.kinds}
    assert int(outcome.stdout) == len(handled & KINDS)
