"""``wippy-trio run``: one process on the terminal, or a whole application."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.application import (
    INDEX,
    environment,
    run_command,
    write_application,
)

if TYPE_CHECKING:
    from pathlib import Path

LAZY = INDEX.replace("{auto_start: true}", "{auto_start: false}")
SECOND = INDEX + "  - {name: other, kind: terminal.host}\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return 7", 7),
        ("return 3.9", 3),
        ("return nil", 0),
        ("return {}", 0),
        ("return true", 0),
        ("return false", 1),
        ('return "text"', 0),
    ],
)
def test_result_is_the_exit_code(tmp_path: Path, body: str, code: int) -> None:
    """The outcome of the method decides, and nothing is printed (apps 5.3.8)."""
    write_application(tmp_path, body)
    assert run_command(tmp_path, "run", "-x", "app:main") == (code, "", "")


def test_raised_error_goes_to_standard_error(tmp_path: Path) -> None:
    """An uncaught error ends with 1 and its text, no traceback (apps 5.3.8, 10.5)."""
    write_application(tmp_path, 'error("no luck")')
    outcome = run_command(tmp_path, "run", "-x", "app:main")
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    assert "no luck" in outcome.err
    assert "Traceback" not in outcome.err


def test_returned_error_goes_to_standard_error(tmp_path: Path) -> None:
    """A second value that is an error counts as one (apps 5.3.8)."""
    write_application(tmp_path, 'return nil, errors.new("no luck")')
    assert run_command(tmp_path, "run", "-x", "app:main") == (1, "", "Error: no luck\n")


def test_arguments_arrive_twice(tmp_path: Path) -> None:
    """As parameters and by `io.args`; a leading ``--`` is ours (apps 5.3.5)."""
    write_application(
        tmp_path,
        'io.print(select("#", ...), ...)\n'
        'io.print(#io.args(), table.concat(io.args(), " "))',
    )
    outcome = run_command(tmp_path, "run", "-x", "app:main", "--", "-a", "--", "b")
    assert outcome == (0, "3\t-a\t--\tb\n3\t-a -- b\n", "")


def test_command_is_found_by_its_name(tmp_path: Path) -> None:
    """``meta.command.name`` names it; the rest are its arguments (apps 5.3.2)."""
    write_application(tmp_path, 'io.print("hello", ...)')
    assert run_command(tmp_path, "run", "greet", "you") == (0, "hello\tyou\n", "")


def test_commands_are_listed(tmp_path: Path) -> None:
    """``run list`` starts nothing (apps 10.2)."""
    write_application(tmp_path, 'error("started")')
    outcome = run_command(tmp_path, "run", "list")
    assert outcome.code == 0
    assert outcome.out == (
        "Available commands:\n\n  greet  Say hello  (app:main)\n\n"
        "Run with: wippy-trio run <command>\n"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["absent"], 'command "absent" not found'),
        (["-x", "main"], "wanted namespace:name"),
        (["-x", "app:"], "wanted namespace:name"),
        (["-x", ":main"], "wanted namespace:name"),
        (["-x", "app:main", "--lua", "9"], "Lua version '9'"),
    ],
)
def test_wrong_target_fails(tmp_path: Path, arguments: list[str], text: str) -> None:
    """One line on standard error and 1 (apps 5.3.2, 5.3.3, 10.1)."""
    write_application(tmp_path, "return 0")
    outcome = run_command(tmp_path, "run", *arguments)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    assert text in outcome.err
    assert outcome.err.count("\n") == 1


def test_host_that_is_not_started_is_started(tmp_path: Path) -> None:
    """A terminal host without ``auto_start`` will do (apps 5.3.4)."""
    write_application(tmp_path, 'io.print("ran")', LAZY)
    assert run_command(tmp_path, "run", "-x", "app:main") == (0, "ran\n", "")


def test_without_a_terminal_host_it_fails(tmp_path: Path) -> None:
    """No host, no program (apps 5.3.4)."""
    index = INDEX.replace("kind: terminal.host", "kind: process.host")
    write_application(tmp_path, "return 0", index)
    outcome = run_command(tmp_path, "run", "-x", "app:main")
    assert outcome[:2] == (1, "")
    error, hint = outcome.err.splitlines()
    assert error == "Error: no terminal.host found in registry"
    assert "kind: terminal.host}" in hint


def test_of_several_terminal_hosts_one_is_chosen(tmp_path: Path) -> None:
    """``--host`` decides, else it is an error (apps 5.3.4)."""
    write_application(tmp_path, 'io.print(process.pid():match("app:%w+"))', SECOND)
    refused = run_command(tmp_path, "run", "-x", "app:main")
    assert refused.code == 1
    assert "multiple terminal hosts found (app:other, app:terminal)" in refused.err
    chosen = run_command(tmp_path, "run", "--host", "app:other", "-x", "app:main")
    assert chosen == (0, "app:other\n", "")


def test_version_of_lua_comes_from_flag_or_environment(tmp_path: Path) -> None:
    """The flag wins over the variable."""
    write_application(tmp_path, "return 0")
    wrong = run_command(tmp_path, "run", "-x", "app:main", WIPPY_TRIO_LUA="9")
    assert wrong.code == 1
    assert "Lua version '9'" in wrong.err
    right = run_command(
        tmp_path, "run", "--lua", "5.3", "-x", "app:main", WIPPY_TRIO_LUA="9"
    )
    assert right == (0, "", "")


def test_input_is_read_by_line_and_by_size(tmp_path: Path) -> None:
    """Line ends go, the last line needs none, then comes EOF (modules-data 21)."""
    write_application(
        tmp_path,
        "io.print(io.readline())\nio.print(io.read(2))\nio.print(io.readline())\n"
        "local _, err = io.readline()\nio.print(err:kind(), err:message())",
    )
    outcome = run_command(tmp_path, "run", "-x", "app:main", stdin="one\r\ntwo")
    assert outcome == (0, "one\tnil\ntw\tnil\no\tnil\nInternal\tEOF\n", "")


def test_log_flags_show_the_log_beside_the_program(tmp_path: Path) -> None:
    """``-v`` writes to standard error, ``-c`` to standard output (apps 5.3.6, 10.3)."""
    write_application(tmp_path, 'io.print("ran")')
    verbose = run_command(tmp_path, "run", "-v", "-x", "app:main")
    assert verbose.out == "ran\n"
    assert "\tINFO\trun\truntime ready\n" in verbose.err
    console = run_command(tmp_path, "run", "-c", "-x", "app:main")
    assert "ran\n" in console.out
    assert "runtime ready" in console.out
    assert console.err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_an_application_in_good_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Without a program it waits; the first signal stops it with 0 (apps 5.3.10)."""
    write_application(tmp_path, "return 0")
    with subprocess.Popen(
        [sys.executable, "-m", "wippy_trio", "run"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "runtime ready" in line:
                break
        running.send_signal(number)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 0
    assert out == ""
    assert err.endswith("\tINFO\trun\tstopped\n")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize(
    "arguments", [["registry", "list"], ["lint"], ["run", "-x", "app:main"]]
)
def test_reader_that_went_away_is_no_error(
    tmp_path: Path, arguments: list[str]
) -> None:
    """A closed pipe ends a command quietly; `io.print` ignores it (modules-data 21)."""
    write_application(tmp_path, 'io.print("nobody hears")')
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "wippy_trio", *arguments],
            cwd=tmp_path,
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_failed_write_is_told(tmp_path: Path) -> None:
    """`io.write` reports what `io.print` ignores (modules-data 21)."""
    write_application(
        tmp_path,
        'local _, err = io.write("x")\nio.eprint(err:kind(), err:message())\nreturn 4',
    )
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "wippy_trio", "run", "-x", "app:main"],
            cwd=tmp_path,
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 4
    assert done.stderr == "Internal\tBroken pipe\n"  # core E-22
