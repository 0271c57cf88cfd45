"""`exec`: run commands of the machine (modules-io 12).

A command runs in a session of its own. When the process that started it ends, it is
asked to stop, and after a grace period it is killed with all it has started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.modules._stream import Source, Stream
from wippy_trio.modules._stream_declarations import DECLARES
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    current_process,
    current_runtime,
    hold_time,
    method,
    runtime_of,
)
from wippy_trio.sdk.executors import split_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.sdk import Runtime
    from wippy_trio.sdk.executors import Executor

MODULE = LuaModule(
    "exec",
    classes=("process", "io", "nondeterministic"),
    declares=DECLARES
    + """
    type Process = {
      start: (self: Process) -> (boolean?, Error?),
      stdout_stream: (self: Process) -> (Stream?, Error?),
      stderr_stream: (self: Process) -> (Stream?, Error?),
      write_stdin: (self: Process, data: string) -> (boolean?, Error?),
      signal: (self: Process, number: integer) -> (boolean?, Error?),
      wait: (self: Process) -> (integer?, Error?),
      close: (self: Process, force: boolean?) -> boolean
    }
    type Executor = {
      exec: (self: Executor, command: string, options: table?) -> (Process?, Error?),
      release: (self: Executor) -> boolean
    }
    get: (id: string) -> (Executor?, Error?)
    """,
)

GRACE_S = 3.0
"""What a command gets between the ask to stop and the end."""
KILLED = -1


def _allow(action: str, resource: str, message: str) -> None:
    process = current_process()
    if not runtime_of(process).allowed(process, action, resource):
        # Both sources say Invalid here (modules-io D14).
        raise InvalidError(message, retryable=False)


class _Pipe(Source):
    """What a command writes; it is there once the command runs."""

    readable = True

    def __init__(self, over: Callable[[], None]) -> None:
        """Make one.

        Args:
          over: Is told when nothing will be read any more.
        """
        self.stream: trio.abc.ReceiveStream | None = None
        self.open = True
        self._over = over

    async def read(self, most: int) -> bytes:
        """Read what has been written."""
        if self.stream is None:
            raise InternalError("the command has not been started", retryable=False)
        try:
            if not self.open:
                return b""
            with hold_time():
                data = bytes(await self.stream.receive_some(most))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise InternalError(str(error), retryable=False, context="read") from error
        if not data:
            await self.close()
        return data

    async def close(self) -> None:
        """Close our end."""
        self.open = False
        if self.stream is not None:
            await self.stream.aclose()
        self._over()


@MODULE.handle
class Process:
    """One command: described, running, over."""

    def __init__(
        self, runtime: Runtime, words: list[str], work_dir: str, env: dict[str, str]
    ) -> None:
        self._runtime = runtime
        self._words = words
        self._work_dir = work_dir
        self._env = env
        self._pipes: dict[str, tuple[_Pipe, Stream]] = {}
        self._running: trio.Process | None = None
        self._over = False
        self._starting = False
        self._stdin_closed = False
        self._withdraw: Callable[[], None] | None = None

    def __str__(self) -> str:
        return f"exec.Process{{{self._words[0]}}}"

    def _started(self) -> trio.Process:
        if self._over:
            raise InvalidError("process is closed", retryable=False)
        if self._running is None:
            raise InvalidError("process has not been started", retryable=False)
        return self._running

    async def start(self) -> bool:
        """Start the command."""
        if self._over:
            raise InvalidError("process is closed", retryable=False)
        if self._running is not None or self._starting:
            raise InvalidError("process was started already", retryable=False)
        self._starting = True
        program = shutil.which(self._words[0], path=os.environ.get("PATH"))
        if program is None:
            raise InternalError(
                f"{self._words[0]}: wanted a program, found none", retryable=False
            )
        pipes = {name: pipe for name, (pipe, _) in self._pipes.items()}
        owner = current_process()
        with trio.CancelScope(shield=True):  # a child that runs must be known
            try:
                running = await trio.lowlevel.open_process(
                    self._words,
                    executable=program,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE if "stdout" in pipes else subprocess.DEVNULL,
                    stderr=subprocess.PIPE if "stderr" in pipes else subprocess.DEVNULL,
                    cwd=self._work_dir,
                    env=self._env,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise InternalError(
                    f"{self._words[0]}: {error}", retryable=False
                ) from error
        self._running = running
        self._withdraw = owner.on_end(self._abandon)
        for name, pipe in pipes.items():
            pipe.stream = getattr(running, name)
            if not pipe.open and pipe.stream is not None:
                await pipe.stream.aclose()
        return True

    def _abandon(self) -> None:
        """See to the command when nobody owns it any more."""
        if self._running is not None:
            self._runtime.nursery.start_soon(_finish, self._running)

    def _settle(self) -> None:
        """Forget the end of the owner once nothing is left to be seen to."""
        running = self._running
        if (
            running is not None
            and self._withdraw is not None
            and running.returncode is not None
            and self._stdin_closed
            and not any(pipe.open for pipe, _ in self._pipes.values())
        ):
            self._withdraw()

    def _output(self, name: str) -> Stream:
        if self._over:
            raise InvalidError("process is closed", retryable=False)
        found = self._pipes.get(name)
        if found is None:
            if self._running is not None:
                raise InvalidError(
                    f"{name}: ask for the stream before the command is started",
                    retryable=False,
                )
            pipe = _Pipe(self._settle)
            found = self._pipes[name] = (pipe, Stream(pipe))
        return found[1]

    def stdout_stream(self) -> Any:
        """Give what it writes to standard output; to be asked for before the start."""
        return self._output("stdout")

    def stderr_stream(self) -> Any:
        """Give what it writes to standard error."""
        return self._output("stderr")

    async def write_stdin(self, data: bytes) -> bool:
        """Write to its standard input; an empty text ends the input (D17)."""
        running = self._started()
        assert running.stdin is not None
        try:
            if not data:
                self._stdin_closed = True
                await running.stdin.aclose()
            else:
                with hold_time():
                    await running.stdin.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise InternalError(
                "stdin: the command has ended or its input was closed", retryable=False
            ) from error
        return True

    def signal(self, number: int) -> bool:
        """Send it a signal."""
        running = self._started()
        if running.poll() is not None:
            raise InternalError("the command has ended", retryable=False)
        try:
            running.send_signal(signal.Signals(number))
        except (OSError, ValueError) as error:
            raise InternalError(f"signal {number}: {error}", retryable=False) from error
        return True

    async def wait(self) -> int:
        """Wait for its end: the exit code, or -1 if a signal ended it."""
        running = self._started()
        with hold_time():
            code = await running.wait()
        self._over = True
        await self._ended()
        return code if code >= 0 else KILLED

    async def _ended(self) -> None:
        """Close the input of a command that has ended."""
        assert self._running is not None
        assert self._running.stdin is not None
        self._stdin_closed = True
        await trio.aclose_forcefully(self._running.stdin)
        self._settle()

    @method(pair=False)
    def close(self, force: bool | None) -> bool:
        """Ask it to stop, or kill it."""
        if not self._over:
            self._over = True
            running = self._running
            if running is not None and running.poll() is None:
                with contextlib.suppress(OSError):
                    running.send_signal(signal.SIGKILL if force else signal.SIGTERM)
            if running is not None:
                self._runtime.nursery.start_soon(self._reap)
        return True

    async def _reap(self) -> None:
        """Wait for the end of a command that was asked to stop."""
        assert self._running is not None
        with hold_time():
            await self._running.wait()
        await self._ended()


async def _finish(running: trio.Process) -> None:
    """End a command that nobody waits for, with all it started; reap it."""
    with trio.CancelScope(shield=True), hold_time():
        if running.poll() is None:
            with contextlib.suppress(OSError):
                running.send_signal(signal.SIGTERM)
            with trio.move_on_after(GRACE_S):
                await running.wait()
        if running.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(running.pid, signal.SIGKILL)
            await running.wait()
        for stream in (running.stdin, running.stdout, running.stderr):
            if stream is not None:
                await trio.aclose_forcefully(stream)


@MODULE.handle
class ExecutorHandle:
    """An executor as a program holds it."""

    lua_name = "exec.Executor"

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._released = False

    def __str__(self) -> str:
        return f"exec.Executor{{{self._executor.id}}}"

    def exec(self, command: str, options: Any) -> Any:
        """Describe a command; nothing runs yet."""
        if self._released:
            raise InvalidError("executor is released", retryable=False)
        if not command.strip():
            raise InvalidError("command is required", retryable=False)
        _allow("exec.run", command, f"not allowed to run command: {command}")
        self._executor.check(command)
        known = options if isinstance(options, dict) else {}
        env = dict(self._executor.env)
        own = known.get("env")
        if isinstance(own, dict):
            env.update({str(key): str(value) for key, value in own.items()})
        if any("\0" in text or "=" in key for key, text in env.items()):
            raise InvalidError(
                "env: wanted names without = and no NUL byte", retryable=False
            )
        work_dir = known.get("work_dir")
        if not isinstance(work_dir, str) or not work_dir:
            work_dir = self._executor.work_dir
        return Process(current_runtime(), split_command(command), work_dir, env)

    @method(pair=False)
    def release(self) -> bool:
        """Give it back; commands go on."""
        self._released = True
        return True


@MODULE.export
def get(id: str) -> Any:  # noqa: A002 - its name
    """Reach an executor by the id of its entry."""
    if not id:
        raise InvalidError("executor id is required", retryable=False)
    _allow("exec.get", id, f"not allowed to access executor: {id}")
    try:
        found = current_runtime().resources.get(id)
    except Error as error:
        raise InternalError(
            str(error), retryable=False, context="acquire executor"
        ) from error
    if not hasattr(found, "check"):
        raise InvalidError(f"{id} is not an executor", retryable=False)
    return ExecutorHandle(found)
