"""`system`: the runtime looks at itself, and ends itself."""

from __future__ import annotations

import gc
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import trio

from wippy_trio.sdk import (
    AlreadyExistsError,
    InternalError,
    InvalidError,
    LuaModule,
    NotFoundError,
    check_permission,
    current_process,
    current_runtime,
    run_in_thread,
    runtime_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.kernel import Process
    from wippy_trio.sdk import Runtime

MODULE = LuaModule(
    "system",
    classes=("process", "nondeterministic"),
    declares="""
    exit: (code: integer?) -> (boolean?, Error?)
    modules: () -> ({table}?, Error?)
    memory: table
    gc: table
    runtime: table
    process: table
    node: table
    cluster: table
    raft: table
    lock: table
    supervisor: table
    hosts: table
    """,
    source=b"""
local P, F = ...
local heap = P.raw.collectgarbage
local stats, allocated = F._stats, F._allocated
local function bytes()
  return P.raw.math.floor(heap("count") * 1024)
end
F.memory = P.library("system.memory", {
  stats = function() return stats(bytes()) end,
  allocated = function() return allocated(bytes()) end,
  heap_objects = F._heap_objects,
  get_limit = F._get_limit,
  set_limit = F._set_limit,
})
F._stats, F._allocated, F._heap_objects, F._get_limit = nil, nil, nil, nil
F._set_limit = nil
return F
""",
)
GC = MODULE.table("gc")
RUNTIME = MODULE.table("runtime")
PROCESS = MODULE.table("process")
NODE = MODULE.table("node")
CLUSTER = MODULE.table("cluster")
RAFT = MODULE.table("raft")
LOCK = MODULE.table("lock")
SUPERVISOR = MODULE.table("supervisor")
HOSTS = MODULE.table("hosts")

NO_LIMIT = 2**63 - 1
_UNKNOWN_FIGURES = (
    "heap_idle",
    "heap_in_use",
    "heap_released",
    "stack_in_use",
    "stack_sys",
    "mspan_in_use",
    "mspan_sys",
    "next_gc",
)


class _State:
    """What programs of one runtime have set."""

    def __init__(self) -> None:
        self.gc_percent = 100
        self.memory_limit = 0
        self.max_procs = os.cpu_count() or 1
        self.locks: dict[str, tuple[Process, Callable[[], None]]] = {}
        self.objects = (-1.0, 0)


_states: WeakKeyDictionary[Runtime, _State] = WeakKeyDictionary()


def _state() -> _State:
    return _states.setdefault(current_runtime(), _State())


def _gate(action: str, resource: str) -> None:
    process = current_process()
    if not runtime_of(process).allowed(process, action, resource):
        raise InvalidError(f"permission denied: {action} on {resource}")


@MODULE.export(name="exit")
def exit_(code: int = 0) -> bool:
    """Ask the runtime to stop."""
    process = current_process()
    runtime = runtime_of(process)
    if not runtime.allowed(process, "system.exit", ""):
        raise InvalidError("permission denied: system.exit")
    runtime.exit(code)
    return True


# Memory -------------------------------------------------------------------------------


def _resident() -> int:
    """Give the bytes of the process in memory.

    Where the system has no file that says it, psutil is asked; 0 without both.
    """
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        try:
            import psutil  # noqa: PLC0415 - an extra
        except ImportError:
            return 0
        resident: int = psutil.Process().memory_info().rss
        return resident
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _objects() -> int:
    """Count the objects of Python's collector; once a second, for it is slow."""
    state, now = _state(), time.monotonic()
    if now - state.objects[0] > 1 or state.objects[0] < 0:
        state.objects = now, len(gc.get_objects())
    return state.objects[1]


@MODULE.export(name="_stats")
def memory_stats(heap: int) -> dict[str, int]:
    """Give the figures of memory; those without a counterpart are 0."""
    _gate("system.read", "memory")
    resident = _resident()
    collections = sum(int(row["collections"]) for row in gc.get_stats())
    return {
        **dict.fromkeys(_UNKNOWN_FIGURES, 0),
        "alloc": heap,
        "total_alloc": heap,
        "heap_alloc": heap,
        "heap_objects": _objects(),
        "sys": resident,
        "heap_sys": resident,
        "num_gc": collections,
    }


@MODULE.export(name="_allocated")
def memory_allocated(heap: int) -> int:
    """Give the bytes of the Lua heap."""
    _gate("system.read", "memory")
    return heap


@MODULE.export(name="_heap_objects")
def memory_heap_objects() -> int:
    """Count the objects that the collector of Python knows."""
    _gate("system.read", "memory")
    return _objects()


@MODULE.export(name="_get_limit")
def memory_limit() -> int:
    """Give the limit of the Lua heap."""
    _gate("system.read", "memory_limit")
    limit: int = current_runtime().engine.vm.memory_limit
    return _state().memory_limit or limit or NO_LIMIT


@MODULE.export(name="_set_limit")
def set_memory_limit(size: int | None) -> int:
    """Set the limit of the Lua heap, -1 for none; gives the one before."""
    _gate("system.control", "memory_limit")
    if size is None:
        raise InvalidError("memory limit value required")
    if size < -1:
        raise InvalidError("limit must be non-negative or -1")
    state, vm = _state(), current_runtime().engine.vm
    before: int = state.memory_limit or vm.memory_limit or NO_LIMIT
    vm.limit_memory(0 if size in (-1, NO_LIMIT) else max(size, 1))
    state.memory_limit = NO_LIMIT if size == -1 else size
    return before


@MODULE.export
async def modules() -> list[dict[str, Any]]:
    """List the modules with their classes."""
    _gate("system.read", "modules")
    rows: list[dict[str, Any]] = await run_in_thread(
        current_runtime().engine.surroundings.modules
    )
    return rows


@GC.export
def collect() -> bool:
    """Collect garbage: Python's now, that of Lua after this step."""
    _gate("system.gc", "gc")
    gc.collect()
    runtime = current_runtime()
    runtime.nursery.start_soon(_collect_lua, runtime)
    return True


async def _collect_lua(runtime: Runtime) -> None:
    runtime.engine.vm.collect()
    await trio.lowlevel.checkpoint()


@GC.export
def get_percent() -> int:
    """Give the percentage that was set."""
    _gate("system.read", "gc_percent")
    return _state().gc_percent


@GC.export
def set_percent(percent: int | None) -> int:
    """Note a percentage; it changes nothing here. Gives the one before."""
    _gate("system.gc", "gc_percent")
    if percent is None:
        raise InvalidError("percent value required")
    state = _state()
    before, state.gc_percent = state.gc_percent, percent
    return before


# The runtime and its process ----------------------------------------------------------


@RUNTIME.export
def goroutines() -> int:
    """Count tasks and Lua processes."""
    _gate("system.read", "goroutines")
    tasks = trio.lowlevel.current_statistics().tasks_living
    return tasks + len(current_runtime().node.processes)


@RUNTIME.export
def cpu_count() -> int:
    """Count processors."""
    _gate("system.read", "cpu")
    return os.cpu_count() or 1


@RUNTIME.export
def max_procs(count: int | None) -> int:
    """Give a number that starts as the count of processors; set it, if one is given."""
    state = _state()
    if count is None:
        _gate("system.read", "gomaxprocs")
        return state.max_procs
    _gate("system.control", "gomaxprocs")
    if count <= 0:
        raise InvalidError("GOMAXPROCS value must be positive")
    before, state.max_procs = state.max_procs, count
    return before


@PROCESS.export
def pid() -> int:
    """Give the number of the operating system's process."""
    _gate("system.read", "pid")
    return os.getpid()


@PROCESS.export
def hostname() -> str:
    """Give the name of the machine."""
    _gate("system.read", "hostname")
    return socket.gethostname()


@PROCESS.export
def cwd() -> str:
    """Give the working directory."""
    _gate("system.read", "cwd")
    return str(Path.cwd())


# One node, no cluster -----------------------------------------------------------------


@NODE.export(name="id")
def node_id() -> str:
    """Give the name of this node."""
    _gate("system.read", "node")
    return current_runtime().node.name


@NODE.export(name="addr")
def node_addr() -> str:
    """Refuse: a node alone has no address."""
    _gate("system.read", "node")
    raise InternalError("local node address not available")


@NODE.export(name="role")
def node_role() -> str:
    """Tell its role in a cluster: none."""
    _gate("system.read", "node")
    return "non-member"


@CLUSTER.export
def members() -> list[Any]:
    """List this node."""
    _gate("system.read", "cluster")
    return [{"id": current_runtime().node.name, "is_local": True}]


@CLUSTER.export
def leader() -> str:
    """Name the leader: none."""
    _gate("system.read", "cluster")
    return ""


@CLUSTER.export
def size() -> int:
    """Count the nodes."""
    _gate("system.read", "cluster")
    return 1


def _no_raft(name: str, resource: str) -> None:
    def refuse() -> None:
        _gate("system.read", resource)
        raise InternalError("raft not available")

    RAFT.export(name=name)(refuse)


for _name in ("is_leader", "is_member", "role", "term", "commit_index"):
    _no_raft(_name, "raft")
_no_raft("stats", "raft_stats")


# Locks --------------------------------------------------------------------------------


def _lock_gate(name: str) -> None:
    check_permission("system.lock", name, f"permission denied: system.lock on {name}")


@LOCK.export
def acquire(name: str) -> tuple[Any, ...]:
    """Take a lock for the calling process, at once or not at all."""
    _lock_gate(name)
    process = current_process()
    locks = _state().locks
    held = locks.get(name)
    if held is not None and held[0] is process:
        return True, None
    if held is not None:
        return False, AlreadyExistsError(f"lock held: {name}", retryable=False)

    def free() -> None:
        del locks[name]

    locks[name] = process, process.on_end(free)
    return True, None


@LOCK.export
def release(name: str) -> bool:
    """Give a lock back; ``false`` if the caller does not hold it."""
    _lock_gate(name)
    locks = _state().locks
    held = locks.get(name)
    if held is None or held[0] is not current_process():
        return False
    held[1]()  # the end has nothing to free any more
    del locks[name]
    return True


# Services and hosts -------------------------------------------------------------------


def _service(state: Any) -> dict[str, Any]:
    clock = current_runtime().node.clock
    offset = clock.unix() - clock.now()

    def moment(at: float | None) -> int:
        return 0 if at is None else int((at + offset) * 1_000_000_000)

    table = {
        "id": state.id,
        "status": str(state.status),
        "desired": str(state.desired),
        "retry_count": state.retry_count,
        "last_update": moment(state.last_update),
        "started_at": moment(state.started_at),
    }
    if state.details:
        table["details"] = state.details
    return table


@SUPERVISOR.export
def state(id: str | None) -> dict[str, Any]:  # noqa: A002 - its name
    """Tell the state of a service."""
    _gate("system.read", "supervisor")
    if not id:
        raise InvalidError("service ID required")
    found = current_runtime().supervisor.states().get(id)
    if found is None:
        raise NotFoundError(f"service {id} not found")
    return _service(found)


@SUPERVISOR.export
def states() -> list[Any]:
    """Tell the states of all services."""
    _gate("system.read", "supervisor")
    return [_service(row) for row in current_runtime().supervisor.states().values()]


@HOSTS.export(name="list")
def list_hosts() -> list[Any]:
    """List the hosts; one thread runs them all, so nothing is stolen or queued.

    What was executed is counted in processes.
    """
    _gate("system.read", "hosts")
    return [
        {
            "id": host.id,
            "workers": 1,
            "processes": len(host.processes),
            "executed": host.born,
            "stolen": 0,
            "queue_depth": 0,
        }
        for host in current_runtime().node.hosts.values()
    ]


@HOSTS.export
def processes(host: str | None) -> list[Any]:
    """List the processes of a host."""
    _gate("system.read", "hosts")
    if not host:
        raise InvalidError("host ID required")
    found = current_runtime().node.hosts.get(host)
    if found is None:
        raise NotFoundError(f"host {host} not found")
    return [_described(process) for process in found.processes.values()]


def _described(process: Process) -> dict[str, Any]:
    node = process.host.node
    born = process.born_at + node.clock.unix() - node.clock.now()
    table = {
        "pid": str(process.pid),
        "host": process.host.id,
        "source": process.entry,
        "state": "running",
        "steps": 0,
        "started_at": int(born * 1_000_000_000),
    }
    parent = None if process.parent is None else node.processes.get(process.parent)
    if parent is not None:
        table["parent"] = str(parent.pid)
    actor = getattr(process.context.actor, "id", None)
    if actor:
        table["actor_id"] = actor
    return table
