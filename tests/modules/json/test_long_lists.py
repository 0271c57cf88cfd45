"""The quick ways of `json` agree with the slow ones, whatever they are given."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from wippy_trio.loading import load_project
from wippy_trio.runtime.boot import RunningRuntime, running

if TYPE_CHECKING:
    from pathlib import Path

INDEX = """
version: "1.0"
namespace: app
entries:
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
  - {name: f, kind: function.lua, source: file://f.lua, method: main, modules: [json]}
"""
SOURCE = """
local blanks = (" "):rep(256 * 1024 + 1) -- in front of them a text is read in Python

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math.type(a) == math.type(b)
  elseif #a ~= #b then
    return false
  end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

local function encode_there(v) -- an error among the values is written in Python
  local text, err = json.encode({ v, errors.new("x") })
  return text and text:sub(2, -6), err
end

return { main = function(texts)
  for i, text in ipairs(texts) do
    local here, err = json.decode(text)
    local there, other = json.decode(blanks .. text)
    if (err and err:message()) ~= (other and other:message()) then
      return "decode fails: " .. text .. tostring(err) .. tostring(other)
    elseif not same(here, there) then
      return "decode: " .. text
    elseif here ~= nil and type(here) ~= "number" then
      local a, failed = json.encode(here)
      local b, broken = encode_there(there)
      if a ~= b or (failed and failed:message()) ~= (broken and broken:message()) then
        return "encode: " .. text .. " gives " .. tostring(a) .. " or " .. tostring(b)
      end
    end
  end
  return #texts
end }
"""
WORDS = [
    "",
    "a",
    "id",
    "name",
    "a:b",
    'q"',
    "\\",
    "\n",
    "\0",
    "\u20ac",
    "\u2028",
    "<&>",
]
WORDS += ["x" * 24, "x" * 25, "\u00e9" * 30, ":", "a\\", "\x7f", "\x1f", "tag", "null"]


def value(rng: random.Random, depth: int = 0) -> Any:
    """Make something: rows and lists of one kind more often than chance would."""
    pick = rng.random()
    if depth > 4 or pick < 0.3:
        return scalar(rng)
    if pick < 0.45:
        make = rng.choice([integer, number, word, lambda _: None, scalar])
        return [make(rng) for _ in range(rng.choice([0, 1, 7, 8, 9, 17, 40]))]
    if pick < 0.65:
        keys = rng.sample(WORDS, rng.randint(0, 9))
        rows = [
            {key: value(rng, depth + 2) for key in keys}
            for _ in range(rng.choice([1, 7, 8, 9]))
        ]
        if rng.random() < 0.3:
            rng.choice(rows)[rng.choice(WORDS)] = scalar(rng)
        return rows
    if pick < 0.85:
        size = rng.randint(0, 6)
        return {rng.choice(WORDS): value(rng, depth + 1) for _ in range(size)}
    return [value(rng, depth + 1) for _ in range(rng.choice([0, 1, 3, 8, 12]))]


def integer(rng: random.Random) -> int:
    edge = rng.choice([0, 1, 127, 128, 255, 256, 65535, 2**31, 2**32, 2**63 - 1])
    return rng.choice([edge, -edge, edge - 1, -(2**63), rng.randint(-2000, 2000)])


def number(rng: random.Random) -> float:
    return rng.choice([0.1, 1.5, -0.0, 1e15, 2.5e-7, 1 / 3, 123456.789, rng.random()])


def word(rng: random.Random) -> str:
    return rng.choice([*WORDS, f"word {rng.randint(0, 99)}"])


def scalar(rng: random.Random) -> Any:
    return rng.choice([None, True, False, integer(rng), number(rng), word(rng)])


def text(rng: random.Random) -> str:
    """Write it in one of several styles; sometimes broken, or with a key twice."""
    made = json.dumps(
        value(rng),
        ensure_ascii=rng.random() < 0.3,
        separators=rng.choice([(",", ":"), (", ", ": "), (" , ", " : ")]),
    )
    pick = rng.random()
    if pick < 0.05 and len(made) > 2:
        at = rng.randrange(len(made))
        return made[:at] + rng.choice('{}[],:"\\x') + made[at + 1 :]
    if pick < 0.1:
        return f'{{"k":1,"v":{made},"k":2}}'
    if pick < 0.15:
        rows = ",".join(f'{{"k":{i},"k":{i}}}' for i in range(9))
        return f"[{rows}]"
    return made


@pytest.mark.parametrize("seed", range(2))
def test_both_ways_agree(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    texts = [text(rng) for _ in range(120)]
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX)
    (tmp_path / "src/f.lua").write_text(SOURCE)

    async def main() -> Any:
        async with running(RunningRuntime(load_project(tmp_path))) as runtime:
            return await runtime.call("app:f", texts)

    assert trio.run(main) == len(texts)
