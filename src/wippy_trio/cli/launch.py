"""Run a loaded application until its program ends or a signal comes (apps 5.3)."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from wippy_trio.cli.failure import hints, report, slips, warn
from wippy_trio.errors import Error, InvalidError, NotFoundError
from wippy_trio.kernel import wait_end
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.terminal import Terminal
from wippy_trio.sdk import read_identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wippy_trio.kernel import Exit
    from wippy_trio.loading import Project
    from wippy_trio.registry import Entry

__all__ = ["Launch", "launch"]

HOSTS = ("terminal.host", "process.host")


class Launch(NamedTuple):
    """What is to be run, and how."""

    project: Project
    target: str | None
    """The process to run; ``None`` serves until a signal comes."""
    arguments: list[str]
    host: str | None
    lua_version: str
    memory_limit: int
    stream_logs: bool
    seed: int | None = None
    warn: bool = False
    """No log is written: services that do not start are told on standard error."""


def launch(wanted: Launch) -> int:
    """Run it.

    Returns:
      The exit code.
    """
    return trio.run(_main, wanted)


async def _main(wanted: Launch) -> int:
    runtime = RunningRuntime(
        wanted.project,
        lua_version=wanted.lua_version,
        seed=wanted.seed,
        arguments=wanted.arguments,
        memory_limit=wanted.memory_limit,
        stream_logs=wanted.stream_logs,
    )
    if wanted.warn:
        runtime.supervisor.on_failed_start = _warn_of_service
    failure: Error | None = None
    code = 0
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch_signals, signals, runtime)
            try:
                async with running(runtime):
                    if wanted.target is None:
                        await runtime.exit_asked.wait()
                    else:
                        await _run_program(runtime, wanted.target, wanted)
            except* Error as group:
                failure = _first(group)
            code = runtime.exit_code or 0
            nursery.cancel_scope.cancel()
    if failure is not None:
        report(failure, wanted.project)
        return 1
    return code


def _warn_of_service(id_: str, error: Error, retry_in: float | None) -> None:
    """Say why the program does not begin, or what it has to do without."""
    then = "it is not tried again"
    if retry_in is not None:
        then = f"trying again in {retry_in:.1f} s"
    warn(f"service {id_} did not start: {error}; {then}")


def _first(group: BaseExceptionGroup[Any]) -> Any:
    inner: Any = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner


async def _watch_signals(signals: Any, runtime: RunningRuntime) -> None:
    """Shut down at the first signal, end at once at the second (apps 5.3.10)."""
    seen = 0
    async for _ in signals:
        seen += 1
        if seen > 1:
            if runtime.opened_terminal is not None:
                runtime.opened_terminal.restore()
            os._exit(1)
        runtime.exit(0)


async def _run_program(runtime: RunningRuntime, target: str, wanted: Launch) -> None:
    """Run the program on the terminal host; its end is the application's."""
    entries = runtime.live.state.state
    place = wanted.host or _terminal_host(runtime)
    host, entry = entries.get(place), entries.get(target)
    if host is None or host.kind not in HOSTS:
        raise NotFoundError(f"--host {place}: wanted a terminal.host, {_found(host)}")
    if entry is None or not entry.kind.startswith("process."):
        raise NotFoundError(f"-x {target}: wanted a process entry, {_found(entry)}")
    await runtime.supervisor.start([place], entries)
    command = entry.meta.get("command")
    context = None
    if isinstance(command, dict):
        context = runtime.context_of(read_identity(command.get("security"), entry))
    arguments = wanted.arguments
    runtime.open_terminal(Terminal(arguments))
    process = await runtime.spawn_process(target, place, arguments, context=context)
    runtime.launched = process
    runtime.engine.protect_process(process)
    ended: list[Exit] = []

    async def watch() -> None:
        ended.append(await wait_end(process))
        runtime.exit_asked.set()

    async with trio.open_nursery() as inner:
        inner.start_soon(watch)
        await runtime.exit_asked.wait()
        inner.cancel_scope.cancel()
    if ended and runtime.exit_code is None:
        runtime.exit_code = exit_code(ended[0], slips(wanted.project, target))


def _found(entry: Entry | None) -> str:
    return "found none" if entry is None else f"got {entry.kind}"


def exit_code(ended: Exit, more: Sequence[str] = ()) -> int:
    """Turn how the program ended into an exit code (apps 5.3.8).

    Args:
      ended: How it ended.
      more: Lines to write below an error.
    """
    if ended.error is not None:
        text = ended.error.message
        head, colon, rest = text.partition(": ")
        if colon and rest.startswith(head + ": "):
            text = rest
        sys.stderr.write("\n  ".join((f"Error: {text}", *hints(text), *more)) + "\n")
        return 1
    value = ended.value
    if value is False:
        return 1
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value)
    return 0


def _terminal_host(runtime: RunningRuntime) -> str:
    hosts = sorted(
        id_
        for id_, entry in runtime.live.state.state.items()
        if entry.kind == "terminal.host"
    )
    if not hosts:
        raise NotFoundError("no terminal.host found in registry")
    if len(hosts) > 1:
        raise InvalidError(
            f"multiple terminal hosts found ({', '.join(hosts)}), use --host to specify"
        )
    return hosts[0]
