"""Core sections 1 and 2: lives of processes, pids."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

ENTRIES = """
  - {name: chunk_args, kind: process.lua, source: file://chunk_args.lua}
  - {name: bare, kind: process.lua, source: file://bare.lua, method: nonsense}
  - {name: other_method, kind: process.lua, source: file://methods.lua, method: other}
  - {name: no_method, kind: process.lua, source: file://methods.lua, method: run}
  - {name: method_no_function, kind: process.lua, source: file://run_is_text.lua,
     method: run}
  - {name: chunk_inbox, kind: process.lua, source: file://chunk_inbox.lua}
  - {name: chunk_sleep, kind: process.lua, source: file://chunk_sleep.lua,
     modules: [time]}
  - {name: chunk_receive, kind: process.lua, source: file://chunk_receive.lua}
  - {name: chunk_spawn, kind: process.lua, source: file://chunk_spawn.lua}
  - {name: chunk_yield, kind: process.lua, source: file://chunk_yield.lua}
  - {name: chunk_caught, kind: process.lua, source: file://chunk_caught.lua}
  - {name: chunk_raises, kind: process.lua, source: file://chunk_raises.lua}
  - {name: chunk_nothing, kind: process.lua, source: file://chunk_nothing.lua}
  - {name: first, kind: library.lua, source: file://first.lua}
  - {name: broken, kind: library.lua, source: file://broken.lua}
  - {name: importer, kind: process.lua, source: file://importer.lua,
     imports: {first: app:first}}
  - {name: bad_importer, kind: process.lua, source: file://importer.lua,
     imports: {first: app:broken}}
  - {name: upgraded, kind: process.lua, source: file://upgraded.lua}
  - {name: upgraded_identity, kind: process.lua, source: file://identity.lua}
"""
MAIN = "\nreturn { main = function() end }"
FILES = {
    "chunk_args.lua": "local n = select('#', ...)\nreturn function() return n end",
    "bare.lua": "return function(x) return 'bare ' .. x end",
    "methods.lua": "return { other = function() return 'other' end }",
    "run_is_text.lua": "return { run = 'text' }",
    "chunk_inbox.lua": "process.inbox()" + MAIN,
    "chunk_sleep.lua": "require('time').sleep('1ms')" + MAIN,
    "chunk_receive.lua": "channel.new():receive()" + MAIN,
    "chunk_spawn.lua": "coroutine.spawn(function() end)" + MAIN,
    "chunk_yield.lua": "coroutine.yield()" + MAIN,
    "chunk_caught.lua": """
local ok, e = pcall(process.inbox)
local c = channel.new(1)
c:send("fits") -- C-11
return { main = function() return not ok and tostring(e) end }
""",
    "chunk_raises.lua": "error('chunk broke')",
    "chunk_nothing.lua": "local x = 1",
    "first.lua": "order = 'library first'\nreturn {}",
    "broken.lua": "error('library broke')",
    "importer.lua": "local seen = order\nreturn { main = function() return seen end }",
    "upgraded.lua": """
return { main = function(...) return process.id() .. " " .. select("#", ...) end }
""",
    "identity.lua": """
return { main = function() return { pid = process.pid(), id = process.id() } end }
""",
}
CHAPTER = Chapter("processes", entries=ENTRIES, files=FILES)


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
