"""Restart policies and the states of a service, as pure machines."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from wippy_trio.errors import (
    CanceledError,
    ConflictError,
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    TimedOutError,
)
from wippy_trio.kernel.restart import (
    TRANSITIONS,
    Ending,
    Intensity,
    RestartPolicy,
    ServiceState,
    Status,
    ending_of,
    ending_of_start,
)

# Policies.


def test_the_defaults_are_those_of_the_reference() -> None:
    policy = RestartPolicy()  # core SUP-3
    assert (policy.initial_delay, policy.max_delay, policy.factor) == (1, 90, 2)
    assert (policy.jitter, policy.max_attempts, policy.stable_threshold) == (0.1, 0, 5)


def test_delays_grow_by_the_factor_up_to_the_cap() -> None:
    policy = RestartPolicy(max_delay=10)
    delays = [policy.delay(n) for n in range(1, 7)]
    assert delays == [1, 2, 4, 8, 10, 10]  # apps 4.2 rule 1, core SUP-8
    assert policy.delay(10_000) == 10


def test_the_nth_failure_in_a_row_is_final() -> None:
    policy = RestartPolicy(max_attempts=3)  # core SUP-8
    assert [policy.delay(n) for n in (1, 2, 3)] == [1, 2, None]


def test_a_stable_run_makes_a_failure_the_first_again() -> None:
    policy = RestartPolicy(stable_threshold=5)
    assert policy.failures(7, 4.99) == 8
    assert policy.failures(7, 5) == 1  # apps 4.2 rule 2
    assert policy.failures(7, None) == 8
    assert RestartPolicy(stable_threshold=0).failures(7, None) == 8


@given(
    policy=st.builds(
        RestartPolicy,
        initial_delay=st.floats(0, 100),
        max_delay=st.floats(0, 100),
        factor=st.floats(0, 10),
        jitter=st.floats(0, 2),
        max_attempts=st.integers(0, 5),
    ),
    failures=st.integers(1, 2000),
    roll=st.floats(-1, 1),
)
def test_a_delay_stays_within_the_jitter_around_the_cap(
    policy: RestartPolicy, failures: int, roll: float
) -> None:
    """Never negative, never endless, ``None`` exactly when attempts are used up."""
    delay = policy.delay(failures, roll)
    if policy.max_attempts and failures >= policy.max_attempts:
        assert delay is None
    else:
        assert delay is not None
        assert 0 <= delay <= policy.max_delay * (1 + policy.jitter)


@pytest.mark.parametrize("name", ["initial_delay", "factor", "jitter", "max_attempts"])
def test_a_negative_setting_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidError, match=rf"{name}: wanted 0 or more, got -1"):
        RestartPolicy(**{name: -1})
    with pytest.raises(InvalidError, match=r"period: wanted 0 or more, got nan"):
        Intensity(period=math.nan)


@given(
    limit=st.integers(0, 4),
    period=st.integers(0, 10),
    gaps=st.lists(st.integers(0, 5), max_size=20),
)
def test_intensity_counts_the_restarts_of_the_last_period(
    limit: int, period: int, gaps: list[int]
) -> None:
    """Against a count over the whole history."""
    intensity = Intensity(limit=limit, period=period)
    history: list[int] = []
    times: tuple[float, ...] = ()
    now = 0
    for gap in gaps:
        now += gap
        history.append(now)
        expected = sum(1 for time in history if now - time <= period) <= limit
        admitted = intensity.admit(times, now)
        assert (admitted is not None) == expected
        if admitted is None:
            return
        times = admitted
        assert len(times) <= limit


# Judgements.


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (None, Ending.EXIT),  # core SUP-5
        (InternalError("main:1: boom"), Ending.RETRYABLE),  # uncaught error("boom")
        (InternalError("text", retryable=False), Ending.TERMINAL),  # core SUP-7, P-24
        (InternalError("process terminated"), Ending.RETRYABLE),  # core SUP-7
        (InternalError("linked process failed"), Ending.RETRYABLE),  # apps 4.3 rule 4
        (CanceledError("context canceled"), Ending.CANCELED),  # core SUP-7
        (NotFoundError("no such row"), Ending.RETRYABLE),  # errors.new{...} returned
        (Error("x", kind="Custom", retryable=True), Ending.RETRYABLE),
    ],
)
def test_the_end_of_a_service_is_judged(error: Error | None, ending: Ending) -> None:
    assert ending_of(error) is ending


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (NotFoundError("host not found"), Ending.TERMINAL),  # apps 4.2
        (InvalidError("no input"), Ending.TERMINAL),
        (NotFoundError("not yet", retryable=True), Ending.RETRYABLE),
        (TimedOutError("start timeout", retryable=True), Ending.RETRYABLE),
        (InternalError("port in use"), Ending.RETRYABLE),
    ],
)
def test_a_start_that_failed_is_judged(error: Error, ending: Ending) -> None:
    assert ending_of_start(error) is ending


# States.

NEW = ServiceState(id="app:worker")
POLICY = RestartPolicy(jitter=0, max_attempts=3)


def running(now: float = 0) -> ServiceState:
    """Make a state that runs since ``now``."""
    return NEW.start(now).started(now)


def test_an_attempt_says_which_it_is() -> None:
    state = NEW.start(1)
    assert (state.status, state.details) == ("starting", "attempt 1")  # apps 4.2 rule 4
    failed = state.started(1).ended(Ending.RETRYABLE, 2, POLICY, details="boom")
    assert (failed.status, failed.details, failed.retry_in) == ("failed", "boom", 1)
    assert failed.retry(3).details == "attempt 2"


def test_retries_are_exhausted_after_so_many_starts() -> None:
    state = NEW.start(0)
    delays: list[float | None] = []
    for now in range(3):
        state = state.started(now).ended(Ending.RETRYABLE, now, POLICY)
        delays.append(state.retry_in)
        if state.retry_in is not None:
            state = state.retry(now)
    assert delays == [1, 2, None]
    assert state.status is Status.FAILED
    assert state.settled
    with pytest.raises(ConflictError, match="nothing to retry"):
        state.retry(9)
    assert state.start(9).retry_count == 0


@pytest.mark.parametrize("ending", [Ending.EXIT, Ending.CANCELED, Ending.TERMINAL])
def test_other_ends_are_final(ending: Ending) -> None:
    state = running().ended(ending, 1, POLICY, details="why")
    assert (state.status, state.retry_in) == ("exited", None)  # apps 4.2, core SUP-5
    assert state.details == ("" if ending is Ending.TERMINAL else "why")


def test_an_end_while_stopping_is_the_one_asked_for() -> None:
    state = running().stop(1)
    assert (state.status, state.desired) == ("stopping", "stopped")
    assert state.ended(Ending.RETRYABLE, 2, POLICY).status is Status.STOPPED


def test_a_stop_that_times_out_is_a_final_failure() -> None:
    state = running().stop(1).stop_failed(11, "stop timeout after 10s")  # core SUP-6
    assert (state.status, state.settled) == ("failed", True)


def test_starting_and_stopping_twice_change_nothing() -> None:
    state = running()
    assert state.start(9) is state
    stopping = state.stop(1)
    assert stopping.stop(2) is stopping
    with pytest.raises(ConflictError, match="cannot become starting"):
        stopping.start(3)


def test_only_what_is_stopping_can_have_stopped() -> None:
    for state in (NEW, running(), running().stop(1).stopped(2)):
        with pytest.raises(ConflictError, match=r"app:worker is .*, not stopping"):
            state.stopped(3)
        with pytest.raises(ConflictError, match=r"app:worker is .*, not stopping"):
            state.stop_failed(3, "stop timeout")


def test_a_rest_can_be_cut_short_by_a_stop() -> None:
    state = running().ended(Ending.RETRYABLE, 1, POLICY).stop(1.5)
    assert (state.status, state.settled, state.retry_in) == ("stopped", True, None)


class Services(RuleBasedStateMachine):
    """One service against a model that keeps plain counters."""

    policy = RestartPolicy(
        initial_delay=1, max_delay=4, jitter=0, max_attempts=4, stable_threshold=5
    )

    def __init__(self) -> None:
        super().__init__()
        self.state = ServiceState(id="app:x")
        self.now = 0.0
        self.seen = [self.state]
        self.status = "unknown"
        self.row = 0
        self.since: float | None = None

    def note(self, state: ServiceState, status: str) -> None:
        self.state = state
        self.status = status
        self.seen.append(state)

    @rule(seconds=st.sampled_from((0.5, 1, 5)))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def start(self) -> None:
        if self.status == "stopping":
            with pytest.raises(ConflictError):
                self.state.start(self.now)
        elif self.status in ("starting", "running"):
            assert self.state.start(self.now) is self.state
        else:
            self.row = 0
            self.note(self.state.start(self.now), "starting")

    @rule()
    def started(self) -> None:
        if self.status == "starting":
            self.since = self.now
            self.note(self.state.started(self.now), "running")
        else:
            with pytest.raises(ConflictError):
                self.state.started(self.now)

    @rule(ending=st.sampled_from(Ending))
    def ended(self, ending: Ending) -> None:
        if self.status not in ("starting", "running", "stopping"):
            with pytest.raises(ConflictError):
                self.state.ended(ending, self.now, self.policy)
            return
        after = self.state.ended(ending, self.now, self.policy)
        if self.status == "stopping":
            self.note(after, "stopped")
        elif ending is Ending.RETRYABLE:
            lived = self.status == "running" and self.since is not None
            if lived and self.since is not None and self.now - self.since >= 5:
                self.row = 0
            self.row += 1
            self.note(after, "failed")
            wanted = {1: 1.0, 2: 2.0, 3: 4.0}.get(self.row)
            assert after.retry_in == wanted
        else:
            self.note(after, "exited")

    @precondition(lambda self: self.status == "failed")
    @rule()
    def retry(self) -> None:
        if self.state.retry_in is None:
            with pytest.raises(ConflictError):
                self.state.retry(self.now)
        else:
            self.note(self.state.retry(self.now), "starting")

    @rule()
    def stop(self) -> None:
        after = self.state.stop(self.now)
        running = self.status in ("starting", "running")
        if self.status not in ("stopping", "stopped"):
            self.note(after, "stopping" if running else "stopped")
        assert after.desired == "stopped"

    @precondition(lambda self: self.status == "stopping")
    @rule(in_time=st.booleans())
    def stopped(self, in_time: bool) -> None:
        if in_time:
            self.note(self.state.stopped(self.now), "stopped")
        else:
            self.note(self.state.stop_failed(self.now, "stop timeout"), "failed")

    @invariant()
    def agrees(self) -> None:
        assert self.state.status == self.status
        assert self.state.retry_count == self.row
        assert (self.state.retry_in is None) or self.status == "failed"
        assert self.state.settled == (
            self.status in ("unknown", "stopped", "exited")
            or (self.status == "failed" and self.state.retry_in is None)
        )

    def teardown(self) -> None:
        for before, after in pairwise(self.seen):
            assert after.status in TRANSITIONS[before.status]
            assert after.last_update is not None
            assert after.last_update >= (before.last_update or 0.0)
            assert after.id == "app:x"


TestServices = Services.TestCase
TestServices.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
