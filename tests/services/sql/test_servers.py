"""`sql` on PostgreSQL and MySQL servers: modules-io 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.application import run_application
from tests.services.sql.servers import (
    MYSQL,
    POSTGRES,
    SERVERS,
    Server,
    connections_of,
    open_server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRELUDE = """
local function shown(v, err)
  if v == nil then return err:kind() .. ": " .. err:message() end
  return v
end
"""


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with open_server(request.param) as found:
        yield found


@pytest.fixture
def postgres() -> Iterator[Server]:
    with open_server(POSTGRES) as found:
        yield found


@pytest.fixture
def mysql() -> Iterator[Server]:
    with open_server(MYSQL) as found:
        yield found


def run(folder: Path, server: Server, body: str, **changes: Any) -> Any:
    """Run a body with ``db`` and ``q``, which writes ``?`` as the engine wants it."""
    source = f"""{PRELUDE}
return {{ main = function()
  local db = assert(sql.get("app:db"))
  local function q(text)
    if db:type() ~= "postgres" then return text end
    local n = 0
    return (text:gsub("%?", function() n = n + 1 return "$" .. n end))
  end
  local out = {{}}
  {body}
  return out
end }}"""
    entries = server.yaml(**changes)
    modules = "sql, json, channel, time"
    return run_application(folder, source, modules=modules, entries=entries)


def test_postgres_types(tmp_path: Path, postgres: Server) -> None:
    """Numbers, booleans, bytes and times are Lua's; the rest is the server's text."""
    got = run(
        tmp_path,
        postgres,
        r"""
        assert(db:execute([[CREATE TABLE t (i2 smallint, i8 bigint, f4 real, f8 float8,
          ok boolean, s text, v varchar(9), b bytea, n numeric(9,3), u uuid, j jsonb,
          a int[], iv interval, d date, ts timestamp, tz timestamptz, tm time)]]))
        assert(db:execute([[INSERT INTO t VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,
          $12,$13,$14,$15,$16,$17)]], { 7, math.maxinteger, 1.5, 0.1, true, "grün",
          "x'y", sql.as.binary("\0\255\\"), "12.500",
          "6b1f3c3e-0d5c-4c2e-9d3a-111111111111", '{"a": [1]}', "{1,2}", "1 day",
          "2026-01-02", "2026-01-02 03:04:05.6", "2026-01-02T03:04:05+02",
          "03:04:05" }))
        for i = 1, 7 do
          out[i] = assert(db:query("SELECT * FROM t WHERE i2 = $1", { 7 }))
        end
        out[8] = assert(db:query([[SELECT NULL AS n, 'infinity'::timestamp AS inf,
          'NaN'::float8 AS nan, 1 AS a, 2 AS a]]))[1]
        """,
    )
    row = {
        "i2": 7,
        "i8": 2**63 - 1,
        "f4": 1.5,
        "f8": 0.1,
        "ok": True,
        "s": "grün",
        "v": "x'y",
        "b": b"\x00\xff\\",
        "n": "12.500",
        "u": "6b1f3c3e-0d5c-4c2e-9d3a-111111111111",
        "j": '{"a": [1]}',
        "a": "{1,2}",
        "iv": "1 day",
        "d": "2026-01-02T00:00:00Z",
        "ts": "2026-01-02T03:04:05Z",
        "tz": "2026-01-02T01:04:05Z",
        "tm": "0000-01-01T03:04:05Z",
    }
    assert got[:7] == [[row]] * 7  # also when it was prepared meanwhile
    assert got[7]["inf"] == "infinity"
    assert got[7]["nan"] != got[7]["nan"]
    assert got[7]["a"] == 2


def test_mysql_types(tmp_path: Path, mysql: Server) -> None:
    """Booleans are integers, decimals and times texts, unless ``parseTime``."""
    body = r"""
        assert(db:execute([[CREATE TABLE t (i INT, u BIGINT, f DOUBLE, ok BOOLEAN,
          s VARCHAR(20), b BLOB, n DECIMAL(9,3), d DATE, ts DATETIME, j JSON,
          tm TIME)]]))
        assert(db:execute("INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?,?,?)", { -7,
          math.maxinteger, 0.1, true, "gr\u{fc}n ?'\\", sql.as.binary("\0\255'\\"),
          "12.500", "2026-01-02", "2026-01-02 03:04:05", '{"a": 1}', "03:04:05" }))
        local rows = assert(db:query("SELECT * FROM t WHERE s = ?",
          { "gr\u{fc}n ?'\\" }))
        out[1] = rows[1]
        assert(db:execute("DROP TABLE t"))
    """
    row = {
        "i": -7,
        "u": 2**63 - 1,
        "f": 0.1,
        "ok": 1,
        "s": "grün ?'\\",
        "b": b"\x00\xff'\\",
        "n": "12.500",
        "d": "2026-01-02",
        "ts": "2026-01-02 03:04:05",
        "j": '{"a": 1}',
        "tm": "03:04:05",
    }
    assert run(tmp_path, mysql, body) == [row]
    options = {"parseTime": "true", "sql_mode": "'NO_BACKSLASH_ESCAPES'"}
    parsed = row | {"d": "2026-01-02T00:00:00Z", "ts": "2026-01-02T03:04:05Z"}
    assert run(tmp_path, mysql, body, options=options) == [parsed]
    options = {"parseTime": "true", "loc": "Europe/Berlin"}
    (local,) = run(tmp_path, mysql, body, options=options)
    assert local["ts"] == "2026-01-02T02:04:05Z"


def test_statements_transactions_and_counts(tmp_path: Path, server: Server) -> None:
    """The same program on both servers."""
    got = run(
        tmp_path,
        server,
        """
        local serial = db:type() == "postgres" and "SERIAL" or "INT AUTO_INCREMENT"
        assert(db:execute("CREATE TABLE t (i " .. serial
          .. " PRIMARY KEY, s VARCHAR(20) UNIQUE)"))
        local add = assert(db:prepare(q("INSERT INTO t (s) VALUES (?)")))
        for i = 1, 6 do out[i] = assert(add:execute({ "s" .. i })) end
        assert(add:close())
        out[7] = assert(db:execute("UPDATE t SET s = concat(s, '!') WHERE i < 4"))
        local tx = assert(db:begin({ isolation = "serializable" }))
        assert(tx:execute("DELETE FROM t WHERE i = 1"))
        assert(tx:savepoint("p"))
        assert(tx:execute("DELETE FROM t"))
        assert(tx:rollback_to("p"))
        assert(tx:release("p"))
        assert(tx:commit())
        out[8] = #assert(db:query("SELECT i FROM t"))
        tx = assert(db:begin({ read_only = true }))
        out[9] = shown(tx:execute("DELETE FROM t"))
        out[10] = assert(tx:rollback())
        out[11] = { shown(db:begin({ isolation = "write_committed" })),
          shown(db:begin({ isolation = "read_uncommitted" }):commit()) }
        out[12] = assert(db:query(";"))
        out[13] = assert(db:query("UPDATE t SET s = s"))
        out[14] = db:stats()
        """,
    )
    ids = [0] * 6 if server.engine == POSTGRES else [1, 2, 3, 4, 5, 6]
    assert [row["last_insert_id"] for row in got[:6]] == ids
    assert [row["rows_affected"] for row in got[:7]] == [1] * 6 + [3]
    assert got[7] == 5
    assert got[8].startswith("Invalid: sql: ")
    assert got[9] is True
    assert "write_committed" in got[10][0]
    assert got[10][1] is True
    assert got[11:13] == [[], []]
    assert got[13]["in_use"] == 0
    assert got[13]["max_open_connections"] == 4


def test_failures_have_kinds(tmp_path: Path, server: Server) -> None:
    """By the codes of the server, with its own text (modules-io 2.5, 2.8)."""
    got = run(
        tmp_path,
        server,
        """
        assert(db:execute(
          "CREATE TABLE t (i INT PRIMARY KEY, s VARCHAR(3) NOT NULL)"))
        assert(db:execute("INSERT INTO t VALUES (1, 'a')"))
        for i, text in ipairs({ "SELEC", "SELECT * FROM nope", "SELECT nope FROM t",
          "INSERT INTO t VALUES (1, 'b')", "INSERT INTO t VALUES (2, NULL)",
          "CREATE TABLE t (i INT)", "INSERT INTO t VALUES (3, 'long text')" }) do
          out[i] = shown(db:execute(text))
          assert(out[i] == shown(db:query(text)))
        end
        out[8] = shown(db:query(q("SELECT ? AS a, ? AS b"), { 1 }))
        out[9] = shown(db:prepare("SELECT nope FROM t"))
        out[10] = shown(db:execute(q("INSERT INTO t VALUES (9, ?)"), { "\\255" }))
        out[11] = assert(db:query(q("SELECT i FROM t WHERE i = ?"), { 1.0 }))[1].i
        out[12] = db:stats().in_use
        """,
    )
    kinds = [text.split(":")[0] for text in got[:9]]
    assert kinds == ["Invalid"] * 3 + ["AlreadyExists"] + ["Invalid"] * 5
    assert "syntax" in got[0]
    assert "does not exist" in got[1] or "doesn't exist" in got[1]
    assert "duplicate" in got[3].lower()
    assert "already exists" in got[5]
    assert got[9].startswith(("Invalid: ", "AlreadyExists: "))
    assert got[10:] == [1, 0]


def test_a_changed_table_makes_no_prepared_statement_stale(
    tmp_path: Path, postgres: Server
) -> None:
    """A plan that the server refuses is made anew; plans do not pile up."""
    got = run(
        tmp_path,
        postgres,
        """
        assert(db:execute("CREATE TABLE t (i int); INSERT INTO t VALUES (1)"))
        for i = 1, 8 do
          out[i] = assert(db:query("SELECT * FROM t WHERE i = $1", { 1 }))[1]
          if i == 6 then assert(db:execute("ALTER TABLE t ADD COLUMN s text")) end
        end
        for i = 1, 150 do
          for _ = 1, 6 do
            assert(db:query("SELECT $1::int + " .. i .. " AS n", { i }))
          end
        end
        out[9] = assert(
          db:query("SELECT count(*) AS n FROM pg_prepared_statements"))[1].n
        local tx = assert(db:begin())
        assert(tx:execute("INSERT INTO t VALUES (1)"))
        shown(tx:execute("INSERT INTO nope VALUES (1)"))
        out[10] = shown(tx:query("SELECT 1"))
        out[11] = shown(tx:commit())
        out[12] = shown(db:execute("COPY t FROM STDIN"))
        out[13] = #assert(db:query("SELECT * FROM t"))
        """,
        pool={"max_open": 1, "max_idle": 1},
    )
    assert got[:8] == [{"i": 1}] * 8
    assert 50 < got[8] <= 100
    assert "aborted" in got[9]
    assert "rolled back" in got[10]
    assert got[11] == "Invalid: sql: COPY cannot be used here"
    assert got[12] == 1


def test_hostile_values_stay_values(tmp_path: Path, server: Server) -> None:
    """Quotes, backslashes, comments and NaN in parameters change no statement."""
    got = run(
        tmp_path,
        server,
        r"""
        assert(db:execute("CREATE TABLE t (s VARCHAR(80))"))
        local hostile = { "'; DROP TABLE t; --", "\\'; DROP TABLE t; --", '" OR 1=1',
          "%s %d %%", "$1 ? :x", "/* x", "\\", "''", "`", "\u{1F600}", "-- \n", "" }
        for i, text in ipairs(hostile) do
          assert(db:execute(q("INSERT INTO t VALUES (?) -- it's ok?"), { text }))
          local rows = assert(db:query(
            q("SELECT s, 'a' AS mark FROM t WHERE s = ? AND 'x' <> 'it''s'"), { text }))
          assert(#rows == 1 and rows[1].s == text, i)
        end
        out[1] = assert(db:query("SELECT count(*) AS n FROM t"))[1].n == #hostile
        out[2] = shown(db:query(q("SELECT ? AS n"), { 0/0 }))
        local big = ("x"):rep(3000000)
        out[3] = #assert(db:query(q("SELECT ? AS big"), { big }))[1].big
        """,
    )
    assert got[0] is True
    assert got[2] == 3_000_000
    if server.engine == MYSQL:
        assert got[1] == "Invalid: sql: MySQL has no number nan"


def test_the_pool_keeps_what_it_may_and_bounds_what_it_opens(
    tmp_path: Path, server: Server
) -> None:
    """``max_open``, ``max_idle`` and the counts of ``stats`` (modules-io 2.1, 2.3)."""
    sleep = "pg_sleep(0.02)" if server.engine == POSTGRES else "sleep(0.02)"
    got = run(
        tmp_path,
        server,
        f"""
        local done = channel.new(6)
        for i = 1, 6 do
          coroutine.spawn(function()
            done:send(db:query("SELECT {sleep} AS s") ~= nil)
          end)
        end
        for i = 1, 6 do out[i] = done:receive() end
        out[7] = db:stats()
        """,
        pool={"max_open": 2, "max_idle": 1},
    )
    assert got[:6] == [True] * 6
    stats = got[6]
    assert stats["max_open_connections"] == 2
    assert stats["open_connections"] == stats["idle"] == 1
    assert stats["wait_count"] == 4
    assert stats["max_idle_closed"] >= 1
    assert connections_of(server) == 0  # the application has ended
    got = run(
        tmp_path,
        server,
        "for i = 1, 3 do assert(db:query('SELECT 1')) end out[1] = db:stats()",
        pool={},
    )
    assert got[0]["open_connections"] == 0  # the default keeps none
    assert got[0]["max_idle_closed"] >= 3


def test_a_refused_password_is_unavailable(tmp_path: Path, mysql: Server) -> None:
    """The text of the server is told, and a retry may help."""
    got = run(
        tmp_path,
        mysql,
        """
        out[1] = shown(db:query("SELECT 1"))
        """,
        password="wrong",
        lifecycle={"auto_start": False},
    )
    assert got[0].startswith("Unavailable: sql: Access denied")
