"""The registry as a machine: plans, commits, versions, histories."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from wippy_trio.errors import (
    AlreadyExistsError,
    ConflictError,
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from wippy_trio.registry import (
    Changeset,
    Entry,
    History,
    MemoryHistory,
    NilHistory,
    Registry,
    SqliteHistory,
    Transaction,
    TransactionState,
    Version,
    open_history,
)

if TYPE_CHECKING:
    from pathlib import Path


def entry(id_: str, data: Any = None) -> Entry:
    return Entry(id_, "function.lua", {}, data)


A, B = entry("app:a", 1), entry("app:b", 2)


def registry(*entries: Entry, history: History | None = None) -> Registry:
    made = Registry(history)
    made.commit(made.plan_baseline(entries))
    return made


def apply(target: Registry, changes: Changeset) -> Version:
    return target.commit(target.plan(changes))


def go(target: Registry, number: int) -> Version:
    return target.commit(target.plan_version(number))


def test_the_baseline_is_version_zero() -> None:
    here = registry(A, B)
    assert str(here.version) == "v0"  # apps 1.9, 7.1
    assert here.snapshot().entries() == [A, B]
    assert here.get("app:a") is A
    with pytest.raises(ConflictError, match="empty registry"):
        here.plan_baseline([])


def test_one_apply_is_one_version() -> None:
    here = registry(A)
    changes = Changeset().create(B).update(A._replace(data=5))
    assert str(apply(here, changes)) == "v1"  # apps 7.1.2
    assert here.get("app:a").data == 5
    assert here.find({".ns": "app"}).entries == [A._replace(data=5), B]


def test_a_plan_changes_nothing_until_it_is_committed() -> None:
    here = registry(A)
    here.plan(Changeset().create(B))
    assert str(here.version) == "v0"  # apps 7.2
    with pytest.raises(NotFoundError, match=r"entry not found: app:b"):
        here.get("app:b")


@pytest.mark.parametrize("changes", [Changeset(), Changeset().create(B).delete(B.id)])
def test_no_changes_are_invalid(changes: Changeset) -> None:
    with pytest.raises(InvalidError, match=r"^no changes to apply$"):  # apps 7.2
        registry(A).plan(changes)


def test_a_changeset_meets_the_live_state() -> None:
    here = registry(A)
    changes = Changeset().create(B)
    apply(here, Changeset().create(B))
    with pytest.raises(AlreadyExistsError):  # apps 7.2
        here.plan(changes)


def test_a_plan_made_for_another_version_is_a_conflict() -> None:
    here = registry(A)
    late = here.plan(Changeset().create(B))
    apply(here, Changeset().delete(A.id))
    with pytest.raises(ConflictError, match="registry changed during apply"):
        here.commit(late)  # apps 7.1.2
    assert here.snapshot().entries() == []


def test_snapshots_are_frozen() -> None:
    here = registry(A)
    before = here.snapshot()
    apply(here, Changeset().create(B).update(A._replace(data=9)))
    assert before.entries() == [A]  # apps 7.2
    assert before.get("app:a").data == 1
    assert "app:b" not in before
    assert len(here.snapshot()) == 2
    assert before.version == (0, None)
    with pytest.raises(TypeError):
        here.state["app:c"] = A  # type: ignore[index]


def test_a_snapshot_lists_exactly_one_namespace() -> None:
    inner = entry("app.sub:c")
    here = registry(A, inner).snapshot()
    assert here.namespace("app") == [A]  # apps 7.2
    assert here.namespace("app.sub") == [inner]
    assert here.find({"meta.x": 1}).entries == []


def test_snapshots_of_other_versions() -> None:
    here = registry(A)
    apply(here, Changeset().create(B))
    apply(here, Changeset().delete(A.id))
    assert here.snapshot_at(1).entries() == [A, B]  # apps 7.2
    assert here.snapshot_at(2).entries() == [B]
    assert here.snapshot_of(here.get_version(0)).entries() == [A]
    with pytest.raises(InvalidError, match="above 0, got 0"):  # modules-io 13
        here.snapshot_at(0)
    with pytest.raises(NotFoundError, match=r"version v7"):  # modules-io 13
        here.snapshot_at(7)


def test_numbers_only_grow_and_remember_their_parent() -> None:
    here = registry(A)
    apply(here, Changeset().create(B))
    assert go(here, 0) == (0, None)
    second = apply(here, Changeset().create(entry("app:c")))
    assert second == (2, 0)  # apps 7.2
    v0, v1, v2 = here.versions()
    assert here.versions() == [(0, None), (1, 0), (2, 0)]  # apps 7.2
    assert here.previous(v0) is None
    assert here.previous(v2) == v0
    assert here.next(v0) == v2  # apps 7.2: the child made last
    assert here.next(v1) is None


def test_going_to_another_branch_crosses_the_common_ancestor() -> None:
    here = registry(A)
    apply(here, Changeset().create(B))
    apply(here, Changeset().update(A._replace(data=2)))
    go(here, 0)
    apply(here, Changeset().create(entry("app:c")))
    plan = here.plan_version(2)
    assert [f"{op.kind} {op.entry.id}" for op in plan.operations] == [
        "entry.delete app:c",
        "entry.update app:a",
        "entry.create app:b",
    ]  # apps 7.1.3
    assert str(here.commit(plan)) == "v2"
    assert here.snapshot().entries() == [A._replace(data=2), B]
    assert len(here.versions()) == 4


def test_going_where_one_is_takes_no_operation() -> None:
    here = registry(A)
    apply(here, Changeset().create(B))
    assert here.plan_version(1).operations == ()
    assert go(here, 1) == (1, 0)


def test_without_history_there_is_one_version_and_no_way_back() -> None:
    here = registry(A, history=NilHistory())
    apply(here, Changeset().create(B))
    assert here.versions() == [(1, 0)]  # apps 7.6
    assert here.previous(here.version) is None
    assert here.snapshot_at(1).entries() == [A, B]
    with pytest.raises(NotFoundError, match="version v0"):
        here.plan_version(0)
    assert str(apply(here, Changeset().delete(B.id))) == "v2"


def test_a_kept_history_is_restored_over_the_baseline_of_today(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "registry.db"
    odd = Entry("app:odd", "registry.entry", {}, {"b": b"\xff", "m": {1: "\udcff"}})
    first = SqliteHistory(path)
    here = registry(A, history=first)
    apply(here, Changeset().create(odd))
    apply(here, Changeset().update(odd._replace(data={"$map": 1, "f": 1.0})))
    apply(here, Changeset().update(odd._replace(data={"$bytes": "x"})))
    go(here, 1)
    first.close()

    second = SqliteHistory(path)
    edited = A._replace(data="edited")
    again = registry(edited, history=second)
    assert str(again.version) == "v0"  # apps 7.6
    plan = again.plan_restore()
    assert plan is not None
    assert str(again.commit(plan)) == "v1"  # apps 7.6
    assert again.snapshot().entries() == [edited, odd]
    assert again.snapshot_at(2).get("app:odd").data == {"$map": 1, "f": 1.0}
    assert again.snapshot_at(3).get("app:odd").data == {"$bytes": "x"}
    assert go(again, 0) == (0, None)
    assert again.snapshot().entries() == [edited]
    assert again.plan_restore() is None
    assert str(apply(again, Changeset().create(B))) == "v4"
    second.close()


def test_a_history_that_cannot_be_written_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    history = SqliteHistory(path)
    here = registry(A, history=history)
    other = sqlite3.connect(path)
    other.execute("DROP TABLE writes")
    with pytest.raises(InternalError, match="cannot write"):
        apply(here, Changeset().create(B))
    assert here.snapshot().entries() == [A]
    assert here.versions() == [(0, None)]
    assert other.execute("SELECT count(*) FROM versions").fetchone() == (0,)
    with pytest.raises(InvalidError, match="app:b: not plain data"):
        apply(here, Changeset().create(B._replace(data=object())))
    other.close()
    history.close()


def test_a_history_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_text("no database, and long enough to be taken for a broken one" * 20)
    with pytest.raises(InternalError, match=r"registry\.db.*cannot read"):
        SqliteHistory(path)
    with pytest.raises(InternalError, match="cannot open"):
        SqliteHistory(path / "below")


def test_a_history_is_opened_by_its_name(tmp_path: Path) -> None:
    assert isinstance(open_history("memory", ""), MemoryHistory)  # apps 7.6
    assert isinstance(open_history("nil", ""), NilHistory)  # apps 7.6
    kept = open_history("sqlite", tmp_path / "h.db")  # apps 7.6
    assert isinstance(kept, SqliteHistory)
    kept.close()
    with pytest.raises(UnavailableError, match="postgres is not available"):
        open_history("postgres", "")
    with pytest.raises(InvalidError, match="got 'paper'"):
        open_history("paper", "")


IDS = st.sampled_from([f"app:{letter}" for letter in "abcde"])
ACTS = st.lists(
    st.tuples(st.sampled_from(["create", "update", "delete"]), IDS, st.integers(0, 9)),
    min_size=1,
    max_size=4,
)


class Machine(RuleBasedStateMachine):
    """The registry against a list of dicts."""

    def history(self) -> History:
        return MemoryHistory()

    @initialize(values=st.dictionaries(IDS, st.integers(0, 9)))
    def start(self, values: dict[str, int]) -> None:
        self.states: dict[int, dict[str, int]] = {0: dict(values)}
        self.parents: dict[int, int | None] = {0: None}
        self.current = 0
        self.kept = self.history()
        self.real = Registry(self.kept)
        entries = [entry(id_, value) for id_, value in values.items()]
        self.real.commit(self.real.plan_baseline(entries))

    def model(self, acts: list[tuple[str, str, int]]) -> dict[str, int] | None:
        after = dict(self.states[self.current])
        for verb, id_, value in acts:
            if (id_ in after) is (verb == "create"):
                return None
            if verb == "delete":
                del after[id_]
            else:
                after[id_] = value
        return after

    def changeset(self, acts: list[tuple[str, str, int]]) -> Changeset:
        changes = Changeset()
        for verb, id_, value in acts:
            if verb == "delete":
                changes.delete(id_)
            elif verb == "create":
                changes.create(entry(id_, value))
            else:
                changes.update(entry(id_, value))
        return changes

    @rule(acts=ACTS)
    def apply(self, acts: list[tuple[str, str, int]]) -> None:
        after = self.model(acts)
        try:
            version = apply(self.real, self.changeset(acts))
        except Error as error:
            nothing = str(error) == "no changes to apply"
            assert after is None or (nothing and after == self.states[self.current])
            return
        assert after is not None
        number = max(self.states) + 1
        assert version == (number, self.current)
        self.parents[number] = self.current
        self.states[number] = after
        self.current = number

    @rule(acts=ACTS, refuse=st.integers(0, 3))
    def discard(self, acts: list[tuple[str, str, int]], refuse: int) -> None:
        """A transaction that fails half-way takes back exactly what it did."""
        try:
            plan = self.real.plan(self.changeset(acts))
        except Error:
            return
        handlers = dict(self.states[self.current])
        transaction = Transaction(plan)
        handed = 0
        while (step := transaction.next_step()) is not None:
            if not step.undo and handed == refuse:
                transaction.reject(InvalidError("no"))
                continue
            handed += 1
            id_ = step.operation.entry.id
            if step.operation.kind == "entry.delete":
                del handlers[id_]
            else:
                handlers[id_] = step.operation.entry.data
            transaction.accept()
        if handed > refuse or transaction.state is TransactionState.DISCARDED:
            assert handlers == self.states[self.current]
        else:
            assert transaction.state is TransactionState.APPLIED

    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.states)))
        assert go(self.real, number).number == number
        self.current = number

    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.states)))
        there = self.real.snapshot_of(self.real.get_version(number))
        assert {e.id: e.data for e in there.entries()} == self.states[number]

    @invariant()
    def agree(self) -> None:
        assert {e.id: e.data for e in self.real.state.values()} == self.states[
            self.current
        ]
        assert self.real.version.number == self.current
        assert dict(self.real.versions()) == self.parents
        assert self.kept.head == self.current


class SqliteMachine(Machine):
    """The same, kept in a database, with restarts."""

    def history(self) -> History:
        return SqliteHistory(":memory:")

    @rule()
    def restart(self) -> None:
        baseline = [entry(id_, value) for id_, value in self.states[0].items()]
        self.real = Registry(self.kept)
        self.real.commit(self.real.plan_baseline(baseline))
        plan = self.real.plan_restore()
        if plan is not None:
            self.real.commit(plan)

    def teardown(self) -> None:
        if isinstance(getattr(self, "kept", None), SqliteHistory):
            self.kept.close()  # type: ignore[attr-defined]


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestSqliteMachine = SqliteMachine.TestCase
TestSqliteMachine.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None
)
