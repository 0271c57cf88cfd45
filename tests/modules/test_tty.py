"""The module `tty`: what Lua sees of it, and programs at a terminal."""

from __future__ import annotations

import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.application import run_function

fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_styles_and_layout_in_lua(tmp_path: Path) -> None:
    """Each method gives a new style; constants are there (modules-data 22)."""
    source = """
    return { main = function()
      local base = tty.style()
      local red = base:foreground("1")
      local box = red:bold():border(tty.borders.ROUNDED):padding(0, 1)
      local text = tty.text
      return {
        base:render("a", "b", 5), red:render("a"), box:copy():render("x"),
        red:foreground("none"):bold(true):bold(false):render("y"),
        tostring(base), type(base),
        { tty.borders.NORMAL, tty.borders.THICK, tty.borders.DOUBLE,
          tty.borders.HIDDEN },
        { tty.align.LEFT, tty.align.CENTER, tty.align.RIGHT },
        { text.position.TOP, text.position.CENTER, text.position.BOTTOM },
        { text.width("日本"), text.height("a\\nb"), text.size("ab\\nc") },
        { text.max_width({"a", "abc"}), text.max_height({"a\\nb", "c"}) },
        text.join_horizontal(text.position.TOP, "a\\nb", "1"),
        text.join_vertical(text.position.RIGHT, "abc", "x"),
        text.place(5, 3, text.position.CENTER, text.position.BOTTOM, "x"),
        text.place_horizontal(3, 1, "x"), text.place_vertical(2, 0, "x"),
        pcall(function() tty.borders.NEW = 1 end),
        base:width(4):align(tty.align.RIGHT):render("\\255"),
        base:border("normal", true, false):max_height(2):render("x"),
        base:border("normal"):border_foreground("1", "2"):render("x"),
      }
    end }
    """
    got = run_function(tmp_path, source, modules="tty")
    assert got == [
        "a b 5",
        "\x1b[31ma\x1b[0m",
        "╭───╮\n│ \x1b[1;31mx\x1b[0m │\n╰───╯",
        "y",
        "tty.Style{}",
        "userdata",
        ["normal", "thick", "double", "hidden"],
        [0, 0.5, 1],
        [0, 0.5, 1],
        [4, 2, 2, 2],
        [3, 2],
        "a1\nb ",
        "abc\n  x",
        "     \n     \n  x  ",
        "  x",
        "x\n ",
        False,
        b"   \xff",
        "─\nx",
        "\x1b[31m┌─┐\x1b[0m\n\x1b[32m│\x1b[0mx\x1b[32m│\x1b[0m\n\x1b[31m└─┘\x1b[0m",
    ]


def test_bindings_in_lua(tmp_path: Path) -> None:
    """Key with modifiers, bare key, key type; switched off, none (modules-data 22)."""
    source = """
    return { main = function()
      local quit = tty.bind({
        keys = { "q", "ctrl+c", "ctrl+alt+shift+up", "enter" },
        help = { key = "q", desc = "quit" },
      })
      local any = tty.bind({ keys = { "runes" } })
      local space = tty.bind({ keys = { " " } })
      local function key(name, mods)
        local event = { type = "key", key = name, key_type = "runes", action = "press" }
        for _, each in ipairs(mods or {}) do event[each] = true end
        return event
      end
      local out = {
        quit:matches(key("q")), quit:matches(key("q", { "ctrl" })),
        quit:matches(key("c")), quit:matches(key("c", { "ctrl" })),
        quit:matches(key("up", { "shift", "ctrl", "alt" })),
        any:matches(key("x")), any:matches({ type = "mouse", key = "q" }),
        any:matches({ type = "mouse" }), space:matches(key("space")),
        quit:set_enabled(false) == quit, quit:is_enabled(), quit:matches(key("q")),
        quit:set_enabled(true):matches(key("q")),
        quit:help().key, quit:help().desc, any:help().desc, tostring(any),
        tostring(tty.bind({ keys = { "q", "ctrl+c" } })),
        select(2, pcall(tty.bind, { help = {} })),
        pcall(tty.bind), pcall(tty.mouse, "on"),
      }
      return out
    end }
    """
    got = run_function(tmp_path, source, modules="tty")
    assert got[:13] == [
        *[True, True, False, True, True, True, False, False, True],
        *[True, False, False, True],
    ]
    assert got[13:18] == ["q", "quit", "", "tty.KeyBinding{runes}", (
        "tty.KeyBinding{q, ctrl+c}"
    )]  # fmt: skip
    assert got[18].endswith("bind: keys must be a list of strings")
    assert got[19] is False
    assert got[20] is False  # a boolean is required, else it raises


