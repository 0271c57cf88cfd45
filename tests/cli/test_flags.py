"""Global flags, commands of an application, ``test``, and the log's forms."""

from __future__ import annotations

import json
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
from wippy_trio.cli.flags import command_word, memory_limit
from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from pathlib import Path

LOGGING = INDEX.replace("[io, channel, time]", "[io, channel, time, logger, events]")


@pytest.mark.parametrize(
    ("flag", "variable", "size"),
    [
        ("512M", "1G", 512 << 20),
        ("2GB", "", 2 << 30),
        ("1gib", "", 1 << 30),
        ("8388608", "", 8 << 20),
        (None, "256MiB", 256 << 20),
        (None, "off", 1 << 30),
        (None, "", 1 << 30),
    ],
)
def test_memory_limit(
    monkeypatch: pytest.MonkeyPatch, flag: str | None, variable: str, size: int
) -> None:
    """The flag, then ``GOMEMLIMIT``, then 1 GiB (apps 10.1)."""
    monkeypatch.setenv("GOMEMLIMIT", variable)
    assert memory_limit(flag) == size


@pytest.mark.parametrize("text", ["", "x", "0", "1.5G", "-1", "100K"])
def test_wrong_memory_limit_is_named(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """What was wanted and what came."""
    monkeypatch.setenv("GOMEMLIMIT", "bad" if not text else "")
    with pytest.raises(InvalidError, match="wanted a size"):
        memory_limit(text or None)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "list"], "run"),
        (["-v", "run"], "run"),
        (["-m", "1G", "lint"], "lint"),
        (["--memory-limit", "run", "test"], "test"),
        (["--help"], None),
    ],
)
def test_command_behind_flags(arguments: list[str], word: str | None) -> None:
    """Flags of the program may stand before the command."""
    assert command_word(arguments) == word


def test_memory_limit_reaches_the_heap(tmp_path: Path) -> None:
    """A program that hoards ends with an error; `system` tells the limit."""
    index = INDEX.replace("[io, channel, time]", "[io, system]")
    write_application(
        tmp_path, 'io.print((require("system").memory.get_limit()))', index
    )
    outcome = run_command(tmp_path, "-m", "64M", "run", "-x", "app:main")
    assert outcome == (0, f"{64 << 20}\n", "")
    wrong = run_command(tmp_path, "run", "-m", "lots", "-x", "app:main")
    assert wrong.code == 1
    assert "--memory-limit: wanted a size" in wrong.err


def test_flags_before_and_after_the_command(tmp_path: Path) -> None:
    """Both places mean the same; ``-p`` says that there is no profiler."""
    write_application(tmp_path, 'io.print("ran")')
    before = run_command(tmp_path, "-c", "run", "-x", "app:main")
    assert "runtime ready" in before.out
    profiled = run_command(tmp_path, "run", "-p", "-x", "app:main")
    assert profiled.out == "ran\n"
    assert "there is no profiler" in profiled.err


def test_log_as_json(tmp_path: Path) -> None:
    """``logger.encoding: json`` writes records to standard output (apps 10.3)."""
    write_application(
        tmp_path, 'require("logger"):named("shop"):info("sold", {count = 2})', LOGGING
    )
    (tmp_path / ".wippy.yaml").write_text('version: "1.0"\nlogger: {encoding: json}\n')
    outcome = run_command(tmp_path, "run", "-v", "-x", "app:main")
    assert outcome.code == 0, outcome.err
    records = [json.loads(line) for line in outcome.out.splitlines()]
    sold = next(record for record in records if record["msg"] == "sold")
    assert sold["level"] == "info"
    assert sold["logger"] == "shop"
    assert sold["count"] == 2
    assert sold["pid"] == "{app:terminal|0x00001}"
    assert sold["location"] == "app:main:3"


def test_equal_messages_are_sampled(tmp_path: Path) -> None:
    """A hundred a second, then every hundredth; ``-c`` shows all (apps 10.3.1)."""
    write_application(
        tmp_path,
        'for i = 1, 250 do require("logger"):info("again", {i = i}) end',
        LOGGING,
    )
    lines = run_command(tmp_path, "run", "-v", "-x", "app:main").err.splitlines()
    shown = [line for line in lines if "\tagain\t" in line]
    # A new second may begin in between, which lets another hundred through.
    assert 101 <= len(shown) <= 201
    console = run_command(tmp_path, "run", "-c", "-x", "app:main").out.splitlines()
    assert sum(" again " in line for line in console) == 250


