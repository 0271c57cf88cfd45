"""The pure tables of a node: pids, names, links and monitors."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from wippy_trio.errors import AlreadyExistsError, InvalidError
from wippy_trio.kernel.names import Names
from wippy_trio.kernel.pid import NOBODY, Pid
from wippy_trio.kernel.topology import Topology

# Pids.


@pytest.mark.parametrize(
    ("pid", "text"),
    [
        (Pid("app:processes", 1), "{app:processes|0x00001}"),  # core PID-1, PID-3
        (Pid("app:processes", 0xABCDEF), "{app:processes|0xabcdef}"),
        (Pid("app:h", 2, "east"), "{east@app:h|0x00002}"),
        (NOBODY, "{|}"),  # core PID-6
    ],
)
def test_a_pid_has_one_text(pid: Pid, text: str) -> None:
    assert str(pid) == text
    assert Pid.parse(text) == pid
    assert text in repr(pid)


words = st.text("abc.:_-", min_size=1, max_size=8)


@given(st.builds(Pid, words, st.integers(1, 2**64), st.just("") | words))
def test_every_pid_survives_its_text(pid: Pid) -> None:
    assert Pid.parse(str(pid)) == pid  # core PID-5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing braces"),
        ("{", "missing braces"),
        ("a|b", "missing braces"),
        ("{a}", "missing pipe"),
    ],
)
def test_what_is_no_pid_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidError, match=f"invalid pid format: {reason}"):
        Pid.parse(text)  # core PID-4


def test_odd_texts_name_nobody_alive() -> None:
    assert Pid.parse("{h|x|0x00002}") == Pid("h", 2)  # core PID-4
    assert Pid.parse("{h|what}").number < 0


# Names.


class NamesMachine(RuleBasedStateMachine):
    """Names against one dictionary."""

    PIDS = (Pid("h", 1), Pid("h", 2))

    def __init__(self) -> None:
        super().__init__()
        self.names = Names()
        self.model: dict[str, Pid] = {}

    @rule(name=st.sampled_from("abc"), pid=st.sampled_from(PIDS))
    def register(self, name: str, pid: Pid) -> None:
        if self.model.get(name, pid) != pid:
            with pytest.raises(AlreadyExistsError, match="name already registered"):
                self.names.register(name, pid)  # core N-14
        else:
            self.names.register(name, pid)
            self.model[name] = pid

    @rule(name=st.sampled_from("abc"))
    def unregister(self, name: str) -> None:
        had = self.model.pop(name, None) is not None
        assert self.names.unregister(name) is had  # core N-17

    @rule(pid=st.sampled_from(PIDS))
    def release(self, pid: Pid) -> None:
        self.names.release(pid)  # core N-19
        self.model = {n: owner for n, owner in self.model.items() if owner != pid}

    @invariant()
    def agrees(self) -> None:
        assert len(self.names) == len(self.model)
        for name in "abc":
            assert self.names.lookup(name) == self.model.get(name)  # core N-16
        for pid in self.PIDS:
            owned = {name for name, owner in self.model.items() if owner == pid}
            assert self.names.of(pid) == owned  # core N-15


TestNames = NamesMachine.TestCase
TestNames.settings = settings(max_examples=30, deadline=None)


# Links and monitors.

numbers = st.integers(1, 5)


class TopologyMachine(RuleBasedStateMachine):
    """Links and monitors against two plain collections of pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.topology = Topology()
        self.links: set[frozenset[int]] = set()
        self.monitors: list[tuple[int, int]] = []

    @rule(a=numbers, b=numbers)
    def link(self, a: int, b: int) -> None:
        self.topology.link(a, b)  # core L-10
        if a != b:  # core L-23
            self.links.add(frozenset((a, b)))

    @rule(a=numbers, b=numbers)
    def unlink(self, a: int, b: int) -> None:
        self.topology.unlink(a, b)  # core L-12
        self.links.discard(frozenset((a, b)))

    @rule(watcher=numbers, watched=numbers)
    def monitor(self, watcher: int, watched: int) -> None:
        new = (watcher, watched) not in self.monitors
        assert self.topology.monitor(watcher, watched) is new  # core L-2
        if new:
            self.monitors.append((watcher, watched))

    @rule(watcher=numbers, watched=numbers)
    def unmonitor(self, watcher: int, watched: int) -> None:
        self.topology.unmonitor(watcher, watched)  # core L-4, L-5
        if (watcher, watched) in self.monitors:
            self.monitors.remove((watcher, watched))

    @rule(number=numbers)
    def forget(self, number: int) -> None:
        watchers, partners = self.topology.forget(number)
        expected = [w for w, target in self.monitors if target == number]
        if number in expected:  # core L-7: nobody is there to read it
            watchers = tuple(one for one in watchers if one != number)
            expected.remove(number)
        assert list(watchers) == expected
        assert list(partners) == sorted(
            other for pair in self.links if number in pair for other in pair - {number}
        )
        self.links = {pair for pair in self.links if number not in pair}
        self.monitors = [pair for pair in self.monitors if number not in pair]  # L-6

    @invariant()
    def agrees(self) -> None:
        involved = {n for pair in self.links for n in pair}
        involved |= {n for pair in self.monitors for n in pair}
        assert len(self.topology) == len(involved)
        for number in range(1, 6):
            partners = {n for pair in self.links if number in pair for n in pair}
            assert self.topology.linked(number) == partners - {number}


TestTopology = TopologyMachine.TestCase
TestTopology.settings = settings(max_examples=60, deadline=None)
