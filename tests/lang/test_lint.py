"""What lint says, and what it leaves alone."""

from __future__ import annotations

import pytest

from wippy_trio.lang import Diagnostic, lint_chunk

KNOWN = frozenset(("json", "time"))


def lint(source: str, *, rules: bool = True) -> list[Diagnostic]:
    return lint_chunk(source.encode(), "test:case", known=KNOWN, rules=rules)


def brief(source: str) -> list[tuple[str, str, str]]:
    return [(each.code, each.severity, each.message) for each in lint(source)]


FINDINGS = [
    (231, "if x then end", "W0001", "warning", "empty if block"),
    (231, "if x then f() elseif y then end", "W0001", "warning", "empty elseif block"),
    (231, "if x then f() else end", "W0001", "warning", "empty else block"),
    (231, "while x do --[[ nothing ]] end", "W0001", "warning", "empty while block"),
    (231, "repeat ; until x", "W0001", "warning", "empty repeat block"),
    (231, "for _ = 1, 2 do end", "W0001", "warning", "empty for block"),
    (231, "for _ in f() do end", "W0001", "warning", "empty for block"),
    (
        232,
        "x = 1",
        "W0002",
        "warning",
        "assignment to global variable 'x'; consider using 'local'",
    ),
    (
        232,
        "function g() end",
        "W0002",
        "warning",
        "function 'g' declared as global; consider using 'local function'",
    ),
    (
        233,
        "if a.b == a.b then f() end",
        "W0003",
        "error",
        "comparison of identical expressions; result is always true",
    ),
    (
        233,
        "f(a[1] ~= a[1])",
        "W0003",
        "error",
        "comparison of identical expressions; result is always false",
    ),
    (
        233,
        "f((#t + 1) <= (#t + 1))",
        "W0003",
        "error",
        "comparison of identical expressions; result is always true",
    ),
    (
        234,
        "local unused = 1",
        "W0004",
        "warning",
        "variable 'unused' is declared but never used",
    ),
    (
        234,
        "local x = 1 x = 2",
        "W0004",
        "warning",
        "variable 'x' is declared but never used",
    ),
    (
        234,
        "local function f() return f() end",
        "W0004",
        "warning",
        "variable 'f' is declared but never used",
    ),
    (
        234,
        "for i, v in ipairs(t) do print(v) end",
        "W0004",
        "warning",
        "loop variable 'i' is declared but never used",
    ),
    (
        235,
        "local function f(a, _b) return 1 end return f",
        "W0005",
        "hint",
        "parameter 'a' is unused",
    ),
    (
        236,
        'local json = require("json")',
        "W0006",
        "warning",
        "imported module 'json' is never used",
    ),
    (
        237,
        "local x = 1; do local x = 2; print(x) end print(x)",
        "W0007",
        "hint",
        "variable 'x' shadows a variable in an outer scope",
    ),
    (
        237,
        "local x = 1 return x, function(x) return x end",
        "W0007",
        "hint",
        "variable 'x' shadows a variable in an outer scope",
    ),
    (
        249,
        'f(require("nope"))',
        "E0030",
        "error",
        'require("nope") is not declared in _index.yaml imports or modules',
    ),
]

CLEAN = [
    (231, "do end local function f() end f()"),
    (232, "local M = {} M.x = 1 function M.f() end function M:g() end return M"),
    (232, "_x = 1"),
    (233, "if f() == f() then g() end"),
    (233, "if a.b == a.c or a[1] == b[1] or {} == {} then f() end"),
    (233, "if a + 1 ~= a - 1 or -a == #a then f() end"),
    (234, "local _unused = 1"),
    (234, "for _, v in ipairs(t) do print(v) end"),
    (234, "local t = {} t.x = 1"),
    (234, "local M = {} return M"),
    (234, "local x = 1 repeat local y = x until y"),
    (235, "local M = {} function M:f(...) return 1 end return M"),
    (236, 'local json = require("json") local x: json.T = 1 return x'),
    (236, 'local json = require("json") local x: json.T[]? = 1 return x'),
    (236, 'local json = require("json") local x: Tool = 1 return x'),
    (236, 'local json = require("json") return typeof(json)'),
    (237, "local x = 1 local x = x return x"),
    (237, "local x = 1 return x, function(_x) return _x end"),
    (237, "local M = {} function M:f() return function() return self end end return M"),
    (249, "f(require(name))"),
    (249, 'f(require("json"), require "time")'),
    (249, 'local require = g f(require("nope"))'),
]


