"""The module `env` and its kinds: apps 2.7, modules-data 17."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.modules.application import run_application
from wippy_trio.errors import Error, InvalidError
from wippy_trio.services.env_storages import format_dotenv, parse_dotenv

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - {name: mem, kind: env.storage.memory}
  - {name: os, kind: env.storage.os}
  - name: fixed
    kind: env.storage.static
    values: {REGION: eu, EMPTY: "", SHADOWED: static}
  - {name: file, kind: env.storage.file, file_path: FILE, file_mode: "0600"}
  - {name: both, kind: env.storage.router, storages: [app:fixed, mem]}
  - {name: region, kind: env.variable, variable: REGION, storage: app:fixed}
  - {name: empty, kind: env.variable, variable: EMPTY, storage: fixed, default: d}
  - {name: private, kind: env.variable, storage: app:mem}
  - {name: locked, kind: env.variable, variable: L, storage: mem, readonly: true}
  - {name: filed, kind: env.variable, variable: KEY, storage: file}
  - {name: routed, kind: env.variable, variable: ROUTED, storage: both}
  - {name: ospath, kind: env.variable, variable: PATH, storage: os}
  - name: wired
    kind: env.storage.static
    values: {REGION_TEXT: "in ${env:REGION}"}
  - {name: w, kind: env.variable, variable: REGION_TEXT, storage: wired}
"""


def test_variables_are_found_set_and_refused(tmp_path: Path) -> None:
    """Every way to a variable, and every refusal of a write."""
    file = tmp_path / "my.env"
    file.write_text('# head\nKEY = "a b" # tail\nOTHER=x#y\n')
    source = """
    return { main = function()
      local function kind(v, err)
        return v == nil and err:kind() .. ": " .. err:message()
      end
      local out = { env.get("REGION"), env.get("app:region"), env.get("region"),
        env.get("EMPTY"), kind(env.get("nothing")), kind(env.get("")), env.get("KEY"),
        kind(env.get("private")) }
      assert(env.set("private", "p"))
      out[9] = env.get("app:private")
      out[10] = kind(env.set("L", "1"))
      out[11] = kind(env.set("REGION", "us"))
      out[12] = kind(env.set("PATH", "/"))
      assert(env.set("KEY", 'q"\\n#'))
      assert(env.set("ROUTED", "r"))
      out[13] = env.get("ROUTED")
      out[14] = env.get("REGION_TEXT")
      local all = env.get_all()
      out[15] = all["app:private"]
      out[16] = all.PATH ~= nil
      out[17] = all.EMPTY
      out[18] = pcall(env.set, "KEY", {})
      out[19] = kind(env.set("nothing", "v"))
      return out
    end }
    """
    entries = ENTRIES.replace("FILE", str(file))
    got = run_application(tmp_path, source, modules="env", entries=entries)
    assert got[:4] == ["eu", "eu", "eu", "d"]  # apps 2.7.2
    assert got[4] == "NotFound: environment variable not found"
    assert got[5] == "Invalid: empty key"
    assert got[6] == "a b"  # apps 2.7.1
    assert got[7] == "NotFound: environment variable not found"
    assert got[8] == "p"
    assert got[9] == "PermissionDenied: environment variable is read-only"
    assert got[10] == "PermissionDenied: storage is read-only"
    assert got[11] == "PermissionDenied: storage is read-only"
    assert got[12] == "r"  # the first writable storage
    assert got[13] == "in eu"  # apps 1.11.4
    assert got[14] == "p"
    assert got[15:18] == [True, "", False]  # apps 2.7.4
    assert got[18] == "NotFound: environment variable not found"
    assert parse_dotenv(file.read_text()) == {"KEY": 'q"\n#', "OTHER": "x#y"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.glob(".env-*")] == []


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ("  - {name: f, kind: env.storage.file, file_path: missing/x}", "auto_create"),
        ("  - {name: s, kind: env.storage.file}", "file_path"),
        ("  - {name: s, kind: env.storage.static}", "values"),
        ("  - {name: s, kind: env.storage.router, storages: []}", "storages"),
        (
            "  - {name: s, kind: env.storage.router, storages: [no]}",
            "unresolved dependencies after retry: app:s",
        ),
        ("  - {name: v, kind: env.variable, variable: 'a-b', storage: m}", "variable:"),
        ("  - {name: v, kind: env.variable, variable: A}", "storage: wanted an id"),
        (
            """
  - {name: v, kind: env.variable, variable: A, storage: m}
  - {name: w, kind: env.variable, variable: A, storage: m}""",
            "env variable A is already app:v",
        ),
    ],
)
def test_entries_that_say_nonsense_are_refused(
    tmp_path: Path, entries: str, text: str
) -> None:
    """The application does not start, and the error names the field."""
    entries = f"\n  - {{name: m, kind: env.storage.memory}}\n{entries}\n"
    with pytest.raises(Error, match=text):
        run_application(
            tmp_path, "return {main = print}", modules="env", entries=entries
        )


@settings(max_examples=100)
@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text()))
def test_what_is_written_is_read_again(values: dict[str, str]) -> None:
    """Any text survives the file."""
    assert parse_dotenv(format_dotenv(values)) == values


@pytest.mark.parametrize("text", ["novalue", "=x", 'A="open', "A='x' y"])
def test_lines_that_are_none_are_refused_by_number(text: str) -> None:
    """The error says where."""
    with pytest.raises(InvalidError, match=r"\.env:2: "):
        parse_dotenv(f"OK=1\n{text}")
