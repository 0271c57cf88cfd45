"""Check modules against their pages with transcripts: expressions and what they give.

A line ``expression => outcome`` is evaluated; any other line runs as it stands. The
outcome is written as a program would see it: the values with commas between them, an
error as its kind with ``-`` (not retryable), ``+`` (retryable) or ``?`` (unset), then a
colon and its text, and ``!`` before the text of what was raised. In an expected outcome
``*`` stands for any text. All lines of a part run in one call of one application.

A file begins with a title and ``modules:``; a line ``--- entries`` begins the entries
of its application, any other line with ``---`` a part.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.modules.application import run_application

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
local __rows = {}
local function __is_error(v)
  return type(v) == "userdata" and v.retryable ~= nil
end
local function __error(e)
  local retry = e:retryable()
  local sign = retry == nil and "?" or retry and "+" or "-"
  return e:kind() .. sign .. ": " .. e:message()
end
local function __show(v, depth)
  if __is_error(v) then return __error(v) end
  local kind = type(v)
  if kind == "string" then
    return '"' .. v:gsub("\\n", "\\\\n"):gsub("\\r", "\\\\r") .. '"'
  end
  if kind == "number" then
    return (math.type(v) == "float" and "float " or "") .. tostring(v)
  end
  if kind == "userdata" then return "<" .. tostring(v) .. ">" end
  if kind == "function" or kind == "thread" then return kind end
  if kind ~= "table" then return tostring(v) end
  if depth > 4 then return "{...}" end
  local parts, n = {}, #v
  for i = 1, n do parts[#parts + 1] = __show(v[i], depth + 1) end
  local names = {}
  for k in pairs(v) do
    if not (math.type(k) == "integer" and k >= 1 and k <= n) then
      names[#names + 1] = k
    end
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(names) do
    parts[#parts + 1] = tostring(k) .. "=" .. __show(v[k], depth + 1)
  end
  return "{" .. table.concat(parts, " ") .. "}"
end
local function __told(ok, ...)
  local n = select("#", ...)
  if not ok then
    local e = ...
    if __is_error(e) then return "! " .. __error(e) end
    return "! " .. tostring(e)
  end
  local parts = {}
  for i = 1, n do parts[i] = __show((select(i, ...)), 0) end
  return n == 0 and "nothing" or table.concat(parts, ", ")
end
local function __check(number, f)
  __rows[#__rows + 1] = { number, __told(pcall(f)) }
end
"""


class Transcript(NamedTuple):
    """One part of a file."""

    title: str
    modules: str
    entries: str
    text: str


def read_transcripts(path: Path) -> list[Transcript]:
    """Read the parts of a file."""
    head, *parts = re.split(r"^--- ", path.read_text("utf-8"), flags=re.MULTILINE)
    modules = next(line for line in head.splitlines() if line.startswith("modules:"))
    entries = ""
    found = []
    for part in parts:
        title, _, text = part.partition("\n")
        if title == "entries":
            entries = f"\n{text}"
        else:
            named = modules.removeprefix("modules:").strip()
            found.append(Transcript(title, named, entries, text))
    return found


def _compile(text: str) -> tuple[str, dict[int, tuple[str, str]]]:
    lines: list[str] = []
    wanted: dict[int, tuple[str, str]] = {}
    for number, line in enumerate(text.splitlines()):
        expression, arrow, outcome = line.rpartition(" => ")
        if not arrow:
            lines.append(line)
            continue
        wanted[number] = (expression.strip(), outcome.strip())
        lines.append(f"__check({number}, function() return {expression} end)")
    assert wanted, "a transcript without a check"
    return "\n".join(lines), wanted


def matches(pattern: str, outcome: str) -> bool:
    """Tell whether an outcome is the expected one, where ``*`` is any text."""
    parts = map(re.escape, pattern.split("*"))
    return re.fullmatch(".*".join(parts), outcome, re.DOTALL) is not None


def hold(
    folder: Path, text: str, *, modules: str, entries: str = "", **more: Any
) -> None:
    """Run a transcript and compare every outcome.

    Raises:
      AssertionError: Some outcomes differ; all of them are listed.
    """
    body, wanted = _compile(text)
    names = [name for name in modules.replace(",", " ").split() if name != "payload"]
    requires = "".join(f'local {name} = require("{name}")\n' for name in names)
    source = (
        f"{HEAD}\n{requires}\nlocal function main(...)\n{body}\n"
        "return __rows\nend\nreturn {main = main}"
    )
    rows = run_application(folder, source, modules=modules, entries=entries, **more)
    found = dict(rows)
    problems = [
        f"{expression}\n    wanted {outcome}\n    got    {found.get(number)}"
        for number, (expression, outcome) in wanted.items()
        if not matches(outcome, str(found.get(number, "(not reached)")))
    ]
    assert not problems, "\n".join([f"{len(problems)} differ:", *problems])
