"""Small applications of every kind, each doing what its table row says (apps 11.1)."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.applications.harness import (
    EXAMPLES,
    HERE,
    Outcome,
    copy_of,
    free_port,
    run_virtually,
    served,
)
from tests.cli.application import environment, run_command

if TYPE_CHECKING:
    from pathlib import Path

PID = r"\{app:processes\|0x[0-9a-f]{5,}\}"
STOPPING = [
    "run\tshutting down",
    "run\tstopped",
]

HELLO = """\
Hello from Wippy!
My PID: {app:terminal|0x00001}

A process has a state of its own.
It talks by messages.
It ends when its method returns.
"""
CALLS = """\
double(21) = 42
greet('Alice') = Hello, Alice! Welcome to Wippy.
  double(1) = 2
  double(2) = 4
  double(3) = 6
  double(4) = 8
  double(5) = 10
"""
REGISTRY = """\
At first (v0)
   [app:tool.calculator] Calculator — Sums
   [app:tool.summarizer] Summarizer — Short texts
applied v1
applied v2
Grown (v2)
   [app:tool.calculator] Calculator — Sums
   [app:tool.search] Web Search — Pages
   [app:tool.summarizer] Summarizer — Short texts
   [app:tool.weather] Weather — Forecasts
Without one (v3)
   [app:tool.calculator] Calculator — Sums
   [app:tool.search] Web Search — Pages
   [app:tool.weather] Weather — Forecasts
everything: true
"""
KEY_VALUE = """\
SET name = Wippy → ok: true
SET lang = Lua → ok: true
SET year = 2024 → ok: true
SET kind = demo → ok: true
SET temp = x → ok: true
GET name → Wippy
GET lang → Lua
GET year → 2024
GET missing → (not found)
Deleted: true
Keys (4): kind, lang, name, year
Total operations: 12
Total keys: 4
"""
ROOMS = """\
#general: 2 members (alice, bob), 4 messages
#random: 2 members (bob, carol), 3 messages
Found: #general (app:room.general)
Found: #random (app:room.random)
"""
ENVIRONMENT = """\
  APP_NAME = Env demo
  APP_VERSION = 1.0.0
  PORT = {port}
  LOG_LEVEL = info
  GREETING = Hello there
  NO_SUCH = (not set)
  LOG_LEVEL = debug
  APP_VERSION = 2.0.0
  set PORT: PermissionDenied
  listed PORT = {listed}
Done!
"""
SUMMARY = """\
Total events: 10
Max severity: 4
  By type:
    error.disk: 1
    page.view: 2
    purchase.done: 2
    user.login: 3
    user.logout: 2
  By user:
    alice: 4
    bob: 3
    charlie: 2
    system: 1
