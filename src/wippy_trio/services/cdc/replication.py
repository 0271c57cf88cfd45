"""The replication connection: commands, and the stream that a command begins."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import trio
from trio.lowlevel import wait_readable, wait_writable

from wippy_trio.sdk import InternalError, UnavailableError
from wippy_trio.services.cdc.pgoutput import format_lsn

if TYPE_CHECKING:
    from wippy_trio.services.sql.postgres import PostgresSession

__all__ = ["Keepalive", "Replication", "WalData"]

EPOCH_2000 = 946_684_800


class WalData(NamedTuple):
    """A message of the plugin, and where in the log it stands."""

    lsn: int
    data: bytes


class Keepalive(NamedTuple):
    """How far the log goes, and whether the server wants to hear of us at once."""

    lsn: int
    reply: bool


class Replication:
    """A stream of the log over a session that was opened for replication."""

    def __init__(self, session: PostgresSession) -> None:
        from psycopg import OperationalError, pq  # noqa: PLC0415 - an extra

        self._pq = pq
        self._operational = OperationalError
        self._session = session
        self._connection = session.connection

    def close(self) -> None:
        """Close it."""
        self._session.close()

    async def start(
        self, slot: str, lsn: int, publication: str, *, streaming: bool
    ) -> None:
        """Have the log sent from a position on.

        Raises:
          Error: The server refuses.
        """
        options = [
            f"proto_version '{2 if streaming else 1}'",
            f"publication_names {literal(quoted(publication))}",
        ]
        if streaming:
            options.append("streaming 'on'")
        command = (
            f"START_REPLICATION SLOT {quoted(slot)} LOGICAL {format_lsn(lsn)}"
            f" ({', '.join(options)})"
        )
        connection = self._connection
        try:
            connection.send_query(command.encode())
            await self._flush()
            while connection.is_busy():
                await wait_readable(connection.socket)
                connection.consume_input()
            result = connection.get_result()
        except self._operational as error:
            raise self._broken(error) from error
        if result is None or result.status != self._pq.ExecStatus.COPY_BOTH:
            text = "" if result is None else result.get_error_message().strip()
            raise InternalError(f"cdc: slot {slot}: {text}", retryable=True)

    def _broken(self, error: Exception | None = None) -> UnavailableError:
        text = self._connection.get_error_message().strip() or str(error or "ended")
        return UnavailableError(f"cdc: the stream broke: {text}", retryable=True)

    async def _flush(self) -> None:
        while self._connection.flush():
            await wait_writable(self._connection.socket)

    async def receive(self) -> WalData | Keepalive:
        """Wait for the next message.

        Raises:
          UnavailableError: The connection is gone, or the server ended the stream.
        """
        connection = self._connection
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            while True:
                size, data = connection.get_copy_data(1)
                if size > 0:
                    return _read(bytes(data))
                if size < 0:
                    result = connection.get_result()
                    text = b"" if result is None else result.error_message
                    raise UnavailableError(
                        "cdc: the server ended the stream:"
                        f" {(text or b'').decode('utf-8', 'replace').strip()}",
                        retryable=True,
                    )
                await wait_readable(connection.socket)
                connection.consume_input()
        except self._operational as error:
            raise self._broken(error) from error

    async def confirm(self, lsn: int, unix_seconds: float) -> None:
        """Tell the server that all before a position may be forgotten.

        Raises:
          UnavailableError: The connection is gone.
        """
        micros = round((unix_seconds - EPOCH_2000) * 1_000_000)
        status = struct.pack(">cQQQqB", b"r", lsn, lsn, lsn, micros, 0)
        try:
            self._connection.put_copy_data(status)
            await self._flush()
        except self._operational as error:
            raise self._broken(error) from error


def _read(data: bytes) -> WalData | Keepalive:
    kind = data[:1]
    if kind == b"w":
        (lsn,) = struct.unpack_from(">Q", data, 1)
        return WalData(lsn, data[25:])
    if kind == b"k":
        lsn, _, reply = struct.unpack_from(">QQB", data, 1)
        return Keepalive(lsn, bool(reply))
    raise InternalError(f"cdc: unknown message {kind!r} of the server", retryable=False)


def quoted(name: str) -> str:
    """Write a name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: Any) -> str:
    """Write a text as a literal."""
    return "'" + str(text).replace("'", "''") + "'"
