"""Supervision trees of Python processes."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from wippy_trio.errors import InvalidError, NotFoundError, TimedOutError
from wippy_trio.kernel.body import PythonBody, PythonContext, run_process
from wippy_trio.kernel.events import Cancel, ExitEvent
from wippy_trio.kernel.exit import Exit
from wippy_trio.kernel.pid import Pid
from wippy_trio.kernel.restart import Intensity, RestartPolicy
from wippy_trio.kernel.supervisor import (
    ChildSpec,
    Restart,
    RestartsExhaustedError,
    Strategy,
    Supervisor,
    affected,
    wants_restart,
)

if TYPE_CHECKING:
    from wippy_trio.kernel.process import Process

MANY = Intensity(limit=1000, period=1)


class Stage:
    """Children that write down when they begin and end, and end on a word."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.pids: dict[str, Pid] = {}
        self.births: Counter[str] = Counter()

    async def play(self, me: PythonContext, id_: str) -> None:
        """Begin, and end as told: politely, by a failure, by a return."""
        self.pids[id_] = me.pid
        me.on_end(lambda: self.log.append(f"-{id_}"))
        while True:
            chosen = await me.select(
                [me.events.case_receive(), me.inbox.case_receive()]
            )
            if isinstance(chosen.value, Cancel):
                assert chosen.value.reason == "supervisor stopping"
                return
            if chosen.value.topic == "crash":
                raise RuntimeError("boom")
            return

    def child(self, id_: str, **options: Any) -> ChildSpec:
        """Specify a child; its birth is written down."""

        def body() -> PythonBody:
            self.births[id_] += 1
            self.log.append(f"+{id_}")
            return PythonBody(self.play, id_)

        return ChildSpec(id_, body, **options)

    async def tell(self, me: PythonContext, id_: str, topic: str) -> None:
        """Send a word to a child and let everything happen."""
        self.log.clear()
        me.send(self.pids[id_], topic)
        await wait_all_tasks_blocked()


async def started(me: PythonContext, supervisor: Supervisor) -> Pid:
    """Start a supervisor beside us and let its children settle."""
    pid = me.spawn_body(supervisor.body(), monitor=True)
    await wait_all_tasks_blocked()
    return pid


async def its_end(me: PythonContext) -> Exit:
    """Wait for the end of the monitored supervisor."""
    event, _ = await me.events.receive()
    assert isinstance(event, ExitEvent)
    return event.exit


# Decisions.


@pytest.mark.parametrize(
    ("restart", "after_normal", "after_failure"),
    [
        (Restart.PERMANENT, True, True),
        (Restart.TRANSIENT, False, True),
        (Restart.TEMPORARY, False, False),
    ],
)
def test_which_ends_are_answered(
    restart: Restart, after_normal: bool, after_failure: bool
) -> None:
    pid = Pid("h", 1)
    assert wants_restart(restart, Exit.normal(pid)) is after_normal
    assert wants_restart(restart, Exit.terminated(pid)) is after_failure


@pytest.mark.parametrize(
    ("strategy", "group"),
    [
        (Strategy.ONE_FOR_ONE, "b"),
        (Strategy.ONE_FOR_ALL, "abc"),
        (Strategy.REST_FOR_ONE, "bc"),
    ],
)
def test_whom_a_failure_affects(strategy: Strategy, group: str) -> None:
    assert affected(strategy, "abc", "b") == tuple(group)


def test_two_children_of_one_id_are_refused() -> None:
    stage = Stage()
    with pytest.raises(InvalidError, match='two children have the id "a"'):
        Supervisor([stage.child("a"), stage.child("a")])


# Order.


async def test_children_start_in_order_and_stop_in_reverse() -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        supervisor = Supervisor([stage.child(id_) for id_ in "abc"])
        pid = await started(me, supervisor)
        assert stage.log == ["+a", "+b", "+c"]
        stage.log.clear()
        me.cancel(pid)
        assert (await its_end(me)).ok
        assert stage.log == ["-c", "-b", "-a"]

    await run_process(main)


