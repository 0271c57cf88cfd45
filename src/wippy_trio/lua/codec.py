"""The wire in Python: values that cross between a VM and its host, as bytes.

MessagePack with three extensions; ``prelude/wire.lua`` describes the format and is the
same in Lua. Both directions have two ways. The short way is msgspec's C code, which
knows neither references between tables nor our limits: it serves trees of plain values,
that is nearly everything. What it cannot do goes the long way, through the loops below,
which give the errors their paths, too. They keep stacks of their own, because a value
may be nested deeper than Python recurses.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import struct
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from wippy_trio.errors import Error, InvalidError
from wippy_trio.kernel import Pid

__all__ = ["MAX_DEPTH", "TypeValue", "decode", "encode", "reader"]

MAX_DEPTH: Final = 1000
"""Tables within tables; a value nested deeper is refused on both sides."""

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1

_REFERENCE: Final = 1
_ERROR: Final = 2
_HANDLE: Final = 3

_TYPE: Final = "type"
"""The class of a handle that is a type value; all other classes are numbers."""


class TypeValue:
    """Stand for a type value of Lua; in Python it can only be handed on.

    Attributes:
      description: What `wippy_trio.lang.rtypes` describes, the type itself first.
    """

    __slots__ = ("description",)

    def __init__(self, description: list[Any]) -> None:
        self.description = description

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        return "type value"


HandleOf = Callable[[Any], tuple[Any, Any] | None]
FindObject = Callable[[Any, Any], Any]


def encode(
    values: Sequence[Any],
    handles: HandleOf | None = None,
    *,
    mark_objects: bool = False,
    drop: bool = False,
) -> bytes:
    """Write the values of one message or call.

    A mapping becomes a table with its keys, a list or tuple one with the keys 1..n, a
    dataclass one with its fields; an aware or naive time becomes Unix seconds, a pid or
    UUID its text, an enumeration member its value, ``None`` nil.

    Args:
      values: What Lua gets, in order; they share nothing with each other, but one
        container met twice inside one value is one table in Lua, cycles included.
      handles: Says class and object of what else may travel; ``None`` if it is none.
      mark_objects: Whether an empty mapping is an object to JSON in Lua (``{}``).
      drop: Whether what has no form in Lua becomes nil instead of an error.

    Raises:
      InvalidError: No form in Lua, an integer outside 64 bits, a NaN key, or nested too
        deep; the message names the type and the path.

    Source: core M-40 to M-51.
    """
    try:
        if len(values) == 1 and isinstance(values[0], Error):
            fields = tuple(field for _name, field in _error_fields(values[0]))
            if _is_plain(fields, mark_objects=mark_objects):
                body = _ENCODER.encode(fields)[1:]
                return b"\x91" + _extension_header(_ERROR, len(body)) + body
        elif _is_plain(values, mark_objects=mark_objects):
            return _ENCODER.encode(values)
    except (ValueError, RecursionError):  # lone surrogates; depth
        pass
    return _Writer(handles, mark_objects=mark_objects, drop=drop).write(values)


def decode(data: bytes, handles: FindObject | None = None) -> tuple[Any, ...]:
    """Read the values of one message or call.

    A table with the keys 1..n, also an empty one, is a list, any other a dict; a string
    is ``str`` if it is UTF-8, else ``bytes``; an error is an :class:`~.errors.Error`.
    As a key, a list becomes a tuple; an entry whose key is another table is dropped.

    Args:
      data: What Lua or :func:`encode` wrote.
      handles: Finds the object of a class and an object number; without it, and for
        what it does not know, ``None`` stands for a handle.

    Raises:
      InvalidError: The bytes are damaged, or nested too deep.
    """
    if handles is None:
        return _read_plain(data)
    return reader(handles)(data)


def reader(handles: FindObject | None) -> Callable[[bytes], tuple[Any, ...]]:
    """Make a `decode` that finds objects in one way: to make it is half of its cost."""
    decoded = msgspec.msgpack.Decoder(ext_hook=_hook(handles)).decode

    def read(data: bytes) -> tuple[Any, ...]:
        try:
            values = decoded(data)
        except (_LongWay, ValueError, RecursionError):
            return _Reader(data, handles).read()
        if type(values) is not list:
            raise InvalidError("malformed wire data: no list of values")
        return tuple(values)

    return read


class _LongWay(Exception):  # noqa: N818 - a signal
    """A reference was met: msgspec cannot resolve it."""


def _hook(handles: FindObject | None) -> Callable[[int, memoryview], Any]:
    """Make the function that reads our extensions for msgspec."""

    def read(code: int, data: memoryview) -> Any:
        if code == _ERROR:
            fields = msgspec.msgpack.decode(b"\x96" + bytes(data), ext_hook=read)
            return _error_of(fields)
        if code == _HANDLE:
            pair = msgspec.msgpack.decode(b"\x92" + bytes(data), ext_hook=read)
            return _object_of(pair, handles)
        raise _LongWay

    return read


def _object_of(pair: list[Any], handles: FindObject | None) -> Any:
    """Find what a handle stands for."""
    class_id, number = pair
    if class_id == _TYPE and isinstance(number, list):
        return TypeValue(number)
    return None if handles is None else handles(class_id, number)


_read_plain: Final = reader(None)
_ENCODER: Final = msgspec.msgpack.Encoder()


def _error_of(fields: list[Any]) -> Error:
    """Build the error of its six fields."""
    kind, message, retryable, details, stack, context = map(_text, fields)
    if (
        not (isinstance(kind, str) and isinstance(message, str))
        or not isinstance(stack, str)
        or not isinstance(retryable, bool | None)
        or not isinstance(details, dict | list | None)
        or not isinstance(context, str | None)
    ):
        raise InvalidError("malformed wire data: a structured error of the wrong form")
    if isinstance(details, list):
        details = dict(enumerate(details, 1)) or None
    return Error.of(
        kind,
        message,
        retryable=retryable,
        details=details,
        stack=stack,
        context=context or "",
    )


def _text(value: Any) -> Any:
    """Give text of a byte string; an error has no other strings."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


