"""The module `sql` on SQLite: modules-io 2. Other engines: ``tests/services/sql``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.application import run_application
from wippy_trio import security
from wippy_trio.errors import Error
from wippy_trio.kernel import Context

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = """
  - {name: db, kind: db.sql.sqlite, file: ":memory:", lifecycle: {auto_start: true}}
  - {name: stray, kind: env.storage.memory}
"""

PRELUDE = """
local function shown(v, err)
  if v == nil then
    return err:kind() .. ": " .. err:message()
  end
  return v
end
local function raised(f, ...)
  local ok, e = pcall(f, ...)
  assert(not ok, "it did not raise")
  return tostring(e)
end
"""


def run(folder: Path, body: str, *args: Any, entries: str = MEMORY) -> Any:
    """Run the body of a function that has ``db`` and fills ``out``."""
    source = f"""{PRELUDE}
return {{ main = function(...)
  local db = assert(sql.get("app:db"))
  local out = {{}}
  {body}
  return out
end }}"""
    return run_application(
        folder,
        source,
        *args,
        modules="sql, json, channel, time, funcs",
        entries=entries,
    )


def test_rows_have_the_types_of_their_columns(tmp_path: Path) -> None:
    """What is stored comes back, by the declared type of its column (2.4)."""
    got = run(
        tmp_path,
        """
        assert(db:execute([[CREATE TABLE t (i INTEGER, f REAL, s TEXT, b BLOB,
          yes BOOLEAN, no boolean, maybe BOOLEAN, d DATE, at DATETIME, ts TIMESTAMP)]]))
        assert(db:execute("INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?,?)", { 2^53 | 0, 0.1,
          "gr\\u{fc}n", sql.as.binary("\\0\\255"), true, false, nil, "2026-01-02",
          1700000000, "2026-01-02 03:04:05.678" }))
        local row = assert(db:query("SELECT * FROM t"))[1]
        out.row, out.kind = row, math.type(row.i)
        row = assert(db:query("SELECT yes + 0 AS yes, count(*) AS n, 2.0 AS f FROM t"))
        row = row[1]
        out.plain, out.float = row, math.type(row.f)
        assert(db:execute("UPDATE t SET at = ?, ts = ?, d = ?", { 1700000000000,
          "2026-01-02T03:04:05+02:00", "soon" }))
        out.other = assert(db:query("SELECT at, ts, d FROM t"))[1]
        """,
    )
    assert got["row"] == {
        "i": 2**53,
        "f": 0.1,
        "s": "grün",
        "b": b"\x00\xff",
        "yes": True,
        "no": False,
        "d": "2026-01-02T00:00:00Z",
        "at": "2023-11-14T22:13:20Z",
        "ts": "2026-01-02T03:04:05Z",
    }
    assert got["kind"] == "integer"
    assert got["plain"] == {"yes": 1, "n": 1, "f": 2}  # an expression has no type
    assert got["float"] == "float"
    assert got["other"] == {
        "at": "2023-11-14T22:13:20Z",
        "ts": "2026-01-02T01:04:05Z",
        "d": "soon",
    }


def test_parameters_are_bound_as_what_they_are(tmp_path: Path) -> None:
    """Plain values, markers, holes, and what is silently NULL (modules-io 2.4)."""
    got = run(
        tmp_path,
        """
        local function types(params)
          local marks = {}
          for i = 1, 6 do marks[i] = "typeof(?" .. i .. ") AS t" .. i end
          local row = shown(db:query("SELECT " .. table.concat(marks, ", "), params))
          if type(row) == "string" then return row end
          row = row[1]
          return { row.t1, row.t2, row.t3, row.t4, row.t5, row.t6 }
        end
        out[1] = types({ 1, 1.5, "x", true, sql.NULL, sql.as.null() })
        out[2] = types({ sql.as.int(3.9), sql.as.float(3), sql.as.text(4),
          sql.as.binary("x"), sql.as.int("no"), sql.as.text({}) })
        out[3] = types({ [2] = "hole", [6] = 1 })
        out[4] = types({ {}, print, db, sql.as.binary(7), "\\255", 0/0 })
        out[5] = types({ 1 })
        out[6] = types("six")
        out[7] = types({ [1e9 | 0] = 1 })
        out[8] = assert(db:query("SELECT ? AS a, ? AS b, ? AS c", {
          sql.as.int(-3.9), sql.as.float("x"), sql.as.text(2.5) }))[1]
        out[9] = { sql.as.int(1/0) ~= nil, type(sql.NULL), tostring(sql.NULL) }
        """,
    )
    assert got[0] == ["integer", "real", "text", "integer", "null", "null"]
    assert got[1] == ["integer", "real", "text", "blob", "integer", "text"]
    assert got[2] == ["null", "text", "null", "null", "null", "integer"]
    assert got[3] == ["null", "null", "null", "null", "blob", "null"]
    assert got[4].startswith("Invalid: sql: ")
    assert "bindings" in got[4]
    assert got[5] == "Invalid: sql: params: wanted a table, got string"
    assert got[6] == "Invalid: sql: params: wanted at most 65535, got 1000000000"
    assert got[7] == {"a": -3, "b": 0, "c": "2.5"}
    assert got[8] == [True, "userdata", "sql.NULL"]


def test_results_of_every_shape(tmp_path: Path) -> None:
    """No rows, no columns, one name twice, many rows, texts that are none."""
    got = run(
        tmp_path,
        """
        out[1] = assert(db:query("CREATE TABLE t (i)"))
        out[2] = assert(db:query("SELECT i FROM t"))
        out[3] = assert(db:query("SELECT 1 AS a, 2 AS a"))
        out[4] = assert(db:query("SELECT 1 AS a, NULL AS a"))
        local count = [[WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r
          WHERE i < ?) SELECT i, 'row ' || i AS name, NULL AS gap FROM r]]
        for _ = 1, 3 do
          local rows = assert(db:query(count, { 30000 }))
          assert(#rows == 30000)
          for i, row in ipairs(rows) do
            assert(row.i == i and row.name == "row " .. i and row.gap == nil)
          end
        end
        for n = 0, 4 do out[5 + n] = #assert(db:query(count, { n })) end
        out[10] = assert(db:query("SELECT cast(x'ff41' AS TEXT) AS t, 7 AS n; -- end"))
        out[11] = assert(db:query("  ;  "))
        out[12] = assert(db:query("SELECT 1 AS one; SELECT 2 AS two"))
        out[13] = assert(db:execute("SELECT 1;"))
        out[14] = assert(db:query("INSERT INTO t VALUES (5) RETURNING i * 2 AS twice"))
        local wide = {}
        for i = 1, 200 do wide[i] = i .. " AS c" .. i end
        local row = assert(db:query("SELECT " .. table.concat(wide, ",")))[1]
        out[15] = { row.c1, row.c200 }
        out[16] = assert(db:query([[SELECT 1 AS "a ]] .. "\\n" .. [[""b"]]))
        """,
    )
    assert got[:2] == [[], []]
    assert got[2] == [{"a": 2}]  # the last one is kept
    assert got[3] == [[]]
    assert got[4:9] == [1, 1, 2, 3, 4]
    assert got[9] == [{"t": b"\xffA", "n": 7}]
    assert got[10] == []
    assert got[11] == [{"two": 2}]
    assert got[12] == {"last_insert_id": 0, "rows_affected": 0}
    assert got[13] == [{"twice": 10}]
    assert got[14] == [1, 200]
    assert got[15] == [{'a \n"b': 1}]


def test_execute_counts_and_runs_several_statements(tmp_path: Path) -> None:
    """Ids and counts are integers; statements of one text all run."""
    got = run(
        tmp_path,
        """
        out[1] = assert(db:execute([[
          CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT);
          INSERT INTO t (s) VALUES ('a'), ('b'); -- two
          INSERT INTO t (s) VALUES ('c');
        ]]))
        out[2] = assert(db:execute("UPDATE t SET s = 'x' WHERE i > 1"))
        out[3] = assert(db:execute("UPDATE t SET s = 'x' WHERE i > 9"))
        out[4] = assert(db:execute("CREATE TABLE u (i)"))
        out[5] = shown(db:execute(
          "INSERT INTO t (s) VALUES ('d'); INSERT INTO no VALUES (1)"))
        out[6] = assert(db:query("SELECT count(*) AS n FROM t"))[1].n
        """,
    )
    assert [(r["last_insert_id"], r["rows_affected"]) for r in got[:4]] == [
        (3, 1),
        (3, 2),
        (3, 0),
        (3, 0),
    ]
    assert got[4] == "Invalid: sql: no such table: no"
    assert got[5] == 4


def test_failures_have_kinds_and_the_text_of_the_engine(tmp_path: Path) -> None:
    """Applications look for these texts (modules-io 2.5, 2.8)."""
    got = run(
        tmp_path,
        """
        assert(db:execute("CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT NOT NULL)"))
        assert(db:execute("INSERT INTO t VALUES (1, 'a')"))
        for i, text in ipairs({ "SELEC", "SELECT * FROM nope", "SELECT nope FROM t",
          "INSERT INTO t VALUES (1, 'b')", "INSERT INTO t VALUES (2, NULL)",
          "CREATE TABLE t (i)", "ALTER TABLE t ADD COLUMN s" }) do
          out[i] = shown(db:execute(text))
          assert(out[i] == shown(db:query(text)))
        end
        local _, err = db:execute("INSERT INTO t VALUES (1, 'b')")
        out[8] = { err:retryable(), err:details().code }
        out[9] = shown(db:prepare("SELECT nope FROM t"))
        out[10] = shown(db:query("SELECT '\\255'"))
        out[11] = raised(db.query, db)
        out[12] = raised(db.query, db, {})
        out[13] = raised(db.query, {}, "SELECT 1")
        out[14] = raised(db.query, nil, "SELECT 1")
        """,
    )
    assert got[0].startswith('Invalid: sql: near "SELEC": syntax error')
    assert got[1] == "Invalid: sql: no such table: nope"
    assert got[2] == "Invalid: sql: no such column: nope"
    assert got[3] == "AlreadyExists: sql: UNIQUE constraint failed: t.i"
    assert got[4] == "Invalid: sql: NOT NULL constraint failed: t.s"
    assert "already exists" in got[5]
    assert "duplicate column" in got[6]
    assert got[7] == [False, 1555]
    assert got[8] == got[2]
    assert got[9].startswith("Invalid: sql: wanted a statement in UTF-8")
    assert got[10] == "bad argument #1 to 'query' (string expected, got no value)"
    assert got[11] == "bad argument #1 to 'query' (string expected, got table)"
    assert got[12] == "bad argument #0 to 'query' (sql.DB expected, got table)"
    assert got[13] == "bad argument #0 to 'query' (sql.DB expected, got no value)"


def test_get_refuses_what_is_no_database(tmp_path: Path) -> None:
    """Unknown ids, other resources, empty texts."""
    got = run(
        tmp_path,
        """
        out[1] = shown(sql.get("app:nope"))
        out[2] = shown(sql.get(""))
        out[3] = shown(sql.get("app:processes"))
        out[4] = raised(sql.get, {})
        out[5] = { pcall(function() sql.get = 1 end) }
        out[6] = { sql.type.SQLITE, sql.type.UNKNOWN, sql.isolation.READ_COMMITTED }
        """,
    )
    assert got[0].startswith("NotFound: ")
    assert got[1].startswith("Invalid: ")
    assert got[2].split(":")[0] in {"NotFound", "Invalid"}
    assert "string expected" in got[3]
    assert got[4][0] is False  # the table is immutable
    assert got[5] == ["sqlite", "unknown", "read_committed"]


def test_transactions_end_once(tmp_path: Path) -> None:
    """Commit, rollback, savepoints, and every method after the end (modules-io 2.3)."""
    got = run(
        tmp_path,
        """
        assert(db:execute("CREATE TABLE t (i INTEGER PRIMARY KEY)"))
        local function count()
          return assert(db:query("SELECT count(*) AS n FROM t"))[1].n
        end
        local tx = assert(db:begin())
        assert(tx:execute("INSERT INTO t VALUES (1)"))
        assert(tx:savepoint("one"))
        assert(tx:execute("INSERT INTO t VALUES (2)"))
        assert(tx:rollback_to("one"))
        assert(tx:release("one"))
        out[1] = assert(tx:query("SELECT i FROM t"))
        local st = assert(tx:prepare("INSERT INTO t VALUES (?)"))
        out[2] = assert(st:execute({ 9 }))
        out[3] = { tx:db_type(), tx:commit(), count() }
        out[4] = {}
        for i, call in ipairs({ "commit", "rollback", "db_type" }) do
          out[4][i] = shown(tx[call](tx))
        end
        out[5] = { shown(tx:query("SELECT 1")), shown(tx:execute("SELECT 1")),
          shown(tx:prepare("SELECT 1")), shown(tx:savepoint("a")),
          shown(st:execute({ 10 })) }
        tx = assert(db:begin({ isolation = sql.isolation.SERIALIZABLE }))
        assert(tx:execute("INSERT INTO t VALUES (3)"))
        assert(tx:rollback())
        out[6] = count()
        tx = assert(db:begin({ read_only = true, isolation = 7 }))
        out[7] = shown(tx:execute("INSERT INTO t VALUES (3)"))
        assert(tx:rollback())
        assert(db:execute("INSERT INTO t VALUES (3)"))
        out[8] = { shown(db:begin({ isolation = "none" })), shown(db:begin("x")),
          shown(db:begin({ isolation = "read_committed" })) }
        tx = assert(db:begin())
        out[9] = { shown(tx:savepoint("")), shown(tx:savepoint("a b")),
          shown(tx:rollback_to('a"; DROP TABLE t; --')), shown(tx:release()),
          shown(tx:release("unknown")) }
        assert(tx:rollback())
        out[10] = count()
        """,
    )
    assert got[0] == [{"i": 1}]
    assert got[1]["rows_affected"] == 1
    assert got[2] == ["sqlite", True, 2]
    assert set(got[3] + got[4]) == {"Invalid: sql: the transaction is finished"}
    assert got[5] == 2
    assert got[6] == "Invalid: sql: attempt to write a readonly database"
    assert got[7][0] == 'Invalid: sql: begin: unknown isolation level "none"'
    assert got[7][1] == "Invalid: sql: begin: wanted a table of options, got string"
    assert got[7][2].startswith("Invalid: sql begin: SQLite has no isolation level")
    assert [text.split(",")[0] for text in got[8][:4]] == [
        f"Invalid: sql: {name}: wanted a name of letters"
        for name in ("savepoint", "savepoint", "rollback_to", "release")
    ]
    assert got[8][4] == "Invalid: sql: no such savepoint: unknown"
    assert got[9] == 3


def test_statements_close_once_and_outlive_their_handle(tmp_path: Path) -> None:
    """A statement runs after the handle is released, not after it is closed."""
    got = run(
        tmp_path,
        """
        assert(db:execute("CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT)"))
        local add = assert(db:prepare("INSERT INTO t (s) VALUES (?)"))
        local find = assert(db:prepare("SELECT s FROM t WHERE i = ?"))
        for i = 1, 3 do out[i] = assert(add:execute({ "s" .. i })).last_insert_id end
        for i = 1, 3 do out[3 + i] = assert(find:query({ i }))[1].s end
        local tx = assert(db:begin())
        out[7] = { db:release(), db:release() }
        out[8] = shown(db:query("SELECT 1"))
        assert(tx:execute("DELETE FROM t WHERE i = 1"))
        assert(tx:commit())
        out[9] = assert(find:query({ 1 }))
        out[10] = shown(find:query("x"))
        out[11] = { find:close(), shown(find:close()), shown(find:query({ 2 })) }
        out[12] = shown(add:execute({}))
        """,
    )
    assert got[:6] == [1, 2, 3, "s1", "s2", "s3"]
    assert got[6] == [True, True]
    assert got[7] == "Invalid: sql: the database handle is released"
    assert got[8] == []
    assert got[9] == "Invalid: sql: params: wanted a table, got string"
    closed = "Invalid: sql: the statement is closed"
    assert got[10] == [True, closed, closed]
    assert "bindings" in got[11]


def test_what_a_frame_leaves_behind_is_undone(tmp_path: Path) -> None:
    """A call that returns or fails rolls back, and its handles are released."""
    entries = f"""{MEMORY}
  - name: careless
    kind: function.lua
    source: file://careless.lua
    method: main
    modules: [sql]
