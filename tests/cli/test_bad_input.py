"""Whatever is wrong with an application is said so that one can put it right.

Every row is a mistake that people make, and what the command says about it: the file,
the entry, what was wanted and what came. No traceback, and 1 where nothing can run.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.cli.application import environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INDEX = """\
version: "1.0"
namespace: app
entries:
  - name: terminal
    kind: terminal.host
    lifecycle: {auto_start: true}
  - name: main
    kind: process.lua
    source: file://main.lua
    method: main
    modules: [io, time, funcs]
"""
"""Eleven lines; ``app:main`` begins on the seventh, what is added on the twelfth."""

MAIN = 'return { main = function() io.print("ran") end }\n'
RUN = ("run", "-x", "app:main")
ONCE = "{auto_start: true, restart: {max_attempts: 1}}"


class Row(NamedTuple):
    """One mistake."""

    says: tuple[str, ...]
    """Texts on standard error, or on standard output, if that is where they belong."""
    files: Mapping[str, str | bytes] = MappingProxyType({})
    arguments: tuple[str | bytes, ...] = RUN
    code: int = 1
    prints: str | None = ""
    """The whole of standard output; ``None`` if ``says`` is looked for there, too."""


def main(source: str | bytes, *says: str, code: int = 1, prints: str = "") -> Row:
    """Make a row of another ``main.lua``."""
    return Row(says, {"src/main.lua": source}, code=code, prints=prints)


def index(text: str | bytes, *says: str, **more: Any) -> Row:
    """Make a row of another index."""
    return Row(says, {"src/_index.yaml": text}, **more)


def added(text: str, *says: str, files: Any = None, **more: Any) -> Row:
    """Make a row of an index with more in it."""
    return Row(says, {"src/_index.yaml": INDEX + text, **(files or {})}, **more)


LEFT_OUT = "Warning: definition file left out: src/_index.yaml:"
NO_HOST = "Error: no terminal.host found in registry"

ROWS = {
    # YAML
    "indentation": added(
        "   - name: x\n",
        f"{LEFT_OUT}12:4: while parsing a block collection from line 4 on:"
        " did not find expected '-' indicator",
        NO_HOST,
    ),
    "tab": added("\t- name: x\n", f"{LEFT_OUT}12:1: found a tab, wanted spaces"),
    "unclosed bracket": added(
        "  - {name: x, kind: [a\n",
        f"{LEFT_OUT}13:1: while parsing a flow sequence from line 12 on:"
        " did not find expected ',' or ']'",
    ),
    "duplicate key": added(
        "  - {name: a, name: b}\n",
        f'{LEFT_OUT}12:15: duplicate key "name", first on line 12',
    ),
    "index that is not UTF-8": index(
        INDEX.encode() + b"# \xff\n", f"{LEFT_OUT}12:3: invalid leading UTF-8 octet"
    ),
    "entries that are no list": index(
        "namespace: app\nentries: {a: 1}\n",
        "src/_index.yaml: namespace app: entries: wanted a list, got dict",
    ),
    "entry without a name": added(
        "  - kind: process.lua\n", "12: entry 3 of app: name: wanted text, got nothing"
    ),
    "entry without a kind": added(
        "  - name: other\n", "12: entry app:other: kind: wanted text, got nothing"
    ),
    "no namespace": index(
        INDEX.replace("namespace: app\n", ""),
        "src: wanted YAML files with namespace and entries",
        NO_HOST,
    ),
    "broken YAML, listed": added(
        "\t- a\n",
        f"{LEFT_OUT}12:1: found a tab, wanted spaces",
        arguments=("registry", "list"),
        code=0,
        prints="No entries found\n",
    ),
    "broken YAML, linted": added(
        "\t- a\n",
        "error: src/_index.yaml:12:1: found a tab, wanted spaces",
        "Error: lint failed: 1 errors, 0 warnings",
        arguments=("lint",),
        prints=None,
    ),
    "no application here": Row(
        ("Warning: no application in ", ": no wippy.lock, and no folder src", NO_HOST),
        {"src/_index.yaml": "", "wippy.lock": ""},  # both are removed, see the test
    ),
    "folder of the lock": Row(
        ("Warning: no entries: the lock names the folder ", "nope, which is not there"),
        {"wippy.lock": "directories: {src: ./nope}\n"},
    ),
    "broken lock": Row(
        ("Error: wippy.lock:2:1: while parsing a flow node",),
        {"wippy.lock": "directories: [\n"},
    ),
    "broken configuration": Row(
        (".wippy.yaml:2:1: while parsing a flow node",), {".wippy.yaml": "a: [\n"}
    ),
    # entries
    "unknown kind": added(
        "  - {name: a, kind: procss.lua}\n",
        "Error: entry app:a: unsupported entry kind: procss.lua",
        "  src/_index.yaml:12: entry app:a: unsupported entry kind procss.lua;"
        " did you mean process.lua?",
    ),
    "missing file": index(
        INDEX.replace("main.lua", "maine.lua"),
        f"{LEFT_OUT}7: entry app:main: file://maine.lua: No such file or directory",
        "src/maine.lua)",
    ),
    "no source": index(
        INDEX.replace("    source: file://main.lua\n", ""),
        "Error: entry app:main (process.lua): source is required",
        "app:main is defined in src/_index.yaml:7",
    ),
    "field of a wrong type": added(
        "  - {name: h, kind: process.host, host: {workers: many}}\n",
        "entry app:h (process.host): host.workers: wanted a number above 0, got 'many'",
        "app:h is defined in src/_index.yaml:12",
    ),
    "duration": added(
        "  - {name: h, kind: process.host, lifecycle: {stop_timeout: soon}}\n",
        "entry app:h: lifecycle.stop_timeout: invalid duration 'soon': wanted text",
    ),
    "startup": added(
        "  - {name: h, kind: process.host, lifecycle: {startup: {}}}\n",
        "entry app:h: lifecycle.startup: wanted required or optional, got {}",
    ),
    "list of modules": index(
        INDEX.replace("[io, time, funcs]", "io"),
        "entry app:main (process.lua): modules: wanted a list of names, got 'io'",
    ),
    "duplicate id": Row(
        (
            NO_HOST,
            "  entry app:terminal: defined more than once, the last one counts:",
            " src/_index.yaml:4, src/more/_index.yaml:3\n",
        ),
        {
            "src/more/_index.yaml": "namespace: app\nentries:\n"
            "  - {name: terminal, kind: process.host}\n"
        },
    ),
    "duplicate id, linted": added(
        "  - {name: main, kind: process.host}\n",
        "warning: entry app:main: defined more than once, the last one counts:"
        " src/_index.yaml:7, src/_index.yaml:12\n --> app:main",
        arguments=("lint",),
        code=0,
        prints=None,
    ),
    "import that is not there": index(
        INDEX + "    imports: {a: 'lib:nope'}\n",
        "Error: unresolved dependencies after retry: app:main\n",
        "  entry app:main: import 'a': wanted a library lib:nope, found none",
        "  src/_index.yaml:7: entry app:main: data.imports.a: wanted the entry"
        " lib:nope, found none",
    ),
    "import of another kind": index(
        INDEX + "    imports: {a: 'app:terminal'}\n",
        "entry app:main: import 'a': wanted a library app:terminal,"
        " found no Lua code of that id",
        "app:terminal is defined in src/_index.yaml:4",
    ),
    "import cycle": added(
        "    imports: {a: 'app:a'}\n"
        "  - {name: a, kind: library.lua, source: 'return {}', imports: {b: 'app:b'}}\n"
        "  - {name: b, kind: library.lua, source: x, imports: {a: 'app:a'}}\n",
        "adding dependency would create a cycle: app:b -> app:a -> app:b",
        "app:a is defined in src/_index.yaml:13",
    ),
    "router without its server": added(
        "  - {name: r, kind: http.router, meta: {server: gateway2}, prefix: /}\n",
        "Error: unresolved dependencies after retry: app:r\n",
        "  app:r: server not found: app:gateway2",
        "  src/_index.yaml:12: entry app:r: meta.server: wanted the entry app:gateway2,"
        " found none",
    ),
    "reference that is not there, linted": added(
        "  - {name: r, kind: http.router, meta: {server: 'web:main'}, prefix: /}\n",
        "warning: src/_index.yaml:12: entry app:r: meta.server: wanted the entry"
        " web:main, found none; did you mean app:main?\n --> app:r",
        arguments=("lint",),
        code=0,
        prints=None,
    ),
    "service of a process that is not there": added(
        f"  - {{name: s, kind: process.service, process: nope, host: terminal,"
        f" lifecycle: {ONCE}}}\n",
        "Warning: service app:s did not start: factory not found: app:nope;"
        " it is not tried again",
        code=0,
        prints="ran\n",
    ),
    "dependency of a service": added(
        "  - {name: h, kind: process.host,"
        " lifecycle: {auto_start: true, depends_on: [nope]}}\n",
        "Warning: service app:h did not start: service startup blocked by missing"
        " dependencies: app:h requires app:nope",
        code=0,
        prints="ran\n",
    ),
    "address without a port": added(
        "  - {name: gw, kind: http.service, addr: localhost,"
        " lifecycle: {auto_start: true}}\n",
        "Warning: service app:gw did not start: addr: wanted host:port or :port,"
        " got 'localhost'; it is not tried again",
        code=0,
        prints="ran\n",
    ),
    # Lua
    "bracket": main(
        "return { main = function(\n  io.print(1)\nend }\n",
        "Error: error[P0001]: unexpected '.', ')' expected to close '(' at line 1",
        "--> app:main:2:5",
        "app:main is defined in src/_index.yaml:7",
    ),
    "string": main(
        "return { main = function()\n  io.print('a)\nend }\n",
        "error[P0001]: unfinished string",
        "--> app:main:2:12",
    ),
    "source that is not UTF-8": main(
        b"local \xff = 1\n", "error[P0001]: invalid token", "--> app:main:1:7"
    ),
    "text that is not UTF-8": main(
        b"return { main = function() io.print(#'\xff\xfe') end }\n",
        code=0,
        prints="2\n",
    ),
    "missing method": index(
        INDEX.replace("method: main", "method: maine"),
        'Error: method "maine" not found in module app:main',
        "app:main is defined in src/_index.yaml:7",
    ),
    "nothing returned": main(
        "local x = 1\n", 'Error: method "main" not found in module app:main'
    ),
    "error while loading": main(
        "local x\nlocal y = x.field\nreturn {}\n",
        "Error: failed to execute script: app:main:2: attempt to index a nil value",
    ),
    "error while running": main(
        "return { main = function()\n  io.prnt()\nend }\n",
        "Error: app:main:2: attempt to call a nil value (field 'prnt')",
    ),
    "module that is not declared": main(
        "local json = require('json')\n",
        "app:main:1: module 'json' not found",
        "the entry has to declare it: modules: [json]",
    ),
    "module that is not declared, while running": main(
        "return { main = function() require('json') end }\n",
        "app:main:1: module 'json' not found",
        "the entry has to declare it: modules: [json]",
    ),
    "module that does not exist": main(
        "local json = require('jsno')\n",
        "app:main:1: module 'jsno' not found",
        "did you mean json?",
    ),
    "declared module that does not exist": index(
        INDEX.replace("[io,", "[io, jsno,"),
        "entry app:main: wanted a module 'jsno', found none",
        "did you mean json?",
    ),
    "argument that cannot be copied": added(
        "  - {name: f, kind: function.lua, source: 'file://f.lua', method: main}\n",
        files={
            "src/main.lua": "return { main = function()\n"
            "  io.print(funcs.call('app:f', { f = print, n = 1 }))\nend }\n",
            "src/f.lua": "return { main = function(t) return type(t.f) .. t.n end }\n",
        },
        code=0,  # core M-47: nil in its place
        prints="nil1\tnil\n",
    ),
    "function that is not there": main(
        "return { main = function() return funcs.call('app:nope') end }\n",
        "Error: no handler registered for target",
    ),
    # command line
    "process that is not there": Row(
        ("Error: -x app:maine: wanted a process entry, found none",),
        arguments=("run", "-x", "app:maine"),
    ),
    "target of another kind": Row(
        ("Error: -x app:terminal: wanted a process entry, got terminal.host",),
        arguments=("run", "-x", "app:terminal"),
    ),
    "host that is not there": Row(
        ("Error: --host app:nope: wanted a terminal.host, found none",),
        arguments=(*RUN, "--host", "app:nope"),
    ),
    "host of another kind": Row(
        ("Error: --host app:main: wanted a terminal.host, got process.lua",),
        arguments=(*RUN, "--host", "app:main"),
    ),
    "override of an entry that is not there": Row(
        ("override 'app:nope:x': wanted the entry app:nope, found none",),
        arguments=(*RUN[:1], "-o", "app:nope:x=1", *RUN[1:]),
    ),
    "override of no form": Row(
        ('invalid --override "nonsense": wanted namespace:entry:path=value',),
        arguments=(*RUN[:1], "-o", "nonsense", *RUN[1:]),
    ),
    "profile that is not there": Row(
        ("Error: profile 'nope': no file has profiles",),
        arguments=(*RUN[:1], "--profile", "nope", *RUN[1:]),
    ),
    "command that is not there": Row(
        ("argument command: invalid choice: 'rnu'",), arguments=("rnu",), code=2
    ),
    "argument that is not UTF-8": Row(
        (),
        {"src/main.lua": "return { main = function(a) io.print(#a) end }\n"},
        arguments=(*RUN, b"\xff\xfe"),
        code=0,
        prints="2\n",
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_mistake_is_told(tmp_path: Path, name: str) -> None:
    """Each message names the thing, what was wanted and what came."""
    row = ROWS[name]
    write(tmp_path, row.files)
    if name == "no application here":
        (tmp_path / "src/_index.yaml").unlink()
        (tmp_path / "src/main.lua").unlink()
        (tmp_path / "src").rmdir()
        (tmp_path / "wippy.lock").unlink()
    code, out, err = run(tmp_path, *row.arguments)
    told = err if row.prints is not None else out + err
    assert [text for text in row.says if text not in told] == [], told
    assert "Traceback" not in err
    assert "internal fault" not in err
    assert code == row.code, err
    if row.prints is not None:
        assert out == row.prints
    if not row.says:
        assert err == ""


def test_a_port_in_use_is_told_and_the_program_runs(tmp_path: Path) -> None:
    """A service that cannot start holds only what needs it (apps 1.12.6, 3.6)."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        entry = (
            f"  - {{name: gw, kind: http.service, addr: '127.0.0.1:{port}', lifecycle:"
            " {auto_start: true, restart: {initial_delay: 1h}}}\n"
        )
        write(tmp_path, {"src/_index.yaml": INDEX + entry})
        code, out, err = run(tmp_path, *RUN)
        what = f"listen on 127.0.0.1:{port}: the port is in use by another server"
        (told,) = err.splitlines()
        assert f"Warning: service app:gw did not start: {what}; trying" in told
        assert (code, out) == (0, "ran\n")
        assert run(tmp_path, *RUN, "-s") == (0, "ran\n", "")  # apps 10.3: nothing