@pytest.mark.parametrize(
    ("strategy", "log"),
    [
        ("one_for_one", ["-b", "+b"]),
        ("one_for_all", ["-b", "-c", "-a", "+a", "+b", "+c"]),
        ("rest_for_one", ["-b", "-c", "+b", "+c"]),
    ],
)
async def test_a_failure_restarts_who_is_affected(
    strategy: str, log: list[str]
) -> None:
    """The others keep their pids, the restarted ones get new ones."""
    stage = Stage()

    async def main(me: PythonContext) -> None:
        children = [stage.child(id_) for id_ in "abc"]
        await started(me, Supervisor(children, strategy=Strategy(strategy)))
        before = dict(stage.pids)
        await stage.tell(me, "b", "crash")
        assert stage.log == log
        changed = {id_ for id_ in "abc" if stage.pids[id_] != before[id_]}
        assert changed == {text[1] for text in log}

    await run_process(main)


async def test_temporary_children_do_not_come_back_with_the_others() -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        children = [
            stage.child("a", restart="temporary"),
            stage.child("b", restart="transient"),
            stage.child("c"),
        ]
        await started(me, Supervisor(children, strategy=Strategy.ONE_FOR_ALL))
        await stage.tell(me, "b", "return")
        assert stage.log == ["-b"]
        await stage.tell(me, "c", "return")
        assert stage.log == ["-c", "-a", "+b", "+c"]

    await run_process(main)


async def test_a_normal_end_is_answered_as_the_child_asks() -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        kinds = ("permanent", "transient", "temporary")
        await started(me, Supervisor([stage.child(k, restart=k) for k in kinds]))
        for kind in kinds:
            await stage.tell(me, kind, "return")
        assert stage.births == {"permanent": 2, "transient": 1, "temporary": 1}
        await stage.tell(me, "permanent", "crash")
        assert stage.births["permanent"] == 3

    await run_process(main)


async def test_the_end_of_a_stranger_is_nothing_to_a_supervisor() -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        pid = await started(me, Supervisor([stage.child("a")]))
        stranger = me.spawn(stage.play, "stranger")
        await wait_all_tasks_blocked()
        supervisor = me._node.find(pid)
        assert supervisor is not None
        me._node.monitor(pid, stranger)
        me.terminate(stranger)
        await wait_all_tasks_blocked()
        assert stage.births == {"a": 1}
        assert supervisor.alive

    await run_process(main)


# Giving up.


async def test_too_many_restarts_end_the_supervisor() -> None:
    """The children are stopped in reverse, and the error says who and why."""
    stage = Stage()

    async def main(me: PythonContext) -> None:
        supervisor = Supervisor(
            [stage.child("a"), stage.child("b"), stage.child("c")],
            intensity=Intensity(limit=2, period=60),
        )
        pid = await started(me, supervisor)
        for _ in range(2):
            await stage.tell(me, "b", "crash")
        await stage.tell(me, "b", "crash")
        end = await its_end(me)
        assert stage.log == ["-b", "-c", "-a"]
        assert isinstance(end.error, RestartsExhaustedError)
        assert str(end.error) == (
            f'child "b" of supervisor {pid}: more than 2 restarts within 60 s; '
            "at last: RuntimeError: boom"
        )
        assert end.error.details == {"child": "b"}

    await run_process(main)


