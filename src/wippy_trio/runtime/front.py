"""The Python front door: a runtime as an async context manager (design 5)."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVarTuple, Unpack, overload

import trio

from wippy_trio.errors import Error, NotFoundError, UnavailableError
from wippy_trio.kernel import (
    Channel,
    Exit,
    Host,
    Pid,
    PythonBody,
    PythonContext,
    copied,
    stop_process,
    wait_end,
)
from wippy_trio.loading import load_config, load_project
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_default_logging

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Sequence,
    )

    from wippy_trio.kernel import Process

__all__ = [
    "OpenRuntime",
    "RuntimeExitedError",
    "RuntimeFailedError",
    "open_runtime",
]

Args = TypeVarTuple("Args")


class RuntimeFailedError(UnavailableError):
    """The runtime failed while the block that opened it was still running."""


class RuntimeExitedError(RuntimeFailedError):
    """The application called ``system.exit`` with a code other than 0.

    Attributes:
      code: The code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the application asked to exit with code {code}")
        self.code = code


class OpenRuntime:
    """An open runtime; the block that opened it is itself a process of it."""

    def __init__(self, runtime: RunningRuntime, me: PythonContext, host: Host) -> None:
        self._runtime = runtime
        self._me = me
        self._host = host
        self._kept: dict[Pid, Exit] = {}

    @property
    def pid(self) -> Pid:
        """The pid of the block."""
        return self._me.pid

    @property
    def exit_code(self) -> int | None:
        """What ``system.exit`` was called with; ``None`` if it was not."""
        return self._runtime.exit_code

    @property
    def trap_links(self) -> bool:
        """Whether a broken link of the block is an event instead of its end.

        It is not at first: a linked process that fails cancels what the block does, and
        ``linked process failed`` leaves (core L-15, L-16).
        """
        return self._me.trap_links

    @trap_links.setter
    def trap_links(self, trap: bool) -> None:
        self._me.trap_links = trap

    @property
    def inbox(self) -> Channel[Any]:
        """Messages to the block that nobody listens for."""
        return self._me.inbox

    @property
    def events(self) -> Channel[Any]:
        """Exits of watched processes, broken links, cancels."""
        return self._me.events

    async def call(self, id: str, *args: Any) -> Any:  # noqa: A002 - its name
        """Call a function of the application.

        Returns:
          Its value.

        Raises:
          Error: Of the function, by kind; `NotFoundError` if there is none.
        """
        self._pass(args)
        return await self._runtime.call(id, *args)

    def asgi(self, service: str) -> Callable[..., Awaitable[None]]:
        """Give an ``http.service`` as an ASGI application, for another server.

        It serves as long as this runtime is open; whether the service listens by
        itself too is for its entry to say.

        Raises:
          NotFoundError: The application has no such service.
        """
        site: Callable[..., Awaitable[None]] = self._runtime.resources.get(service)
        return site

    def _pass(self, value: Any) -> None:
        """Note that the block passes on the channels in a value: they end with it."""
        if isinstance(value, Channel):
            value.passed(self._runtime.node.find(self._me.pid))
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._pass(item)
        elif isinstance(value, dict):
            self._pass(list(value.values()))

    @overload
    async def spawn(
        self,
        target: str,
        /,
        *,
        host: str,
        args: Sequence[Any] = (),
        monitor: bool = False,
        name: str | None = None,
    ) -> Pid: ...

    @overload
    async def spawn(
        self,
        target: Callable[[PythonContext, Unpack[Args]], Awaitable[Any]],
        /,
        *positional: *Args,
        monitor: bool = False,
        name: str | None = None,
    ) -> Pid: ...

    async def spawn(  # type: ignore[misc] # mypy does not match *Any with unpacked ones
        self,
        target: str | Callable[..., Awaitable[Any]],
        /,
        *positional: Any,
        host: str | None = None,
        args: Sequence[Any] = (),
        monitor: bool = False,
        name: str | None = None,
    ) -> Pid:
        """Spawn a Lua process of the application, or a coroutine function as one.

        Args:
          target: The id of a process entry, or a coroutine function that takes a
            `PythonContext` and then its arguments.
          positional: Arguments of the coroutine function.
          host: Where a Lua process runs.
          args: Arguments of a Lua process.
          monitor: Keep its exit until it has been waited for.
          name: A local name it owns from the start.

        Returns:
          Its pid.

        Raises:
          Error: As core S-3 to S-6.
        """
        if isinstance(target, str):
            if host is None:
                raise NotFoundError(f"spawn {target}: wanted host=, got none")
            self._pass(list(args))
            process = await self._runtime.spawn_process(
                target, host, args, context=self._me.context, name=name
            )
        else:
            self._pass(positional)
            await trio.lowlevel.checkpoint()
            pid = self._me.spawn_body(
                PythonBody(target, *self._passed(positional)),
                host=self._host,
                name=name,
            )
            found = self._runtime.node.find(pid)
            assert found is not None, "born in this very step"
            process = found
        if monitor:
            self._keep(process)
        return process.pid

    def _passed(self, values: Sequence[Any]) -> list[Any]:
        """Copy arguments in the name of the block, which owns the channels in them."""
        me = self._runtime.node.find(self.pid)
        return [copied(value, by=me) for value in values]

    def _keep(self, process: Process) -> None:
        def ended() -> None:
            assert process.exit is not None
            # Read the value now: what a VM kept for it is released with the exit.
            kept = process.exit
            if kept.ok:
                kept = Exit.normal(kept.pid, kept.value)
            self._kept[process.pid] = kept

        if process.exit is not None:
            ended()
        else:
            process.on_end(ended)

    def send(self, destination: Pid | str, topic: str, *values: Any) -> None:
        """Put a message into a mailbox; never blocks (core M-1)."""
        self._me.send(destination, topic, *values)

    def link(self, destination: Pid | str) -> None:
        """Tie the block's fate to a process (core L-10)."""
        self._me.link(destination)

    def monitor(self, destination: Pid | str) -> None:
        """Have the end of a process told on `events` (core L-1)."""
        self._me.monitor(destination)

    async def wait(self, pid: Pid) -> Exit:
        """Wait for the end of a process; never raises for its failure.

        Raises:
          NotFoundError: It is gone, and nobody kept its exit.
        """
        process = self._runtime.node.find(pid)
        if process is not None:
            ended = await wait_end(process)
            return self._kept.pop(pid, ended)
        await trio.lowlevel.checkpoint()
        try:
            return self._kept.pop(pid)
        except KeyError:
            raise NotFoundError(f"process {pid} is gone") from None

    async def stop(self, pid: Pid, *, grace: float = 5.0) -> Exit:
        """Ask a process to finish; end it if it has not done so in time.

        Raises:
          NotFoundError: There is no such process.
        """
        process = self._runtime.node.find(pid)
        if process is None:
            raise NotFoundError(f"process {pid} is gone")
        return await stop_process(process, grace=grace, sender=self.pid)


