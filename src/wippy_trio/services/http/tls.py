"""The ``tls`` block of an ``http.service`` (modules-io 8.1)."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import Any

import attrs

from wippy_trio.errors import InvalidError

__all__ = ["Tls", "read_tls"]

_AUTH = {
    "": ssl.CERT_NONE,
    "request": ssl.CERT_OPTIONAL,
    "require_any": ssl.CERT_REQUIRED,
    "verify_if_given": ssl.CERT_OPTIONAL,
    "require_and_verify": ssl.CERT_REQUIRED,
}
_VERIFYING = frozenset({"verify_if_given", "require_and_verify"})


@attrs.frozen(slots=True)
class Tls:
    """Hold certificate, key and what is wanted of clients; PEM texts."""

    cert: str
    key: str
    client_auth: str = ""
    client_ca: str = ""

    def context(self) -> ssl.SSLContext:
        """Make the context of a server.

        Raises:
          InvalidError: Certificate or key cannot be read, or do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        handle, name = tempfile.mkstemp(prefix="tls-")  # the ssl module reads files
        try:
            with os.fdopen(handle, "w") as file:
                file.write(self.cert.strip() + "\n" + self.key.strip() + "\n")
            context.load_cert_chain(name)
            if self.client_ca:
                context.load_verify_locations(cadata=self.client_ca)
        except (ssl.SSLError, ValueError) as error:
            raise InvalidError(
                f"tls: cannot use certificate and key: {error}"
            ) from error
        finally:
            Path(name).unlink()
        context.verify_mode = _AUTH[self.client_auth]
        return context


def read_tls(block: Any, where: str, *, network: str) -> Tls | None:
    """Read the block; nothing, or mode "", is a server without TLS.

    Raises:
      InvalidError: Fields that contradict each other; the text names them.
    """
    if block is None:
        return None
    where = f"{where}: tls"
    if not isinstance(block, dict):
        raise InvalidError(f"{where}: wanted a map, got {block!r}")
    mode = block.get("mode") or ""
    if mode not in ("", "auto", "manual"):
        raise InvalidError(f"{where}.mode: wanted auto or manual, got {mode!r}")
    cert, key = _pem(block, "cert", where), _pem(block, "key", where)
    auth = block.get("client_auth") or ""
    ca = _pem(block, "client_ca", where)
    if not isinstance(auth, str) or auth not in _AUTH:
        raise InvalidError(
            f"{where}.client_auth: wanted one of {', '.join(filter(None, _AUTH))},"
            f" got {auth!r}"
        )
    if mode != "manual":
        if cert or key or auth or ca:
            raise InvalidError(
                f"{where}: mode {mode or 'off'} takes no certificate,"
                " key, client_auth or client_ca"
            )
        if mode == "auto" and not network:
            raise InvalidError(f"{where}: mode auto needs an overlay network")
        return None
    if not cert or not key:
        raise InvalidError(f"{where}: mode manual needs cert and key")
    if auth in _VERIFYING and not ca:
        raise InvalidError(f"{where}: client_auth {auth} needs client_ca")
    if auth in ("request", "require_any"):
        # OpenSSL asks for a certificate only to verify it; there is no way to take
        # any without a callback that Python does not offer.
        if not ca:
            raise InvalidError(
                f"{where}: client_auth {auth}: this version asks for certificates only"
                " to verify them; give client_ca, or leave client_auth out"
            )
    elif ca and not auth:
        raise InvalidError(f"{where}: client_ca without client_auth")
    return Tls(cert, key, auth, ca)


def _pem(block: dict[str, Any], name: str, where: str) -> str:
    inline, variable = block.get(name) or "", block.get(f"{name}_env") or ""
    if inline and variable:
        raise InvalidError(f"{where}: {name} and {name}_env exclude each other")
    if variable:
        inline = os.environ.get(str(variable), "")
        if not inline:
            raise InvalidError(f"{where}: {name}_env: {variable} is not set")
    if not isinstance(inline, str):
        raise InvalidError(f"{where}.{name}: wanted PEM text, got {inline!r}")
    return inline
