"""The body of a Lua process: entries into its VM, nothing else.

One instance serves all processes of a VM. Python keeps no Lua object per process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.kernel import Cancel, ExitEvent, LinkDown, Message
from wippy_trio.lua import vm as door
from wippy_trio.lua.codec import encode
from wippy_trio.lua.crossing import LuaValues
from wippy_trio.lua.vm import VmValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.errors import Error
    from wippy_trio.kernel import Event, Process
    from wippy_trio.lua.channels import VmChannels

__all__ = ["LuaBody", "text", "to_bytes"]


def text(data: bytes) -> str:
    """Read a name, topic or id of a program; any bytes survive."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Turn a name, topic or id back into the bytes a program used."""
    return text.encode("utf-8", "surrogateescape")


_SCALARS = (bool, float, bytes)


class LuaBody:
    """Deliver to the processes of one VM."""

    run = None  # the program runs in the VM; its host calls run in the nursery

    def __init__(
        self,
        vm: door.VM,
        channels: VmChannels,
        forget: Callable[[Process], None],
    ) -> None:
        """Serve a VM.

        Args:
          vm: The VM.
          channels: Those of its channels that have left it.
          forget: Releases what the bridge holds for a process that ended elsewhere.
        """
        self.vm = vm
        self._forget = forget
        self.channels = channels
        self.reporting: int | None = None
        self._last_error: tuple[Error, bytes] | None = None

    def admit(self, process: Process) -> None:
        """Do nothing: the prelude gives birth in its own time."""

    def drop(self, process: Process) -> None:
        """Have the VM forget the process, unless the news came from there."""
        number = process.pid.number
        self.channels.withdraw(number)
        if number != self.reporting:
            assert process.exit is not None
            error = process.exit.error
            self.vm.post(door.DROP, number, self.error_wire(error))
            self._forget(process)

    def error_wire(self, error: Error | None) -> bytes:
        """Encode an error; several watchers of one exit get the same bytes."""
        if self._last_error is not None and self._last_error[0] is error:
            return self._last_error[1]
        data = encode([error])
        if error is not None:
            self.note_error(error, data)
        return data

    def note_error(self, error: Error, data: bytes) -> None:
        """Remember the bytes of an error: those of a VM are not made again."""
        self._last_error = (error, data)

    def deliver(self, process: Process, event: Event) -> None:
        """Append the event to the VM's queue."""
        vm, number = self.vm, process.pid.number
        if isinstance(event, ExitEvent):
            self._exit(number, event)
        elif isinstance(event, Message):
            values = event.values
            data = self._wire(values)
            sender = b"" if event.sender is None else str(event.sender).encode()
            vm.post(door.MESSAGE, number, to_bytes(event.topic), sender, data)
        elif isinstance(event, LinkDown):
            vm.post(
                door.LINK_DOWN,
                number,
                to_bytes(str(event.exit.pid)),
                event.at,
                self.error_wire(event.exit.error),
            )
        elif isinstance(event, Cancel):
            vm.post(
                door.CANCEL,
                number,
                to_bytes(str(event.sender)),
                event.at,
                to_bytes(event.reason),
            )

    def _wire(self, values: Any) -> bytes:
        """Give the values of a message in the form for the VM."""
        if isinstance(values, LuaValues):
            return values.wire(self.channels.number)
        opened = values if isinstance(values, tuple) else values.open()
        return encode(opened, handles=self.channels.handle_of)

    def _exit(self, number: int, event: ExitEvent) -> None:
        ended, at = event.exit, event.at
        sender = to_bytes(str(ended.pid))
        value = ended.carried
        if ended.error is not None:
            wire = self.error_wire(ended.error)
            self.vm.post(door.EXIT_ERROR, number, sender, at, wire)
        elif isinstance(value, VmValue):
            key = value.key_for(self.vm)
            if key is not None:
                self.vm.post(door.EXIT_KEPT, number, sender, at, key)
            else:
                wire = value.wire(self.channels.number)
                self.vm.post(door.EXIT_WIRE, number, sender, at, wire)
        elif value is None or isinstance(value, _SCALARS):
            self.vm.post(door.EXIT_VALUE, number, sender, at, value)
        elif type(value) is str:
            self.vm.post(door.EXIT_VALUE, number, sender, at, to_bytes(value))
        elif type(value) is int and -(2**63) <= value < 2**63:
            self.vm.post(door.EXIT_VALUE, number, sender, at, value)
        else:
            wire = self._wire((ended.value,))
            self.vm.post(door.EXIT_WIRE, number, sender, at, wire)
