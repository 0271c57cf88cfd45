"""The query builder of `sql`: texts, arguments, refusals. modules-io 2.6.

Every text that is built must be SQL to a parser of three dialects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.application import run_application, run_function

if TYPE_CHECKING:
    from pathlib import Path

CASES: list[tuple[str, str, list[Any]]] = [
    ('b.select("a", "b"):from("t")', "SELECT a, b FROM t", []),
    ('b.select("1")', "SELECT 1", []),
    ('b.select():columns("a"):distinct():from("t")', "SELECT DISTINCT a FROM t", []),
    (
        'b.select("*"):from("t"):where("a = ? OR b = ?", 1, 2):where({ c = "x" })',
        "SELECT * FROM t WHERE a = ? OR b = ? AND c = ?",
        [1, 2, "x"],
    ),
    ('b.select("*"):from("t"):where("")', "SELECT * FROM t", []),
    ('b.select("*"):from("t"):where({})', "SELECT * FROM t WHERE (1=1)", []),
    (
        'b.select("*"):from("t"):where({ b = 2, a = 1, n = sql.NULL })',
        "SELECT * FROM t WHERE a = ? AND b = ? AND n IS NULL",
        [1, 2],
    ),
    (
        'b.select("*"):from("t"):where({ a = { 1, 2, sql.NULL } })',
        "SELECT * FROM t WHERE a IN (?,?,?)",
        [1, 2, None],
    ),
    ('b.select("*"):from("t"):where({ a = {} })', "SELECT * FROM t WHERE (1=0)", []),
    (
        'b.select("*"):from("t"):where(b.not_eq({ a = { 1 }, b = {}, c = sql.NULL }))',
        "SELECT * FROM t WHERE a NOT IN (?) AND (1=1) AND c IS NOT NULL",
        [1],
    ),
    (
        """b.select("*"):from("t"):where({
          a = b.select("x"):from("u"):where({ y = 3 }) })""",
        "SELECT * FROM t WHERE a IN (SELECT x FROM u WHERE y = ?)",
        [3],
    ),
    (
        """b.select("*"):from("t"):where(b.and_({ b.lt({ a = 1 }), b.lte({ b = 2 }),
          b.gt({ c = 3 }), b.gte({ d = 4 }) }))""",
        "SELECT * FROM t WHERE (a < ? AND b <= ? AND c > ? AND d >= ?)",
        [1, 2, 3, 4],
    ),
    (
        """b.select("*"):from("t"):where(b.or_({ b.like({ a = "x%" }),
          b.not_like({ b = "y", a = "z" }), { c = 1 } }))""",
        "SELECT * FROM t WHERE (a LIKE ? OR a NOT LIKE ? AND b NOT LIKE ? OR c = ?)",
        ["x%", "z", "y", 1],
    ),
    ('b.select("*"):from("t"):where(b.and_({}))', "SELECT * FROM t WHERE (1=1)", []),
    ('b.select("*"):from("t"):where(b.or_({}))', "SELECT * FROM t WHERE (1=0)", []),
    (
        'b.select("*"):from("t"):where(b.or_({ { a = 1 } }))',
        "SELECT * FROM t WHERE (a = ?)",
        [1],
    ),
    (
        """b.select("u.id", "count(*) AS n"):from("users u")
          :join("a ON a.u = u.id AND a.k = ?", 1):left_join("b ON b.u = u.id")
          :right_join("c ON c.u = u.id"):inner_join("d ON d.u = u.id")
          :where({ ["u.ok"] = true }):group_by("u.id", "u.x"):having("count(*) > ?", 2)
          :order_by("n DESC", "u.id"):limit(10):offset(-3):suffix("FOR UPDATE")""",
        (
            "SELECT u.id, count(*) AS n FROM users u JOIN a ON a.u = u.id AND a.k = ?"
            " LEFT JOIN b ON b.u = u.id RIGHT JOIN c ON c.u = u.id"
            " INNER JOIN d ON d.u = u.id WHERE u.ok = ? GROUP BY u.id, u.x"
            " HAVING count(*) > ? ORDER BY n DESC, u.id LIMIT 10 OFFSET 0 FOR UPDATE"
        ),
        [1, True, 2],
    ),
    (
        'b.insert("t"):columns("a", "b"):values(1, sql.NULL):values(nil, "x")',
        "INSERT INTO t (a,b) VALUES (?,?),(?,?)",
        [1, None, None, "x"],
    ),
    (
        'b.insert("t"):set_map({ b = 2, a = b.expr("lower(?)", "X") })',
        "INSERT INTO t (a,b) VALUES (lower(?),?)",
        ["X", 2],
    ),
    (
        'b.insert():into("t"):columns("a"):select(b.select("x"):from("u"))',
        "INSERT INTO t (a) SELECT x FROM u",
        [],
    ),
    (
        """b.insert("t"):columns("a"):values(1):suffix(
          "ON CONFLICT (a) DO UPDATE SET n = n + ?", 5):suffix("RETURNING a")""",
        (
            "INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET n = n + ?"
            " RETURNING a"
        ),
        [1, 5],
    ),
    (
        'b.update("t"):set("a", 1):set("n", b.expr("n + ?", 2)):where({ id = 3 })',
        "UPDATE t SET a = ?, n = n + ? WHERE id = ?",
        [1, 2, 3],
    ),
    (
        'b.update():table("t"):set_map({ b = sql.NULL, a = sql.as.int(1.9) })',
        "UPDATE t SET a = ?, b = ?",
        [1, None],
    ),
    (
        """b.update("t"):set("a", b.select("max(x)"):from("u"))
          :from_select(b.select("id"):from("v"):where({ k = 1 }), "s")
          :where("t.id = s.id")""",
        (
            "UPDATE t SET a = (SELECT max(x) FROM u)"
            " FROM (SELECT id FROM v WHERE k = ?) AS s WHERE t.id = s.id"
        ),
        [1],
    ),
    ('b.delete("t")', "DELETE FROM t", []),
    (
        'b.delete():from("t"):where({ a = 1 }):suffix("RETURNING a")',
        "DELETE FROM t WHERE a = ? RETURNING a",
        [1],
    ),
]

OTHERS: list[tuple[str, str, list[Any]]] = [
    (
        'b.insert("t"):prefix("WITH x AS (SELECT ?)", 1):options("IGNORE"):values(2)',
        "WITH x AS (SELECT ?) INSERT IGNORE INTO t VALUES (?)",
        [1, 2],
    ),
    (
        'b.delete("t"):where({ a = 1 }):order_by("b"):limit("2"):offset(1)',
        "DELETE FROM t WHERE a = ? ORDER BY b LIMIT 2 OFFSET 1",
        [1],
    ),
    (
        'b.update("t"):set("a", 1):order_by("b"):limit(1)',
        "UPDATE t SET a = ? ORDER BY b LIMIT 1",
        [1],
    ),
    (
        """b.select("j ?? 'k?'"):from("t"):where("a = ? AND b = '?'", 1)
          :where({ c = 2 }):placeholder_format(b.dollar)""",
        "SELECT j ? 'k?' FROM t WHERE a = $1 AND b = '?' AND c = $2",
        [1, 2],
    ),
    (
        'b.delete("t"):where("a = ? AND j ?? b", 1):placeholder_format(b.question)',
        "DELETE FROM t WHERE a = ? AND j ?? b",
        [1],
    ),
    (
        'b.delete("t"):where({ a = 1, b = 2 }):placeholder_format(b.colon)',
        "DELETE FROM t WHERE a = :1 AND b = :2",
        [1, 2],
    ),
    (
        'b.delete("t"):where({ a = 1 }):placeholder_format(b.at)',
        "DELETE FROM t WHERE a = @p1",
        [1],
    ),
    (
        'b.expr("x ?? y AND ? IN (?)", b.expr("f(?)", 1), b.select("a"):from("t"))',
        "x ?? y AND f(?) IN (SELECT a FROM t)",
        [1],
    ),
    ('b.expr("now()")', "now()", []),
    ('b.eq({ ["lower(name)"] = "x" })', "lower(name) = ?", ["x"]),
]


def built(folder: Path, cases: list[tuple[str, str, list[Any]]]) -> list[Any]:
    """Write each case: text, arguments, and the arguments as they are bound."""
    lines = "\n".join(f"add({case})" for case, _, _ in cases)
    source = f"""