# Writing -----------------------------------------------------------------------------

_ATOMS: Final = frozenset({str, bool, float, bytes, type(None)})


def _is_plain(values: Sequence[Any], *, mark_objects: bool = False) -> bool:
    """Tell whether msgspec writes the values as we do: trees of built-in types."""
    met: set[int] = set()
    waiting: list[Any] = [values]
    while waiting:
        container = waiting.pop()
        number = id(container)
        if number in met:
            return False
        met.add(number)
        if type(container) is dict:
            if mark_objects and not container:
                return False
            for key in container:
                if type(key) is not str:
                    return False
            items = container.values()
        else:
            items = container
        for item in items:
            kind = type(item)
            if kind in _ATOMS:
                continue
            if kind is int:
                if not _INT_MIN <= item <= _INT_MAX:
                    return False
            elif kind is dict or kind is list or kind is tuple:
                waiting.append(item)
            else:
                return False
    return True


class _Writer:
    """Write values the long way."""

    def __init__(
        self, handles: HandleOf | None, *, mark_objects: bool, drop: bool
    ) -> None:
        self.out = bytearray()
        self.handles = handles
        self.mark_objects = mark_objects
        self.drop = drop
        self.opened = 0
        self.numbers: dict[int, int] = {}
        self.alive: list[Any] = []  # so that no id is given twice
        # A frame: what is left to write, how to name where we are, and what closes it.
        self.frames: list[tuple[Iterator[Any], list[Any], tuple[int, int] | None]] = []

    def write(self, values: Sequence[Any]) -> bytes:
        self.array_header(len(values))
        for index, value in enumerate(values, 1):
            self.numbers.clear()
            self.alive.clear()
            self.top = index
            self.value(value)
            while self.frames:
                self.step()
        return bytes(self.out)

    def step(self) -> None:
        """Write the next value of the innermost container, or close it."""
        items, place, closing = self.frames[-1]
        for place[0], value in items:
            self.value(value)
            return
        self.frames.pop()
        if closing is not None:
            code, start = closing
            body = bytes(self.out[start:])
            del self.out[start:]
            self.extension(code, body)

    def refuse(self, problem: str) -> InvalidError:
        path = f"value {self.top}"
        for _items, place, _closing in self.frames:
            name = place[0]
            if name is not None:
                path += f".{name}" if isinstance(name, str) else f"[{name!r}]"
        return InvalidError(f"{problem}, at {path}")

    def value(self, value: Any) -> None:
        """Write a scalar, or open a container."""
        if value is None:
            self.out.append(0xC0)
        elif value is True:
            self.out.append(0xC3)
        elif value is False:
            self.out.append(0xC2)
        elif isinstance(value, enum.Enum):
            self.value(value.value)
        elif isinstance(value, int):
            self.integer(int(value))
        elif isinstance(value, float):
            self.out += b"\xcb"
            self.out += struct.pack(">d", value)
        elif isinstance(value, str):
            self.string(value)
        elif isinstance(value, bytes | bytearray | memoryview):
            self.binary(bytes(value))
        else:
            self.object(value)

    def integer(self, value: int) -> None:
        if not _INT_MIN <= value <= _INT_MAX:
            if self.drop:
                self.out.append(0xC0)
                return
            raise self.refuse(f"integer of {value.bit_length()} bits does not fit")
        self.out += _ENCODER.encode(value)

    def string(self, value: str) -> None:
        try:
            self.out += _ENCODER.encode(str(value))
        except UnicodeEncodeError:
            try:
                self.binary(value.encode("utf-8", "surrogateescape"))
            except UnicodeEncodeError:
                raise self.refuse("text with a lone surrogate") from None

    def binary(self, value: bytes) -> None:
        self.out += _ENCODER.encode(value)

    def array_header(self, count: int) -> None:
        self.header(count, 0x90, 0xDC)

    def header(self, count: int, short: int, long: int) -> None:
        if count < 16:
            self.out.append(short + count)
        elif count < 65536:
            self.out += struct.pack(">BH", long, count)
        else:
            self.out += struct.pack(">BI", long + 1, count)

    def extension(self, code: int, body: bytes) -> None:
        self.out += _extension_header(code, len(body))
        self.out += body

    def object(self, value: Any) -> None:
        """Open what is not a scalar, or refer to it if it is open already."""
        number = self.numbers.get(id(value))
        if number is not None:
            size = 1 if number < 256 else 2 if number < 65536 else 4
            self.extension(_REFERENCE, number.to_bytes(size, "big"))
            return
        if isinstance(value, Error):
            self.open(value, _error_fields(value), (_ERROR, len(self.out)))
            return
        pair: tuple[Any, Any] | None = None
        if isinstance(value, TypeValue):
            pair = _TYPE, value.description
        elif self.handles is not None:
            pair = self.handles(value)
        if pair is not None:
            self.open(None, ((None, part) for part in pair), (_HANDLE, len(self.out)))
            return
        if isinstance(value, Mapping):
            self.mapping(value, value)
        elif isinstance(value, Sequence):
            items = enumerate(value, 1)
            self.open(value, items, None)
            self.array_header(len(value))
        elif isinstance(value, dt.datetime):
            seconds = value.timestamp()
            self.value(int(seconds) if seconds.is_integer() else seconds)
        elif isinstance(value, Pid | uuid.UUID):
            self.string(str(value))
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            self.mapping(value, {name: getattr(value, name) for name in names})
        elif self.drop:
            self.out.append(0xC0)
        else:
            raise self.refuse(f"{type(value).__name__} has no form in Lua")

    def open(
        self,
        value: Any,
        items: Iterator[tuple[Any, Any]],
        closing: tuple[int, int] | None,
    ) -> None:
        if len(self.frames) > MAX_DEPTH:
            raise self.refuse(f"nested too deep: more than {MAX_DEPTH} tables")
        if value is not None:
            self.number(value)
        self.frames.append((items, [None], closing))

    def number(self, value: Any) -> None:
        self.numbers[id(value)] = self.opened
        self.opened += 1
        self.alive.append(value)

    def mapping(self, value: Any, entries: Mapping[Any, Any]) -> None:
        if not entries and self.mark_objects:
            self.out += b"\xde\x00\x00"
            self.number(value)
            return
        kept = [entry for entry in entries.items() if self.is_key(entry[0])]
        self.open(value, self.pairs(kept), None)
        self.header(len(kept), 0x80, 0xDE)

    def is_key(self, key: Any) -> bool:
        if isinstance(key, float):
            good = not math.isnan(key)
        else:
            good = isinstance(key, str | bytes | int | tuple | Pid | uuid.UUID)
        if not good and not self.drop:
            kind = "NaN" if isinstance(key, float) else type(key).__name__
            raise self.refuse(f"{kind} as a key")
        return good

    @staticmethod
    def pairs(entries: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """Give each key and each item in turn, named for the path."""
        for key, item in entries:
            yield key, key
            yield key, item


def _error_fields(error: Error) -> Iterator[tuple[str, Any]]:
    yield "kind", error.kind
    yield "message", error.message
    yield "retryable", error.retryable
    yield "details", error.details
    yield "stack", error.stack
    yield "context", error.context or None


def _extension_header(code: int, size: int) -> bytes:
    if code == _REFERENCE:
        return bytes((0xD3 + size.bit_length(), code))
    if size < 256:
        return bytes((0xC7, size, code))
    if size < 65536:
        return struct.pack(">BHB", 0xC8, size, code)
    return struct.pack(">BIB", 0xC9, size, code)


# Reading -----------------------------------------------------------------------------

_OPENED: Final = object()
_NO_KEY: Final = object()
_DROPPED: Final = object()

_LIST, _MAP, _FIELDS, _OBJECT = range(4)

_NUMBERS: Final = {
    0xCA: struct.Struct(">f"),
    0xCB: struct.Struct(">d"),
    0xCC: struct.Struct(">B"),
    0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"),
    0xCF: struct.Struct(">Q"),
    0xD0: struct.Struct(">b"),
    0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"),
    0xD3: struct.Struct(">q"),
}
_CONSTANTS: Final = {0xC0: None, 0xC2: False, 0xC3: True}
# First byte of what has a length of 1, 2 or 4 bytes in front: what it is, size of that.
_LONG_FORMS: Final = {
    0xC4: ("bin", 1),
    0xC5: ("bin", 2),
    0xC6: ("bin", 4),
    0xC7: ("ext", 1),
    0xC8: ("ext", 2),
    0xC9: ("ext", 4),
    0xD9: ("str", 1),
    0xDA: ("str", 2),
    0xDB: ("str", 4),
    0xDC: ("list", 2),
    0xDD: ("list", 4),
    0xDE: ("map", 2),
    0xDF: ("map", 4),
}


class _Frame:
    """A container that is being read."""

    __slots__ = ("container", "end", "key", "kind", "left", "number")

    def __init__(self, kind: int, container: Any, left: int) -> None:
        self.kind = kind
        self.container = container
        self.left = left
        self.key: Any = _NO_KEY
        self.end = 0
        self.number = 0

    def put(self, value: Any) -> None:
        self.left -= 1
        if self.kind != _MAP:
            self.container.append(value)
        elif self.key is _NO_KEY:
            self.key = _as_key(value, 8)
        else:
            if self.key is not _DROPPED:
                self.container[self.key] = value
            self.key = _NO_KEY


def _as_key(value: Any, depth: int) -> Any:
    """Make a key of a value that was read, if a dict can have it."""
    if isinstance(value, list) and depth:
        parts = [_as_key(part, depth - 1) for part in value]
        return _DROPPED if _DROPPED in parts else tuple(parts)
    try:
        hash(value)
    except TypeError:
        return _DROPPED
    return value


class _Reader:
    """Read values the long way."""

    def __init__(self, data: bytes, handles: FindObject | None) -> None:
        self.data = bytes(data)
        self.handles = handles
        self.pos = 0
        self.objects: list[Any] = []
        self.frames: list[_Frame] = []

    def read(self) -> tuple[Any, ...]:
        values = self.value()
        if not isinstance(values, list) or self.pos != len(self.data):
            raise self.damaged("no list of values, or something after it")
        return tuple(values)

    def damaged(self, what: str) -> InvalidError:
        return InvalidError(f"malformed wire data: {what} (byte {self.pos})")

    def take(self, size: int) -> bytes:
        start = self.pos
        self.pos = start + size
        if self.pos > len(self.data):
            raise self.damaged("it ends within a value")
        return self.data[start : self.pos]

    def value(self) -> Any:
        """Read a value with all that it contains."""
        frames = self.frames
        # The outermost list is the message; it is no object that could be referred to.
        value = self.item()
        while True:
            if value is not _OPENED:
                if not frames:
                    return value
                frames[-1].put(value)
            frame = frames[-1]
            while not frame.left:
                value = self.close(frames.pop())
                if not frames:
                    return value
                frame = frames[-1]
                frame.put(value)
            value = self.item()

    def item(self) -> Any:
        """Read a scalar, or open a container."""
        first = self.take(1)[0]
        if first < 0x80:
            return first
        if first < 0x90:
            return self.open(_MAP, {}, 2 * (first - 0x80))
        if first < 0xA0:
            return self.open(_LIST, [], first - 0x90)
        if first < 0xC0:
            return self.text(first - 0xA0)
        if first >= 0xE0:
            return first - 256
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        number = _NUMBERS.get(first)
        if number is not None:
            (value,) = number.unpack(self.take(number.size))
            return value
        if 0xD4 <= first <= 0xD8:
            return self.extension(1 << (first - 0xD4))
        if first not in _LONG_FORMS:
            raise self.damaged(f"byte 0x{first:02x}")
        what, size = _LONG_FORMS[first]
        count = int.from_bytes(self.take(size), "big")
        if what == "bin":
            return self.take(count)
        if what == "str":
            return self.text(count)
        if what == "ext":
            return self.extension(count)
        if what == "list":
            return self.open(_LIST, [], count)
        return self.open(_MAP, {}, 2 * count)

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode()
        except UnicodeDecodeError:
            raise self.damaged("text that is not UTF-8") from None

    def open(self, kind: int, container: Any, left: int) -> Any:
        if left > len(self.data) - self.pos:
            raise self.damaged("it ends within a value")
        if len(self.frames) > MAX_DEPTH + 1:
            raise self.damaged("nested too deep")
        frame = _Frame(kind, container, left)
        if self.frames and kind != _OBJECT:
            frame.number = len(self.objects)
            self.objects.append(None if kind == _FIELDS else container)
        self.frames.append(frame)
        return _OPENED

    def extension(self, size: int) -> Any:
        code = self.take(1)[0]
        end = self.pos + size
        if code == _REFERENCE:
            number = int.from_bytes(self.take(size), "big")
            if number >= len(self.objects) or self.objects[number] is None:
                raise self.damaged(f"reference to object {number}")
            return self.objects[number]
        if code == _ERROR:
            self.open(_FIELDS, [], 6)
        elif code == _HANDLE:
            self.open(_OBJECT, [], 2)
        else:
            raise self.damaged(f"unknown extension {code}")
        self.frames[-1].end = end
        return _OPENED

    def close(self, frame: _Frame) -> Any:
        """Give the value of a container that is complete."""
        if frame.kind in (_LIST, _MAP):
            return frame.container
        if self.pos != frame.end:
            raise self.damaged("an extension of the wrong length")
        if frame.kind == _FIELDS:
            error = _error_of(frame.container)
            self.objects[frame.number] = error
            return error
        return _object_of(frame.container, self.handles)
