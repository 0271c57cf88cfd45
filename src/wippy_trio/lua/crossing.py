"""What Lua values and channels are outside their VM.

While Lua holds the number of a kernel channel the channel must live: `KernelChannels`
counts how often it was handed into each VM, and the prelude reports how many of those
it has forgotten.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from wippy_trio.errors import InternalError
from wippy_trio.kernel import Channel, Sealed
from wippy_trio.lua.codec import decode

__all__ = ["HANDLE_CLASS", "KernelChannels", "LuaValue", "LuaValues"]

HANDLE_CLASS = "channel"


class LuaValues:
    """Values that left a VM, in the wire form until somebody reads them.

    It is a :class:`~wippy_trio.kernel.Parcel`, and keeps the channels in it alive.
    """

    __slots__ = ("_channels", "_data", "_table")

    def __init__(
        self,
        data: bytes,
        table: KernelChannels,
        channels: tuple[Channel[Any], ...] = (),
    ) -> None:
        self._data = data
        self._table = table
        self._channels = channels

    def open(self) -> tuple[Any, ...]:
        """Give the values as Python values."""
        return decode(self._data, handles=self._table.find)

    def wire(self, vm: int) -> bytes:
        """Give the wire form for a VM, which holds its channels from now on."""
        for channel in self._channels:
            self._table.hold(channel, vm)
        return self._data


class LuaValue(Sealed):
    """A value that a Lua program sent.

    Either its wire form, with the channels that are in it, or, while no other process
    can receive it, a number for what its own process keeps.
    """

    __slots__ = ("__weakref__", "_channels", "_table", "carried")

    def __init__(
        self,
        carried: bytes | int,
        table: KernelChannels,
        channels: tuple[Channel[Any], ...] = (),
    ) -> None:
        self.carried = carried
        self._table = table
        self._channels = channels

    def seal(self, data: bytes, channels: tuple[Channel[Any], ...]) -> None:
        """Put the wire form in place of the number."""
        self.carried = data
        self._channels = channels

    def unseal(self) -> Any:
        """Give it as a Python value."""
        if not isinstance(self.carried, bytes):
            raise InternalError("a value of a private channel reached another process")
        return decode(self.carried, handles=self._table.find)[0]

    def wire(self, vm: int) -> bytes | int:
        """Give it in the form for a VM, which holds its channels from now on."""
        for channel in self._channels:
            self._table.hold(channel, vm)
        return self.carried


class KernelChannels:
    """Number the channels of a node that Lua programs know."""

    def __init__(self) -> None:
        self._numbers: WeakKeyDictionary[Channel[Any], int] = WeakKeyDictionary()
        self._channels: WeakValueDictionary[int, Channel[Any]] = WeakValueDictionary()
        self._held: dict[int, tuple[Channel[Any], Counter[int]]] = {}
        self._last = itertools.count(1)
        self._vms = itertools.count(1)

    def next_vm(self) -> int:
        """Give a VM the number under which it holds channels."""
        return next(self._vms)

    def number(self, channel: Channel[Any]) -> int:
        """Give the number of a channel."""
        found = self._numbers.get(channel)
        if found is None:
            found = next(self._last)
            self._numbers[channel] = found
            self._channels[found] = channel
        return found

    def hold(self, channel: Channel[Any], vm: int) -> int:
        """Note that a VM gets the number of a channel once more."""
        number = self.number(channel)
        self._held.setdefault(number, (channel, Counter()))[1][vm] += 1
        return number

    def find(self, class_: Any, number: Any) -> Channel[Any] | None:
        """Give the channel of a handle that was read."""
        if class_ != HANDLE_CLASS:
            return None
        return self._channels.get(number)

    def held(self, number: int) -> Channel[Any]:
        """Give a channel that a VM holds."""
        return self._held[number][0]

    def release(self, vm: int, number: int, times: int) -> None:
        """Note that a VM has forgotten what it got ``times`` times."""
        found = self._held.get(number)
        if found is not None:
            found[1][vm] -= times
            if found[1][vm] <= 0:
                del found[1][vm]
            if not found[1]:
                del self._held[number]

    def release_vm(self, vm: int) -> None:
        """Note that a VM is no more."""
        for number, (_, counts) in list(self._held.items()):
            counts.pop(vm, None)
            if not counts:
                del self._held[number]

    def __len__(self) -> int:
        return len(self._held)