return {{ main = function()
  local b, out = sql.builder, {{}}
  local function add(v)
    local text, args = v:to_sql()
    local shown = {{}}
    for i, arg in ipairs(args or {{}}) do
      shown[i] = arg == sql.NULL and "NULL" or arg
    end
    out[#out + 1] = {{ text, shown }}
  end
  {lines}
  return out
end }}"""
    outcome: list[Any] = run_function(folder, source, modules="sql")
    return outcome


def test_texts_and_arguments(tmp_path: Path) -> None:
    """Each builder writes exactly what is said."""
    cases = CASES + OTHERS
    for (case, text, args), got in zip(cases, built(tmp_path, cases), strict=True):
        shown = ["NULL" if arg is None else arg for arg in args]
        assert got == [text, shown], case


@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"])
def test_texts_parse_in_three_dialects(dialect: str) -> None:
    """A parser that knows the dialect reads one statement, and no piece is lost."""
    sqlglot = pytest.importorskip("sqlglot", reason="needs sqlglot: the group test")
    for case, text, args in CASES:
        (tree,) = sqlglot.parse(text, dialect=dialect)
        marks = list(tree.find_all(sqlglot.exp.Placeholder))
        assert len(marks) == len(args), case


REFUSALS = [
    ("b.select():from('t'):to_sql()", "Invalid: sql builder: a SELECT needs a column"),
    ("b.insert():values(1):to_sql()", "an INSERT needs a table"),
    ("b.insert('t'):to_sql()", "an INSERT needs values or a SELECT"),
    ("b.insert('t'):columns('a'):values(1, 2):to_sql()", "row 1 has 2 values for 1"),
    ("b.update():set('a', 1):to_sql()", "an UPDATE needs a table"),
    ("b.update('t'):to_sql()", "an UPDATE needs something to set"),
    ("b.delete(''):to_sql()", "a DELETE needs a table"),
    ("b.lt({ a = sql.NULL }):to_sql()", "a cannot be compared with NULL by <"),
    ("b.like({ a = {} }):to_sql()", "a cannot be compared with a table by LIKE"),
    ("b.expr('a', b.expr('b')):to_sql()", "an expression has no ? to stand in"),
    ("b.eq({ ['a; DROP TABLE t'] = 1 }):to_sql()", "cannot be a column name"),
    ("b.eq({ ['a = 1 --'] = 1 }):to_sql()", "cannot be a column name"),
    ("b.eq({ ['a /* '] = 1 }):to_sql()", "cannot be a column name"),
    ("b.update('t'):set('a = ?, b', 1):to_sql()", "cannot be a column name"),
    ("b.insert('t'):set_map({ ['a) --'] = 1 }):to_sql()", "cannot be a column name"),
]

MISUSES = [
    ("b.select(1)", "bad argument #1 to 'select' (string expected, got number)"),
    ("b.eq()", "one table expected, got 0 values"),
    ("b.eq({}, {})", "one table expected, got 2 values"),
    ("b.eq(1)", "table expected, got number"),
    ("b.eq({ 1 })", "column names expected as keys"),
    ("b.and_({ 1 })", "expression or table expected, got number"),
    ("b.or_('x')", "list expected, got string"),
    ("b.select('a'):where(1)", "expression or table expected, got number"),
    ("b.select('a'):having(nil)", "expression or table expected, got no value"),
    ("b.select('a'):limit('x')", "integer expected, got string"),
    ("b.select('a'):limit(1.5)", "integer expected, got 1.5"),
    ("b.select('a'):placeholder_format('$')", "placeholder format expected"),
    ("b.select('a'):run_with({})", "sql.DB or sql.Transaction expected, got table"),
    ("b.insert('t'):select('x')", "sql.SelectBuilder expected, got string"),
    ("b.update('t'):from_select({}, 'a')", "sql.SelectBuilder expected, got table"),
    ("b.select('a').from({}, 't')", "sql.SelectBuilder expected, got table"),
]


def test_refusals_are_returned_and_misuse_is_raised(tmp_path: Path) -> None:
    """What only writing can find is returned; a wrong type raises at its line."""
    lines = "\n".join(f"refuse(function() return {case} end)" for case, _ in REFUSALS)
    lines += "\n".join(
        f"\nraise(function() local v = {case} return v end)" for case, _ in MISUSES
    )
    source = f"""
return {{ main = function()
  local b, out = sql.builder, {{}}
  local function refuse(f)
    local v, err = f()
    out[#out + 1] = v == nil and err:kind() .. ": " .. err:message() or "built"
  end
  local function raise(f)
    local ok, e = pcall(f)
    out[#out + 1] = ok and "built" or tostring(e)
  end
  {lines}
  return out
end }}"""
    got = run_function(tmp_path, source, modules="sql")
    for (case, text), said in zip(REFUSALS + MISUSES, got, strict=True):
        assert text in said, case
    assert all(text.startswith("Invalid: sql builder: ") for text in got[:15])
    assert [text for text in got[15:] if not text.startswith("app:f:")] == []


def test_builders_never_change_and_show_themselves(tmp_path: Path) -> None:
    """A base can be built on twice; ``tostring`` as modules-io 0.3."""
    source = """
return { main = function()
  local b = sql.builder
  local base = b.select("a"):from("t")
  local one, two = base:where({ a = 1 }), base:where({ a = "x" }):limit(2)
  local t = { k = 1 }
  local kept = b.eq(t)
  t.k = 2
  return { tostring(base), tostring(one), tostring(two), tostring(kept),
    tostring(b.insert("t"):values(sql.NULL, true)), tostring(b.update("t")),
    tostring(b.delete("t")), tostring(b.dollar), type(base),
    b.default_placeholder == b.question, pcall(function() base.x = 1 end) }
end }"""
    got = run_function(tmp_path, source, modules="sql")
    assert got[:10] == [
        "SelectBuilder: SELECT a FROM t [Args: []]",
        "SelectBuilder: SELECT a FROM t WHERE a = ? [Args: [1]]",
        "SelectBuilder: SELECT a FROM t WHERE a = ? LIMIT 2 [Args: [x]]",
        "SQL: k = ? [Args: [1]]",
        "InsertBuilder: INSERT INTO t VALUES (?,?) [Args: [<nil> true]]",
        "UpdateBuilder: sql builder: an UPDATE needs something to set",
        "DeleteBuilder: DELETE FROM t [Args: []]",
        "sql.PlaceholderFormat{dollar}",
        "userdata",
        True,
    ]
    assert got[10] is False


def test_builders_run(tmp_path: Path) -> None:
    """On a database and in a transaction; SQLite picks rows where it has no LIMIT."""
    source = """
return { main = function()
  local b, out = sql.builder, {}
  local db = assert(sql.get("app:db"))
  assert(db:execute("CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT, n)"))
  local insert = b.insert("t"):columns("s", "n")
  for i = 1, 5 do insert = insert:values("s" .. i, i > 3 and sql.NULL or i) end
  out[1] = assert(insert:run_with(db):exec())
  out[2] = #assert(b.select("*"):from("t"):where({ n = sql.NULL }):run_with(db):query())
  local cut = b.delete("t"):where(b.gt({ i = 1 })):order_by("i DESC"):limit(2)
  local executor = cut:run_with(db)
  out[3] = { tostring(executor), executor:to_sql() }
  out[4] = assert(executor:exec()).rows_affected
  out[5] = assert(b.update("t"):set("s", "new"):order_by("i"):offset(1)
    :run_with(db):exec()).rows_affected
  local tx = assert(db:begin())
  local find = b.select("s"):from("t"):order_by("i"):run_with(tx)
  out[6] = assert(find:query())
  assert(tx:rollback())
  local rows, err = find:query()
  out[7] = err:message()
  local none, refused = b.select():run_with(db)
  out[8] = { none == nil, refused:kind() }
  return out
end }"""
    entries = '\n  - {name: db, kind: db.sql.sqlite, file: ":memory:"}\n'
    got = run_application(tmp_path, source, modules="sql", entries=entries)
    assert got[0] == {"last_insert_id": 5, "rows_affected": 5}
    assert got[1] == 2
    text = "DELETE FROM t WHERE i > ? ORDER BY i DESC LIMIT 2"
    assert got[2] == [f"QueryExecutor: {text} [Args: 1]", text, [1]]
    assert got[3] == 2
    assert got[4] == 2
    assert got[5] == [{"s": "s1"}, {"s": "new"}, {"s": "new"}]
    assert got[6] == "sql: the transaction is finished"
    assert got[7] == [True, "Invalid"]
