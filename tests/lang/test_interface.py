"""What a module exports survives as plain data."""

from __future__ import annotations

import json

import pytest

from tests.lang.checking import check, codes, errors
from tests.lang.typed_programs import TYPED_PROGRAMS
from wippy_trio.lang.interface import read_interface, write_interface
from wippy_trio.lang.types import DYNAMIC

LIBRARY = """
type User = {name: string, boss: User?, age: integer}
type Box<T> = {value: T, others: {Box<T>}}
interface Speaker
  function speak(self, loud: boolean): string
end
local M = {}
M.__index = M
M.VERSION = "1"
function M.new(name: string): User return {name = name, age = 1} end
function M.find(id: integer): (User?, error?)
  if id == 0 then return nil, errors.new("none") end
  return M.new("a"), nil
end
function M.wrap<T>(value: T): Box<T> return {value = value, others = {}} end
function M.need(v: any) if v == nil then error("missing") end end
function M.fail(): never error("always") end
function M:method(n: number): number return n end
return M
"""


def test_what_an_importer_sees() -> None:
    """Types, results, effects, links: all of it crosses as JSON."""
    data = json.loads(json.dumps(check(LIBRARY).interface))
    modules = {"lib": read_interface("lib", data)}
    head = 'local lib = require("lib")\n'

    def told(body: str) -> list[str]:
        return codes(head + body, modules)

    assert told('local u: lib.User = lib.new("a") print(u.boss)') == []
    assert told("local u = lib.new(1)") == ["E0000"]
    assert told('local n: number = lib.new("a").age + 1') == []
    assert told('return lib.new("a").nope') == ["E0004"]
    assert told("local u, err = lib.find(1) if err then return end "
                "local n: integer = u.age") == []  # fmt: skip
    assert told("local u, err = lib.find(1) local n: integer = u.age") == ["E0000"]
    assert told("local b: lib.Box<number> = lib.wrap(1) "
                "local s: string = b.value") == ["E0000"]  # fmt: skip
    assert told("local function f(x: number?): number lib.need(x) return x end") == []
    assert told("local function f(): number lib.fail() end") == []
    assert told("local s: lib.Speaker = f() return s:speak(1)") == ["E0000"]
    assert told('lib:method("a")') == ["E0000"]
    assert told("local v: string = lib.VERSION") == []


def test_an_importer_cannot_change_what_another_sees() -> None:
    """A field that one importer assigns is not there for the next."""
    module = check(LIBRARY).module
    modules = {"lib": module}
    mock = 'local lib = require("lib") lib.new = function() return 1 end lib.new(1, 2)'
    assert errors(mock, modules) == []
    assert codes('local lib = require("lib") lib.new(1)', modules) == ["E0000"]


@pytest.mark.parametrize("name", list(TYPED_PROGRAMS))
def test_writing_what_was_read_gives_the_same(name: str) -> None:
    """The data is a fixed point: a cache may be rewritten at any time."""
    first = check(TYPED_PROGRAMS[name]).interface
    again = read_interface(name, first)
    second = write_interface(again.value, again.types, complete=again.complete)
    third = read_interface(name, second)
    assert write_interface(third.value, third.types, complete=True) == second


def test_data_of_another_format_is_refused() -> None:
    """An old cache record counts as absent; its reader must be told."""
    data = {**write_interface(DYNAMIC, {}, complete=True), "format": 0}
    with pytest.raises(ValueError, match="unknown format"):
        read_interface("lib", data)
