"""`io`: the terminal of a program that was started on one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from wippy_trio.sdk import (
    InternalError,
    LuaModule,
    UnavailableError,
    current_process,
    current_runtime,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Process

MODULE = LuaModule(
    "io",
    classes=("io", "nondeterministic"),
    declares="""
    write: (...any) -> (boolean?, Error?)
    print: (...any) -> (boolean?, Error?)
    eprint: (...any) -> (boolean?, Error?)
    read: (most: integer?) -> (string?, Error?)
    readline: () -> (string?, Error?)
    raw: (enable: boolean?) -> (boolean?, Error?)
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
local write, show, eshow = F.write, F.show, F.eshow
F.show, F.eshow = nil, nil
function F.write(...) return write(joined("", ...)) end
function F.print(...) return show(joined("\\t", ...) .. "\\n") end
function F.eprint(...) return eshow(joined("\\t", ...) .. "\\n") end
return F
""",
)


_raw: WeakKeyDictionary[Process, list[Callable[[], None]]] = WeakKeyDictionary()
"""How often a process has asked for raw input, and how to take each end back."""


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
def show(data: bytes) -> bool:
    """Write to standard output; that nobody reads it is no error."""
    with contextlib.suppress(InternalError):
        _terminal().write(data)
    return True


@MODULE.export(pair=False)
def eshow(data: bytes) -> bool:
    """Write to standard error; that nobody reads it is no error."""
    with contextlib.suppress(InternalError):
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


@MODULE.export
async def raw(enable: bool | None) -> bool:
    """Give every key at once, or lines again; counted, and undone with the process."""
    process = current_process()
    terminal = _terminal()
    if enable is not False:
        await terminal.raw()
        _raw.setdefault(process, []).append(process.on_end(terminal.cooked))
    elif held := _raw.get(process):
        held.pop()()  # the end has nothing to undo any more
        terminal.cooked()
    return True


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
