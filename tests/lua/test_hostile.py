"""Programs that try to run where they must not, or to stop what must not stop.

Each of them harms itself at most: the VM goes on, and so does a neighbour.
"""

from __future__ import annotations

import pytest
import structlog
import trio

from tests.lua.engine_fixture import bench
from wippy_trio.errors import InternalError
from wippy_trio.kernel import wait_end

NEIGHBOUR = """
return function()
  local inbox = process.inbox()
  inbox:receive()
  return "alive"
end
"""
TOSTRING = "setmetatable({{}}, {{ __tostring = function() {} end }})"


async def end_of(source: str, **others: str) -> str:
    """Run a program beside a neighbour that must live on; give its error's text."""
    async with bench({"main": source, "neighbour": NEIGHBOUR, **others}) as b:
        neighbour = await b.spawn("neighbour")
        with trio.fail_after(20), pytest.raises(InternalError) as caught:
            await b.value("main")
        b.node.send(neighbour.pid, "go", (), sender=None)
        with trio.fail_after(5):
            assert (await wait_end(neighbour)).unwrap() == "alive"
        assert "vm failed" not in str(caught.value)
        return str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        "while true do end",
        "error('again')",
        "process.send(process.pid(), 'x') time.sleep('1s') return 'text'",
    ],
)
async def test_the_tostring_of_an_error_harms_nobody(body: str) -> None:
    """A raised table whose `__tostring` misbehaves shows as a table (core P-33)."""
    text = await end_of(f"return function() error({TOSTRING.format(body)}) end")
    assert text.startswith("table: ")


async def test_the_tostring_of_an_error_is_its_text() -> None:
    """A raised table is shown by its `__tostring` (core P-33)."""
    raised = TOSTRING.format("return 'my text'")
    assert await end_of(f"return function() error({raised}) end") == "my text"


async def test_the_tostring_of_a_load_error_runs_in_nobody_else() -> None:
    """A chunk that raises such a table does not run code in its spawner (core P-6)."""
    spawner = """
    return function()
      local pid, err = process.spawn("app:child", "app:processes")
      error(err:message(), 0)
    end
    """
    child = f"error({TOSTRING.format('while true do end')})"
    text = await end_of(spawner, child=child)
    assert text.startswith("failed to execute script: table: ")


async def test_a_huge_result_is_copied_after_its_process_ended() -> None:
    """The copy for the caller is charged to nobody (core F-5)."""
    main = """
    return function()
      local n = 0
      for i = 1, 5 do n = n + #assert(funcs.call("app:big")) end
      error(tostring(n), 0)
    end
    """
    big = """
    return function()
      local t = {}
      for i = 1, 60000 do t[i] = { i } end
      return t
    end
    """
    assert await end_of(main, big=big) == "300000"


async def test_a_huge_error_ends_its_process_only() -> None:
    """An error with many details crosses whole (core P-25)."""
    source = """
    return function()
      local details = {}
      for i = 1, 60000 do details["k" .. i] = i end
      return nil, errors.new({ message = "big", details = details })
    end
    """
    assert await end_of(source) == "big"


async def test_a_chunk_at_a_limit_of_the_vm_loads_without_checks() -> None:
    """200 locals and a loop leave no room for a planted counter: it runs unchecked."""
    names = " ".join(f"local a{i} = {i}" for i in range(200))
    source = f"return function() {names} while a1 < 5 do a1 = a1 + 1 end return a1 end"
    with structlog.testing.capture_logs() as logs:
        async with bench({"main": source}) as b:
            assert await b.value("main") == 5
    [warning] = [entry for entry in logs if entry["event"] == "chunk.unchecked"]
    assert warning["entry"] == "app:main"
    assert "limit is 200" in warning["reason"]
