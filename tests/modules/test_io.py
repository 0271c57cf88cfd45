"""The module `io` without a terminal; the examples show it with one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_terminal_it_is_unavailable(tmp_path: Path) -> None:
    """A function has no terminal (modules-data 21)."""
    source = """
    return { main = function()
      local ok, err = io.print("x")
      return { ok == nil, err:kind(), err:message(), #io.args() }
    end }
    """
    got = run_function(tmp_path, source, modules="io")
    assert got == [True, "Unavailable", "no terminal context", 0]


PROGRAM = """
local function main()
  local ok, err = io.raw()
  if not ok then
    io.print(err:kind() .. ": " .. err:message())
    return 0
  end
  io.raw(true)
  io.raw(false)
  io.print("raw")
  io.print(io.read(10) == "\\3")
  if io.args()[1] == "crash" then error("crash") end
  io.raw(false)
  io.print("cooked")
  io.read(1)
  return 0
end
return { main = main }
"""
INDEX = """
version: "1.0"
namespace: app
entries:
  - {name: terminal, kind: terminal.host, lifecycle: {auto_start: true}}
  - name: main
    kind: process.lua
    source: file://main.lua
    method: main
    modules: [io]
"""


def program(folder: Path) -> list[str]:
    (folder / "src").mkdir()
    (folder / "src/_index.yaml").write_text(INDEX)
    (folder / "src/main.lua").write_text(PROGRAM)
    return [sys.executable, "-m", "wippy_trio", "run", "-x", "app:main"]


@pytest.mark.parametrize("ending", ["normal", "crash"])
def test_raw_input_ends_with_the_process(tmp_path: Path, ending: str) -> None:
    """Keys come at once, counted requests nest, a crash restores (modules-data 21)."""
    termios = pytest.importorskip("termios")
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    running = subprocess.Popen(
        [*program(tmp_path), ending],
        cwd=tmp_path,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert running.stdout is not None
    try:
        assert running.stdout.readline() == b"raw\n"
        raw = termios.tcgetattr(theirs)
        assert not raw[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
        assert raw[1] & termios.OPOST
        os.write(ours, b"\3")
        assert running.stdout.readline() == b"true\n"
        if ending == "normal":
            assert running.stdout.readline() == b"cooked\n"
            assert termios.tcgetattr(theirs) == before
            os.write(ours, b"x\n")
        running.wait(timeout=30)
        assert termios.tcgetattr(theirs) == before
    finally:
        running.kill()
        running.wait()
        running.stdout.close()
        os.close(ours)
        os.close(theirs)


def test_a_pipe_cannot_be_raw(tmp_path: Path) -> None:
    """Unavailable, with the text of modules-data 21."""
    done = subprocess.run(
        program(tmp_path),
        cwd=tmp_path,
        input="",
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.stdout == "Unavailable: raw terminal control unavailable\n"