@pytest.mark.parametrize(("number", "source", "code", "severity", "message"), FINDINGS)
def test_slip_is_reported(
    number: int, source: str, code: str, severity: str, message: str
) -> None:
    assert (code, severity, message) in brief(source)  # types 3.10, 5.5
    assert [each for each in brief(source) if each[0] == code] == [
        (code, severity, message)
    ]


@pytest.mark.parametrize(("number", "source"), CLEAN)
def test_what_is_well_is_left_alone(number: int, source: str) -> None:
    assert brief(source) == []  # types 3.10, 5.5


def test_rules_are_quiet_unless_asked_for() -> None:
    assert lint("if x then end y = 1", rules=False) == []  # types 5.5 231


def test_unused_import_is_no_unused_variable() -> None:
    codes = [code for code, _, _ in brief('local json = require("json")')]
    assert codes == ["W0006"]  # types 3.10


def test_name_that_only_a_library_declares_is_a_warning() -> None:
    found = lint_chunk(
        b'return require("lib")',
        "test:case",
        known=KNOWN,
        closure=frozenset(("lib",)),
    )
    assert [(each.code, each.severity) for each in found] == [
        ("E0030", "warning")
    ]  # apps 10.4 1


def test_requires_are_left_alone_where_nothing_is_known_of_them() -> None:
    assert lint_chunk(b'return require("nope")', "test:case", known=None) == []


def test_source_that_does_not_parse_has_one_finding() -> None:
    found = lint('x = 1 if y == y then end require("nope") end')
    assert [(each.code, each.line, each.column) for each in found] == [
        ("P0001", 1, 42)
    ]  # types 5.5 248


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("goto x", "undefined label 'x'"),
        ("do ::x:: end goto x", "undefined label 'x'"),
        ("function f() goto x end ::x::", "undefined label 'x'"),
        ("::x:: ::x::", "duplicate label 'x'"),
        ("::x:: do ::x:: end", "duplicate label 'x'"),
        (
            "do goto x; local y; ::x:: print(y) end",
            "goto 'x' jumps into the scope of local 'y'",
        ),
        (
            "repeat goto x; local y; ::x:: until y",
            "goto 'x' jumps into the scope of local 'y'",
        ),
        (
            "goto x; local function y() end ::x:: y()",
            "goto 'x' jumps into the scope of local 'y'",
        ),
        ("break", "break outside loop"),
        ("while x do local f = function() break end end", "break outside loop"),
        (
            "function f() return ... end",
            "cannot use '...' outside a vararg function",
        ),
    ],
)
def test_jumps_are_checked_without_a_machine(source: str, message: str) -> None:
    (found,) = lint(source, rules=False)
    assert (found.code, found.message) == ("P0001", message)  # types 4.8, apps 10.4 1


def test_first_of_several_bad_jumps_is_told() -> None:
    source = "local f = function()\n goto a\nend\ngoto b\n"
    (found,) = lint("goto c\n" + source, rules=False)
    assert (found.line, found.message) == (1, "undefined label 'c'")


@pytest.mark.parametrize(
    "source",
    [
        "do goto x; local y; ::x:: end",
        "do goto x; local y; ::x:: ; type T = any end",
        "::x:: goto x",
        "do ::x:: end do ::x:: end",
        "do do goto x end end ::x::",
        "while x do if y then goto continue end local z = 1 ::continue:: end",
    ],
)
def test_lawful_jumps_are_left_alone(source: str) -> None:
    assert lint(source, rules=False) == []


def test_findings_stand_in_order_of_the_source() -> None:
    found = lint("y = 1\nlocal a, b = 1, 2\nif y == y then end\nx = 2")
    places = [(each.line, each.column) for each in found]
    assert places == sorted(places)
    assert len(found) == 6