def test_log_goes_to_the_event_bus(tmp_path: Path) -> None:
    """With ``-e`` records are events of the system ``logs`` (apps 10.3.4)."""
    write_application(
        tmp_path,
        'local events = require("events")\n'
        'local logs = events.subscribe("logs")\n'
        'require("logger"):named("shop"):warn("low", {left = 3})\n'
        "local event = logs:channel():receive()\n"
        "io.print(event.system, event.kind, event.path)\n"
        "io.print(event.data.message, event.data.fields.left)",
        LOGGING,
    )
    outcome = run_command(tmp_path, "run", "-e", "-x", "app:main")
    assert outcome == (0, "logs\twarn\tshop\nlow\t3\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    """A program that does not stop is left at the second signal, with 1."""
    write_application(
        tmp_path,
        'io.print("up") while true do pcall(function() time.sleep("1h") end) end',
    )
    with subprocess.Popen(
        [sys.executable, "-m", "wippy_trio", "run", "-c", "-x", "app:main"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line == "up\n":
                break
        running.send_signal(signal.SIGINT)
        for line in running.stdout:
            if "shutting down" in line:
                break
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 1  # apps 5.3.10


RUNNERS = (
    INDEX.replace("{name: greet, short: Say hello}", "{name: suite, use_case: test}")
    + """
  - name: older
    kind: process.lua
    meta: {command: {name: test}}
    source: file://main.lua
    method: main
    modules: [io]
"""
)


def test_test_runner_is_found(tmp_path: Path) -> None:
    """By its use case, with the patterns as arguments (apps 12.2)."""
    write_application(tmp_path, "io.print(...) return 3", RUNNERS)
    assert run_command(tmp_path, "test", "users", "cart") == (3, "users\tcart\n", "")


def test_command_named_test_is_a_runner_too(tmp_path: Path) -> None:
    """Where no entry has the use case (apps 13.34)."""
    index = RUNNERS.replace(", use_case: test", "")
    write_application(tmp_path, 'io.print("older")', index)
    assert run_command(tmp_path, "test") == (0, "older\n", "")
    write_application(tmp_path, "return 0")
    assert run_command(tmp_path, "test").code == 1


def test_of_two_commands_the_smaller_id_wins(tmp_path: Path) -> None:
    """And the ids of all are told (apps 13.36)."""
    index = RUNNERS.replace("{name: suite, use_case: test}", "{name: test}")
    write_application(tmp_path, 'io.print("ran")', index)
    outcome = run_command(tmp_path, "run", "test")
    assert outcome.out == "ran\n"
    assert "app:main, app:older; taking app:main" in outcome.err


META = """
version: "1.0"
namespace: app
entries:
  - {name: a, kind: registry.entry, meta: {type: tool, rank: 1, tags: [x, y]},
     v: {n: [5, six]}}
  - {name: b, kind: registry.entry, meta: {type: toolbox, title: The box}}
"""


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("type=tool", ["a"]),
        ("rank=1", ["a"]),
        ("type~^tool", ["a", "b"]),
        ("title*box", ["b"]),
        ("tags*x", ["a"]),
        ("type^tool", ["a", "b"]),
        ("type$box", ["b"]),
        ("none=1", []),
    ],
)
def test_registry_list_by_metadata(
    tmp_path: Path, condition: str, found: list[str]
) -> None:
    """Each operator means what it means in queries (apps 10.2, 7.3)."""
    write_application(tmp_path, "", META)
    outcome = run_command(tmp_path, "registry", "list", "--json", "--meta", condition)
    assert [row["id"] for row in json.loads(outcome.out)] == [f"app:{n}" for n in found]


def test_registry_list_as_yaml_and_wrong_metadata(tmp_path: Path) -> None:
    """YAML has the fields that JSON has; a condition without operator is refused."""
    write_application(tmp_path, "", META)
    listed = run_command(tmp_path, "registry", "list", "--yaml", "--name", "b")
    assert listed.out == (
        "- id: app:b\n  kind: registry.entry\n"
        "  meta:\n    type: toolbox\n    title: The box\n"
    )
    wrong = run_command(tmp_path, "registry", "list", "--meta", "type")
    assert wrong.code == 1
    assert "--meta type: wanted KEY=TEXT" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["--field", "meta.type", "--raw"], "tool\n"),
        (["--field", "kind"], "registry.entry\n"),
        (["-f", "v.n.1", "--json"], '"six"\n'),
        (["-f", "data.v.n", "--yaml"], "- 5\n- six\n"),
    ],
)
def test_registry_show_field(tmp_path: Path, arguments: list[str], out: str) -> None:
    """A path leads into the entry, and ``data.`` may be left out."""
    write_application(tmp_path, "", META)
    assert run_command(tmp_path, "registry", "show", "a", *arguments) == (0, out, "")


def test_registry_show_absent_field(tmp_path: Path) -> None:
    """It names the entry and the path."""
    write_application(tmp_path, "", META)
    outcome = run_command(tmp_path, "registry", "show", "a", "-f", "v.n.9")
    assert outcome == (1, "", "Error: app:a: no field 'v.n.9'\n")