@asynccontextmanager
async def open_runtime(
    folder: str | os.PathLike[str],
    *,
    profiles: Sequence[str] = (),
    sets: Iterable[str] = (),
    overrides: Iterable[str] = (),
    lua_version: str = "5.4",
    seed: int | None = None,
) -> AsyncIterator[OpenRuntime]:
    """Run the application of a folder for the length of a block.

    Args:
      folder: Where its lock, or its ``src``, is.
      profiles: Profiles of its configuration.
      sets: Settings as ``section.path=value``.
      overrides: Overrides as ``ns:entry:path=value``.
      lua_version: ``5.3``, ``5.4`` or ``5.5``.
      seed: Of everything random.

    The log goes to standard error, unless the program has configured structlog itself.

    If the application calls ``system.exit``, what the block does is cancelled and
    everything stops in good order; then the block is over, and
    `OpenRuntime.exit_code` tells the code. It never ends the Python program.

    Raises:
      Error: It could not be loaded or started.
      RuntimeExitedError: It called ``system.exit`` with a code other than 0.
      RuntimeFailedError: It failed while the block ran.
      InternalError: The block's process was ended: terminated, or by a broken link.

    Checkpoint: at entry and at exit, which stops everything in good order. An exception
    of the block leaves as it is.
    """
    configure_default_logging()
    place = Path(folder)
    config = load_config(place, profiles=profiles, sets=sets, environ=os.environ)
    project = load_project(place, config=config, overrides=overrides)
    runtime = RunningRuntime(project, lua_version=lua_version, seed=seed)
    raised: BaseException | None = None
    failure: BaseException | None = None
    body = trio.CancelScope()
    ended: Error | None = None
    try:
        async with running(runtime):
            contexts: list[PythonContext] = []
            born = trio.Event()

            async def block(me: PythonContext) -> None:
                contexts.append(me)
                born.set()
                await trio.sleep_forever()

            process = runtime.node.admit(PythonBody(block), runtime.control)
            await born.wait()
            with body:
                runtime.nursery.start_soon(_cancel_at_exit, runtime, body)
                process.on_end(body.cancel)
                try:
                    yield OpenRuntime(runtime, contexts[0], runtime.control)
                except BaseException as error:
                    raised = error
                    raise
                finally:
                    if process.exit is not None:
                        ended = process.exit.error  # somebody else ended the block
                    else:
                        process.end(Exit.normal(process.pid))
    except BaseException as error:  # noqa: BLE001 - sorted out below
        failure = error
    _leave(raised, failure)
    if body.cancelled_caught and ended is not None:
        raise ended
    if body.cancelled_caught and runtime.exit_code:
        raise RuntimeExitedError(runtime.exit_code)


async def _cancel_at_exit(runtime: RunningRuntime, body: trio.CancelScope) -> None:
    """Cancel what the block does once the application has called ``system.exit``."""
    await runtime.exit_asked.wait()
    body.cancel()


def _leave(raised: BaseException | None, failure: BaseException | None) -> None:
    """Raise what the block raised, or that the runtime failed; or nothing.

    Args:
      raised: What the block raised.
      failure: What came out of the runtime around it, with that in it.
    """
    found = [] if failure is None else list(_leaves(failure))
    own = [] if raised is None else list(_leaves(raised))
    causes = [
        error
        for error in found
        if not isinstance(error, trio.Cancelled)
        and not any(error is mine for mine in own)
    ]
    if raised is not None and not isinstance(raised, trio.Cancelled):
        if causes:
            raised.__context__ = causes[0]
        raise raised
    if causes:
        cause = causes[0]
        if raised is None and isinstance(cause, Error):
            raise cause
        raise RuntimeFailedError(f"the runtime failed: {cause!r}") from cause
    if found:
        raise found[0]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
