"""Carrying a plan out, one operation at a time, or taking it all back.

The driver awaits; this class decides. It hands out steps and is told how each went::

    while (step := transaction.next_step()) is not None:
        try:
            await handle(step.operation)
        except Error as error:
            transaction.reject(error)
        else:
            transaction.accept()

An operation rejected as NotFound is put off: what it misses may come later in the same
transaction. Passes over those go on until one brings nothing. Any other rejection ends
the transaction, and the steps that follow take back what was accepted, latest first.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import Error, InternalError, NotFoundError
from wippy_trio.registry.changeset import Operation, OperationKind
from wippy_trio.registry.finding import Finding
from wippy_trio.registry.kinds import INTERNAL_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.registry.changeset import Change
    from wippy_trio.registry.state import Plan

__all__ = ["Step", "Transaction", "TransactionState"]


class TransactionState(Enum):
    """Where a transaction stands."""

    APPLYING = "applying"
    DISCARDING = "discarding"
    APPLIED = "applied"
    DISCARDED = "discarded"


class Step(NamedTuple):
    """An operation to hand to its handlers; ``undo`` says that it takes one back."""

    operation: Operation
    undo: bool


class Transaction:
    """Drive a plan through handlers.

    Args:
      plan: What to do.
      dispatch_internal: Whether the kinds that only change state are handed out too
        (``registry.dispatch_internal_kinds``).

    Source: apps 3.3, 3.5, 7.4.
    """

    __slots__ = (
        "_accepted",
        "_changes",
        "_deferred",
        "_error",
        "_findings",
        "_pending",
        "_progress",
        "_reasons",
        "_skip",
        "_state",
        "_step",
    )

    def __init__(self, plan: Plan, *, dispatch_internal: bool = False) -> None:
        self._skip = frozenset() if dispatch_internal else INTERNAL_KINDS
        self._changes: Mapping[str, Change] = plan.changes
        self._pending = list(reversed(plan.operations))
        self._deferred: list[Operation] = []
        self._reasons: dict[str, Error] = {}
        self._accepted: list[Operation] = []
        self._findings: list[Finding] = []
        self._progress = False
        self._error: Error | None = None
        self._step: Step | None = None
        self._state = TransactionState.APPLYING

    @property
    def state(self) -> TransactionState:
        """Where the transaction stands."""
        return self._state

    @property
    def error(self) -> Error | None:
        """Why it is taken back; None while all goes well."""
        return self._error

    @property
    def findings(self) -> list[Finding]:
        """What went wrong while taking it back."""
        return list(self._findings)

    @property
    def accepted(self) -> tuple[Operation, ...]:
        """The operations in force, in the order they were accepted."""
        return tuple(self._accepted)

    def next_step(self) -> Step | None:
        """Return the next operation to hand out, None at the end.

        Raises:
          InternalError: The step before was neither accepted nor rejected.
        """
        if self._step is not None:
            raise InternalError(
                f"transaction: {self._step.operation.entry.id} was not answered; "
                "please report this"
            )
        while self._state is TransactionState.APPLYING:
            if not self._pending and not self._retry():
                break
            operation = self._pending.pop()
            if operation.entry.kind in self._skip:
                self._accepted.append(operation)
                continue
            self._step = Step(operation, undo=False)
            return self._step
        while self._state is TransactionState.DISCARDING:
            if not self._accepted:
                self._state = TransactionState.DISCARDED
                break
            operation = self._inverse(self._accepted.pop())
            if operation.entry.kind in self._skip:
                continue
            self._step = Step(operation, undo=True)
            return self._step
        return None

    def accept(self) -> None:
        """Note that the handlers of the current step carried it out."""
        step = self._take()
        if not step.undo:
            self._accepted.append(step.operation)
            self._progress = True

    def reject(self, error: Error) -> None:
        """Note that a handler of the current step refused it.

        NotFound puts the operation off; any other kind ends the transaction. While
        taking back, a refusal is kept as a finding and the rest goes on.
        """
        step = self._take()
        operation = step.operation
        if step.undo:
            fields = {
                "entry": operation.entry.id,
                "operation": str(operation.kind),
                "error": str(error),
            }
            self._findings.append(Finding("error", "rollback step failed", fields))
        elif error.kind == NotFoundError.KIND:
            self._deferred.append(operation)
            self._reasons[operation.entry.id] = error
        else:
            self.discard(_about(operation, error))

    def discard(self, error: Error) -> None:
        """Take everything back, for a reason; the first one counts."""
        self._step = None
        if self._state in {TransactionState.APPLYING, TransactionState.APPLIED}:
            self._state = TransactionState.DISCARDING
            self._error = error

    def _take(self) -> Step:
        if self._step is None:
            raise InternalError("transaction: no step to answer; please report this")
        step, self._step = self._step, None
        return step

    def _retry(self) -> bool:
        """Start another pass over what was put off; False where all is decided."""
        if not self._deferred:
            self._state = TransactionState.APPLIED
            return False
        if not self._progress:
            self.discard(self._unresolved())
            return False
        self._pending = self._deferred[::-1]
        self._deferred = []
        self._progress = False
        return True

    def _unresolved(self) -> NotFoundError:
        causes = {
            operation.entry.id: str(self._reasons[operation.entry.id])
            for operation in self._deferred
        }
        reasons = "; ".join(f"{id_}: {cause}" for id_, cause in causes.items())
        return NotFoundError(
            f"unresolved dependencies after retry: {','.join(causes)} ({reasons})",
            details={"unresolved": causes},
        )

    def _inverse(self, operation: Operation) -> Operation:
        change = self._changes[operation.entry.id]
        if operation.kind is OperationKind.CREATE:
            return Operation(OperationKind.DELETE, operation.entry)
        assert change.before is not None
        if operation.kind is OperationKind.DELETE:
            return Operation(OperationKind.CREATE, change.before)
        return Operation(OperationKind.UPDATE, change.before)


def _about(operation: Operation, error: Error) -> Error:
    """Name the entry in an error that a handler made, unless it does so already."""
    id_ = operation.entry.id
    if id_ in error.message:
        return error
    named = Error.of(
        error.kind,
        f"entry {id_} ({operation.entry.kind}): {error}",
        retryable=error.retryable,
        details=error.details,
        stack=error.stack,
    )
    named.__cause__ = error
    return named