async def test_restarts_that_are_long_past_do_not_count(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        await started(
            me,
            Supervisor([stage.child("a")], intensity=Intensity(limit=1, period=5)),
        )
        for _ in range(5):
            await stage.tell(me, "a", "crash")
            await trio.sleep(6)
        assert stage.births["a"] == 6

    await run_process(main)


async def test_a_child_that_ends_at_once_cannot_spin_for_ever() -> None:
    async def brief(me: PythonContext) -> None:
        await trio.lowlevel.checkpoint()

    async def main(me: PythonContext) -> None:
        await Supervisor([ChildSpec("brief", partial(PythonBody, brief))]).run(me)

    with pytest.raises(RestartsExhaustedError, match="at last: ended normally"):
        await run_process(main)


# Delays.


async def test_restart_delay_doubles_up_to_the_cap(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A child that always crashes starts at 0, then 1, 2, 4 and 4 s later."""
    started_at: list[float] = []

    async def crash(me: PythonContext) -> None:
        started_at.append(trio.current_time())
        raise RuntimeError("boom")

    async def main(me: PythonContext) -> None:
        policy = RestartPolicy(initial_delay=1, max_delay=4, jitter=0, max_attempts=5)
        child = ChildSpec("crash", partial(PythonBody, crash), delay=policy)
        await Supervisor([child], intensity=MANY).run(me)

    with (
        capture_logs() as logs,
        pytest.raises(RestartsExhaustedError, match="failed 5 times in a row"),
    ):
        await run_process(main)
    assert started_at == [0, 1, 3, 7, 11]  # core SUP-8
    failed = [one for one in logs if one["event"] == "supervisor.child_failed"]
    assert [one["delay_s"] for one in failed] == [1, 2, 4, 4]


async def test_jitter_follows_the_generator(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def starts(seed: int) -> list[float]:
        times: list[float] = []

        async def crash(me: PythonContext) -> None:
            times.append(trio.current_time())
            raise RuntimeError("boom")

        async def main(me: PythonContext) -> None:
            policy = RestartPolicy(jitter=0.5, max_attempts=3)
            child = ChildSpec("crash", partial(PythonBody, crash), delay=policy)
            await Supervisor([child], rng=random.Random(seed)).run(me)

        origin = trio.current_time()
        with pytest.raises(RestartsExhaustedError):
            await run_process(main)
        return [time - origin for time in times]

    first = await starts(1)
    assert first == pytest.approx(await starts(1))
    assert first != pytest.approx(await starts(2))
    assert 0.5 <= first[1] <= 1.5


async def test_others_are_looked_after_while_one_rests(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        slow = RestartPolicy(initial_delay=10, jitter=0)
        pid = await started(
            me, Supervisor([stage.child("a", delay=slow), stage.child("b")])
        )
        await stage.tell(me, "a", "crash")
        await stage.tell(me, "b", "crash")
        assert stage.births == {"a": 1, "b": 2}
        await trio.sleep(9)
        assert stage.births["a"] == 1
        await trio.sleep(2)
        assert stage.births["a"] == 2
        await stage.tell(me, "a", "crash")
        me.cancel(pid)  # in the middle of a rest of 10 s, for it ran 1 s only
        assert (await its_end(me)).ok
        assert trio.current_time() == 11
        assert stage.births["a"] == 2

    await run_process(main)


async def test_a_group_rests_together_and_comes_back_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        slow = RestartPolicy(initial_delay=3, jitter=0)
        children = [stage.child("a"), stage.child("b", delay=slow), stage.child("c")]
        await started(me, Supervisor(children, strategy=Strategy.REST_FOR_ONE))
        await stage.tell(me, "b", "crash")
        assert stage.log == ["-b", "-c"]
        await stage.tell(me, "a", "crash")  # which takes the resting ones along
        assert stage.log == ["-a", "+a", "+b", "+c"]

    await run_process(main)


# Starting.


async def test_a_start_that_fails_takes_the_earlier_ones_back() -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        children = [stage.child("a"), stage.child("b", host="nowhere")]
        with pytest.raises(NotFoundError, match="host not found"):
            await Supervisor(children).run(me)
        assert stage.log == ["+a", "+b", "-a"]

    await run_process(main)


async def test_a_restart_that_fails_counts_and_is_tried_again() -> None:
    stage = Stage()

    async def main(me: PythonContext) -> None:
        await started(me, Supervisor([stage.child("a", name="taken")]))
        gone = stage.pids["a"]
        process = me._node.find(gone)
        assert process is not None
        squat(process, me.pid)
        me.terminate(gone)
        end = await its_end(me)
        assert isinstance(end.error, RestartsExhaustedError)
        assert "name already registered" in str(end.error)
        assert stage.births["a"] == 4

    await run_process(main)


def squat(process: Process, thief: Pid) -> None:
    """Take over the name of a process at the moment of its end."""
    names = process.host.node.names

    def steal() -> None:
        names.unregister("taken")
        names.register("taken", thief)

    process.on_end(steal)


async def test_the_next_child_starts_when_the_one_before_is_ready(
    autojump_clock: trio.testing.MockClock,
) -> None:
    times: dict[str, float] = {}

    async def slow(me: PythonContext) -> None:
        await trio.sleep(2)
        me.ready()
        await me.events.receive()

    async def quick(me: PythonContext) -> None:
        times["quick"] = trio.current_time()
        await me.events.receive()

    async def main(me: PythonContext) -> None:
        await started(
            me,
            Supervisor(
                [
                    ChildSpec("slow", partial(PythonBody, slow), start_timeout=5),
                    ChildSpec("quick", partial(PythonBody, quick)),
                ]
            ),
        )
        await trio.sleep(3)
        assert times == {"quick": 2}

    await run_process(main)


async def test_a_child_that_does_not_get_ready_is_ended(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slow(me: PythonContext) -> None:
        await me.events.receive()

    async def brief(me: PythonContext) -> None:
        await trio.sleep(1)

    async def main(me: PythonContext, fn: str) -> None:
        chosen = {"slow": slow, "brief": brief}[fn]
        spec = ChildSpec("it", partial(PythonBody, chosen), start_timeout=5)
        await Supervisor([spec]).run(me)

    with pytest.raises(TimedOutError, match='child "it" was not ready within 5 s'):
        await run_process(main, "slow")
    with pytest.raises(Exception, match='child "it" ended before it was ready'):
        await run_process(main, "brief")
    assert trio.current_time() == 6


async def test_only_a_body_that_can_say_so_is_waited_for() -> None:
    class Mute:
        """Another engine's body."""

        def admit(self, process: Process) -> None: ...

        async def run(self, process: Process) -> None: ...

        def drop(self, process: Process) -> None: ...

        def deliver(self, process: Process, event: object) -> None: ...

    async def main(me: PythonContext) -> None:
        await Supervisor([ChildSpec("mute", Mute, start_timeout=1)]).run(me)

    with pytest.raises(InvalidError, match="ready, got Mute"):
        await run_process(main)


# Stopping.


async def test_a_child_that_does_not_listen_is_ended_at_its_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def deaf(me: PythonContext) -> None:
        await trio.sleep_forever()

    async def main(me: PythonContext) -> None:
        pid = await started(
            me,
            Supervisor(
                [
                    ChildSpec("patient", partial(PythonBody, deaf), stop_timeout=7),
                    ChildSpec("brutal", partial(PythonBody, deaf), stop_timeout=0),
                    ChildSpec("quick", partial(PythonBody, deaf), stop_timeout=2),
                ]
            ),
        )
        me.cancel(pid)
        await its_end(me)
        assert trio.current_time() == 9

    await run_process(main)


@pytest.mark.parametrize("how", ["terminate", "link"])
async def test_whatever_ends_a_supervisor_ends_its_tree(how: str) -> None:
    """In the same tick, nested supervisors and children that trap included."""
    trapped: list[Pid] = []

    async def trapping(me: PythonContext) -> None:
        me.trap_links = True
        trapped.append(me.pid)
        await trio.sleep_forever()

    async def main(me: PythonContext) -> None:
        me.trap_links = True
        leaf = ChildSpec("leaf", partial(PythonBody, trapping))
        inner = Supervisor([leaf])
        outer = Supervisor([ChildSpec("inner", inner.body), leaf])
        pid = await started(me, outer)
        node = me._node
        assert len(node.processes) == 5
        if how == "terminate":
            me.terminate(pid)
        else:
            other = me.spawn(trapping)
            node.link(pid, other)
            me.terminate(other)
        assert list(node.processes) == [me.pid.number]
        assert len(trapped) == 2

    await run_process(main)


async def test_a_child_may_end_in_the_tick_of_its_supervisor() -> None:
    """Its end is news that nobody reads any more."""
    stage = Stage()

    async def main(me: PythonContext) -> None:
        pid = await started(me, Supervisor([stage.child(id_) for id_ in "ab"]))
        me.terminate(stage.pids["a"])
        me.terminate(pid)
        assert list(me._node.processes) == [me.pid.number]
        assert stage.births == {"a": 1, "b": 1}

    await run_process(main)


async def test_a_supervisor_is_cancelled_in_the_middle_of_a_stop() -> None:
    """What was not stopped yet is ended with it."""

    async def deaf(me: PythonContext) -> None:
        await trio.sleep_forever()

    async def main(me: PythonContext) -> None:
        children = [ChildSpec(i, partial(PythonBody, deaf)) for i in "abc"]
        pid = await started(me, Supervisor(children))
        me.cancel(pid)
        await wait_all_tasks_blocked()
        assert len(me._node.processes) == 5
        me.terminate(pid)
        assert list(me._node.processes) == [me.pid.number]

    await run_process(main)


async def test_a_tree_repairs_itself_from_the_leaves_up() -> None:
    """An inner supervisor that gives up is itself restarted, with fresh children."""
    stage = Stage()

    async def main(me: PythonContext) -> None:
        inner = Supervisor([stage.child("x")], intensity=Intensity(limit=1, period=60))
        outer = Supervisor([ChildSpec("inner", inner.body), stage.child("y")])
        await started(me, outer)
        for _ in range(2):
            await stage.tell(me, "x", "crash")
        assert stage.births == {"x": 3, "y": 1}
        await stage.tell(me, "x", "crash")
        assert stage.births == {"x": 4, "y": 1}

    await run_process(main)


# A law over drawn histories.


@settings(max_examples=40, deadline=None)
@given(
    strategy=st.sampled_from(Strategy),
    restarts=st.lists(st.sampled_from(Restart), min_size=1, max_size=4),
    acts=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(("crash", "return"))), max_size=6
    ),
)
def test_who_should_live_lives_and_no_one_twice(
    strategy: Strategy, restarts: list[Restart], acts: list[tuple[int, str]]
) -> None:
    """After each act the living are those that the rules name, each exactly once."""
    stage = Stage()
    ids = [str(number) for number in range(len(restarts))]

    async def main(me: PythonContext) -> None:
        children = [
            stage.child(id_, restart=restart)
            for id_, restart in zip(ids, restarts, strict=True)
        ]
        pid = await started(me, Supervisor(children, strategy=strategy, intensity=MANY))
        living = set(ids)
        for number, topic in acts:
            id_ = str(number)
            if id_ not in living:
                continue
            await stage.tell(me, id_, topic)
            restart = restarts[number]
            living.discard(id_)
            if restart is Restart.PERMANENT or (
                restart is Restart.TRANSIENT and topic == "crash"
            ):
                first = {"one_for_all": 0}.get(strategy, number)
                last = number if strategy == "one_for_one" else len(ids) - 1
                for place in range(first, last + 1):
                    living.discard(ids[place])
                    if restarts[place] is not Restart.TEMPORARY:
                        living.add(ids[place])
            alive = me._node.processes.keys() - {me.pid.number, pid.number}
            assert alive == {stage.pids[one].number for one in living}
        me.cancel(pid)
        await its_end(me)
        assert list(me._node.processes) == [me.pid.number]

    trio.run(run_process, main, clock=trio.testing.MockClock(autojump_threshold=0))
