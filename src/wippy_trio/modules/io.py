"""`io`: the terminal of a program that was started on one."""

from __future__ import annotations

from typing import Any

from wippy_trio.sdk import (
    LuaModule,
    UnavailableError,
    current_process,
    current_runtime,
)

MODULE = LuaModule(
    "io",
    classes=("io", "nondeterministic"),
    declares="""
    write: (...any) -> (boolean?, Error?)
    print: (...any) -> (boolean?, Error?)
    eprint: (...any) -> (boolean?, Error?)
    read: (most: integer?) -> (string?, Error?)
    readline: () -> (string?, Error?)
    flush: () -> (boolean?, Error?)
    args: () -> {string}
    """,
    source=b"""
local P, F = ...
local select, concat = P.raw.select, P.raw.table.concat
local function joined(separator, ...)
  local texts = {}
  for i = 1, select("#", ...) do
    texts[i] = P.tostring((select(i, ...)))
  end
  return concat(texts, separator)
end
local write, ewrite, read = F.write, F.ewrite, F.read
F.ewrite = nil
function F.write(...) return write(joined("", ...)) end
function F.print(...) return write(joined("\\t", ...) .. "\\n") end
function F.eprint(...) return ewrite(joined("\\t", ...) .. "\\n") end
return F
""",
)


def _terminal() -> Any:
    found = current_runtime().terminal(current_process())
    if found is None:
        raise UnavailableError("no terminal context")
    return found


@MODULE.export(pair=False)
def write(data: bytes) -> bool:
    """Write to standard output."""
    _terminal().write(data)
    return True


@MODULE.export(pair=False)
def ewrite(data: bytes) -> bool:
    """Write to standard error."""
    _terminal().write_error(data)
    return True


@MODULE.export
async def read(most: int | None) -> bytes:
    """Read up to so many bytes, whatever is ready; 1024 if not given."""
    wanted = most if most is not None and most > 0 else 1024
    data: bytes = await _terminal().read(wanted)
    return data


@MODULE.export
async def readline() -> bytes:
    """Read a line without its end."""
    line: bytes = await _terminal().read_line()
    return line


@MODULE.export(pair=False)
def flush() -> bool:
    """Do nothing more: every write is flushed."""
    _terminal()
    return True


@MODULE.export(pair=False)
def args() -> list[str]:
    """Give the arguments of the command line; none without a terminal."""
    found = current_runtime().terminal(current_process())
    return [] if found is None else list(found.arguments)
