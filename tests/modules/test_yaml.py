"""The module `yaml`: modules-data 2. Layout and scalars are tested in `yaml/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_a_program_writes_and_reads(tmp_path: Path) -> None:
    """Indent 4 without options and 2 with; functions are text, gaps are null."""
    source = """
    return { main = function()
      local value = { b = { 1, { a = 2 } }, a = 1.5 }
      local sparse = yaml.encode({ nil, nil, 3 })
      local text = yaml.encode({ f = print })
      return { yaml.encode(value), yaml.encode(value, { field_order = { "b" } }),
        yaml.encode({ b10 = 1, b9 = 2 }, { sort_unordered = true }),
        yaml.encode(value, { unknown = 1 }) == yaml.encode(value), yaml.encode({}),
        sparse, text:find("^f: 'function: ") ~= nil or text,
        yaml.encode({ 1, x = 2 }), yaml.encode({ s = "\\255" }),
        yaml.decode("a: [1, yes]\\n---\\nb: 2") }
    end }
    """
    assert run_function(tmp_path, source, modules="yaml") == [
        "a: 1.5\nb:\n    - 1\n    - a: 2\n",
        "b:\n  - 1\n  - a: 2\na: 1.5\n",
        "b10: 1\nb9: 2\n",
        True,
        "{}\n",
        "- null\n- null\n- 3\n",
        True,
        '"1": 1\nx: 2\n',
        "s: !!binary /w==\n",
        {"a": [1, "yes"]},
    ]


def test_only_blanks_are_nil_without_an_error(tmp_path: Path) -> None:
    """A text of comments is nil, an empty one an error (modules-data 2, 2.2)."""
    source = """
    return { main = function()
      local value, err = yaml.decode("# nothing")
      local _, empty = yaml.decode("")
      return { value == nil, err == nil, empty:message() }
    end }
    """
    got = run_function(tmp_path, source, modules="yaml")
    assert got == [True, True, "input cannot be empty"]


def test_hostile_input_is_an_error_in_time(tmp_path: Path) -> None:
    """Cycles, tables that double, alias bombs, depth and bad bytes."""
    source = """
    return { main = function()
      local ring = {}
      ring.a = ring
      local doubled = {}
      for _ = 1, 40 do doubled = { doubled, doubled } end
      local bomb, above = "a: &a [x,x,x,x,x,x,x,x,x,x]\\n", "a"
      for name in ("bcdefghi"):gmatch(".") do
        local list = string.rep("*" .. above, 10, ",")
        bomb = bomb .. name .. ": &" .. name .. " [" .. list .. "]\\n"
        above = name
      end
      local out = {}
      local function note(value, err)
        out[#out + 1] = { value == nil, err:kind(), err:message() }
      end
      note(yaml.encode(5))
      note(yaml.encode())
      note(yaml.decode(5))
      note(yaml.encode(ring))
      note(yaml.encode(doubled))
      note(yaml.decode(bomb))
      note(yaml.decode(string.rep("[", 100000)))
      note(yaml.decode("a: [1"))
      note(yaml.decode("\\255"))
      note(yaml.decode("a: 18446744073709551615"))
      note(yaml.decode("a: 1\\na: 2"))
      note(yaml.decode("a: *b"))
      return out
    end }
    """
    rows = run_function(tmp_path, source, modules="yaml")
    assert all(row[0] for row in rows)
    assert [(row[1], row[2]) for row in rows[:4]] == [
        ("Invalid", "table expected"),
        ("Invalid", "table expected"),
        ("Invalid", "string expected"),
        ("Internal", "recursive table"),
    ]
    assert {row[1] for row in rows[3:]} == {"Internal"}
    assert "excessive aliasing" in rows[5][2]
    assert rows[9][2] == (
        "unsupported value: 18446744073709551615 overflows lua integer"
    )
