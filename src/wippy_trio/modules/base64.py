"""`base64`: the standard alphabet with padding (modules-data 4)."""

from __future__ import annotations

import binascii
import re
from typing import Any

from wippy_trio.modules._arguments import octets
from wippy_trio.sdk import InvalidError, LuaModule

__all__ = ["MODULE"]

MODULE = LuaModule(
    "base64",
    classes=("encoding", "deterministic"),
    declares="""
    encode: (data: string) -> (string?, Error?)
    decode: (text: string) -> (string?, Error?)
    """,
)

LARGE = 256 * 1024
_BREAKS = re.compile(rb"[\r\n]+")
_WHOLE_GROUPS = re.compile(rb"(?:[A-Za-z0-9+/]{4})*")
_LAST_GROUP = re.compile(rb"(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_DIGIT = re.compile(rb"[A-Za-z0-9+/]")


@MODULE.export(pair=False)
def encode(data: Any) -> str:
    """Write bytes as base64, without line breaks."""
    return binascii.b2a_base64(octets(data, "string expected"), newline=False).decode()


@MODULE.export(pair=False)
def decode(text: Any) -> bytes:
    """Read base64; line breaks are ignored, everything else must be exact."""
    given = octets(text, "string expected")
    kept = _BREAKS.sub(b"", given)
    bad = _first_bad(kept)
    if bad is not None:
        at = _original_offset(given, bad)
        message = f"illegal base64 data at input byte {at}"
        raise InvalidError(message, retryable=False, context="decode failed")
    return binascii.a2b_base64(kept)


def _first_bad(text: bytes) -> int | None:
    """Find the first byte that does not belong, in text without line breaks.

    Returns:
      Its offset; where the text ends within a group, the offset of the group; ``None``
      if all is well.
    """
    match = _WHOLE_GROUPS.match(text)
    start = match.end() if match else 0
    if _LAST_GROUP.fullmatch(text, start):
        return None
    padding = False
    for place, at in enumerate(range(start, len(text))):
        byte = text[at : at + 1]
        if place == 4:
            return at
        if byte == b"=" and place >= 2:
            padding = True
        elif padding or not _DIGIT.match(byte):
            return at
    return start


def _original_offset(given: bytes, wanted: int) -> int:
    """Translate an offset among the bytes that are no line breaks."""
    for kept, at in enumerate(i for i, byte in enumerate(given) if byte not in b"\r\n"):
        if kept == wanted:
            return at
    return len(given)