"""


# -- programs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "program", "printed"),
    [
        ("01-hello-world", "app:hello", HELLO),
        ("02-func-call", "app:cli", CALLS),
        ("06-registry-dynamic", "app:cli", REGISTRY),
        ("09-key-value", "app:cli", KEY_VALUE),
        ("10-chat-room", "app:cli", ROOMS),
    ],
)
def test_program_prints_exactly(
    tmp_path: Path, name: str, program: str, printed: str
) -> None:
    """Its output and nothing else: neither a log nor a banner (apps 5.3.6)."""
    outcome = run_virtually(copy_of(name, tmp_path), "run", "-x", program)
    assert outcome == Outcome(0, printed, "")


def test_04_three_workers_share_ten_jobs(tmp_path: Path) -> None:
    """In any order, together four times the time of one job."""
    outcome = run_virtually(
        copy_of("04-worker-pool", tmp_path), "run", "-x", "app:pool"
    )
    head, rest = outcome.out.split("Sending 10 jobs...\n")
    assert head == "=== Worker pool ===\nSpawned 3 workers\n"
    *jobs, total = rest.splitlines()
    found = [
        re.fullmatch(r"  Job #(\d+): \1\^2 = (\d+) \(worker (\d)\)", j) for j in jobs
    ]
    assert sorted(int(f[1]) for f in found if f) == list(range(1, 11))
    assert all(f is not None and int(f[2]) == int(f[1]) ** 2 for f in found)
    assert {f[3] for f in found if f} == {"1", "2", "3"}
    assert total == "Total: 0.8s"
    assert outcome.code == 0


def test_05_every_crash_is_seen(tmp_path: Path) -> None:
    """Five times, each time a new process after a longer wait."""
    outcome = run_virtually(
        copy_of("05-supervision", tmp_path), "run", "-x", "app:supervisor"
    )
    crash = rf"\[supervisor\] Worker ({PID}) crashed! \((\d)/5\)"
    crashes = re.findall(crash, outcome.out)
    assert [number for _, number in crashes] == list("12345")
    assert len({pid for pid, _ in crashes}) == 5
    errors = re.findall(r"Error: app:worker:\d+: something went wrong at", outcome.out)
    assert len(errors) == 5
    assert re.findall(r"Waiting (\d)s", outcome.out) == list("1234")
    started = re.findall(rf"New worker: ({PID})", outcome.out)
    assert started == [pid for pid, _ in crashes][1:]
    assert outcome.out.endswith("[supervisor] Worker crashed 5 times\n")
    assert outcome.code == 0


def test_06_a_filter_without_its_prefix_warns(tmp_path: Path) -> None:
    """And finds everything, as existing applications expect (apps 7.3)."""
    folder = copy_of("06-registry-dynamic", tmp_path)
    outcome = run_command(folder, "run", "-c", "-x", "app:cli")
    assert outcome.code == 0
    assert "metadata field must use 'meta.' prefix" in outcome.out
    assert "everything: true" in outcome.out


def test_08_lines_go_through_four_processes(tmp_path: Path) -> None:
    """Ten go in, the summary comes out."""
    outcome = run_virtually(copy_of("08-pipeline", tmp_path), "run", "-x", "app:cli")
    lines, summary = outcome.out[: -len(SUMMARY)], outcome.out[-len(SUMMARY) :]
    assert re.fullmatch(r"(  → [A-Z0-9. ]+\n){10}", lines)
    assert summary == SUMMARY
    assert outcome.code == 0


def test_13_a_worker_answers_each_line(tmp_path: Path) -> None:
    """Lines from standard input, until an empty one or the end."""
    folder = copy_of("13-echo-service", tmp_path)
    for end in ("\nnot read\n", ""):
        outcome = run_command(
            folder, "run", "-x", "app:cli", stdin=f"hello\nyou\n{end}"
        )
        pattern = (
            rf"> (  HELLO\n)(  from worker: {PID}\n)> (  YOU\n)(  from worker: {PID}\n)"
            r"> Goodbye!\n"
        )
        assert re.fullmatch(pattern, outcome.out), outcome
        assert outcome.code == 0
        assert outcome.err == ""


@pytest.mark.parametrize("port", ["", "9999"])
def test_15_variables_come_from_their_storages(tmp_path: Path, port: str) -> None:
    """Defaults, values of the system, and a file that is written (apps 2.7)."""
    folder = copy_of("15-env-variables", tmp_path)
    variables = {k: v for k, v in environment().items() if k != "PORT"}
    variables |= {"PORT": port} if port else {}
    done = subprocess.run(
        [sys.executable, "-m", "wippy_trio", "run", "-x", "app:cli"],
        cwd=folder,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    shown = ENVIRONMENT.format(port=port or "8080", listed=port or "(not set)")
    assert (done.returncode, done.stdout) == (0, shown)
    written = (folder / "config.env").read_text("utf-8")
    assert re.search(r"^APP_VERSION=\"?2\.0\.0\"?$", written, re.MULTILINE), written


# -- services --------------------------------------------------------------------------


def of_program(outcome: Outcome, *, named: str = "") -> list[str]:
    """Pick what programs logged: no logger of the runtime stands before it."""
    own = [m for m in outcome.messages if not m.startswith(("run\t", "core\t"))]
    return [message for message in own if named in message]


def assert_stopped(outcome: Outcome, *services: str) -> None:
    """Ctrl-C ends it with 0; its services stopped before their host."""
    assert outcome.code == 0, outcome
    messages = [m.partition("\t{")[0] for m in outcome.messages]
    assert messages.index(STOPPING[0]) < messages.index(STOPPING[1])
    assert messages[-1] == STOPPING[1]
    host = messages.index("core\tservice app:processes is stopping")
    for service in services:
        assert messages.index(f"core\tservice app:{service} is stopped") < host


def test_03_ping_and_pong_for_ever(tmp_path: Path) -> None:
    """A round a second, until Ctrl-C."""
    outcome = run_virtually(copy_of("03-ping-pong", tmp_path), "run", until=2.5)
    said = [m for m in of_program(outcome) if "stopping" not in m]
    assert said[0] == "Ponger ready"
    assert said[1].startswith("Pinger found ponger")
    rounds = [
        f'{what}\t{{"round": {n}}}'
        for n in (1, 2, 3)
        for what in ("Pinger sent ping", "Ponger received ping", "Pinger received pong")
    ]
    assert said[2:] == rounds
    assert_stopped(outcome, "pinger.service", "ponger.service")


def test_07_events_reach_every_subscriber(tmp_path: Path) -> None:
    """In order; the publisher ends, the subscribers go on until they are asked."""
    outcome = run_virtually(copy_of("07-event-bus", tmp_path), "run", until=4)
    said = of_program(outcome)
    publishing = [m for m in said if m.startswith("Publishing")]
    assert len(publishing) == 8
    kinds = [re.findall(r'"kind": "([^"]+)"', m)[0] for m in publishing]
    audited = [re.findall(r"\[AUDIT\] (\S+)", m)[0] for m in said if "[AUDIT]" in m]
    assert audited == kinds
    totals = [m for m in said if "[COUNTER] Running totals" in m]
    assert [re.findall(r'"all": (\d)', m)[0] for m in totals] == list("12345678")
    assert '"user.login": 3' in said[-1]
    assert said[-1].startswith("[COUNTER] Final counts")
    states = [m.partition("\t{")[0] for m in outcome.messages]
    assert "core\tservice app:publisher.service is exited" in states
    assert_stopped(outcome, "audit.service", "counter.service")


def test_11_jobs_tick_each_in_its_time(tmp_path: Path) -> None:
    """Four methods of one file, four services."""
    outcome = run_virtually(copy_of("11-crontab", tmp_path), "run", until=7.5)
    said = of_program(outcome)
    assert sum(m.startswith("Job started") for m in said) == 4
    assert [m for m in said if m.startswith("TICK heartbeat")] == [
        f'TICK heartbeat\t{{"run": {n}}}' for n in range(1, 8)
    ]
    runs = {"heartbeat": 7, "cleanup": 2, "report": 1, "backup": 1}
    for job, count in runs.items():
        assert sum(m.startswith(f"TICK {job}\t") for m in said) == count
        assert f'Job stopped\t{{"job": "{job}", "runs": {count}}}' in said
    assert_stopped(outcome, *(f"{job}.service" for job in runs))


def test_12_jobs_are_found_in_the_registry(tmp_path: Path) -> None:
    """A worker for each, which calls the function of the entry."""
    outcome = run_virtually(copy_of("12-crontab-registry", tmp_path), "run", until=7.5)
    said = of_program(outcome)
    assert said[0] == 'Discovered jobs\t{"count": 4}'
    assert sum(m.startswith("Spawning worker") for m in said) == 4
    counts = {"a": 7, "b": 2, "c": 1, "d": 1}
    for job, count in counts.items():
        ticks = [m for m in said if m.startswith("TICK") and f"app:job_{job}" in m]
        assert ticks == [
            f'TICK\t{{"entry": "app:job_{job}", "result": "done {n}", "run": {n}}}'
            for n in range(1, count + 1)
        ]
    assert_stopped(outcome, "scheduler.service")


@pytest.mark.parametrize("workers", ["", "500"])
def test_18_ten_thousand_processes(tmp_path: Path, workers: str) -> None:
    """As many as the environment says; all alive, all gone in the end."""
    variables = {"NUM_WORKERS": workers, "STATS_INTERVAL": "1s"} if workers else {}
    folder = copy_of("18-mass-spawn", tmp_path)
    outcome = run_virtually(folder, "run", until=4.5, **variables)
    count = workers or "10000"
    said = of_program(outcome)
    assert said[0] == f'mass spawn starting\t{{"count": {count}}}'
    assert said[1] == f'all workers spawned\t{{"count": {count}}}'
    stats = [m for m in said if m.startswith("stats")]
    assert stats == [f'stats\t{{"alive": {count}}}'] * (4 if workers else 2)
    assert said[-1] == f'shutting down\t{{"alive": {count}}}'
    assert_stopped(outcome, "spawner.service")


# -- servers ---------------------------------------------------------------------------


def test_http_hello_world(tmp_path: Path) -> None:
    """The least that answers; what is not there is 404 or 405."""
    with served(copy_of("http-hello-world", tmp_path)) as server:
        answer = server.ask("GET", "/hello")
        assert answer[:2] == (200, {"message": "hello world"})
        assert answer.type.startswith("application/json")
        assert server.ask("GET", "/nothing").status == 404
        assert server.ask("POST", "/hello", {}).status == 405
        assert server.interrupt().code == 0


def test_http_async_task(tmp_path: Path) -> None:
    """Answered at once; what was spawned goes on and ends (apps 13.31)."""
    with served(copy_of("http-async-task", tmp_path)) as server:
        answer = server.ask("POST", "/api/tasks", {"name": "x", "duration": 1})
        assert answer.status == 202
        assert re.fullmatch(r"task_\d+", answer.body.pop("task_id"))
        assert answer.body == {
            "name": "x",
            "status": "accepted",
            "message": "Task will run for 1 seconds in background",
        }
        assert "Task completed" not in server.log.read_text("utf-8")
        server.wait_for("Task completed")
        assert server.ask("POST", "/api/tasks", "{").status == 400
        assert server.ask("POST", "/api/tasks", {"duration": 1}).status == 400
        outcome = server.interrupt()
    assert outcome.code == 0
    assert len(of_program(outcome, named="Task progress")) == 1


def test_http_spawn(tmp_path: Path) -> None:
    """A process for each request, which outlives it."""
    with served(copy_of("http-spawn", tmp_path)) as server:
        answers = [
            server.ask("POST", "/api/tasks", {"name": name}) for name in ("a", "b")
        ]
        for answer, name in zip(answers, "ab", strict=True):
            assert answer.status == 202
            assert re.fullmatch(PID, answer.body["pid"])
            assert answer.body["status"] == "spawned"
            server.wait_for(f'Worker done, exiting\t{{"name": "{name}"')
        assert answers[0].body["pid"] != answers[1].body["pid"]
        assert server.ask("POST", "/api/tasks", {}).status == 400
        outcome = server.interrupt()
    assert outcome.code == 0
    assert len(of_program(outcome, named="Worker step")) == 4


def test_16_metrics_are_served_to_prometheus(tmp_path: Path) -> None:
    """What the program counts and what its router measures (apps 2.3, 9.2)."""
    port = free_port()
    folder = copy_of("16-metrics", tmp_path)
    flags = ("--set", f"prometheus.address=127.0.0.1:{port}")
    with served(folder, *flags) as server:
        assert server.ask("GET", "/api/health")[:2] == (200, {"status": "ok"})
        order = {"item": "book", "quantity": 2, "price": 15}
        made = server.ask("POST", "/api/orders", order)
        assert made[:2] == (201, {"order": {"item": "book", "total": 30}})
        assert server.ask("POST", "/api/orders", {}).status == 400
        stats: Any = server.ask("GET", "/api/stats").body["runtime"]
        assert stats["goroutines"] >= 1
        assert stats["memory"]["alloc"] > 0
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
            shown = response.read().decode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez") as response:
            assert response.status == 200
        assert server.interrupt().code == 0
    assert re.search(r'^orders_total\{item="book"\} 1(\.0)?$', shown, re.MULTILINE)
    assert re.search(r"^order_value_sum 30(\.0)?$", shown, re.MULTILINE)
    assert re.search(r"^last_order 30(\.0)?$", shown, re.MULTILINE)
    assert "wippy_http_requests_total" in shown


def test_14_tasks_are_done_behind_the_answer(tmp_path: Path) -> None:
    """Accepted at once, completed by a consumer, listed by state."""
    with served(copy_of("15-task-queue", tmp_path)) as server:
        created = server.ask("POST", "/tasks", {"action": "upper", "text": "x"})
        assert created.status == 202
        assert created.body["status"] == "queued"
        id_ = created.body["id"]
        assert re.fullmatch(r"[0-9a-f-]{36}", id_)
        for body, text in (("{", "invalid JSON"), ({}, "action required")):
            refused = server.ask("POST", "/tasks", body)
            assert refused[:2] == (400, {"error": text})
        server.ask("POST", "/tasks", {"action": "broken"})
        failed = "/tasks?status=failed"
        assert server.ask_until(failed, lambda body: body["count"] == 1)
        path = "/tasks?status=completed"
        done = server.ask_until(path, lambda body: body["count"] == 1)
        assert [(t["id"], t["status"]) for t in done["tasks"]] == [(id_, "completed")]
        assert done["count"] == 1
        assert server.ask("GET", "/tasks").body["count"] == 2
        outcome = server.interrupt()
    assert outcome.code == 0
    states = [m.partition("\t{")[0] for m in outcome.messages]
    assert "core\tservice app:migration is exited" in states


def test_shop(tmp_path: Path) -> None:
    """A visit from the first look to the second checkout (apps 11.1)."""
    with served(copy_of("14-shop", tmp_path)) as server:
        products = server.ask("GET", "/api/products").body
        assert products["count"] == len(products["products"]) == 5
        added = server.ask("POST", "/api/cart/u/items", {"sku": "LAPTOP-001"})
        assert added.status == 200
        assert added.body["status"] == "added"
        unknown = server.ask("POST", "/api/cart/u/items", {"sku": "YACHT-001"})
        assert unknown.status == 404
        cart = server.ask("GET", "/api/cart/u").body
        assert [item["sku"] for item in cart["items"]] == ["LAPTOP-001"]
        assert cart["total"] == 99900
        out = server.ask("POST", "/api/cart/u/checkout")
        assert out.status == 200
        assert out.body["status"] == "checked_out"
        server.wait_for("order.delivered")  # what the notifier says, after delivery
        empty = server.ask("GET", "/api/cart/u").body
        assert empty["items"] == []
        assert empty["message"] == "Cart is empty (no active session)"
        again = server.ask("POST", "/api/cart/u/checkout")
        assert again[:2] == (400, {"error": "No active cart for this user"})
        (order,) = server.ask("GET", "/api/orders/u").body["orders"]
        assert (order["id"], order["status"]) == (out.body["order"], "delivered")
        outcome = server.interrupt()
    said = of_program(outcome)
    about = [m for m in said if m.startswith("Notification sent")]
    assert [("order.placed" in m, "order.delivered" in m) for m in about] == [
        (True, False),
        (False, True),
    ]
    assert any(m.startswith("Delivery scheduled") for m in said)
    assert_stopped(outcome)


# -- all of them -----------------------------------------------------------------------

FOLDERS = sorted(p.parent.parent for p in HERE.glob("*/src/_index.yaml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_our_checker_finds_nothing_in_it(folder: Path) -> None:
    """Neither errors nor warnings in what we wrote for these tests."""
    outcome = run_command(folder, "lint")
    assert outcome.code == 0, outcome.out
    if folder.name == "15-env-variables":  # it is there to show that (apps 13.7)
        assert "read_only: no field of env.variable" in outcome.out
        assert "0 errors, 1 warnings" in outcome.out
        return
    assert outcome.out.startswith("No issues found"), outcome.out


@pytest.mark.parametrize("name", ["14-shop", "15-task-queue"])
def test_our_checker_finds_nothing_in_examples(name: str) -> None:
    """Nor in the large examples, with their tests and the framework."""
    outcome = run_command(EXAMPLES / name, "lint")
    assert outcome.out.startswith("No issues found"), outcome.out