def test_without_a_terminal_it_is_unavailable(tmp_path: Path) -> None:
    """A function has no terminal (modules-data 22)."""
    source = """
    return { main = function()
      local out = {}
      for _, name in ipairs({ "start", "stop", "events" }) do
        local ok, err = tty[name]()
        out[#out + 1] = { ok == nil, err:kind(), err:message() }
      end
      local ok, err = tty.mouse(true)
      out[#out + 1] = { ok == nil, err:kind(), err:message() }
      local w, h, err = tty.screen_size()
      out[#out + 1] = { w == nil and h == nil, err:kind(), err:message() }
      return out
    end }
    """
    got = run_function(tmp_path, source, modules="tty")
    assert got == [[True, "Unavailable", "no terminal context"]] * 5


# -- at a terminal ---------------------------------------------------------------------

INDEX = """
version: "1.0"
namespace: app
entries:
  - name: terminal
    kind: terminal.host
    lifecycle: {auto_start: true, stop_timeout: 200ms}
  - name: main
    kind: process.lua
    source: file://main.lua
    method: main
    modules: [io, tty, time]
"""
PROGRAM = """
local function show(event)
  local names = {}
  for name in pairs(event) do names[#names + 1] = name end
  table.sort(names)
  local parts = {}
  for _, name in ipairs(names) do
    if event[name] ~= false then
      parts[#parts + 1] = name .. "=" .. tostring(event[name])
    end
  end
  io.print("<" .. table.concat(parts, " ") .. ">")
end
local function main()
  local events = tty.events()
  local again, err = tty.events()
  io.print(again, err:kind(), err:message())
  local ok, err = tty.start()
  if not ok then
    io.print(err:kind(), err:message())
    io.print(tty.screen_size())
    return 0
  end
  show(events:receive())
  ok, err = tty.start()
  io.print(ok, err:kind(), err:message())
  tty.mouse(true)
  io.write("\\27[?1049h\\27[?25l")
  io.print("ready")
  while true do
    local event = events:receive()
    show(event)
    if event.key == "s" then
      io.print((tty.stop()), (tty.stop()), (tty.start()))
    elseif event.key == "q" then
      return 0
    elseif event.key == "e" then
      error("crash")
    elseif event.key == "h" then
      while true do end
    end
  end
end
return { main = main }
"""
SWITCHED_ON = "\x1b[?1004h\x1b[?2004h"
SWITCHED_OFF = "\x1b[?1049l\x1b[?1006l\x1b[?1003l\x1b[?2004l\x1b[?1004l\x1b[?25h"


class Screen:
    """A program and the terminal it runs at."""

    def __init__(self, folder: Path) -> None:
        (folder / "src").mkdir()
        (folder / "src/_index.yaml").write_text(INDEX)
        (folder / "src/main.lua").write_text(PROGRAM)
        self.ours, self.theirs = os.openpty()
        self.resize(80, 24)
        self.before = termios.tcgetattr(self.theirs)
        self.shown = ""
        command = [sys.executable, "-m", "wippy_trio", "run", "-x", "app:main"]
        self.running = subprocess.Popen(
            command,
            cwd=folder,
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=subprocess.DEVNULL,
        )

    def resize(self, width: int, height: int) -> None:
        size = struct.pack("HHHH", height, width, 0, 0)
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, size)

    def expect(self, text: str) -> str:
        """Wait until a text is shown; give what came before it since the last one."""
        until = time.monotonic() + 30
        while text not in self.shown:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.ours], [], [], left)[0]:
                raise AssertionError(f"{text!r} is not in {self.shown!r}")
            self.shown += os.read(self.ours, 65536).decode()
        before, _, self.shown = self.shown.partition(text)
        return before

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def end(self) -> str:
        """Wait for the end of the program; give what it still showed."""
        self.running.wait(timeout=30)
        while select.select([self.ours], [], [], 0)[0]:
            self.shown += os.read(self.ours, 65536).decode()
        return self.shown

    def modes(self) -> Any:
        return termios.tcgetattr(self.theirs)


