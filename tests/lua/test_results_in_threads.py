"""Results that stay in a VM may be forgotten by any thread."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import trio

from tests.services.sql.servers import runtime_of
from wippy_trio.kernel import wait_end
from wippy_trio.runtime.boot import running
from wippy_trio.sdk import run_in_thread

if TYPE_CHECKING:
    from pathlib import Path


def test_a_result_forgotten_in_a_thread_does_not_lose_the_driver(
    tmp_path: Path,
) -> None:
    """The collector runs where it likes; the VM goes on and releases the result."""
    giver = "return { main = function() return { big = true } end }"

    async def main() -> None:
        async with running(runtime_of(tmp_path, "\n", pgiver=giver)) as runtime:
            vm = runtime.engine.vm
            for _ in range(3):
                process = await runtime.spawn_process("app:pgiver", "app:processes")
                held: list[Any] = [await wait_end(process)]
                del process
                await trio.testing.wait_all_tasks_blocked()  # the driver is parked

                def forget(held: list[Any] = held) -> None:
                    held.clear()
                    gc.collect()

                await run_in_thread(forget)
                assert vm.released != []
            with trio.fail_after(5):
                process = await runtime.spawn_process("app:pgiver", "app:processes")
                ended = await wait_end(process)
            assert ended.unwrap() == {"big": True}
            assert len(vm.released) <= 1

    trio.run(main)
