"""`events`: publish to the event bus and subscribe to it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from wippy_trio.sdk import (
    InvalidError,
    LuaModule,
    current_process,
    current_runtime,
    runtime_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODULE = LuaModule(
    "events",
    classes=("nondeterministic",),
    declares="""
    type Subscription = {
      channel: (self: Subscription) -> Channel<any>,
      close: (self: Subscription) -> any
    }
    subscribe: (system: string, kind: string?) -> (Subscription?, Error?)
    send: (system: string, kind: string, path: string, data: any?) -> (boolean?, Error?)
    """,
    source=b"""
local P, F = ...
local raw = P.raw
local ID, ST = P.key("subscription"), P.key("channel")
local methods = {}
local SUBSCRIPTION = P.class("events.Subscription", methods)
function SUBSCRIPTION.__tostring() return "events.Subscription{}" end
local function own(self)
  if raw.type(self) ~= "table" or raw.getrawmetatable(self) ~= SUBSCRIPTION then
    raw.error("subscription expected, got " .. P.type(self), 3)
  end
  return self
end
function methods.channel(self)
  return own(self)[ST].handle
end
function methods.close(self)
  own(self)
  F._close(self[ID])
  P.close_topic(P.current.proc, self[ST])
  return true
end
local events = {}
function events.subscribe(system, kind)
  local id, err = F._subscribe(system, kind)
  if err then return nil, err end
  local _, st = P.open_topic(P.current.proc, "@events/" .. id, 64, false)
  return raw.setrawmetatable({ [ID] = id, [ST] = st }, SUBSCRIPTION), nil
end
function events.send(system, kind, path, data)
  if data ~= nil then data = P.bag(data) end -- `false` is data
  return F._send(system, kind, path, data)
end
return events
""",
)

_numbers = count(1)
_open: dict[int, Callable[[], None]] = {}


def _check(action: str, system: str, verb: str) -> None:
    process = current_process()
    if not runtime_of(process).allowed(process, action, system):
        raise InvalidError(f"not allowed to {verb} system: {system}")  # core EV-4


@MODULE.export(name="_subscribe")
def subscribe(system: str | None, kind: str | None) -> int:
    """Begin a subscription; its number names the topic."""
    if not system:
        raise InvalidError("system pattern is required")
    _check("events.subscribe", system, "subscribe to events from")
    process = current_process()
    runtime = runtime_of(process)
    number = next(_numbers)
    topic = f"@events/{number}"

    def receive(event: Mapping[str, Any]) -> None:
        runtime.feed(process, topic, dict(event))

    unsubscribe = runtime.bus.subscribe(system, kind, receive)

    def end() -> None:
        if _open.pop(number, None) is not None:
            unsubscribe()

    withdraw = process.on_end(end)

    def finish() -> None:
        withdraw()
        end()

    _open[number] = finish
    return number


@MODULE.export(name="_close", pair=False)
def close(number: int) -> None:
    """End a subscription, once or again."""
    end = _open.get(number)
    if end is not None:
        end()


@MODULE.export(name="_send")
def send(system: str | None, kind: str | None, path: str | None, data: Any) -> bool:
    """Publish an event."""
    for name, value in (("system", system), ("kind", kind), ("path", path)):
        if not value:
            raise InvalidError(f"{name} is required")
    assert system is not None
    assert kind is not None
    assert path is not None
    _check("events.send", system, "send events to")
    current_runtime().bus.publish(system, kind, path, data)
    return True
