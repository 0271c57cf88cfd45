"""The text of tokens, and the configuration of the stores that keep them.

A token is url-safe base64 of random bytes. With a key, a dot and the url-safe base64
of an HMAC-SHA256 over the first part follow, so a forged token is refused before the
store is asked.

Source: apps 8.5; modules-data 16.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.duration import parse_nanoseconds
from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "TokenStoreConfig",
    "create_token",
    "parse_expiration",
    "parse_token_store",
    "verify_token",
]

_MILLISECOND = 1_000_000
_LARGEST = 2**63 - 1


def create_token(random: bytes, key: bytes | None = None) -> str:
    """Write a token.

    Args:
      random: The random part, as bytes nobody can guess.
      key: Signs the token, if given.
    """
    body = base64.urlsafe_b64encode(random).decode()
    return body if key is None else f"{body}.{_signature(body, key)}"


def verify_token(token: str, key: bytes | None = None) -> None:
    """Check the form of a token, and its signature if there is a key.

    Signatures are compared in constant time.

    Raises:
      InvalidError: ``invalid token format`` or ``invalid token signature``.
    """
    body, dot, signature = token.partition(".")
    if bool(dot) is not (key is not None) or not _is_base64(body):
        raise InvalidError("invalid token format")
    if key is None:
        return
    wanted = _signature(body, key).encode()
    if not hmac.compare_digest(wanted, signature.encode("utf-8", "replace")):
        raise InvalidError("invalid token signature")


def _signature(body: str, key: bytes) -> str:
    digest = hmac.digest(key, body.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode()


def _is_base64(text: str) -> bool:
    if not text or not text.isascii() or "+" in text or "/" in text:
        return False
    plain = text.replace("-", "+").replace("_", "/")
    try:
        return bool(base64.b64decode(plain, validate=True))
    except binascii.Error:
        return False


def parse_expiration(value: str | float) -> int:
    """Read how long a token lives, in nanoseconds.

    Args:
      value: A duration as text, days allowed; or a number of milliseconds.

    Raises:
      InvalidError: ``invalid expiration format``, and why.

    Source: modules-data 16.1.
    """
    if isinstance(value, str):
        try:
            return parse_nanoseconds(value, days=True)
        except InvalidError as error:
            raise InvalidError(f"invalid expiration format: {error}") from error
    if isinstance(value, bool) or not abs(value) <= _LARGEST / _MILLISECOND:
        raise InvalidError(
            f"invalid expiration format: wanted milliseconds, got {value!r}"
        )
    return int(value * _MILLISECOND)


class TokenStoreConfig(NamedTuple):
    """A ``security.token_store``.

    Attributes:
      store: Id of the store that keeps the records.
      token_length: Random bytes of a token.
      default_expiration: Nanoseconds a token lives unless told otherwise.
      token_key: Signs tokens, or ``None``.
      token_key_env: Name of the variable that has the key (the older way).
    """

    store: str
    token_length: int = 32
    default_expiration: int = 24 * 3600 * 1_000_000_000
    token_key: bytes | None = None
    token_key_env: str | None = None


def parse_token_store(entry_id: str, data: Mapping[str, Any]) -> TokenStoreConfig:
    """Read a token store from the data of its entry.

    Raises:
      InvalidError: ``invalid token store config``, and why.

    Source: apps 8.5, 2.0.1.
    """
    store = data.get("store")
    if not isinstance(store, str) or not store:
        raise _refused("store is required")
    if ":" not in store:
        store = f"{entry_id.partition(':')[0]}:{store}"
    config = TokenStoreConfig(store)
    length = data.get("token_length")
    if length is not None:
        text = str(length)
        if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= 1024:
            raise _refused(f"token_length must be 1 to 1024, got {length!r}")
        config = config._replace(token_length=int(text))
    lifetime = data.get("default_expiration")
    if lifetime is not None:
        if not isinstance(lifetime, (str, int, float)):
            raise _refused(f"default_expiration must be a duration, got {lifetime!r}")
        config = config._replace(default_expiration=parse_expiration(lifetime))
    key = data.get("token_key")
    if key:
        config = config._replace(token_key=str(key).encode())
    variable = data.get("token_key_env")
    if variable:
        config = config._replace(token_key_env=str(variable))
    return config


def _refused(why: str) -> InvalidError:
    return InvalidError(f"invalid token store config: {why}")
