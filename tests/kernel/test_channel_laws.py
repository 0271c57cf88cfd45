"""The laws of channels and select, on drawn one-tick scripts."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import Phase, example, find, given, settings

from tests.kernel.channel_scripts import (
    EVENT,
    Act,
    Arm,
    Run,
    Script,
    Select,
    play,
    predict,
    scripts,
    violations,
)
from tests.kernel.faulty_selects import naive_race, unshielded_claim
from wippy_trio.kernel.selection import select

BOTH = (Arm(0), Arm(1))

READY_TOGETHER = Script(
    (0, 0),
    (
        (Act("start", arms=BOTH),),
        (Act("send", channel=0), Act("send", channel=1)),
    ),
)
"""Both channels of a parked select become ready in one tick."""

CANCELLED_WITH_THE_SEND = Script(
    (0, 0),
    (
        (Act("start", arms=BOTH),),
        (Act("send", channel=0), Act("cancel")),
    ),
)
"""A parked select is cancelled in the tick in which a send completed it."""

CHILD_CANCELLED_WITH_THE_SEND = Script(
    (0,),
    (
        (Act("start", arms=(Arm(0), Arm(EVENT))),),
        (Act("send", channel=0), Act("cancel")),
    ),
)
"""The same with a child to wait for, which is where the shield is needed."""

CANCELLED_BEFORE_THE_SEND = Script(
    (0, 0),
    (
        (Act("start", arms=BOTH),),
        (Act("cancel"), Act("send", channel=0)),
    ),
)

CLOSED_WITH_THE_SEND = Script(
    (0, 0),
    (
        (Act("start", arms=BOTH),),
        (Act("send", channel=1), Act("close", channel=1), Act("close", channel=0)),
    ),
)

SENDERS_AT_CLOSE = Script(
    (1,),
    (
        (Act("send"), Act("start", arms=(Arm(0, is_send=True),))),
        (Act("start", arms=(Arm(0, is_send=True), Arm(EVENT))),),
        (Act("receive"), Act("close"), Act("set")),
        (Act("receive"), Act("receive"), Act("receive")),
    ),
)


@settings(max_examples=200, deadline=None)
@given(scripts())
@example(READY_TOGETHER)
@example(CANCELLED_WITH_THE_SEND)
@example(CHILD_CANCELLED_WITH_THE_SEND)
@example(CANCELLED_BEFORE_THE_SEND)
@example(CLOSED_WITH_THE_SEND)
@example(SENDERS_AT_CLOSE)
def test_every_script_does_what_the_rules_predict(script: Script) -> None:
    """Each operation ends as the lists say, also when closed or cancelled."""
    run = play(script, select)
    assert violations(run) == []
    assert run == predict(script)


@settings(max_examples=100, deadline=None)
@given(scripts())
def test_nothing_is_lost_in_random_order(script: Script) -> None:
    """Whichever ready case is done: sent = received + still queued."""
    run = play(script, partial(select, order="random"))
    assert violations(run) == []


@pytest.mark.parametrize(
    ("faulty", "script"),
    [
        (naive_race, READY_TOGETHER),
        (unshielded_claim, CANCELLED_WITH_THE_SEND),
    ],
)
def test_the_law_convicts_a_faulty_select(faulty: Select, script: Script) -> None:
    """A naive race, and a claim without the same-tick rule, each lose a value."""
    assert any(text.startswith("lost") for text in violations(play(script, faulty)))
    assert violations(play(script, select)) == []


@pytest.mark.parametrize("faulty", [naive_race, unshielded_claim])
def test_drawn_scripts_convict_a_faulty_select(faulty: Select) -> None:
    """The fault is found by drawing, without a script made for it."""

    def convicted(script: Script) -> bool:
        return bool(violations(play(script, faulty)))

    # No shrinking: what is wanted is that one exists.
    found = find(
        scripts(plain=True),
        convicted,
        settings=settings(
            max_examples=500,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
        ),
    )
    assert violations(play(found, select)) == []


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (Run([("sent", 1)], [[]]), ["lost: [1]"]),
        (Run([("sent", 1), ("got", 0, 1)], [[1]]), ["doubled, or never sent: [1]"]),
        (Run([("got", 0, 2)], [[]]), ["doubled, or never sent: [2]"]),
        (Run([("sent", 1)], [[1]], 1), ["1 offers left behind"]),
        (Run([("sent", 1), ("got", 0, 1), ("sent", 2)], [[2]]), []),
    ],
)
def test_the_law_checker_names_what_is_wrong(run: Run, verdict: list[str]) -> None:
    """The judge itself: lost, doubled, invented, left behind, and a clean run."""
    assert violations(run) == verdict