@contextmanager
def screen(folder: Path) -> Iterator[Screen]:
    made = Screen(folder)
    try:
        yield made
    finally:
        made.running.kill()
        made.running.wait()
        os.close(made.ours)
        os.close(made.theirs)


def test_a_program_hears_its_terminal(tmp_path: Path) -> None:
    """Size, keys, a lone ESC, mouse, focus, pastes, resizes (modules-data 22)."""
    with screen(tmp_path) as at:
        subscribed = 'nil\tAlreadyExists\ttopic "@tty/events" already subscribed'
        at.expect(subscribed)
        at.expect(SWITCHED_ON)
        at.expect("<height=24 type=start width=80>")
        at.expect("nil\tAlreadyExists\tinput reader already started")
        at.expect("\x1b[?1003h\x1b[?1006h")
        at.expect("ready")
        raw = at.modes()
        assert not raw[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
        at.press(b"\x03")
        at.expect("<action=press ctrl=true key=c key_type=runes type=key>")
        at.press(b"\x1b[A")
        at.expect("<action=press key=up key_type=up type=key>")
        at.press(b"\x1b")
        at.expect("<action=press key=esc key_type=esc type=key>")
        at.press(b"\x1b[<0;3;4M")
        at.expect("<action=press button=left type=mouse x=2 y=3>")
        at.press(b"\x1b[200~two\nlines\x1b[201~")
        at.expect("<text=two\r\nlines type=paste>")
        at.press(b"\x1b[I")
        at.expect("<focused=true type=focus>")
        at.resize(100, 30)
        os.kill(at.running.pid, signal.SIGWINCH)
        at.expect("<height=30 type=resize width=100>")
        at.press(b"s")
        at.expect(SWITCHED_OFF)
        at.expect(SWITCHED_ON)
        at.expect("true\ttrue\ttrue")
        at.expect("<height=30 type=start width=100>")
        at.press(b"q")
        at.end()
        assert at.running.returncode == 0
        assert at.modes() == at.before


@pytest.mark.parametrize(
    ("key", "stop", "code"),
    [
        ("q", None, 0),
        ("e", None, 1),
        ("x", signal.SIGTERM, 0),
        ("x", signal.SIGINT, 0),
    ],
)
def test_the_terminal_is_restored(
    tmp_path: Path, key: str, stop: signal.Signals | None, code: int
) -> None:
    """However the program ends: mouse off, raw off, cursor on (modules-data 22)."""
    with screen(tmp_path) as at:
        at.expect("ready")
        at.press(key.encode())
        at.expect("type=key>")
        if stop is not None:
            at.running.send_signal(stop)
        assert SWITCHED_OFF in at.end()
        assert at.running.returncode == code
        assert at.modes() == at.before


def test_a_killed_program_leaves_the_terminal_too(tmp_path: Path) -> None:
    """A second signal ends the program at once, and the terminal is restored."""
    with screen(tmp_path) as at:
        at.expect("ready")
        at.press(b"h")
        at.expect("key=h")
        at.running.send_signal(signal.SIGINT)
        while at.running.poll() is None:
            at.running.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert SWITCHED_OFF in at.end()
        assert at.modes() == at.before


def test_a_pipe_has_no_input_controller(tmp_path: Path) -> None:
    """Unavailable, with the texts of modules-data 22."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX)
    (tmp_path / "src/main.lua").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "wippy_trio", "run", "-x", "app:main"],
        cwd=tmp_path,
        input="",
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert re.sub("^.*subscribed\n", "", done.stdout) == (
        "Unavailable\tinput controller unavailable\nnil\tnil\tscreen size unavailable\n"
    )