"""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/careless.lua").write_text(
        """
return { main = function(fails)
  local db = assert(sql.get("app:db"))
  local tx = assert(db:begin())
  assert(tx:execute("INSERT INTO t VALUES (1)"))
  if fails then error("oh") end
  return "left open"
end }"""
    )
    body = """
        assert(db:execute("CREATE TABLE t (i)"))
        for i = 1, 4 do
          out[i] = tostring((funcs.call("app:careless", i % 2 == 0)))
          out[4 + i] = assert(db:query("SELECT count(*) AS n FROM t"))[1].n
        end
        out[9] = db:stats()
        """
    got = run(tmp_path, body, entries=entries)
    assert got[:4] == ["left open", "nil", "left open", "nil"]
    assert got[4:8] == [0, 0, 0, 0]
    assert got[8]["in_use"] == 0
    assert got[8]["open_connections"] == 1


def test_callers_wait_for_the_one_connection_in_order(tmp_path: Path) -> None:
    """A transaction holds the connection; others come first come, first served."""
    got = run(
        tmp_path,
        """
        assert(db:execute("CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT)"))
        local tx = assert(db:begin())
        local done = channel.new(3)
        for i = 1, 3 do
          coroutine.spawn(function()
            assert(db:execute("INSERT INTO t (s) VALUES (?)", { "c" .. i }))
            done:send(i)
          end)
          while db:stats().wait_count < i do time.sleep("1ms") end
        end
        assert(tx:execute("INSERT INTO t (s) VALUES ('tx')"))
        out[1] = db:stats().in_use
        assert(tx:commit())
        for _ = 1, 3 do done:receive() end
        out[2] = {}
        for i, row in ipairs(assert(db:query("SELECT s FROM t ORDER BY i"))) do
          out[2][i] = row.s
        end
        out[3] = db:stats()
        """,
    )
    assert got[0] == 1
    assert got[1] == ["tx", "c1", "c2", "c3"]
    assert got[2]["wait_count"] == 3
    assert got[2]["wait_duration"] != "0s"
    assert got[2]["max_open_connections"] == 1


def test_a_query_cannot_wait_where_nothing_can(tmp_path: Path) -> None:
    """In a callback of C it is refused before anything happens, also in place."""
    got = run(
        tmp_path,
        """
        for i = 1, 3 do assert(db:query("SELECT 1")) end
        out[1] = raised(function()
          string.gsub("x", "x", function() return db:query("SELECT 1")[1] end)
        end)
        out[2] = assert(db:query("SELECT 1 AS one"))[1].one
        """,
    )
    assert "query cannot wait inside a callback" in got[0]
    assert got[1] == 1


def test_full_text_search_and_vectors_are_there(tmp_path: Path) -> None:
    """Published modules create such tables (modules-io 2.1)."""
    got = run(
        tmp_path,
        """
        assert(db:execute("CREATE VIRTUAL TABLE f USING fts5(title, body)"))
        assert(db:execute("INSERT INTO f VALUES (?, ?)", { "Trio", "three nurseries" }))
        out[1] = assert(db:query("SELECT title FROM f WHERE f MATCH ?", { "nurser*" }))
        assert(db:execute([[CREATE VIRTUAL TABLE v USING vec0(
          tenant TEXT PARTITION KEY, embedding FLOAT[3], kind TEXT, +note TEXT)]]))
        for i = 1, 3 do
          assert(db:execute([[INSERT INTO v (tenant, embedding, kind, note)
            VALUES (?,?,?,?)]], { "a", json.encode({ i, 0, 0 }), "k", "n" .. i }))
        end
        out[2] = assert(db:query([[SELECT note, distance FROM v WHERE embedding MATCH ?
          AND k = ? AND tenant = 'a' ORDER BY distance]], { "[2.9, 0, 0]", 2 }))
        """,
    )
    assert got[0] == [{"title": "Trio"}]
    assert [row["note"] for row in got[1]] == ["n3", "n2"]


def test_permission_is_asked_for_the_id(tmp_path: Path) -> None:
    """``db.get`` on the database, returned and not raised (apps 8.7)."""
    source = f"""{PRELUDE}
