"""``wippy-trio run``: an application, or one process of it (apps 1.12, 5.3)."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from wippy_trio.cli.failure import report
from wippy_trio.cli.project import add_project_arguments, load

if TYPE_CHECKING:
    from wippy_trio.kernel import Exit
    from wippy_trio.loading import Project
    from wippy_trio.runtime.boot import RunningRuntime

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument("--exec", "-x", metavar="NS:NAME", help="run this process")
    parser.add_argument("--host", help="the terminal host to run it on")
    parser.add_argument("--console", "-c", action="store_true", help="logs for people")
    parser.add_argument("--silent", "-s", action="store_true", help="no logs")
    parser.add_argument("--verbose", "-v", action="store_true", help="debug logs")
    parser.add_argument("--lua", default="", metavar="5.4", help="the version of Lua")
    add_project_arguments(parser)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="arguments")


def run(options: argparse.Namespace) -> int:
    """Run until the program ends, or until a signal comes."""
    arguments = list(options.arguments)
    if arguments[:1] == ["--"]:
        del arguments[0]
    project = load(options)
    target = options.exec
    if target is None and arguments:
        if arguments[0] == "list":
            return _list_commands(project)
        target = _find_command(project, arguments.pop(0))
    if target is not None:
        _check_target(target)

    import trio  # noqa: PLC0415 - start-up cost

    from wippy_trio.runtime.logging import configure_logging  # noqa: PLC0415

    quiet = options.silent or (
        target is not None and not (options.console or options.verbose)
    )
    form = "json" if project.config.text("logger.encoding") == "json" else "lines"
    if options.console:
        form = "console"
    configure_logging("silent" if quiet else form, debug=options.verbose)
    version = options.lua or os.environ.get("WIPPY_TRIO_LUA") or "5.4"
    return trio.run(_main, project, target, arguments, options.host, version)


async def _main(
    project: Project,
    target: str | None,
    arguments: list[str],
    host: str | None,
    version: str,
) -> int:
    import trio  # noqa: PLC0415

    from wippy_trio.errors import Error  # noqa: PLC0415
    from wippy_trio.runtime.boot import RunningRuntime, running  # noqa: PLC0415

    runtime = RunningRuntime(project, lua_version=version, arguments=arguments)
    failure: Error | None = None
    code = 0
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch_signals, signals, runtime)
            try:
                async with running(runtime):
                    if target is None:
                        await runtime.exit_asked.wait()
                    else:
                        await _launch(runtime, nursery, target, arguments, host)
            except* Error as group:
                failure = _first(group)
            code = runtime.exit_code or 0
            nursery.cancel_scope.cancel()
    if failure is not None:
        report(failure)
        return 1
    return code


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
            os._exit(1)
        runtime.exit(0)


async def _launch(
    runtime: RunningRuntime,
    nursery: Any,
    target: str,
    arguments: list[str],
    host: str | None,
) -> None:
    """Run the program on the terminal host; its end is the application's."""
    import trio  # noqa: PLC0415

    from wippy_trio.kernel import wait_end  # noqa: PLC0415
    from wippy_trio.runtime.terminal import Terminal  # noqa: PLC0415

    place = host or _terminal_host(runtime)
    await runtime.supervisor.start([place], runtime.live.state.state)
    entry = runtime.live.state.state.get(target)
    if entry is None:
        from wippy_trio.errors import NotFoundError  # noqa: PLC0415

        raise NotFoundError(f"-x {target}: wanted a process entry, found none")
    command = entry.meta.get("command")
    context = None
    if isinstance(command, dict):
        from wippy_trio.sdk import read_identity  # noqa: PLC0415

        context = runtime.context_of(read_identity(command.get("security"), entry))
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
    del nursery
    if ended and runtime.exit_code is None:
        _report(runtime, ended[0])


def _report(runtime: RunningRuntime, ended: Exit) -> None:
    """Turn how the program ended into an exit code (apps 5.3.8)."""
    if ended.error is not None:
        text = ended.error.message
        head, colon, rest = text.partition(": ")
        if colon and rest.startswith(head + ": "):
            text = rest
        sys.stderr.write(f"Error: {text}\n")
        runtime.exit_code = 1
        return
    value = ended.value
    if value is False:
        runtime.exit_code = 1
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        runtime.exit_code = int(value)
    else:
        runtime.exit_code = 0


def _terminal_host(runtime: RunningRuntime) -> str:
    from wippy_trio.errors import InvalidError, NotFoundError  # noqa: PLC0415

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


def _check_target(target: str) -> None:
    from wippy_trio.errors import InvalidError  # noqa: PLC0415

    ns, colon, name = target.partition(":")
    if not (ns and colon and name):
        raise InvalidError(f"-x {target}: wanted namespace:name")


def _commands(project: Project) -> list[tuple[str, str, str]]:
    found = []
    for id_, entry in sorted(project.entries.items()):
        command = entry.meta.get("command")
        if entry.kind.startswith("process.") and isinstance(command, dict):
            name = command.get("name")
            if isinstance(name, str) and name:
                found.append((name, str(command.get("short") or ""), id_))
    return found


def _find_command(project: Project, name: str) -> str:
    from wippy_trio.errors import NotFoundError  # noqa: PLC0415

    found = [id_ for known, _, id_ in _commands(project) if known == name]
    if not found:
        raise NotFoundError(
            f"command \"{name}\" not found. Use 'wippy-trio run list' to see available"
            " commands"
        )
    own = [id_ for id_ in found if "module" not in project.entries[id_].meta]
    return (own or found)[0]


def _list_commands(project: Project) -> int:
    commands = _commands(project)
    out = sys.stdout.write
    if not commands:
        out("No commands found.\n")
        return 0
    out("Available commands:\n\n")
    for name, short, id_ in commands:
        out(f"  {name}  {short}  ({id_})\n")
    out("\nRun with: wippy-trio run <command>\n")
    return 0
