"""`uuid`: make, check, read and write UUIDs (modules-data 15)."""

from __future__ import annotations

import hashlib
import re
import uuid as standard
from typing import Any
from weakref import WeakKeyDictionary

from wippy_trio.modules._arguments import octets
from wippy_trio.sdk import (
    InvalidError,
    LuaModule,
    Randomness,
    current_process,
    current_runtime,
    randomness,
)

__all__ = ["MODULE", "Sequence", "read"]

MODULE = LuaModule(
    "uuid",
    classes=("nondeterministic", "workflow"),
    declares="""
    v1: () -> (string?, Error?)
    v3: (namespace: string, name: string) -> (string?, Error?)
    v4: () -> (string?, Error?)
    v5: (namespace: string, name: string) -> (string?, Error?)
    v7: () -> (string?, Error?)
    validate: (value: any) -> (boolean, Error?)
    version: (text: string) -> (integer?, Error?)
    variant: (text: string) -> (string?, Error?)
    parse: (text: string) -> (table?, Error?)
    format: (text: string, style: string?) -> (string?, Error?)
    """,
)

_CANONICAL = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SIMPLE = re.compile(rb"[0-9a-f]{32}", re.IGNORECASE)
_URN = b"urn:uuid:"
_GREGORIAN = 0x01B21DD213814000  # 100 ns ticks from 15 October 1582 to 1 January 1970
_TICKS = 10_000_000


class Sequence:
    """What makes the time-based UUIDs of one runtime rise.

    Source: modules-data 15.
    """

    __slots__ = ("_node", "_order", "_source", "_ticks", "_units")

    def __init__(self, source: Randomness) -> None:
        self._source = source
        # A random node with the multicast bit cannot be a real hardware address.
        self._node = source.bits(48) | 1 << 40
        self._order = source.bits(14)
        self._ticks = self._units = -1

    def v1(self, now: float) -> standard.UUID:
        """Make one of version 1 at a Unix time."""
        self._ticks = max(int(now * _TICKS) + _GREGORIAN, self._ticks + 1)
        ticks = self._ticks
        return standard.UUID(
            fields=(
                ticks & 0xFFFFFFFF,
                ticks >> 32 & 0xFFFF,
                ticks >> 48 & 0x0FFF | 0x1000,
                self._order >> 8 | 0x80,
                self._order & 0xFF,
                self._node,
            )
        )

    def v7(self, now: float) -> standard.UUID:
        """Make one of version 7 at a Unix time: milliseconds, then 1/4096 of them."""
        self._units = max(int(now * 1000 * 4096), self._units + 1)
        milliseconds, counter = divmod(self._units, 4096)
        high = milliseconds << 16 | 0x7000 | counter
        return standard.UUID(int=high << 64 | 0b10 << 62 | self._source.bits(62))


_sequences: WeakKeyDictionary[Any, Sequence] = WeakKeyDictionary()


def _sequence() -> Sequence:
    runtime = current_runtime()
    found = _sequences.get(runtime)
    if found is None:
        found = _sequences[runtime] = Sequence(runtime.randomness)
    return found


def _now() -> float:
    return current_process().host.node.clock.unix()


@MODULE.export
def v1() -> str:
    """Make one from the time and a random node."""
    return str(_sequence().v1(_now()))


@MODULE.export
def v4() -> str:
    """Make a random one."""
    return str(standard.UUID(int=randomness().bits(128), version=4))


@MODULE.export
def v7() -> str:
    """Make one that sorts by time."""
    return str(_sequence().v7(_now()))


def _named(algorithm: str, version: int, namespace: Any, name: Any) -> str:
    message = "namespace and name must be strings"
    space, text = octets(namespace, message), octets(name, message)
    inside = read(space)
    if inside is None:
        raise InvalidError("invalid namespace UUID", retryable=False)
    digest = hashlib.new(algorithm, inside.bytes + text, usedforsecurity=False).digest()
    return str(standard.UUID(bytes=digest[:16], version=version))


@MODULE.export
def v3(namespace: Any, name: Any) -> str:
    """Make the one of a name, by MD5."""
    return _named("md5", 3, namespace, name)


@MODULE.export
def v5(namespace: Any, name: Any) -> str:
    """Make the one of a name, by SHA-1."""
    return _named("sha1", 5, namespace, name)


def read(text: bytes) -> standard.UUID | None:
    """Read one in any of the accepted spellings.

    Returns:
      ``None`` if it is none of them.
    """
    if len(text) == 45 and text[:9].lower() == _URN:
        text = text[9:]
    elif len(text) == 38:
        text = text[1:-1]
    if _CANONICAL.fullmatch(text) or _SIMPLE.fullmatch(text):
        return standard.UUID(hex=text.decode())
    return None


def _wanted(value: Any) -> standard.UUID:
    found = read(octets(value, "input must be a string"))
    if found is None:
        raise InvalidError("invalid UUID format", retryable=False)
    return found


@MODULE.export
def validate(value: Any) -> bool:
    """Tell whether any value is the text of a UUID."""
    if isinstance(value, str):
        value = value.encode()
    return isinstance(value, bytes) and read(value) is not None


def _version(found: standard.UUID) -> int:
    return found.bytes[6] >> 4


def _variant(found: standard.UUID) -> str:
    byte = found.bytes[8]
    if byte < 0x80:
        return "Reserved"
    if byte < 0xC0:
        return "RFC4122"
    return "Microsoft" if byte < 0xE0 else "Future"


@MODULE.export(name="version")
def version_of(text: Any) -> int:
    """Give the version number; that of the nil UUID is 0."""
    return _version(_wanted(text))


@MODULE.export(name="variant")
def variant_of(text: Any) -> str:
    """Name the variant."""
    return _variant(_wanted(text))


@MODULE.export
def parse(text: Any) -> dict[str, Any]:
    """Take one apart; versions 1 and 7 hold a time, version 1 a node."""
    found = _wanted(text)
    version = _version(found)
    parts: dict[str, Any] = {"version": version, "variant": _variant(found)}
    if version == 1:
        parts["timestamp"] = (found.time - _GREGORIAN) // _TICKS
        parts["node"] = found.bytes[10:]
    elif version == 7:
        parts["timestamp"] = (found.int >> 80) // 1000
    return parts


@MODULE.export(name="format")
def write(text: Any, style: Any) -> str:
    """Write one in a style; a style that is no string is ignored."""
    found = _wanted(text)
    match style.encode() if isinstance(style, str) else style:
        case b"simple":
            return found.hex
        case b"urn":
            return found.urn
        case bytes(other) if other != b"standard":
            raise InvalidError("unsupported format", retryable=False)
    return str(found)
