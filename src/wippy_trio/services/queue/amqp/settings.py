"""What an entry says about a broker, and about a queue of it (modules-io 3.5). Pure."""

from __future__ import annotations

import ssl
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.duration import parse_seconds
from wippy_trio.sdk import InvalidError
from wippy_trio.sdk.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wippy_trio.registry import Entry

__all__ = ["Declaration", "Settings", "Tls", "read_declaration", "read_settings"]

DEFAULT_URL = "amqp://guest:guest@localhost:5672/"
MOST_MS = 2**31 - 1
MECHANISMS = ("PLAIN", "EXTERNAL", "AMQPLAIN")


class Tls(NamedTuple):
    """How the connection is secured; PEM texts."""

    server_name: str = ""
    cert: str = ""
    key: str = ""
    ca: str = ""
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """Make the settings of TLS.

        Raises:
          InvalidError: A certificate or a key cannot be read.
        """
        try:
            context = ssl.create_default_context(cadata=self.ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.cert:
                with tempfile.NamedTemporaryFile("w") as file:  # ssl reads files only
                    file.write(f"{self.cert.strip()}\n{self.key.strip()}\n")
                    file.flush()
                    context.load_cert_chain(file.name)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise InvalidError(f"tls: {error}") from error
        return context


class Settings(NamedTuple):
    """Where a broker is and how to talk to it; 0 leaves a choice to the library."""

    url: str = DEFAULT_URL
    vhost: str = ""
    connection_name: str = ""
    auth_mechanism: str = "PLAIN"
    heartbeat: float = 0.0
    connection_timeout: float = 0.0
    reconnect_delay: float = 1.0
    reconnect_max_delay: float = 30.0
    default_message_ttl: float = 0.0
    default_queue_ttl: float = 0.0
    default_queue_expiry: float = 0.0
    prefetch_count: int = 0
    frame_size: int = 0
    channel_max: int = 0
    tls: Tls | None = None


class Declaration(NamedTuple):
    """How a queue is declared."""

    durable: bool
    auto_delete: bool
    arguments: dict[str, int]


def read_settings(entry: Entry, lookup: Callable[[str], str | None]) -> Settings:
    """Read the fields of a driver.

    Raises:
      InvalidError: The text names the field.
    """
    fields = Fields(entry)
    mechanism = fields.text("auth_mechanism", "PLAIN")
    if mechanism not in MECHANISMS:
        raise InvalidError(
            f"auth_mechanism: wanted one of {', '.join(MECHANISMS)}, got {mechanism!r}"
        )
    url = fields.text("url", DEFAULT_URL)
    if not url.startswith(("amqp://", "amqps://")):
        # The text may hold a password, so it is not shown.
        raise InvalidError("url: wanted amqp:// or amqps://, got another scheme")
    found = Settings(
        url=url,
        vhost=fields.text("vhost"),
        connection_name=fields.text("connection_name"),
        auth_mechanism=mechanism,
        heartbeat=fields.seconds("heartbeat"),
        connection_timeout=fields.seconds("connection_timeout"),
        reconnect_delay=fields.seconds("reconnect_delay", 1.0) or 1.0,
        reconnect_max_delay=fields.seconds("reconnect_max_delay", 30.0) or 30.0,
        default_message_ttl=fields.seconds("default_message_ttl"),
        default_queue_ttl=fields.seconds("default_queue_ttl"),
        default_queue_expiry=fields.seconds("default_queue_expiry"),
        prefetch_count=_count(fields, "prefetch_count", 0xFFFF),
        frame_size=_count(fields, "frame_size", 131_072),
        channel_max=_count(fields, "channel_max", 0xFFFF),
        tls=_tls(fields.inside("tls"), lookup),
    )
    if 0 < found.frame_size < 4096:
        raise InvalidError(f"frame_size: wanted 4096 or more, got {found.frame_size}")
    return found


def _count(fields: Fields, name: str, most: int) -> int:
    value = fields.integer(name)
    if not 0 <= value <= most:
        raise InvalidError(f"{name}: wanted 0 to {most}, got {value}")
    return value


def _tls(fields: Fields, lookup: Callable[[str], str | None]) -> Tls | None:
    def pem(name: str) -> str:
        inline, variable = fields.text(name), fields.text(f"{name}_env")
        if inline and variable:
            raise InvalidError(f"tls: {name} and {name}_env exclude each other")
        if variable:
            inline = lookup(variable) or ""
            if not inline:
                raise InvalidError(f"tls.{name}_env: {variable} has no value")
        return inline

    if not fields.flag("enabled"):
        return None
    cert, key = pem("cert"), pem("key")
    if bool(cert) != bool(key):
        raise InvalidError("tls: wanted cert and key together, got one of them")
    found = Tls(
        fields.text("server_name"),
        cert,
        key,
        pem("ca"),
        fields.flag("insecure_skip_verify"),
    )
    found.context()  # what cannot be read is refused when the entry is
    return found


def read_declaration(options: Mapping[str, Any], settings: Settings) -> Declaration:
    """Read ``driver_options.amqp`` of a queue, over the defaults of its driver.

    Raises:
      InvalidError: The text names the option.
    """
    own = options.get("amqp") or {}
    if not isinstance(own, dict):
        raise InvalidError(f"driver_options.amqp: wanted a map, got {own!r}")
    arguments = {}
    for name, key, default in (
        ("message_ttl", "x-message-ttl", settings.default_queue_ttl),
        ("queue_expiry", "x-expires", settings.default_queue_expiry),
    ):
        ms = milliseconds(own.get(name), f"driver_options.amqp.{name}")
        ms = round(default * 1000) if ms is None else ms
        if ms:
            arguments[key] = min(ms, MOST_MS)
    length = own.get("max_length")
    if length is not None:
        length = (
            int(length) if isinstance(length, str) and length.isdecimal() else length
        )
        if not isinstance(length, int) or isinstance(length, bool) or length <= 0:
            raise InvalidError(
                "driver_options.amqp.max_length: wanted a number above 0, got"
                f" {length!r}"
            )
        arguments["x-max-length"] = length
    return Declaration(
        _flag(own, "durable", default=True),
        _flag(own, "auto_delete", default=False),
        arguments,
    )


def _flag(own: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = own.get(name, default)
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise InvalidError(
            f"driver_options.amqp.{name}: wanted true or false, got {value!r}"
        )
    return value


def milliseconds(value: Any, name: str) -> int | None:
    """Read a span: a number of milliseconds, or a text like ``5s``."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        ms = int(value) if value.isdecimal() else round(parse_seconds(value) * 1000)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        ms = round(value)
    else:
        raise InvalidError(f"{name}: wanted milliseconds or a duration, got {value!r}")
    if ms < 0:
        raise InvalidError(f"{name}: wanted 0 or more, got {value!r}")
    return ms
