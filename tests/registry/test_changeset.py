"""Changesets: squashing, holding against a state, taking back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.errors import AlreadyExistsError, Error, InvalidError, NotFoundError
from wippy_trio.registry import (
    Change,
    Changeset,
    Entry,
    Operation,
    OperationKind,
    diff,
    inverse,
    resolve,
)

CREATE, UPDATE, DELETE = OperationKind


def entry(id_: str = "app:x", data: Any = None, kind: str = "registry.entry") -> Entry:
    return Entry(id_, kind, {}, data)


OLD, NEW, LAST = entry(data=1), entry(data=2), entry(data=3)


@pytest.mark.parametrize(
    ("kinds", "exists", "expected"),
    [
        ((CREATE, UPDATE), False, Change(None, LAST)),
        ((CREATE, DELETE), False, None),
        ((UPDATE, DELETE), True, Change(OLD, None)),
        ((DELETE, CREATE), True, Change(OLD, LAST)),
        ((UPDATE, UPDATE), True, Change(OLD, LAST)),
    ],
)
def test_operations_on_one_id_are_squashed(
    kinds: tuple[OperationKind, OperationKind], exists: bool, expected: Change | None
) -> None:
    first, second = kinds
    state = {OLD.id: OLD} if exists else {}
    changes = resolve([Operation(first, NEW), Operation(second, LAST)], state)
    assert changes.get(OLD.id) == expected  # apps 7.4.3


def test_a_delete_and_create_of_one_kind_is_an_update() -> None:
    assert Change(OLD, NEW).operations() == (Operation(UPDATE, NEW),)  # apps 7.4.3


def test_a_delete_and_create_of_another_kind_stays_two_operations() -> None:
    other = entry(kind="function.lua")
    changes = resolve([Operation(DELETE, OLD), Operation(CREATE, other)], {OLD.id: OLD})
    assert changes[OLD.id].operations() == (
        Operation(DELETE, OLD),
        Operation(CREATE, other),
    )


@pytest.mark.parametrize(
    ("kinds", "exists", "error", "text"),
    [
        ((CREATE,), True, AlreadyExistsError, "create app:x: the entry exists already"),
        ((CREATE, CREATE), False, AlreadyExistsError, "create app:x"),
        ((UPDATE, CREATE), True, AlreadyExistsError, "create app:x"),
        ((UPDATE,), False, NotFoundError, "update app:x: wanted an existing entry"),
        ((DELETE,), False, NotFoundError, "delete app:x: wanted an existing entry"),
        ((DELETE, UPDATE), True, NotFoundError, "update app:x"),
        ((DELETE, DELETE), True, NotFoundError, "delete app:x"),
    ],
)
def test_an_operation_that_meets_the_wrong_state_is_refused(
    kinds: tuple[OperationKind, ...], exists: bool, error: type[Error], text: str
) -> None:
    state = {OLD.id: OLD} if exists else {}
    with pytest.raises(error, match=text):  # apps 7.2
        resolve([Operation(kind, NEW) for kind in kinds], state)


def test_an_update_may_not_change_the_kind() -> None:
    with pytest.raises(InvalidError, match=r"wanted kind registry.entry, got f"):
        resolve([Operation(UPDATE, entry(kind="f"))], {OLD.id: OLD})  # apps 7.2


def test_a_changeset_checks_the_shape_only_and_keeps_the_order() -> None:
    changeset = Changeset()
    same = changeset.update(NEW).create(entry("app:b")).delete({"ns": "a", "name": "c"})
    assert same is changeset  # apps 7.2
    assert [str(op.kind) for op in changeset] == [
        "entry.update",
        "entry.create",
        "entry.delete",
    ]  # apps 7.2
    assert changeset.operations[2].entry.id == "a:c"
    assert len(changeset) == 3
    with pytest.raises(InvalidError, match="kind"):
        changeset.create(Entry("app:x", "", {}))
    with pytest.raises(InvalidError, match="entry id"):
        changeset.delete("bare")
    assert len(changeset) == 3


def test_a_difference_sees_types_kinds_and_meta() -> None:
    one = {"a:x": Entry("a:x", "k", {"m": 1}, {"v": 1})}
    assert diff(one, dict(one)) == {}
    for other in (
        Entry("a:x", "k", {"m": True}, {"v": 1}),
        Entry("a:x", "k", {"m": 1}, {"v": 1.0}),
        Entry("a:x", "l", {"m": 1}, {"v": 1}),
        Entry("a:x", "k", {"m": 1}, None),
    ):
        assert diff(one, {"a:x": other}) == {"a:x": Change(one["a:x"], other)}
    assert diff(one, {}) == {"a:x": Change(one["a:x"], None)}


IDS = [f"app:{letter}" for letter in "abcd"]
STATES = st.dictionaries(st.sampled_from(IDS), st.integers(0, 3)).map(
    lambda values: {id_: entry(id_, value) for id_, value in values.items()}
)


def applied(state: dict[str, Entry], changes: dict[str, Change]) -> dict[str, Entry]:
    after = {id_: change.after for id_, change in changes.items()}
    merged: dict[str, Entry | None] = {**state, **after}
    return {id_: item for id_, item in merged.items() if item is not None}


@given(STATES, STATES)
def test_the_inverse_of_changes_takes_them_back(
    old: dict[str, Entry], new: dict[str, Entry]
) -> None:
    """There and back again is where one started, for any two states."""
    changes = diff(old, new)
    assert applied(old, changes) == new
    assert applied(new, inverse(changes)) == old
    assert inverse(inverse(changes)) == changes


@given(
    STATES,
    st.lists(st.tuples(st.sampled_from(list(OperationKind)), st.sampled_from(IDS))),
)
def test_squashing_equals_doing_one_after_the_other(
    state: dict[str, Entry], script: list[tuple[OperationKind, str]]
) -> None:
    """What resolve makes of a list is what the list does step by step."""
    operations = [
        Operation(kind, entry(id_, n)) for n, (kind, id_) in enumerate(script)
    ]
    model = dict(state)
    fine = True
    for kind, item in operations:
        if (item.id in model) is (kind is CREATE):
            fine = False
            break
        if kind is DELETE:
            del model[item.id]
        else:
            model[item.id] = item
    if fine:
        assert applied(state, resolve(operations, state)) == model
    else:
        with pytest.raises((AlreadyExistsError, NotFoundError)):
            resolve(operations, state)
