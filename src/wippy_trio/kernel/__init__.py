"""Processes on plain Trio: lives, links, names, channels, select, supervision.

Useful with no Lua at all. A `Node` knows all processes; a `Host` nurses some of them;
a `Process` is one life with one `Exit`; `Topology` says who hears of whose end;
`Channel` and `select` are Go's, with the order rules of core section 9.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.kernel.clock import Clock
    from wippy_trio.kernel.context import EMPTY_CONTEXT, Context
    from wippy_trio.kernel.events import (
        Cancel,
        Event,
        ExitEvent,
        LinkDown,
        Message,
        Parcel,
    )
    from wippy_trio.kernel.exit import Exit, exit_of_exception
    from wippy_trio.kernel.host import Host
    from wippy_trio.kernel.names import Names
    from wippy_trio.kernel.node import Node
    from wippy_trio.kernel.pid import NOBODY, Pid
    from wippy_trio.kernel.process import Body, Process
    from wippy_trio.kernel.topology import Topology

_HOME = {
    "Body": "process",
    "Cancel": "events",
    "Clock": "clock",
    "Context": "context",
    "EMPTY_CONTEXT": "context",
    "Event": "events",
    "Exit": "exit",
    "ExitEvent": "events",
    "Host": "host",
    "LinkDown": "events",
    "Message": "events",
    "NOBODY": "pid",
    "Names": "names",
    "Node": "node",
    "Parcel": "events",
    "Pid": "pid",
    "Process": "process",
    "Topology": "topology",
    "exit_of_exception": "exit",
}

__all__ = [
    "EMPTY_CONTEXT",
    "NOBODY",
    "Body",
    "Cancel",
    "Clock",
    "Context",
    "Event",
    "Exit",
    "ExitEvent",
    "Host",
    "LinkDown",
    "Message",
    "Names",
    "Node",
    "Parcel",
    "Pid",
    "Process",
    "Topology",
    "exit_of_exception",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
