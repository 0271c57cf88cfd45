"""The live registry: one transaction at a time, carried out by the kinds' handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error, InternalError, InvalidError
from wippy_trio.loading import interpolate
from wippy_trio.logs import get_logger
from wippy_trio.registry import (
    Registry,
    Transaction,
    TransactionState,
    known_kind,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from wippy_trio.registry import Entry, Operation, Plan, Version
    from wippy_trio.sdk import EntryKind
    from wippy_trio.sdk.runtime import EventBus

__all__ = ["LiveRegistry"]

log = get_logger(__name__)

LITERAL_FIELDS = ("source",)
"""Fields whose text is no wiring: placeholders in them stay (apps 1.11.5)."""


class LiveRegistry:
    """Apply changes to the running application (apps 3, 7)."""

    def __init__(
        self,
        state: Registry,
        *,
        bus: EventBus,
        lookup: Callable[[str], Any],
        committed: Callable[[Plan], Awaitable[None]],
        handler: Callable[[str], EntryKind | None],
        check: Callable[[Plan, Mapping[str, Entry]], Awaitable[None]] | None = None,
        widen: Callable[[Sequence[Operation]], Awaitable[list[Operation]]]
        | None = None,
        dispatch_internal: bool = False,
    ) -> None:
        """Take over a registry.

        Args:
          state: What exists.
          bus: Where changes are announced.
          lookup: Finds the value of an environment variable for placeholders.
          committed: Called after each commit, before ``apply`` returns.
          handler: Finds who handles a kind.
          check: Called with a plan and the entries as they are, before anything of
            it is carried out; an error that it raises refuses the plan.
          widen: Adds to a changeset what follows from it (apps 1.10.8).
          dispatch_internal: See `Transaction`.
        """
        self.state = state
        self._bus = bus
        self._lookup = lookup
        self._committed = committed
        self._handler = handler
        self._check = check
        self._widen = widen
        self._dispatch_internal = dispatch_internal
        self._lock = trio.Lock()
        self._unavailable: set[str] = set()
        self._planned: Plan | None = None

    async def load(self, entries: Iterable[Entry]) -> Version:
        """Apply the baseline, and what a kept history recorded after it."""
        version = await self._apply(lambda: self.state.plan_baseline(entries))
        restore = self.state.plan_restore()
        if restore is not None:
            version = await self._apply(lambda: restore)
        return version

    async def apply(self, operations: Iterable[Operation]) -> Version:
        """Apply a changeset as one new version; applies wait for each other.

        Raises:
          Error: It was refused; then nothing has changed.
        """
        changes = list(operations)
        return await self._apply(lambda: self.state.plan(changes), changes)

    async def apply_version(self, number: int) -> Version:
        """Go to another version (apps 7.2)."""
        return await self._apply(lambda: self.state.plan_version(number))

    def planned(self, id: str) -> bool:  # noqa: A002 - its name
        """Tell whether an entry exists once the running transaction is through."""
        if self._planned is not None:
            change = self._planned.changes.get(id)
            if change is not None:
                return change.after is not None
        return id in self.state.state

    async def _apply(
        self, make: Callable[[], Plan], changes: list[Operation] | None = None
    ) -> Version:
        async with self._lock:
            if self._widen is not None and changes is not None:
                changes[:] = await self._widen(changes)
            self._planned = plan = make()
            try:
                return await self._carry_out(plan)
            finally:
                self._planned = None

    async def _carry_out(self, plan: Plan) -> Version:
        transaction = Transaction(plan, dispatch_internal=self._dispatch_internal)
        self._bus.publish("registry", "registry.begin", str(plan.base))
        try:
            if self._check is not None:
                try:
                    await self._check(plan, self.state.state)
                except Error as error:
                    transaction.discard(error)
            await self._drive(transaction)
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                transaction.discard(InternalError("apply was cancelled"))
                await self._drive(transaction)
            self._bus.publish("registry", "registry.discard", str(plan.base))
            raise
        for finding in transaction.findings:
            log.error(finding.message, **finding.fields)
        if transaction.state is not TransactionState.APPLIED:
            self._bus.publish("registry", "registry.discard", str(plan.base))
            assert transaction.error is not None
            raise transaction.error
        version = self.state.commit(plan)
        self._bus.publish("registry", "registry.commit", str(version.number))
        await self._committed(plan)
        return version

    async def _drive(self, transaction: Transaction) -> None:
        while (step := transaction.next_step()) is not None:
            operation = step.operation
            try:
                await self._dispatch(operation)
            except Error as error:
                transaction.reject(error)
            except Exception as error:
                log.exception("kind.failed", entry=operation.entry.id)
                transaction.reject(InternalError(f"internal fault: {error!r}"))
            else:
                transaction.accept()

    async def _dispatch(self, operation: Operation) -> None:
        entry = operation.entry
        kind = str(operation.kind).removeprefix("entry.")
        handler = self._handler(entry.kind)
        self._bus.publish("registry", f"entry.{kind}", entry.id, shown(entry))
        if handler is None:
            if not known_kind(entry.kind):
                raise InvalidError(
                    f"entry {entry.id}: unsupported entry kind: {entry.kind}"
                )
            if kind != "delete" and entry.kind not in self._unavailable:
                self._unavailable.add(entry.kind)
                log.warning(
                    f"kind {entry.kind} is not available in this version",
                    entry=entry.id,
                )
            await trio.lowlevel.checkpoint()
            return
        if kind == "create":
            await handler.create(self._resolved(entry))
        elif kind == "update":
            old = self.state.state.get(entry.id, entry)
            await handler.update(old, self._resolved(entry))
        else:
            await handler.delete(entry)

    def _resolved(self, entry: Entry) -> Entry:
        """Put placeholders in; the registry itself keeps the raw text (apps 1.11.3)."""
        if not isinstance(entry.data, dict):
            return entry
        data = interpolate(
            entry.data, self._lookup, where=f"entry {entry.id}", skip=LITERAL_FIELDS
        )
        return entry._replace(data=data)


def shown(entry: Entry) -> dict[str, Any]:
    """Write an entry as Lua programs and bus subscribers see it."""
    table: dict[str, Any] = {
        "id": entry.id,
        "kind": entry.kind,
        "meta": dict(entry.meta),
    }
    if entry.data is not None:
        table["data"] = entry.data
    return table
