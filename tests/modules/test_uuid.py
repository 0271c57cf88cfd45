"""The module `uuid`: modules-data 15."""

from __future__ import annotations

import uuid as standard
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_function
from wippy_trio.modules.uuid import Sequence, read
from wippy_trio.sdk import Randomness

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


@given(st.uuids())
def test_accepted_spellings_are_the_same_uuid(made: standard.UUID) -> None:
    """Canonical in any case, digits alone, inside two characters, as a URN."""
    text = str(made)
    for form in (text, text.upper(), made.hex, f"{{{text}}}", f"x{text}y", made.urn):
        assert read(form.encode()) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        PLAIN[:-1],
        PLAIN + "0",
        PLAIN.replace("-", "_"),
        PLAIN.replace("b", "g"),
        "{" + PLAIN.replace("-", "") + "}",
        "uri:uuid:" + PLAIN,
        "6ba7b8109-dad-11d1-80b4-00c04fd430c8",
        PLAIN + "\n",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    """Dashes stand at their places only."""
    assert read(text.encode()) is None


@given(st.lists(st.floats(1.6e9, 1.8e9), min_size=2, max_size=30))
def test_time_based_ones_rise_whatever_the_clock_does(times: list[float]) -> None:
    """Versions 1 and 7 are monotonic, and correct in version and variant."""
    sequence = Sequence(Randomness())
    first = [sequence.v1(now) for now in times]
    seventh = [sequence.v7(now) for now in times]
    assert all(a.time < b.time for a, b in pairwise(first))
    assert all(a < b for a, b in pairwise(seventh))
    assert {u.version for u in first} == {1}
    assert {u.version for u in seventh} == {7}
    assert {u.variant for u in first + seventh} == {standard.RFC_4122}
    assert first[0].node >> 40 & 1


def test_uuids_are_made_checked_and_taken_apart(tmp_path: Path) -> None:
    """Every function, from Lua."""
    source = r"""
    local DNS = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    return { main = function()
      local versions = {}
      for i, name in ipairs({ "v1", "v4", "v7" }) do
        versions[i] = uuid.version(uuid[name]())
      end
      local one, seven = uuid.parse(uuid.v1()), uuid.parse(uuid.v7())
      local now = os.time()
      return { versions, uuid.v3(DNS, "python.org"), uuid.v5(DNS, "python.org"),
        uuid.v4() ~= uuid.v4(), uuid.v7() < uuid.v7(),
        #one.node, math.abs(one.timestamp - now) < 5,
        math.abs(seven.timestamp - now) < 5,
        uuid.parse(uuid.v4()).timestamp == nil,
        uuid.version("00000000-0000-0000-0000-000000000000"),
        uuid.variant("00000000-0000-0000-0000-000000000000"),
        uuid.variant(DNS), uuid.variant("6ba7b810-9dad-11d1-c0b4-00c04fd430c8"),
        uuid.variant("6ba7b810-9dad-11d1-f0b4-00c04fd430c8"),
        uuid.format(DNS:upper()), uuid.format(DNS, "simple"), uuid.format(DNS, "urn"),
        uuid.format(DNS, 7) }
    end }
    """
    assert run_function(tmp_path, source, modules="uuid") == [
        [1, 4, 7],
        str(standard.uuid3(standard.NAMESPACE_DNS, "python.org")),
        str(standard.uuid5(standard.NAMESPACE_DNS, "python.org")),
        True,
        True,
        6,
        True,
        True,
        True,
        0,
        "Reserved",
        "RFC4122",
        "Microsoft",
        "Future",
        PLAIN,
        PLAIN.replace("-", ""),
        f"urn:uuid:{PLAIN}",
        PLAIN,
    ]


def test_anything_can_be_validated(tmp_path: Path) -> None:
    """`validate` never fails, whatever it gets."""
    source = r"""
    return { main = function()
      local out = {}
      local values = { 5, true, {}, print, coroutine.create(print), "\255", "x",
        function() end, errors.new("e"), channel.new(), uuid }
      for i, v in ipairs(values) do
        local ok, err = uuid.validate(v)
        out[i] = ok == false and err == nil
      end
      out[#out + 1] = uuid.validate(nil) == false
      out[#out + 1] = uuid.validate() == false
      out[#out + 1] = uuid.validate(uuid.v4())
      return out
    end }
    """
    got = run_function(tmp_path, source, modules="uuid")
    assert got == [True] * 14


def test_errors_are_values(tmp_path: Path) -> None:
    """Texts and kinds of the table."""
    source = r"""
    return { main = function()
      local out = {}
      local function note(_, err)
        out[#out + 1] = err:kind() .. ": " .. err:message()
      end
      note(uuid.parse(5))
      note(uuid.version("x"))
      note(uuid.variant())
      note(uuid.format(uuid.v4(), "other"))
      note(uuid.v3(5, "x"))
      note(uuid.v5("x", "x"))
      return out
    end }
    """
    assert run_function(tmp_path, source, modules="uuid") == [
        "Invalid: input must be a string",
        "Invalid: invalid UUID format",
        "Invalid: input must be a string",
        "Invalid: unsupported format",
        "Invalid: namespace and name must be strings",
        "Invalid: invalid namespace UUID",
    ]
