"""`exec` and its executors: modules-io 12, apps 2.6."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_application
from wippy_trio.errors import Error, InvalidError
from wippy_trio.kernel import Context
from wippy_trio.sdk.executors import split_command
from wippy_trio.security import Actor, Scope, parse_policy

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX commands")

ENTRIES = """
  - name: shell
    kind: exec.native
    default_work_dir: work
    default_env: {A: one, N: 7}
  - {name: only, kind: exec.native, command_whitelist: ["echo yes"]}
  - {name: docker, kind: exec.docker, image: alpine}
  - {name: kept, kind: store.memory}
"""
HEAD = """
local exec = require("exec")
local function told(v, err)
  if not err then return v end
  return {v == nil and "nil" or v, tostring(err:kind())}
end
local function run(command, options, input)
  local p = assert(exec.get("app:shell"):exec(command, options))
  local out, errs = p:stdout_stream(), p:stderr_stream()
  assert(p:start())
  if input then assert(p:write_stdin(input)) end
  assert(p:write_stdin(""))
  local function all(stream)
    local pieces = {}
    while true do
      local piece = stream:read()
      if not piece then return table.concat(pieces) end
      pieces[#pieces + 1] = piece
    end
  end
  local text, wrong = all(out), all(errs)
  return text, wrong, p:wait()
end
"""


def run(folder: Path, body: str, **more: Any) -> Any:
    (folder / "work").mkdir(exist_ok=True)
    return run_application(
        folder,
        f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
        modules="exec, time",
        entries=more.pop("entries", ENTRIES),
        **more,
    )


def test_commands_run(tmp_path: Path) -> None:
    """Output, errors, input, exit codes, signals, folder and environment."""
    found = run(
        tmp_path,
        """
        local out = {}
        out[1] = {run("echo hello  'a  b' \\"c\\"")}
        out[2] = {run("sh -c 'cat; echo oops >&2; exit 3'", nil, "in\\0put")}
        out[3] = {run("sh -c 'kill -9 $$'")}
        out[4] = {run("sh -c 'echo $A $N $B [$HOME]'", {env = {B = "two", N = 8}})}
        out[5] = (run("pwd"))
        out[6] = (run("pwd", {work_dir = "/"}))
        out[7] = #(run("head -c 300000 /dev/zero"))
        return out
        """,
    )
    assert found[0] == ["hello a  b c\n", "", 0]
    assert found[1] == ["in\0put", "oops\n", 3]
    assert found[2] == ["", "", -1]
    assert found[3] == ["one 8 two []\n", "", 0]
    assert found[4] == f"{tmp_path}/work\n"
    assert found[5:] == ["/\n", 300000]


def test_life_of_a_handle(tmp_path: Path) -> None:
    """What is possible before, during and after (modules-io 12.2)."""
    assert run(
        tmp_path,
        """
        local e = exec.get("app:shell")
        local p = e:exec("cat")
        local out = {told(p:wait()), told(p:write_stdin("x")), told(p:signal(15))}
        assert(p:start() == true)
        out[#out + 1] = told(p:start())
        out[#out + 1] = told(p:stdout_stream())
        assert(p:signal(15) == true and p:wait() == -1)
        out[#out + 1] = told(p:wait())
        out[#out + 1] = told(p:write_stdin("x"))
        local q = e:exec("true")
        assert(q:start())
        for _ = 1, 200 do
          local _, err = q:write_stdin("x")
          if err then out[#out + 1] = told(nil, err) break end
          require("time").sleep("10ms")
        end
        assert(q:close() == true and q:close(true) == true)
        out[#out + 1] = told(q:start())
        out[#out + 1] = told(e:exec("no-such-program-here"):start())
        assert(e:release() == true)
        out[#out + 1] = told(e:exec("true"))
        return out
        """,
    ) == [
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Internal"],
        ["nil", "Invalid"],
        ["nil", "Internal"],
        ["nil", "Invalid"],
    ]


def test_refusals(tmp_path: Path) -> None:
    """Ids, commands, whitelists, containers."""
    assert run(
        tmp_path,
        """
        local e, only = exec.get("app:shell"), exec.get("app:only")
        assert(only:exec("echo yes"))
        return {told(exec.get("")), told(exec.get("app:none")),
          told(exec.get("app:kept")), told(e:exec("")), told(e:exec("  ")),
          told(e:exec("echo 'open")),
          told(only:exec("echo no")), told(exec.get("app:docker"):exec("true")),
          told(e:exec("true", {env = {["a=b"] = "c"}}))}
        """,
    ) == [
        ["nil", "Invalid"],
        ["nil", "Internal"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "PermissionDenied"],
        ["nil", "Unavailable"],
        ["nil", "Invalid"],
    ]


@pytest.mark.parametrize("allowed", [["x"], ["exec.get"]])
def test_permissions(tmp_path: Path, allowed: list[str]) -> None:
    """The executor, then the command; denials are Invalid (D14)."""
    rules = {"actions": allowed, "resources": "*", "effect": "allow"}
    policy = parse_policy("app:p", "security.policy", {"policy": rules})
    context = Context(actor=Actor("me", {}), scope=Scope([policy]))
    body = """
    local e, err = exec.get("app:shell")
    if not e then return told(e, err) end
    return told(e:exec("true"))
    """
    assert run(tmp_path, body, context=context) == ["nil", "Invalid"]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("stubborn", [False, True])
def test_commands_end_with_their_process(tmp_path: Path, stubborn: bool) -> None:
    """Asked to stop, killed after the grace, with what they started; reaped."""
    trap = 'trap "" TERM; ' if stubborn else ""
    (tmp_path / "work").mkdir()
    (tmp_path / "work/script").write_text(
        f"{trap}echo $$ > pids; sleep 60 & echo $! >> pids; wait\nwait\n"
    )
    body = """
    local p = exec.get("app:shell"):exec("sh script")
    assert(p:start())
    while true do
      local f = exec.get("app:shell"):exec("wc -l pids")
      local out = f:stdout_stream()
      f:start()
      local text = out:read()
      f:wait()
      if text and text:sub(1, 1) == "2" then break end
    end
    error("enough")
    """
    start = time.monotonic()
    with pytest.raises(Error, match="enough"):
        run(tmp_path, body)
    pids = [int(line) for line in (tmp_path / "work/pids").read_text().split()]
    assert len(pids) == 2
    assert not alive(pids[0])
    if stubborn:
        assert (
            not alive(pids[1])
            or Path(f"/proc/{pids[1]}/stat").read_text().split()[2] == "Z"
        )
        assert time.monotonic() - start >= 3
    else:
        os.kill(pids[1], 9)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("exec.native, default_env: [a]", "default_env"),
        ("exec.native, command_whitelist: {a: b}", "command_whitelist"),
        ("exec.docker", "docker image is required"),
    ],
)
def test_wrong_entries(tmp_path: Path, fields: str, text: str) -> None:
    """The error names the field."""
    entries = f"\n  - {{name: bad, kind: {fields}}}\n"
    with pytest.raises(Error, match=text):
        run(tmp_path, "return 1", entries=entries)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("a b", ["a", "b"]),
        ("  a\tb ", ["a", "b"]),
        ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
        ("a b'c'd\"e\"", ["a", "bcde"]),
        ("a ''", ["a", ""]),
        ('a "it\'s"', ["a", "it's"]),
        ("a \\n $X *", ["a", "\\n", "$X", "*"]),
    ],
)
def test_command_lines(command: str, words: list[str]) -> None:
    """Blanks part, quotes group, nothing is expanded."""
    assert split_command(command) == words


WORD = st.text(st.characters(exclude_characters="\0'"), max_size=8)


@given(st.lists(WORD, min_size=1, max_size=5).filter(lambda words: bool(words[0])))
def test_quoted_words_come_back(words: list[str]) -> None:
    """In single quotes every word survives, blanks and all."""
    assert split_command(" ".join(f"'{word}'" for word in words)) == words


@given(st.text(max_size=30))
def test_any_text_is_split_or_refused(command: str) -> None:
    """Nothing else can happen."""
    with contextlib.suppress(InvalidError):
        assert split_command(command)[0]
