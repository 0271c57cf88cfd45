"""Translated sources are kept from one start to the next (apps 9.2)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.application import environment, run_command

from wippy_trio.loading import load_config
from wippy_trio.loading.compile_cache import (
    WORTH_IT,
    CompileCache,
    open_compile_cache,
)

if TYPE_CHECKING:
    from pathlib import Path

FILE = ".wippy/cache/lua/compiled.json"


def fill(cache: CompileCache, count: int = WORTH_IT) -> list[str]:
    """Keep some translations."""
    keys = [cache.key(f"return {i}".encode(), f"app:f{i}") for i in range(count)]
    for i, key in enumerate(keys):
        assert cache.get(key) is None
        cache.put(key, f"return {i} \xff".encode("latin-1"))
    cache.save()
    return keys


def test_translations_come_back_as_they_were(tmp_path: Path) -> None:
    """Bytes, by everything that they depend on."""
    keys = fill(CompileCache(tmp_path / "c.json"))
    again = CompileCache(tmp_path / "c.json")
    assert again.get(keys[3]) == b"return 3 \xff"
    base = again.key(b"x", "app:f", "full", "5.4")
    others = {
        again.key(b"y", "app:f", "full", "5.4"),
        again.key(b"x", "app:g", "full", "5.4"),
        again.key(b"x", "app:f", "off", "5.4"),
        again.key(b"x", "app:f", "full", "5.3"),
    }
    assert len(others | {base}) == 5


def test_what_was_not_asked_for_is_forgotten(tmp_path: Path) -> None:
    """The file holds one run of one application."""
    keys = fill(CompileCache(tmp_path / "c.json"))
    second = CompileCache(tmp_path / "c.json")
    assert second.get(keys[0]) is not None
    for i in range(WORTH_IT):
        second.put(second.key(b"new", str(i)), b"")
    second.save()
    third = CompileCache(tmp_path / "c.json")
    assert third.get(keys[0]) is not None
    assert third.get(keys[1]) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"by": "another", "texts": {}}', "\xff"]
)
def test_a_file_that_is_none_is_ignored(tmp_path: Path, text: str) -> None:
    """And written anew."""
    file = tmp_path / "c.json"
    file.write_text(text, "latin-1")
    keys = fill(CompileCache(file))
    assert CompileCache(file).get(keys[0]) is not None
    body = json.loads(file.read_text())
    body["by"] += " changed"
    file.write_text(json.dumps(body))
    assert CompileCache(file).get(keys[0]) is None


def test_little_is_not_worth_a_file(tmp_path: Path) -> None:
    """Small applications leave nothing behind."""
    fill(CompileCache(tmp_path / "c.json"), WORTH_IT - 1)
    assert not (tmp_path / "c.json").exists()


def test_a_folder_that_refuses_is_let_be(tmp_path: Path) -> None:
    """There is simply no cache."""
    (tmp_path / "file").write_text("")
    fill(CompileCache(tmp_path / "file/below/c.json"))


@pytest.mark.parametrize(
    ("settings", "reads", "writes"),
    [
        ("", True, True),
        ("lua: {cache: {enabled: true}}", True, True),
        ("lua: {cache: {enabled: false}}", False, False),
        ("lua: {cache: {mode: 'off'}}", False, False),
        ("lua: {cache: {mode: readonly}}", True, False),
        ("lua: {cache: {compile: {enabled: false}}}", False, False),
    ],
)
def test_the_configuration_decides(
    tmp_path: Path, settings: str, *, reads: bool, writes: bool
) -> None:
    """By the keys of apps 9.2."""

    def opened(text: str) -> CompileCache:
        (tmp_path / ".wippy.yaml").write_text(f'version: "1.0"\n{text}\n')
        config: Any = load_config(tmp_path, environ={})
        return open_compile_cache(config, tmp_path)

    cache = opened(settings)
    for i in range(WORTH_IT):
        cache.put(cache.key(b"", str(i)), b"text")
    cache.save()
    assert (tmp_path / FILE).exists() is writes
    filled = opened("")
    for i in range(WORTH_IT):
        filled.put(filled.key(b"", str(i)), b"text")
    filled.save()
    found = opened(settings).get(filled.key(b"", "1"))
    assert (found == b"text") is reads


def write(folder: Path, wrong: str = "") -> None:
    """Write an application that is worth it."""
    (folder / "src").mkdir(exist_ok=True)
    rows = [
        'version: "1.0"\nnamespace: app\nentries:',
        "  - {name: t, kind: terminal.host, lifecycle: {auto_start: true}}",
        "  - name: main\n    kind: process.lua\n    source: file://main.lua",
        "    modules: [io, funcs]",
    ]
    for i in range(WORTH_IT + 5):
        rows.append(
            f"  - {{name: f{i}, kind: function.lua, source: file://f{i}.lua,"
            " method: main}"
        )
        (folder / f"src/f{i}.lua").write_text(
            f"type N = integer\nlocal function main(n: N): N return n + {i} end\n"
            "return { main = main }\n"
        )
    (folder / "src/main.lua").write_text(
        'local io = require("io")\nlocal funcs = require("funcs")\n'
        "local function main()\n"
        f'  for i = 0, {WORTH_IT} do io.write(funcs.call("app:f" .. i, 1), " ") end\n'
        f"end\n{wrong}\nreturn {{ main = main }}\n"
    )
    (folder / "src/_index.yaml").write_text("\n".join(rows) + "\n")


def test_the_second_start_translates_nothing(tmp_path: Path) -> None:
    """It does the same, and does not even import the translator."""
    write(tmp_path)
    first = run_command(tmp_path, "run", "-x", "app:main")
    assert first.code == 0
    assert first.out.split() == [str(i + 1) for i in range(WORTH_IT + 1)]
    assert (tmp_path / FILE).is_file()
    assert (tmp_path / ".wippy/cache/lua/.gitignore").read_text() == "*\n"
    code = (
        "import sys\nfrom wippy_trio.cli.main import main\n"
        "code = main(['run', '-x', 'app:main'])\n"
        "assert 'wippy_trio.lang.parser' not in sys.modules\n"
        "sys.exit(code)\n"
    )
    second = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (second.returncode, second.stdout) == (0, first.out), second.stderr


def test_a_change_is_seen_and_a_mistake_told(tmp_path: Path) -> None:
    """What is kept never hides what the sources say now."""
    write(tmp_path)
    run_command(tmp_path, "run", "-x", "app:main")
    (tmp_path / "src/f0.lua").write_text(
        "return { main = function() return 'changed' end }"
    )
    assert run_command(tmp_path, "run", "-x", "app:main").out.startswith("changed ")
    write(tmp_path, wrong="local function (")
    outcome = run_command(tmp_path, "run", "-x", "app:main")
    assert outcome.code == 1
    assert "app:main" in outcome.err
