"""Signed tokens (JWT) for `crypto`: compact, sorted, four algorithms.

Verification takes the algorithm from its caller, never from the token. Of the claims it
checks ``exp`` and ``nbf``.

Source: modules-data 13.2, 13.3.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from typing import Any

from wippy_trio.sdk import Error, InternalError, InvalidError

__all__ = ["sign", "verify"]

_HMAC = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_RSA = "RS256"
_URL_SAFE = re.compile(rb"[A-Za-z0-9_-]*")
_MOST_TOKEN = 1024 * 1024


def sign(claims: dict[str, Any], key: bytes, algorithm: str) -> str:
    """Make a token of claims; a map under ``_header`` is merged into the header.

    Raises:
      InvalidError: The key is no RSA key, or a claim has no form in JSON.
    """
    if algorithm not in _HMAC and algorithm != _RSA:
        algorithm = "HS256"
    header: dict[str, Any] = {"typ": "JWT"}
    extra = claims.get("_header")
    if isinstance(extra, dict):
        header.update(extra)
        claims = {name: value for name, value in claims.items() if name != "_header"}
    header["alg"] = algorithm  # whatever the claims say: it is what signs
    signed = _part(header) + b"." + _part(claims)
    return (signed + b"." + _encoded(_signature(signed, key, algorithm))).decode()


def _part(value: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(
            _jsonable(value), separators=(",", ":"), sort_keys=True, allow_nan=False
        )
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"failed to write payload: {error}") from None
    return _encoded(text.encode())


def _jsonable(value: Any) -> Any:
    """Prepare for JSON: whole floats as integers, text as UTF-8."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, dict):
        return {_jsonable(name): _jsonable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return str(value) if isinstance(value, Error) else value


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    if not _URL_SAFE.fullmatch(text):
        raise ValueError("not the url-safe alphabet without padding")
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _signature(signed: bytes, key: bytes, algorithm: str) -> bytes:
    digest = _HMAC.get(algorithm)
    if digest is not None:
        return hmac.digest(key, signed, digest)
    from cryptography.hazmat.primitives.asymmetric.padding import (  # noqa: PLC0415 - an extra
        PKCS1v15,
    )
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra

    made: bytes = _private_key(key).sign(signed, PKCS1v15(), SHA256())
    return made


def _private_key(key: bytes) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.rsa import (  # noqa: PLC0415 - an extra
        RSAPrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - an extra
        load_pem_private_key,
    )

    try:
        found = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = str(error).partition(".")[0] or "not a PEM key"
        raise InvalidError(f"invalid RSA private key: {reason}") from None
    if not isinstance(found, RSAPrivateKey):
        raise InvalidError("invalid RSA private key: it is of another algorithm")
    return found


def _public_key(key: bytes) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.rsa import (  # noqa: PLC0415 - an extra
        RSAPublicKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - an extra
        load_pem_public_key,
    )
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - an extra

    try:
        if b"-----BEGIN CERTIFICATE-----" in key:
            found: Any = load_pem_x509_certificate(key).public_key()
        else:
            found = load_pem_public_key(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InternalError("invalid RSA public key: not a PEM key") from None
    if not isinstance(found, RSAPublicKey):
        raise InternalError("invalid RSA public key: it is of another algorithm")
    return found


def verify(
    token: bytes, key: bytes, algorithm: str, *, now: float, require_exp: bool
) -> dict[str, Any]:
    """Give the claims of a token whose signature and times are right.

    Numbers arrive as floats.

    Raises:
      InternalError: Malformed, of another algorithm, wrongly signed, expired, not valid
        yet, or without ``exp`` where it is required.
    """
    if len(token) > _MOST_TOKEN:
        raise InternalError("token is malformed: it is too long")
    parts = token.split(b".")
    if len(parts) != 3:
        raise InternalError("token is malformed: wanted three parts")
    header, claims = _json(parts[0], "header"), _json(parts[1], "claims")
    try:
        signature = _decoded(parts[2])
    except (binascii.Error, ValueError):
        raise InternalError("token is malformed: the signature is no base64") from None
    named = header.get("alg")
    if named != algorithm or (algorithm not in _HMAC and algorithm != _RSA):
        raise InternalError(
            f"token signature is invalid: signing method {named} is invalid"
        )
    if not _is_signed(parts[0] + b"." + parts[1], signature, key, algorithm):
        raise InternalError("token signature is invalid")
    _check_times(claims, now, require_exp=require_exp)
    return claims


def _json(part: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(
            _decoded(part).decode(), parse_int=float, parse_constant=_refuse
        )
    except (binascii.Error, ValueError, RecursionError):
        raise InternalError(f"token is malformed: the {what} is no JSON") from None
    if not isinstance(found, dict):
        raise InternalError(f"token is malformed: the {what} is no object")
    return found


def _refuse(name: str) -> float:
    raise ValueError(name)


def _is_signed(signed: bytes, signature: bytes, key: bytes, algorithm: str) -> bool:
    if algorithm in _HMAC:
        return hmac.compare_digest(signature, _signature(signed, key, algorithm))
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.padding import (  # noqa: PLC0415 - an extra
        PKCS1v15,
    )
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra

    try:
        _public_key(key).verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _check_times(claims: dict[str, Any], now: float, *, require_exp: bool) -> None:
    expires, begins = _time(claims, "exp"), _time(claims, "nbf")
    if expires is None and require_exp:
        raise InternalError("token is missing required claim: exp claim is required")
    if expires is not None and now >= expires:
        raise InternalError("token has invalid claims: token is expired")
    if begins is not None and now < begins:
        raise InternalError("token has invalid claims: token is not valid yet")


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InternalError(f"token has invalid claims: {name} is no number")
    return float(value)
