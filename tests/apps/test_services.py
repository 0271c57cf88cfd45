"""Services under the supervisor: apps 4, core 19."""

from __future__ import annotations

import socket
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import structlog
import trio

from tests.apps.application import application, lua, service, settle
from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

FAILING = """
return { main = function(text)
  note("start", process.pid())
  error(text or "boom")
end }
"""
STEADY = """
return { main = function(...)
  note("start", { ... })
  local e = process.events():receive()
  note("event", e)
  note("stop", process.id())
  return "over"
end }
"""
RESTART = """
      restart: {initial_delay: 1s, max_delay: 4s, backoff_factor: 2, jitter: 0}
"""


async def test_it_starts_with_its_input_and_stops_by_a_cancel(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The input is its arguments; CANCEL `service stopping` ends it in good order."""
    entries = lua("steady") + service(
        "one", "steady", more='    input: [1, "two", {three: [4]}]'
    )
    async with application(tmp_path, entries, {"steady": STEADY}) as app:
        await settle()
        assert app.said("start") == [[1, "two", {"three": [4]}]]  # core SUP-1
        assert app.status("one") == "running"  # apps 4.3.1
        await app.runtime.supervisor.stop("app:one")
        [event] = app.said("event")
        assert event["kind"] == "pid.cancel"
        assert event["reason"] == "service stopping"  # core P-57, SUP-6
        assert app.status("one") == "stopped"  # core SUP-4


async def test_a_normal_end_is_an_exit_without_restart(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Any value, also `1` or `false`, is an exit (apps 4.2)."""
    source = "return {{ main = function() note('start') return {value} end }}"
    entries = ""
    sources = {}
    for name, value in (("a", "1"), ("b", "false"), ("c", ""), ("d", "{}")):
        entries += lua(f"p{name}") + service(name, f"p{name}")
        sources[f"p{name}"] = source.format(value=value)
    async with application(tmp_path, entries, sources) as app:
        await trio.sleep(300)
        assert len(app.said("start")) == 4
        assert {app.status(name) for name in "abcd"} == {"exited"}  # core SUP-5


async def test_a_raised_error_is_restarted_with_growing_delays(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The delays grow by the factor up to the cap; each start is a new process."""
    entries = lua("failing") + service("one", "failing", RESTART)
    async with application(tmp_path, entries, {"failing": FAILING}) as app:
        await trio.sleep(12)
        assert app.times("start") == [0, 1, 3, 7, 11]  # core SUP-8, apps 4.2.1
        assert len(set(app.said("start"))) == 5  # apps 4.3.2


@pytest.mark.parametrize(
    ("how", "again"),
    [
        ("error('text')", True),  # core P-31
        ("error(errors.new('e'))", True),
        ("return nil, errors.new('e')", True),  # core SUP-7
        ("return nil, errors.new({message = 'e', retryable = true})", True),
        ("return nil, errors.new({message = 'e', retryable = false})", False),
        ("error(errors.new({message = 'e', retryable = false}))", False),
        ("return nil, 'text'", False),  # core SUP-7: the trap
        ("return false, 'text'", False),
        ("process.terminate(process.pid())", True),
        ("process.spawn_linked('app:bad', 'app:processes') time.sleep('1h')", True),
        ("channel.select({})", True),
    ],
)
async def test_which_ends_are_restarted(
    tmp_path: Path, autojump_clock: MockClock, how: str, again: bool
) -> None:
    """An error marked as not retryable is final, every other one is not."""
    entries = lua("p") + lua("bad") + service("one", "p", RESTART)
    sources = {
        "p": f"return {{ main = function() note('start') {how} end }}",
        "bad": "return { main = function() error('linked') end }",
    }
    async with application(tmp_path, entries, sources) as app:
        await trio.sleep(1.5)
        assert len(app.said("start")) == (2 if again else 1)  # core SUP-7
        if not again:
            assert app.status("one") == "exited"


async def test_attempts_are_limited(tmp_path: Path, autojump_clock: MockClock) -> None:
    """With `max_attempts: 3` the third failure in a row is final."""
    lifecycle = """
      restart: {initial_delay: 1s, jitter: 0, max_attempts: 3}
"""
    entries = lua("failing") + service("one", "failing", lifecycle)
    async with application(tmp_path, entries, {"failing": FAILING}) as app:
        await trio.sleep(600)
        assert len(app.said("start")) == 3  # core SUP-8
        assert app.status("one") == "failed"


async def test_a_stable_time_resets_the_counter(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Who ran at least `stable_threshold` starts counting anew (core SUP-8)."""
    source = """
    return { main = function()
      note("start")
      time.sleep("3s")
      error("after a while")
    end }
    """
    lifecycle = """
      stable_threshold: 2s
      restart: {initial_delay: 1s, jitter: 0, max_attempts: 2}
"""
    entries = lua("p") + service("one", "p", lifecycle)
    async with application(tmp_path, entries, {"p": source}) as app:
        await trio.sleep(21)
        assert app.times("start") == [0, 4, 8, 12, 16, 20]  # apps 4.2.2


async def test_jitter_stays_within_its_fraction(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The default is a tenth, up and down (core SUP-3)."""
    lifecycle = """
      restart: {initial_delay: 1s, backoff_factor: 1}
"""
    entries = lua("failing") + service("one", "failing", lifecycle)
    async with application(tmp_path, entries, {"failing": FAILING}) as app:
        await trio.sleep(30)
        times = app.times("start")
        gaps = [b - a for a, b in pairwise(times)]
        assert all(0.89 < gap < 1.11 for gap in gaps)
        assert len(set(gaps)) > 3


async def test_a_stop_that_takes_too_long_fails_and_ends_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It is told as `stop timeout after 2s`; nothing outlives its service."""
    source = "return { main = function() note('start') time.sleep('1h') end }"
    entries = lua("deaf") + service("one", "deaf", "      stop_timeout: 2s")
    async with application(tmp_path, entries, {"deaf": source}) as app:
        await settle()
        before = trio.current_time()
        await app.runtime.supervisor.stop("app:one")
        assert trio.current_time() - before == pytest.approx(2, abs=0.1)
        assert app.status("one") == "failed"
        assert "stop timeout after 2s" in app.details("one")  # core SUP-6
        assert not app.runtime.node.hosts["app:processes"].processes  # apps 4.3.3


async def test_a_service_without_auto_start_waits(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It stays unknown until somebody needs it (apps 4.1)."""
    entries = (
        lua("steady")
        + """
  - name: needed
    kind: process.service
    process: steady
    host: processes
  - name: alone
    kind: process.service
    process: steady
    host: processes
"""
    )
    entries += service("one", "steady", "      requires: [app:needed]")
    async with application(tmp_path, entries, {"steady": STEADY}) as app:
        await settle()
        assert app.status("needed") == "running"
        assert app.status("alone") == "unknown"  # core SUP-2, SUP-4
        assert len(app.said("start")) == 2


async def test_dependencies_start_first_and_stop_last(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """`requires` and its older name `depends_on` are one list."""
    source = """
    return {{ main = function()
      note("start", "{name}")
      process.events():receive()
      time.sleep("10ms")
      note("stop", "{name}")
    end }}
    """
    entries = ""
    sources = {}
    for name, lifecycle in (
        ("a", "      requires: [app:b]\n      depends_on: [app:c]"),
        ("b", "      requires: [app:d]"),
        ("c", ""),
        ("d", ""),
    ):
        entries += lua(f"p{name}") + service(name, f"p{name}", lifecycle)
        sources[f"p{name}"] = source.format(name=name)
    async with application(tmp_path, entries, sources) as app:
        await settle()
        order = app.said("start")
    assert order.index("d") < order.index("b") < order.index("a")  # core SUP-10
    assert order.index("c") < order.index("a")
    stops = app.said("stop")
    assert stops.index("a") < stops.index("b") < stops.index("d")  # apps 3.8
    assert stops.index("a") < stops.index("c")


async def test_a_missing_requirement_blocks_only_what_needs_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The rest of the application starts (apps 3.7)."""
    entries = lua("steady")
    entries += service("blocked", "steady", "      requires: [app:nothing]")
    entries += service("above", "steady", "      requires: [app:blocked]")
    entries += service("free", "steady")
    with structlog.testing.capture_logs() as logs:
        async with application(tmp_path, entries, {"steady": STEADY}) as app:
            await settle()
            assert app.status("free") == "running"
            assert app.status("blocked") == "unknown"
            assert app.status("above") == "unknown"
    texts = [str(entry.get("error", "")) for entry in logs]
    assert any(
        "service startup blocked by missing dependencies" in text for text in texts
    )
    events = [entry["event"] for entry in logs]
    assert "failed to execute commit protocol" in events  # apps 4.2.5


async def test_logs_name_the_service_and_its_status(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """INFO for an exit, ERROR for an error, with `serviceID` and `status`."""
    entries = lua("failing") + service(
        "bad", "failing", "      restart: {max_attempts: 1}"
    )
    entries += lua("good") + service("fine", "good")
    sources = {"failing": FAILING, "good": "return { main = function() end }"}
    with structlog.testing.capture_logs() as logs:
        async with application(tmp_path, entries, sources):
            await settle(0.1)
    rows = {
        (entry["serviceID"], entry["status"]): entry
        for entry in logs
        if "serviceID" in entry
    }
    exited = rows["app:fine", "exited"]
    assert exited["event"] == "service app:fine is exited"  # apps 4.2.4
    assert exited["log_level"] == "info"
    failed = rows["app:bad", "failed"]
    assert failed["log_level"] == "error"
    assert "process failed: " in failed["error"]  # apps 4.3.2
    assert "boom" in failed["error"]


async def test_its_identity_reaches_all_it_spawns(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Actor and policies of `lifecycle.security` are inherited (core SUP-9)."""
    source = """
    local function who()
      local actor = security.actor()
      return { id = actor and actor:id(), role = actor and actor:meta().role,
        may = process.send(process.pid(), "t") == true }
    end
    return { main = function(child)
      note(child and "child" or "own", who())
      if not child then
        process.exec("app:p", "app:processes", true)
      end
    end }
    """
    lifecycle = """
      security:
        actor: {id: robot, meta: {role: worker}}
        policies: [app:most, app:unknown]
"""
    entries = lua("p", modules="security, time") + service("one", "p", lifecycle)
    entries += """
  - name: most
    kind: security.policy
    policy: {actions: ["process.spawn", "process.exec", "process.host", "events.*"],
      resources: "*", effect: allow}
"""
    async with application(tmp_path, entries, {"p": source}) as app:
        await settle()
        [own], [child] = app.said("own"), app.said("child")
    assert own == {"id": "robot", "role": "worker", "may": False}  # core PERM-0c
    assert child == own  # core S-20


async def test_a_service_starts_clean(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Without `security` there is no actor, and no context values (apps 5.2.1)."""
    source = """
    return { main = function()
      local values = next((ctx.all()))
      note("own", { actor = security.actor() == nil, values = values == nil })
    end }
    """
    entries = lua("p", modules="security, ctx") + service("one", "p")
    async with application(tmp_path, entries, {"p": source}) as app:
        await settle()
        assert app.said("own") == [{"actor": True, "values": True}]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("host: processes", "process is required"),
        ("process: p", "host is required"),
        ("process: p\n    host: node:control", "invalid host: node:control"),
    ],
)
async def test_malformed_services_are_refused(
    tmp_path: Path, autojump_clock: MockClock, body: str, text: str
) -> None:
    """Each with what is missing (apps 2.2, core SUP-1, H-2)."""
    entries = lua("p") + f"\n  - name: one\n    kind: process.service\n    {body}\n"
    sources = {"p": "return { main = function() end }"}
    with pytest.raises(BaseExceptionGroup) as caught:
        async with application(tmp_path, entries, sources):
            pass
    error = caught.value.exceptions[0]
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, InvalidError)
    assert text in str(error)


async def test_a_service_of_an_unknown_process_exits(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A start that can never succeed is not tried again (apps 4.2)."""
    entries = lua("steady") + service("good", "steady")
    entries += """
  - name: bad
    kind: process.service
    process: app:steady
    host: app:say
    lifecycle: {auto_start: true}
"""
    with structlog.testing.capture_logs() as logs:
        async with application(tmp_path, entries, {"steady": STEADY}) as app:
            await trio.sleep(100)
            assert app.status("good") == "running"
            assert app.status("bad") == "exited"
    [told] = [e for e in logs if e.get("serviceID") == "app:bad" and "error" in e]
    assert "host does not implement process.Host" in told["error"]


async def test_a_required_service_that_is_slow_holds_the_next_level(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """`optional` does not hold it (apps 3.6, 4.1)."""
    entries = lua("failing") + lua("steady")
    entries += service("shaky", "failing", RESTART + "      startup: optional")
    entries += service("above", "steady", "      requires: [app:shaky]")
    sources = {"failing": FAILING, "steady": STEADY}
    async with application(tmp_path, entries, sources) as app:
        await settle()
        assert app.status("above") == "running"


async def test_an_application_runs_without_what_it_lacks(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A required service that cannot start holds what needs it, and nothing else."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        entries = lua("steady") + service("other", "steady")
        entries += service("above", "steady", "      requires: [app:gw]")
        entries += f"""
  - name: gw
    kind: http.service
    addr: "127.0.0.1:{port}"
    lifecycle: {{auto_start: true, restart: {{initial_delay: 5s, jitter: 0}}}}
"""
        with structlog.testing.capture_logs() as logs:
            async with application(tmp_path, entries, {"steady": STEADY}) as app:
                assert trio.current_time() < 5  # apps 1.12.6: it does not wait
                assert app.status("gw") == "failed"
                assert app.status("other") == "running"
                assert app.status("above") == "unknown"  # apps 3.6
                taken.close()
                with trio.fail_after(60):
                    while app.status("above") != "running":  # noqa: ASYNC110
                        await trio.sleep(1)
                assert app.status("gw") == "running"
    (told,) = (e for e in logs if e["event"] == "failed to execute commit protocol")
    assert told["serviceID"] == "app:gw"  # apps 4.2.5
    assert "in use" in told["error"]


async def test_a_removed_service_stops_first(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Removing the entry stops the process before it is forgotten (apps 3.9)."""
    from wippy_trio.registry import Operation, OperationKind  # noqa: PLC0415

    entries = lua("steady") + service("one", "steady")
    async with application(tmp_path, entries, {"steady": STEADY}) as app:
        await settle()
        entry = app.runtime.live.state.state["app:one"]
        await app.runtime.live.apply([Operation(OperationKind.DELETE, entry)])
        [event] = app.said("event")
        assert event["reason"] == "service stopping"
        assert "app:one" not in app.runtime.supervisor.states()


async def test_a_signal_of_unknown_policies_is_a_warning(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """They are skipped; without any there is an actor and no scope (apps 8.6)."""
    source = """
    return { main = function()
      note("own", { actor = security.actor():id(), scope = security.scope() == nil })
    end }
    """
    lifecycle = """
      security: {actor: {id: robot}, policies: [app:unknown]}
"""
    entries = lua("p", modules="security") + service("one", "p", lifecycle)
    async with application(tmp_path, entries, {"p": source}) as app:
        await settle()
        assert app.said("own") == [{"actor": "robot", "scope": True}]
