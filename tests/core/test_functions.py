"""Core sections 14 and 15: functions, executors, futures, context values."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter

SAME = """source: file://chapter.lua, method: main,
     modules: [time, funcs, ctx, security], imports: {harness: app:harness}"""
ENTRIES = f"""
  - {{name: pool_inline, kind: function.lua, source: file://give.lua, method: main,
     pool: {{type: inline}}}}
  - {{name: pool_static, kind: function.lua, source: file://give.lua, method: main,
     pool: {{type: static, workers: 2, buffer: 4}}}}
  - {{name: pool_lazy, kind: function.lua, source: file://give.lua, method: main,
     pool: {{type: lazy, max_size: 2}}}}
  - {{name: pool_adaptive, kind: function.lua, source: file://give.lua, method: main,
     pool: {{type: adaptive}}}}
  - {{name: pool_workers, kind: function.lua, source: file://give.lua, method: main,
     pool: {{workers: 3}}}}
  - {{name: as_function, kind: process.lua, {SAME},
     meta: {{options: {{default_host: "app:processes"}}}}}}
  - {{name: as_function_meta, kind: process.lua, {SAME},
     meta: {{default_host: processes}}}}
  - {{name: retried, kind: function.lua, {SAME},
     meta: {{options: {{retry: {{max_attempts: 4, initial_delay: 1}}}}}}}}
"""
FILES = {"give.lua": "return { main = function(...) return ... end }"}
CHAPTER = Chapter(
    "functions", modules="time, funcs, ctx, security", entries=ENTRIES, files=FILES
)


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
