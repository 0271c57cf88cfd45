"""Carrying plans out: deferral, rejection, taking back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wippy_trio.errors import (
    ConflictError,
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
)
from wippy_trio.registry import (
    Changeset,
    Entry,
    OperationKind,
    Plan,
    Registry,
    Transaction,
    TransactionState,
)


def entry(name: str, data: object = None, kind: str = "function.lua") -> Entry:
    return Entry(f"app:{name}", kind, {}, data)


def plan(*entries: Entry) -> Plan:
    return Registry().plan_baseline(entries)


Answer = Callable[[str, bool], "Error | None"]


def play(transaction: Transaction, answer: Answer) -> list[str]:
    """Drive a transaction and write down what was handed out."""
    seen = []
    while (step := transaction.next_step()) is not None:
        name = step.operation.entry.name
        verb = step.operation.kind.removeprefix("entry.")
        seen.append(f"{'undo ' if step.undo else ''}{verb} {name}")
        error = answer(name, step.undo)
        if error is None:
            transaction.accept()
        else:
            transaction.reject(error)
    return seen


def test_all_accepted_is_applied() -> None:
    transaction = Transaction(plan(entry("a"), entry("b")))
    assert play(transaction, lambda *_: None) == ["create a", "create b"]
    assert transaction.state is TransactionState.APPLIED
    assert transaction.error is None
    assert [op.entry.name for op in transaction.accepted] == ["a", "b"]


def test_internal_kinds_are_not_handed_out_unless_asked() -> None:
    made = plan(entry("a"), entry("r", kind="registry.entry"))
    assert play(Transaction(made), lambda *_: None) == ["create a"]  # apps 7.4.2
    asked = Transaction(made, dispatch_internal=True)
    assert play(asked, lambda *_: None) == ["create a", "create r"]  # apps 7.4.2


def test_what_misses_something_is_tried_again_after_the_rest() -> None:
    transaction = Transaction(plan(*map(entry, "abc")))
    there: set[str] = set()
    needs = {"a": "b", "b": "c"}

    def answer(name: str, _: bool) -> Error | None:
        if name in needs and needs[name] not in there:
            return NotFoundError(f"no {needs[name]}")
        there.add(name)
        return None

    assert play(transaction, answer) == [
        *("create a", "create b", "create c"),
        *("create a", "create b", "create a"),
    ]  # apps 3.3
    assert transaction.state is TransactionState.APPLIED


def test_a_pass_without_progress_ends_the_transaction_with_all_ids() -> None:
    transaction = Transaction(plan(*map(entry, "abc")))
    seen = play(
        transaction,
        lambda name, undo: None if undo or name == "b" else NotFoundError("no x:y"),
    )
    assert seen == [
        *("create a", "create b", "create c", "create a", "create c"),
        "undo delete b",
    ]  # apps 3.3
    assert transaction.state is TransactionState.DISCARDED
    error = transaction.error
    assert isinstance(error, NotFoundError)
    assert str(error) == (
        "unresolved dependencies after retry: app:a,app:c"  # apps 3.3
        " (app:a: no x:y; app:c: no x:y)"
    )
    assert error.details == {
        "unresolved": {"app:a": "no x:y", "app:c": "no x:y"}
    }  # apps 13.23


def test_any_other_rejection_ends_it_at_once_and_names_the_entry() -> None:
    transaction = Transaction(plan(*map(entry, "abc")))
    seen = play(
        transaction,
        lambda name, _: ConflictError("taken", retryable=True) if name == "b" else None,
    )
    assert seen == ["create a", "create b", "undo delete a"]  # apps 3.3, 3.5
    error = transaction.error
    assert isinstance(error, ConflictError)
    assert str(error) == "entry app:b (function.lua): taken"
    assert error.retryable is True
    assert str(error.__cause__) == "taken"


def test_taking_back_says_what_was_there_before_and_goes_on_after_a_failure() -> None:
    here = Registry()
    here.commit(here.plan_baseline([entry("a", 1), entry("b", 2), entry("c", 3)]))
    changes = Changeset().delete("app:a").update(entry("b", 9))
    made = here.plan(changes.update(entry("c", 9)))
    transaction = Transaction(made)
    undone = []
    while (step := transaction.next_step()) is not None:
        if step.undo:
            undone.append(step.operation)
            transaction.reject(InternalError("stuck"))
        elif step.operation.entry.name == "c":
            transaction.reject(InvalidError("bad app:c"))
        else:
            transaction.accept()
    assert undone == [
        (OperationKind.UPDATE, entry("b", 2)),
        (OperationKind.CREATE, entry("a", 1)),
    ]  # apps 3.5
    assert str(transaction.error) == "bad app:c"
    assert [finding.fields["entry"] for finding in transaction.findings] == [
        "app:b",
        "app:a",
    ]


def test_an_applied_transaction_can_still_be_taken_back() -> None:
    """The commit itself may fail, when the history cannot be written."""
    transaction = Transaction(plan(entry("a")))
    play(transaction, lambda *_: None)
    transaction.discard(InternalError("disk full"))
    assert play(transaction, lambda *_: None) == ["undo delete a"]
    assert transaction.state is TransactionState.DISCARDED
    transaction.discard(InternalError("late"))
    assert str(transaction.error) == "disk full"


def test_steps_are_answered_one_by_one() -> None:
    transaction = Transaction(plan(entry("a")))
    with pytest.raises(InternalError, match="no step to answer"):
        transaction.accept()
    transaction.next_step()
    with pytest.raises(InternalError, match="app:a was not answered"):
        transaction.next_step()
