"""`crypto`: random values, ciphers, keyed digests, signed tokens (modules-data 13)."""

from __future__ import annotations

import hashlib
import hmac as standard
import string as letters
import uuid as identifiers
from typing import TYPE_CHECKING, Any

from wippy_trio.modules._arguments import octets
from wippy_trio.modules._bag import bag
from wippy_trio.modules._jwt import sign, verify
from wippy_trio.sdk import (
    InternalError,
    InvalidError,
    LuaModule,
    Randomness,
    current_process,
    during,
    randomness,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODULE"]

MODULE = LuaModule(
    "crypto",
    classes=("security", "nondeterministic", "workflow"),
    extra=("crypto", ("cryptography",)),
    declares="""
    random: {
      bytes: (length: integer) -> (string?, Error?),
      string: (length: integer, charset: string?) -> (string?, Error?),
      uuid: () -> (string?, Error?)
    }
    hmac: {
      sha256: (key: string, data: string) -> (string?, Error?),
      sha512: (key: string, data: string) -> (string?, Error?)
    }
    encrypt: {
      aes: (data: string, key: string, aad: string?) -> (string?, Error?),
      chacha20: (data: string, key: string, aad: string?) -> (string?, Error?)
    }
    decrypt: {
      aes: (data: string, key: string, aad: string?) -> (string?, Error?),
      chacha20: (data: string, key: string, aad: string?) -> (string?, Error?)
    }
    jwt: {
      encode: (payload: table, key: string, alg: string?) -> (string?, Error?),
      verify: (token: string, key: string, alg: string?, require_exp: boolean?)
        -> (table?, Error?)
    }
    pbkdf2: (password: string, salt: string, iterations: integer, length: integer,
      hash: string?) -> (string?, Error?)
    constant_time_compare: (a: string, b: string) -> boolean
    """,
)
RANDOM = MODULE.table("random")
HMAC = MODULE.table("hmac")
ENCRYPT = MODULE.table("encrypt")
DECRYPT = MODULE.table("decrypt")
JWT = MODULE.table("jwt")

LARGE = 256 * 1024
_MOST_RANDOM = 1024 * 1024
_MOST_ITERATIONS = 10_000_000
_MOST_KEY = 16 * 1024 * 1024
_NONCE = 12
_LETTERS = (letters.ascii_uppercase + letters.ascii_lowercase + letters.digits).encode()
_AES_KEYS = (16, 24, 32)


# -- random ----------------------------------------------------------------------------


def _length(length: int) -> int:
    if length <= 0:
        raise InvalidError("length must be a positive integer", retryable=False)
    if length > _MOST_RANDOM:
        raise InvalidError("length exceeds maximum allowed size (1MB)", retryable=False)
    return length


@RANDOM.export(name="bytes")
def random_bytes(length: int) -> bytes:
    """Give random bytes."""
    return randomness().bytes(_length(length))


@RANDOM.export(name="string")
def random_string(length: int, charset: Any) -> bytes:
    """Give random bytes of a set, each as likely as the others."""
    size = _length(length)
    if isinstance(charset, (str, bytes)):
        alphabet = octets(charset, "")
    else:
        alphabet = _LETTERS
    if not alphabet:
        raise InvalidError("charset cannot be empty", retryable=False)
    return _drawn(alphabet, size, randomness())


def _drawn(alphabet: bytes, size: int, source: Randomness) -> bytes:
    """Draw from an alphabet of up to any length.

    Bytes above the last multiple of its length are drawn again, for otherwise the first
    letters would come more often.
    """
    if len(alphabet) > 256:
        return bytes(source.choice(alphabet) for _ in range(size))
    fair = 256 - 256 % len(alphabet)
    table = bytes(alphabet[i % len(alphabet)] for i in range(256))
    unfair = bytes(range(fair, 256))
    made = b""
    while len(made) < size:
        made += source.bytes(size - len(made) + 16).translate(table, unfair)
    return made[:size]


@RANDOM.export(name="uuid")
def random_uuid() -> str:
    """Give a random UUID."""
    return str(identifiers.UUID(int=randomness().bits(128), version=4))


# -- keyed digests ---------------------------------------------------------------------


def _keyed(algorithm: str) -> None:
    @HMAC.export(name=algorithm)
    def digest(key: bytes, data: bytes) -> str:
        if not key:
            raise InvalidError("key cannot be empty", retryable=False)
        return standard.digest(key, data, algorithm).hex()


_keyed("sha256")
_keyed("sha512")


# -- ciphers ---------------------------------------------------------------------------


def _aes(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415 - an extra
        AESGCM,
    )

    if len(key) not in _AES_KEYS:
        raise InvalidError("key must be 16, 24, or 32 bytes", retryable=False)
    return AESGCM(key)


def _chacha20(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415 - an extra
        ChaCha20Poly1305,
    )

    if len(key) != 32:
        raise InvalidError("key must be 32 bytes", retryable=False)
    return ChaCha20Poly1305(key)


def _cipher(name: str, make: Callable[[bytes], Any]) -> None:
    @ENCRYPT.export(name=name, offload=LARGE)
    def encrypt(data: bytes, key: bytes, aad: bytes | None = None) -> bytes:
        cipher = make(key)
        nonce = randomness().bytes(_NONCE)
        try:
            sealed: bytes = cipher.encrypt(nonce, data, aad or None)
        except OverflowError:
            raise InvalidError(
                "data is too large to encrypt", retryable=False
            ) from None
        return nonce + sealed

    @DECRYPT.export(name=name, offload=LARGE)
    def decrypt(data: bytes, key: bytes, aad: bytes | None = None) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra

        cipher = make(key)
        if len(data) < _NONCE:
            raise InvalidError("encrypted data too short", retryable=False)
        try:
            opened: bytes = cipher.decrypt(data[:_NONCE], data[_NONCE:], aad or None)
        except InvalidTag:
            raise InternalError(
                "message authentication failed", context="decrypt"
            ) from None
        return opened


_cipher("aes", _aes)
_cipher("chacha20", _chacha20)


# -- tokens ----------------------------------------------------------------------------


@JWT.export(name="encode", opaque="text")
def jwt_encode(payload: dict[str, Any], key: bytes, alg: Any) -> str:
    """Sign claims; an unknown algorithm means HS256, which old programs rely on."""
    claims = bag(payload)
    if not isinstance(claims, dict):
        raise InvalidError("failed to convert payload to map", retryable=False)
    return sign(claims, key, alg if isinstance(alg, str) else "HS256")


@JWT.export(name="verify")
def jwt_verify(token: bytes, key: bytes, alg: Any, require_exp: Any) -> dict[str, Any]:
    """Check a token against the algorithm asked for, never against its own."""
    with during("verify token"):
        return verify(
            token,
            key,
            alg if isinstance(alg, str) else "HS256",
            now=current_process().host.node.clock.unix(),
            require_exp=require_exp is not False,
        )


# -- derived keys, comparison ----------------------------------------------------------


@MODULE.export(offload=0)
def pbkdf2(
    password: bytes,
    salt: bytes,
    iterations: int,
    length: int,
    hash: Any = None,  # noqa: A002
) -> bytes:
    """Derive a key from a password."""
    if not password:
        raise InvalidError("password cannot be empty", retryable=False)
    if not salt:
        raise InvalidError("salt cannot be empty", retryable=False)
    if iterations <= 0:
        raise InvalidError("iterations must be positive", retryable=False)
    if iterations > _MOST_ITERATIONS:
        raise InvalidError("iterations exceeds maximum (10000000)", retryable=False)
    if length <= 0:
        raise InvalidError("key length must be positive", retryable=False)
    if length > _MOST_KEY:
        raise InvalidError("key length exceeds maximum (16777216)", retryable=False)
    name = hash if isinstance(hash, str) else "sha256"
    if name not in ("sha256", "sha512"):
        raise InvalidError(f"unsupported hash function: {name}", retryable=False)
    return hashlib.pbkdf2_hmac(name, password, salt, iterations, length)


@MODULE.export(pair=False)
def constant_time_compare(a: bytes, b: bytes) -> bool:
    """Compare two strings in a time that does not tell where they differ."""
    return standard.compare_digest(a, b)
