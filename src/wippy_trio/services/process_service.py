"""``process.service``: one process that the supervisor keeps alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.kernel import NOBODY, Exit, wait_end
from wippy_trio.registry import complete_id
from wippy_trio.sdk import (
    CanceledError,
    EntryKind,
    Error,
    InvalidError,
    NotFoundError,
    ServiceReport,
    read_lifecycle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Process
    from wippy_trio.registry import Entry
    from wippy_trio.sdk import Identity, Runtime

__all__ = ["ProcessService"]

CONTROL_HOST = "node:control"


class _Service:
    """Spawn a process, tell of its end, ask it to finish (apps 4.3)."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        process: str,
        host: str,
        arguments: list[Any],
        identity: Identity | None,
        stop_timeout: float,
    ) -> None:
        self.runtime = runtime
        self.process_id = process
        self.host = host
        self.arguments = arguments
        self.identity = identity
        self.grace = max(stop_timeout - 0.05, 0.0)
        self.process: Process | None = None

    async def start(self, report: Callable[[ServiceReport], None]) -> str:
        self.runtime.node.number()  # the supervisor's own identity (apps 5.1.1)
        context = self.runtime.context_of(self.identity)
        try:
            process = await self.runtime.spawn_process(
                self.process_id, self.host, self.arguments, context=context
            )
        except NotFoundError as error:
            which = ", ".join(str(value) for value in (error.details or {}).values())
            raise NotFoundError(
                f"{error.message}: {which}",
                retryable=error.retryable,
                details=error.details,
            ) from error
        self.process = process
        self.runtime.nursery.start_soon(self._watch, process, report)
        return ""

    async def _watch(
        self, process: Process, report: Callable[[ServiceReport], None]
    ) -> None:
        exit = await wait_end(process)  # noqa: A001 - the field's word
        if self.process is process:
            self.process = None
            report(report_of(exit))

    async def stop(self) -> None:
        process = self.process
        if process is None or process.exit is not None:
            await trio.lowlevel.checkpoint()
            return
        at = self.runtime.node.clock.unix_seconds()
        self.runtime.deliver_cancel(process, NOBODY, "service stopping", at)
        timed_out = True
        with trio.move_on_after(self.grace):
            await wait_end(process)
            timed_out = False
        if timed_out:
            # Nothing outlives its service (apps 4.3.3).
            process.end(Exit.terminated(process.pid))
            await trio.sleep_forever()  # let the supervisor note the timeout


def report_of(exit: Exit) -> ServiceReport:  # noqa: A002 - the field's word
    """Say how a service's process ended (apps 4.2)."""
    if exit.error is None:
        return ServiceReport("exited")
    error = exit.error
    if exit.reason == "shutdown":
        return ServiceReport("failed", error=CanceledError(error.message))
    if exit.reason == "failed":
        text = f"process failed: {error.message}"
        error = Error.of(error.kind, text, retryable=error.retryable)
    else:
        error = Error.of(error.kind, error.message, retryable=None)
    return ServiceReport("failed", error=error)


class ProcessService(EntryKind):
    """Handle ``process.service`` entries (core section 19, apps 2.2, 4.3)."""

    kinds = ("process.service",)

    async def create(self, entry: Entry) -> None:
        """Register the service; it starts when the transaction has been committed."""
        data = entry.data
        if not isinstance(data, dict):
            raise InvalidError("configuration data is required")
        process = data.get("process")
        if not isinstance(process, str) or not process:
            raise InvalidError("process is required")
        host = data.get("host")
        if not isinstance(host, str) or not host:
            raise InvalidError("host is required")
        if host == CONTROL_HOST:
            raise InvalidError(f"invalid host: {host}")
        arguments = data.get("input")
        if arguments is None:
            arguments = []
        if not isinstance(arguments, list):
            raise InvalidError(f"input: wanted a list, got {arguments!r}")
        lifecycle = read_lifecycle(entry)
        service = _Service(
            self.runtime,
            process=complete_id(process, entry.ns),
            host=complete_id(host, entry.ns),
            arguments=arguments,
            identity=lifecycle.identity,
            stop_timeout=lifecycle.stop_timeout,
        )
        self.runtime.supervisor.register(entry.id, service, lifecycle)

    async def delete(self, entry: Entry) -> None:
        """Stop the service and forget it."""
        await self.runtime.supervisor.unregister(entry.id)
