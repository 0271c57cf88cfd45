"""Processes on plain Trio: lives, links, names, channels, select, supervision.

Useful with no Lua at all. A `Node` knows all processes; a `Host` nurses some of them;
a `Process` is one life with one `Exit`; `Topology` says who hears of whose end;
`Channel` and `select` are Go's, with the order rules of core section 9.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.kernel.body import PythonBody, PythonContext, run_process
    from wippy_trio.kernel.channel import (
        NOTHING,
        Case,
        Channel,
        ChannelClosedError,
        ChannelStatistics,
        Claim,
        Nothing,
        Offer,
        Outcome,
        SendInterruptedError,
        TaskClaim,
    )
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
    from wippy_trio.kernel.mailbox import Mailbox
    from wippy_trio.kernel.names import Names
    from wippy_trio.kernel.node import Node
    from wippy_trio.kernel.pid import NOBODY, Pid
    from wippy_trio.kernel.process import Body, Process
    from wippy_trio.kernel.restart import (
        Ending,
        Intensity,
        RestartPolicy,
        ServiceState,
        Status,
        ending_of,
        ending_of_start,
    )
    from wippy_trio.kernel.selection import Selected, WaitCase, case_wait, select
    from wippy_trio.kernel.stop import stop_process, wait_end
    from wippy_trio.kernel.supervisor import (
        ChildSpec,
        Restart,
        RestartsExhaustedError,
        Strategy,
        Supervisor,
    )
    from wippy_trio.kernel.topology import Topology
    from wippy_trio.kernel.values import Copies, Sealed, copied

_HOME = {
    "Body": "process",
    "Cancel": "events",
    "Case": "channel",
    "Channel": "channel",
    "ChannelClosedError": "channel",
    "ChannelStatistics": "channel",
    "ChildSpec": "supervisor",
    "Claim": "channel",
    "Clock": "clock",
    "Context": "context",
    "Copies": "values",
    "EMPTY_CONTEXT": "context",
    "Ending": "restart",
    "Event": "events",
    "Exit": "exit",
    "ExitEvent": "events",
    "Host": "host",
    "Intensity": "restart",
    "LinkDown": "events",
    "Mailbox": "mailbox",
    "Message": "events",
    "NOBODY": "pid",
    "NOTHING": "channel",
    "Names": "names",
    "Node": "node",
    "Nothing": "channel",
    "Offer": "channel",
    "Outcome": "channel",
    "Parcel": "events",
    "Pid": "pid",
    "Process": "process",
    "PythonBody": "body",
    "PythonContext": "body",
    "Restart": "supervisor",
    "RestartPolicy": "restart",
    "RestartsExhaustedError": "supervisor",
    "Sealed": "values",
    "Selected": "selection",
    "SendInterruptedError": "channel",
    "ServiceState": "restart",
    "Status": "restart",
    "Strategy": "supervisor",
    "Supervisor": "supervisor",
    "TaskClaim": "channel",
    "Topology": "topology",
    "WaitCase": "selection",
    "case_wait": "selection",
    "copied": "values",
    "ending_of": "restart",
    "ending_of_start": "restart",
    "exit_of_exception": "exit",
    "run_process": "body",
    "select": "selection",
    "stop_process": "stop",
    "wait_end": "stop",
}

__all__ = [
    "EMPTY_CONTEXT",
    "NOBODY",
    "NOTHING",
    "Body",
    "Cancel",
    "Case",
    "Channel",
    "ChannelClosedError",
    "ChannelStatistics",
    "ChildSpec",
    "Claim",
    "Clock",
    "Context",
    "Copies",
    "Ending",
    "Event",
    "Exit",
    "ExitEvent",
    "Host",
    "Intensity",
    "LinkDown",
    "Mailbox",
    "Message",
    "Names",
    "Node",
    "Nothing",
    "Offer",
    "Outcome",
    "Parcel",
    "Pid",
    "Process",
    "PythonBody",
    "PythonContext",
    "Restart",
    "RestartPolicy",
    "RestartsExhaustedError",
    "Sealed",
    "Selected",
    "SendInterruptedError",
    "ServiceState",
    "Status",
    "Strategy",
    "Supervisor",
    "TaskClaim",
    "Topology",
    "WaitCase",
    "case_wait",
    "copied",
    "ending_of",
    "ending_of_start",
    "exit_of_exception",
    "run_process",
    "select",
    "stop_process",
    "wait_end",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return __all__
