"""``store.sql`` on every engine: modules-data 24, modules-io 4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from trio.testing import MockClock

from tests.modules.application import run_application
from tests.services.sql.servers import SERVERS, SQLITE, open_server
from wippy_trio.errors import Error

if TYPE_CHECKING:
    from pathlib import Path

BODY = """
local sql, store, time = require("sql"), require("store"), require("time")
local function told(v, err) return tostring(err:kind()) .. " " .. err:message() end
return {main = function(engine)
  local types = {sqlite = {"TEXT", "TEXT", "TIMESTAMP"},
    postgres = {"TEXT", "JSONB", "TIMESTAMPTZ"},
    mysql = {"VARCHAR(200) COLLATE utf8mb4_bin", "LONGTEXT", "DATETIME(6)"}}
  local t = types[engine]
  local q = engine == "mysql" and "`" or '"'
  local db = assert(sql.get("app:db"))
  assert(db:execute("CREATE TABLE kv (" .. q .. "key" .. q .. " " .. t[1]
    .. " PRIMARY KEY, value " .. t[2] .. ", expires_at " .. t[3] .. ")"))
  local s = assert(store.get("app:kv"))
  local out = {}
  assert(s:set("a", {n = 1, list = {1, "x"}, f = 1.5}))
  local a = s:get("a")
  assert(a.n == 1 and math.type(a.n) == "integer" and a.list[2] == "x" and a.f == 1.5)
  assert(s:set("a", "again") and s:get("a") == "again")
  assert(s:set("q'\\"?$1{k}%_", 1) and s:get("q'\\"?$1{k}%_") == 1)
  assert(s:has("a") == true and s:has("b") == false)
  assert(s:delete("a") == true and s:delete("a") == false)
  out[#out + 1] = told(s:get("a"))
  local e = s:entry("q'\\"?$1{k}%_")
  assert(e.version == "0" and e.key == ":q'\\"?$1{k}%_" and e.value == 1)
  assert(s:put("p", 5, {ttl = 10}).version == "0")
  out[#out + 1] = told(s:put("p", 1, {only_if_absent = true}))
  out[#out + 1] = told(s:put("p", 1, {if_version = 1}))
  assert(s:delete("q'\\"?$1{k}%_") and s:delete("p"))
  local names = {"b", "B", "u:2", "u:1", "u:10", "\\u{e9}", "u%"}
  for _, key in ipairs(names) do s:set(key, key) end
  local function keys(options)
    local page, list = assert(s:list(options)), {}
    for i, item in ipairs(page.items) do list[i] = item.key end
    return table.concat(list, " ") .. (page.has_more and " +" or "")
  end
  out[#out + 1] = keys()
  out[#out + 1] = keys({limit = 2})
  out[#out + 1] = keys({limit = 2, after = "b"})
  out[#out + 1] = keys({prefix = "u:"})
  out[#out + 1] = keys({prefix = "u%"})
  out[#out + 1] = keys({prefix = "\\u{e9}"})
  s:set("short", 1, 2.5)
  assert(s:get("short") == 1)
  time.sleep("2s")
  assert(s:has("short"))
  time.sleep("600ms")
  assert(not s:has("short") and s:delete("short") == false)
  s:set("short", 2)
  assert(s:get("short") == 2)
  out[#out + 1] = s:info()
  return out
end}
"""
WANTED: list[Any] = [
    "NotFound key not found",
    "Invalid operation not supported by this store",
    "Invalid operation not supported by this store",
    ":B :b :u% :é u:1 u:10 u:2",
    ":B :b +",
    ":u% :é +",
    "u:1 u:10 u:2",
    ":u%",
    ":é",
    {
        "id": "app:kv",
        "backend": "sql",
        "consistency": "local",
        "durable": True,
        "list": True,
        "versioned": False,
        "conditional_put": False,
        "ttl": True,
    },
]
STORE = "\n  - {name: kv, kind: store.sql, database: db, table_name: kv}\n"


@pytest.mark.parametrize("engine", [SQLITE, *SERVERS])
def test_store_keeps_its_promises(tmp_path: Path, engine: str) -> None:
    """Values, lifetimes, pages; what it cannot do it says."""
    with open_server(engine) as server:
        found = run_application(
            tmp_path,
            BODY,
            engine,
            modules="sql, store, time",
            entries=server.yaml() + STORE,
            clock=MockClock(autojump_threshold=0),
        )
    assert found == WANTED


def test_rows_that_have_expired_are_deleted(tmp_path: Path) -> None:
    """From time to time, if the entry says so."""
    source = """
    local sql, store, time = require("sql"), require("store"), require("time")
    return {main = function()
      local db = assert(sql.get("app:db"))
      db:execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT, expires_at TEXT)")
      local s = store.get("app:kv")
      s:set("a", 1, 1) s:set("b", 1)
      time.sleep("12s")
      return db:query("SELECT count(*) AS n FROM kv")[1].n
    end}
    """
    store = STORE.replace(
        "table_name: kv",
        "table: kv, cleanup_interval: 5s, lifecycle: {auto_start: true}",
    )
    with open_server(SQLITE) as server:
        found = run_application(
            tmp_path,
            source,
            modules="sql, store, time",
            entries=server.yaml() + store,
            clock=MockClock(autojump_threshold=0),
        )
    assert found == 1


def test_database_that_is_not_there(tmp_path: Path) -> None:
    """The call says so; the store itself can be had."""
    source = """
    local store = require("store")
    return {main = function()
      local s = assert(store.get("app:kv"))
      local _, err = s:get("a")
      return {tostring(err:kind()), err:message()}
    end}
    """
    found = run_application(tmp_path, source, modules="store", entries=STORE)
    assert found[0] in ("NotFound", "Internal")
    assert "app:db" in found[1]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("table_name: kv", "database is required"),
        ("database: db", "table_name is required"),
        ("database: db, table_name: select", "table_name"),
        ('database: db, table_name: "a b"', "table_name"),
        ("database: db, table_name: kv, id_column_name: 1a", "id_column_name"),
        ("database: db-x, table_name: kv", "database"),
        ("database: db, table_name: kv, cleanup_interval: soon", "soon"),
    ],
)
def test_wrong_entries(tmp_path: Path, fields: str, text: str) -> None:
    """The error names the field."""
    entries = f"\n  - {{name: bad, kind: store.sql, {fields}}}\n"
    with pytest.raises(Error, match=text):
        run_application(
            tmp_path, "return {main = print}", modules="store", entries=entries
        )
