"""What a language server and a strict loader ask of a checked source."""

from __future__ import annotations

from tests.lang.checking import check
from wippy_trio.errors import InvalidError
from wippy_trio.lang.program import Program, Unit, type_errors

SOURCE = """type User = {name: string, mail: string?}
local function find(id: string): User
  return {name = id}
end
local user = find("a")
local text = user.name
print(user, text, ("x"), errors.new("e"))
user = find("b")
"""


def test_the_members_behind_a_dot() -> None:
    """Fields of a record, methods of a text and of an error (types 3.14)."""
    checked = check(SOURCE)
    assert checked.members_at(SOURCE.index("user, text")) == {
        "name": "string",
        "mail": "string?",
    }
    assert "upper" in checked.members_at(SOURCE.index('("x")') + 1)
    assert "retryable" in checked.members_at(SOURCE.index("errors.new(") + 10)
    assert checked.members_at(len(SOURCE) + 5) == {}


def test_the_members_of_a_union_are_those_all_have() -> None:
    """What one member lacks is not offered."""
    source = "local v: {a: number, b: number} | {b: number, c: number} = f() print(v)"
    assert list(check(source).members_at(source.rindex("v"))) == ["b"]


def test_definition_and_references() -> None:
    """A variable is found from any of its places."""
    checked = check(SOURCE)
    symbol = checked.symbol_at(SOURCE.index("user, text") + 2)
    assert symbol is not None
    assert symbol.start == SOURCE.index("user =")
    assert checked.references_at(symbol.start) == [
        SOURCE.index("user ="),
        SOURCE.index("user.name"),
        SOURCE.index("user, text"),
        SOURCE.rindex("user ="),
    ]
    assert checked.references_at(SOURCE.index("print")) == []


def test_the_error_of_a_strict_load() -> None:
    """Kind, message and details are those of the rules (types 3.12)."""
    findings = check('local x: number = "a"\nlocal y: string = 1').findings
    error = type_errors("app:f", findings)
    assert isinstance(error, InvalidError)
    assert str(error) == (
        "type errors in app:f: 1:19 cannot assign string to number;"
        " 2:19 cannot assign integer to string"
    )
    assert error.details == {"node_id": "app:f", "error_count": 2}
    assert error.retryable is False
    assert type_errors("app:f", check("type T = Nope").findings) is None


def test_undefined_names_are_told_to_those_who_ask() -> None:
    """Neither library names, types nor what the source assigns (types 3.8)."""
    source = "type T = {} local x = T:is(prnt(print)) g = 1 return g, nope, string, b.c"
    units = {"app:a": Unit("app:a", source.encode(), {"b": "app:b"})}
    units["app:b"] = Unit("app:b", b"return {c = 1}", {})
    for asked, wanted in ((True, ["prnt", "nope"]), (False, [])):
        program = Program(units.get, lambda name: None, undefined=asked)
        checked = program.check("app:a")
        assert checked is not None
        messages = [each.message for each in checked.findings]
        assert messages == [f"undefined variable '{name}'" for name in wanted]
        assert {each.code for each in checked.findings} <= {"E0001"}


def test_an_import_may_hide_a_built_in_name() -> None:
    """It replaces the global in the whole state (core MOD-2)."""
    units = {
        "app:a": Unit("app:a", b"return assert.equal(1, 2)", {"assert": "app:b"}),
        "app:b": Unit("app:b", b"return {equal = function(a, b) end}", {}),
    }
    checked = Program(units.get, lambda name: None).check("app:a")
    assert checked is not None
    assert checked.findings == []


def test_a_program_checks_each_unit_once() -> None:
    """What was found is kept; a unit without a source has no answer."""
    units = {
        "app:a": Unit("app:a", b'return require("b").n', {"b": "app:b"}),
        "app:b": Unit("app:b", b"return {n = 1}", {}),
        "app:c": Unit("app:c", b"local = 1", {}),
    }
    program = Program(units.get, lambda name: None)
    first = program.check("app:a")
    assert first is not None
    assert program.check("app:a") is first
    assert program.module("app:b") is program.module("app:b")
    assert program.check("app:c") is None
    assert program.check("app:none") is None
    kept = program.check("app:a", keep=True)
    assert kept is not None
    assert kept.text_at(0) is None
    assert kept.text_at(len('return require("b").')) == "integer"
