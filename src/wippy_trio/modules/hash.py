"""`hash`: digests, keyed digests and FNV-1 (modules-data 14)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from wippy_trio.modules._arguments import octets, truthy
from wippy_trio.sdk import LuaModule

__all__ = ["MODULE"]

MODULE = LuaModule(
    "hash",
    classes=("encoding", "security", "deterministic"),
    declares="""
    md5: (data: string, raw: boolean?) -> (string?, Error?)
    sha1: (data: string, raw: boolean?) -> (string?, Error?)
    sha256: (data: string, raw: boolean?) -> (string?, Error?)
    sha512: (data: string, raw: boolean?) -> (string?, Error?)
    hmac_md5: (data: string, secret: string, raw: boolean?) -> (string?, Error?)
    hmac_sha1: (data: string, secret: string, raw: boolean?) -> (string?, Error?)
    hmac_sha256: (data: string, secret: string, raw: boolean?) -> (string?, Error?)
    hmac_sha512: (data: string, secret: string, raw: boolean?) -> (string?, Error?)
    fnv32: (data: string) -> (number?, Error?)
    fnv64: (data: string) -> (number?, Error?)
    """,
)

LARGE = 256 * 1024
LONG = 16 * 1024
"""From so many bytes on the loops of FNV take more than a millisecond."""

_DATA = "data must be a string"
_SECRET = "secret must be a string"


def _shown(digest: bytes, raw: Any) -> str | bytes:
    return digest if truthy(raw) else digest.hex()


def _export(algorithm: str) -> None:
    """Show the plain and the keyed digest of one algorithm."""

    @MODULE.export(name=algorithm, offload=LARGE)
    def plain(data: Any, raw: Any) -> Any:
        made = hashlib.new(algorithm, octets(data, _DATA), usedforsecurity=False)
        return _shown(made.digest(), raw)

    @MODULE.export(name=f"hmac_{algorithm}", offload=LARGE)
    def keyed(data: Any, secret: Any, raw: Any) -> Any:
        text = octets(data, _DATA)
        key = octets(secret, _SECRET)
        return _shown(hmac.digest(key, text, algorithm), raw)


for _algorithm in ("md5", "sha1", "sha256", "sha512"):
    _export(_algorithm)


def _fnv1(data: bytes, basis: int, prime: int, mask: int) -> int:
    value = basis
    for byte in data:
        value = (value * prime & mask) ^ byte
    return value


@MODULE.export(offload=LONG)
def fnv32(data: Any) -> int:
    """Give the 32-bit FNV-1 hash."""
    return _fnv1(octets(data, _DATA), 0x811C9DC5, 0x01000193, 2**32 - 1)


@MODULE.export(offload=LONG)
def fnv64(data: Any) -> float:
    """Give the 64-bit FNV-1 hash as a double, so above 2^53 the low bits are lost."""
    basis, prime = 0xCBF29CE484222325, 0x100000001B3
    return float(_fnv1(octets(data, _DATA), basis, prime, 2**64 - 1))