READS = 'return { main = function() io.print(io.read()) io.print("ran") end }\n'


@pytest.mark.parametrize(
    ("closing", "source", "printed"),
    [
        ("<&-", READS, "nil\tEOF\nran\n"),
        (">&-", MAIN, ""),
        ("2>&-", MAIN.replace("end }", 'error("no luck") end }'), "ran\n"),
        ("<&- >&- 2>&-", MAIN, ""),
    ],
)
def test_closed_streams_are_empty(
    tmp_path: Path, closing: str, source: str, printed: str
) -> None:
    """Nothing else gets their numbers: what is written to them goes nowhere."""
    write(tmp_path, {"src/main.lua": source})
    command = ["sh", "-c", f'exec "$@" {closing}', "sh"]
    code, out, err = run(tmp_path, *RUN, before=command)
    assert (code, out, err) == (
        int("2>" in closing and "<" not in closing),
        printed,
        "",
    )


def test_a_reader_that_leaves_ends_nothing_badly(tmp_path: Path) -> None:
    """``wippy-trio ... | head`` shows what it shows, without a complaint."""
    source = 'return { main = function() for i = 1, 1e5 do io.print("line") end end }\n'
    write(tmp_path, {"src/main.lua": source})
    command = ["sh", "-c", '"$@" | head -n 2', "sh"]
    assert run(tmp_path, *RUN, before=command) == (0, "line\nline\n", "")


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write an application with some of its files replaced."""
    for name, text in {"src/_index.yaml": INDEX, "src/main.lua": MAIN, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def run(
    folder: Path, *arguments: str | bytes, before: list[str] | None = None
) -> tuple[int, str, str]:
    """Run the command as a user does."""
    done = subprocess.run(
        [
            *(before or ()),
            sys.executable,
            "-m",
            "wippy_trio",
            *map(os.fsdecode, arguments),
        ],
        cwd=folder,
        input=b"",
        env=environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    return done.returncode, out, err