return {{ main = function() return shown(sql.get("app:db")) end }}"""
    context = Context(actor=security.Actor("somebody", {}), scope=security.Scope())
    got = run_application(
        tmp_path, source, modules="sql", entries=MEMORY, context=context
    )
    assert got == "PermissionDenied: sql: not allowed to use the database app:db"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("kind: db.sql.sqlite", "file path is required"),
        ("kind: db.sql.sqlite, file: 7", "file path is required"),
        ('kind: db.sql.sqlite, file: "x", pool: {max_lifetime: 0s}', "greater than 0"),
        ("kind: db.sql.sqlite, file: x, access_mode: odd", "access_mode"),
        ("kind: db.sql.postgres, port: 1", "host is required"),
        ("kind: db.sql.postgres, host: h", "port must be greater than 0"),
        ("kind: db.sql.mysql, host: h, port: x", "port: wanted a whole number"),
        ("kind: db.sql.mysql, host: h, port: 1", "database is required"),
        (
            "kind: db.sql.mysql, host: h, port: 1, database: d",
            "username is required",
        ),
        (
            "kind: db.sql.mysql, host: h, port: '1', database: d, username: u",
            "password is required",
        ),
        ("kind: db.sql.mysql, host_env: NOBODY", "NOBODY has no value"),
        (
            "kind: db.sql.sqlite, file: x, pool: {max_open: -1}",
            "max open connections must be non-negative",
        ),
        ("kind: db.sql.sqlite, file: x, options: [a]", "options: wanted a map"),
    ],
)
def test_entries_that_say_nonsense_are_refused(
    tmp_path: Path, entry: str, text: str
) -> None:
    """The application does not start, and the error names the field (apps 2.4)."""
    entries = f"\n  - {{name: db, {entry}}}\n"
    with pytest.raises(Error, match=text):
        run_application(tmp_path, "return {main = print}", modules="", entries=entries)
