"""`pg`: groups of processes, whom one can message together (core 22)."""

from __future__ import annotations

from importlib import resources
from itertools import count
from typing import TYPE_CHECKING, Any

from wippy_trio.modules.pg.scope import GroupScope
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    check_permission,
    current_process,
    current_runtime,
    method,
    runtime_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODULE"]

MODULE = LuaModule(
    "pg",
    classes=("process", "nondeterministic"),
    declares="""
    type Subscription = {
      channel: (self: Subscription) -> Channel<any>,
      close: (self: Subscription, options: table?) -> boolean
    }
    type Instance = {
      join: (self: Instance, groups: any) -> (boolean?, Error?),
      leave: (self: Instance, groups: any) -> (boolean?, Error?),
      get_members: (self: Instance, group: string) -> ({string}?, Error?),
      get_local_members: (self: Instance, group: string) -> ({string}?, Error?),
      which_groups: (self: Instance) -> ({string}?, Error?),
      which_local_groups: (self: Instance) -> ({string}?, Error?),
      broadcast: (self: Instance, group: string, topic: string, ...any)
        -> (boolean?, Error?),
      broadcast_local: (self: Instance, group: string, topic: string, ...any)
        -> (boolean?, Error?),
      monitor: (self: Instance, group: string) -> (Subscription?, {string}?, Error?),
      events: (self: Instance) -> (Subscription?, table?, Error?),
      release: (self: Instance) -> boolean
    }
    open: (id: string) -> (Instance?, Error?)
    """,
    source=(resources.files(__name__) / "pg.lua").read_bytes(),
)

_numbers = count(1)
_watching: dict[int, Callable[[], None]] = {}


def _names(groups: Any) -> list[str]:
    """Read one name or a list of them (PG-3)."""
    if isinstance(groups, str):
        groups = [groups]
    if (
        not isinstance(groups, list)
        or not groups
        or not all(isinstance(name, str) and name for name in groups)
    ):
        raise InvalidError(
            "group: wanted a name or a list of names that are not empty",
            retryable=False,
        )
    return groups


@MODULE.handle
class Instance:
    """A scope of groups as a process holds it."""

    def __init__(self, id: str, scope: GroupScope) -> None:  # noqa: A002 - its name
        self._id = id
        self._scope = scope
        self._released = False

    def __str__(self) -> str:
        return f"pg.Instance{{{self._id}}}"

    def _open(self) -> GroupScope:
        if self._released:
            raise InvalidError("pg instance is released", retryable=False)
        return self._scope

    def _allow(self, action: str, group: str) -> None:
        check_permission(f"pg.{action}", group, f"not allowed: pg.{action} {group}")

    def join(self, groups: Any) -> bool:
        """Become a member of a group or of several."""
        scope, names = self._open(), _names(groups)
        for name in names:
            self._allow("join", name)
        scope.join(current_process(), names)
        return True

    def leave(self, groups: Any) -> bool:
        """Be a member no more, or once less."""
        scope, names = self._open(), _names(groups)
        for name in names:
            self._allow("leave", name)
        scope.leave(current_process(), names)
        return True

    def _members(self, action: str, group: Any) -> list[str]:
        scope, (name,) = self._open(), _names(group)[:1]
        self._allow(action, name)
        return scope.members(name)

    def get_members(self, group: str) -> list[str]:
        """List the pids of a group."""
        return self._members("get_members", group)

    def get_local_members(self, group: str) -> list[str]:
        """List those of this node."""
        return self._members("get_local_members", group)

    def which_groups(self) -> list[str]:
        """List the groups that have members."""
        scope = self._open()
        self._allow("which_groups", "")
        return scope.groups()

    def which_local_groups(self) -> list[str]:
        """List those with members of this node."""
        scope = self._open()
        self._allow("which_local_groups", "")
        return scope.groups()

    @method(name="_targets")
    def targets(self, action: str, group: str, topic: str) -> list[str]:
        """Say whom a broadcast reaches."""
        self._open()
        if not topic:
            raise InvalidError("topic is required", retryable=False)
        if topic.startswith("@"):
            raise InvalidError("cannot send to @ topics", retryable=False)
        return self._members(action, group)

    @method(name="_watch")
    def watch(self, group: str | None) -> tuple[Any, ...]:
        """Begin to be told: a number and what there is now, in one step (PG-8)."""
        scope = self._open()
        if group is None:
            self._allow("events", "")
            now: Any = scope.all_members()
        else:
            (name,) = _names(group)
            self._allow("monitor", name)
            now = scope.members(name)
        process = current_process()
        runtime = runtime_of(process)
        number = next(_numbers)
        topic = f"@pg/{number}"
        unwatch = scope.watch(group, lambda event: runtime.feed(process, topic, event))

        def end() -> None:
            if _watching.pop(number, None) is not None:
                unwatch()

        withdraw = process.on_end(end)

        def finish() -> None:
            withdraw()
            end()

        _watching[number] = finish
        return number, now

    @method(pair=False)
    def release(self) -> bool:
        """Give the scope back; memberships stay."""
        self._released = True
        return True


@MODULE.export(name="_unwatch", pair=False)
def unwatch(number: int) -> None:
    """End being told, once or again."""
    end = _watching.get(number)
    if end is not None:
        end()


@MODULE.export(pair=False)
def open(id: str) -> tuple[Any, ...]:  # noqa: A001, A002 - their names
    """Reach a scope by the id of its entry."""
    try:
        if not id:
            raise InvalidError("pg scope id is required", retryable=False)
        check_permission("pg.open", id, f"not allowed to open pg scope: {id}")
        try:
            found = current_runtime().resources.get(id)
        except Error as error:
            raise InternalError(
                f"failed to acquire pg scope {id}: {error}", retryable=False
            ) from error
        if not isinstance(found, GroupScope):
            raise InvalidError(f"{id} is not a pg scope", retryable=False)
    except Error as error:
        return None, error
    return (Instance(id, found),)
