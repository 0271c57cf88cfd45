"""The messages of PostgreSQL's plugin ``pgoutput``, versions 1 and 2. Pure.

`Decoder` is fed with the payload of each message and gives the changes that are
certain: those of a committed transaction. Version 1 sends a transaction when it has
been committed; version 2 may send a large one in pieces while it runs, which are kept
until its commit, without the rows of subtransactions that were rolled back.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from wippy_trio.sdk import InternalError
from wippy_trio.sdk.changes import Change

__all__ = ["UNCHANGED", "Decoder", "format_lsn", "parse_lsn"]

UNCHANGED = "<unchanged-toast>"
"""Stands for a large value that an update has not touched, and that is not sent."""

_KEY = 1


def format_lsn(lsn: int) -> str:
    """Write a position of the log as PostgreSQL does."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def parse_lsn(text: str) -> int:
    """Read a position of the log."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


class _Column(NamedTuple):
    name: str
    is_key: bool


class _Relation(NamedTuple):
    schema: str
    table: str
    columns: tuple[_Column, ...]


class _Reader:
    """Take values from the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, form: str) -> int:
        size = struct.calcsize(form)
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += size
        return int(value)

    def u8(self) -> int:
        return self.take(">B")

    def i16(self) -> int:
        return self.take(">h")

    def u32(self) -> int:
        return self.take(">I")

    def i64(self) -> int:
        return self.take(">Q")

    def letter(self) -> bytes:
        return self.raw(1)

    def raw(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        if len(found) < size:
            raise struct.error("the message is too short")
        self._at += size
        return found

    def text(self) -> str:
        end = self._data.index(b"\0", self._at)
        found = self._data[self._at : end]
        self._at = end + 1
        return found.decode("utf-8", "replace")


class Decoder:
    """Turn messages into changes.

    Attributes:
      commit_end: Where the last transaction that was given in full ended; 0 if none.
    """

    def __init__(self) -> None:
        self.commit_end = 0
        self._relations: dict[int, _Relation] = {}
        self._commit_lsn = 0
        self._xid = 0
        self._within = False
        self._stream = 0
        self._streamed: dict[int, list[tuple[int, Change]]] = {}

    @property
    def idle(self) -> bool:
        """Whether no transaction has been begun and not ended."""
        return not self._within and not self._stream and not self._streamed

    def feed(self, data: bytes, lsn: int) -> list[Change]:
        """Decode one message.

        Args:
          data: Its bytes.
          lsn: Where in the log it stands.

        Returns:
          The changes that are certain now, in their order.

        Raises:
          InternalError: It is not a message of this plugin.
        """
        try:
            return self._decode(_Reader(data), lsn)
        except (struct.error, ValueError, KeyError, IndexError) as error:
            raise InternalError(
                f"cdc: message {data[:1]!r} at {format_lsn(lsn)}: {error!r}",
                retryable=False,
            ) from error

    def _decode(self, reader: _Reader, lsn: int) -> list[Change]:
        kind = reader.letter()
        if kind == b"B":
            self._commit_lsn = reader.i64()
            reader.i64()
            self._xid = reader.u32()
            self._within = True
        elif kind == b"C":
            reader.u8()
            reader.i64()
            self.commit_end = reader.i64()
            self._within = False
        elif kind == b"S":
            self._stream = reader.u32()
            self._streamed.setdefault(self._stream, [])
        elif kind == b"E":
            self._stream = 0
        elif kind == b"c":
            return self._stream_commit(reader)
        elif kind == b"A":
            self._stream_abort(reader)
        elif kind in (b"O", b"M", b"Y"):
            pass  # origins, messages and types of columns are not told of
        elif kind in (b"R", b"I", b"U", b"D", b"T"):
            xid = reader.u32() if self._stream else self._xid
            if kind == b"R":
                self._relation(reader)
                return []
            changes = self._changes(kind, reader, lsn, xid)
            if not self._stream:
                return changes
            self._streamed[self._stream].extend((xid, change) for change in changes)
        else:
            raise ValueError("unknown kind")
        return []

    def _stream_commit(self, reader: _Reader) -> list[Change]:
        xid = reader.u32()
        reader.u8()
        commit = reader.i64()
        self.commit_end = reader.i64()
        return [
            change._replace(commit_lsn=commit, xid=xid)
            for _, change in self._streamed.pop(xid, [])
        ]

    def _stream_abort(self, reader: _Reader) -> None:
        xid, inner = reader.u32(), reader.u32()
        if xid == inner:
            self._streamed.pop(xid, None)
        elif xid in self._streamed:
            kept = [row for row in self._streamed[xid] if row[0] != inner]
            self._streamed[xid] = kept

    def _relation(self, reader: _Reader) -> None:
        oid = reader.u32()
        schema, table = reader.text(), reader.text()
        reader.u8()  # how rows are identified
        columns = []
        for _ in range(reader.i16()):
            flags = reader.u8()
            columns.append(_Column(reader.text(), bool(flags & _KEY)))
            reader.u32()
            reader.u32()
        # Without a schema it is the catalogue's.
        found = _Relation(schema or "pg_catalog", table, tuple(columns))
        self._relations[oid] = found

    def _changes(
        self, kind: bytes, reader: _Reader, lsn: int, xid: int
    ) -> list[Change]:
        if kind == b"T":
            count = reader.u32()
            reader.u8()
            oids = [reader.u32() for _ in range(count)]
            return [self._change("truncate", oid, None, None, lsn, xid) for oid in oids]
        oid = reader.u32()
        relation = self._relations[oid]
        before: dict[str, str | None] | None = None
        which = reader.letter()
        if which in (b"K", b"O"):
            before = self._row(reader, relation, key_only=which == b"K")
            if kind == b"U":
                which = reader.letter()
        if kind == b"D":
            return [self._change("delete", oid, before, None, lsn, xid)]
        if which != b"N":
            raise ValueError("wanted a new row")
        after = self._row(reader, relation, key_only=False)
        op = "insert" if kind == b"I" else "update"
        return [self._change(op, oid, before, after, lsn, xid)]

    def _change(
        self,
        op: str,
        oid: int,
        before: dict[str, str | None] | None,
        after: dict[str, str | None] | None,
        lsn: int,
        xid: int,
    ) -> Change:
        relation = self._relations[oid]
        return Change(
            op,
            relation.schema,
            relation.table,
            before,
            after,
            lsn,
            0 if self._stream else self._commit_lsn,
            xid,
        )

    @staticmethod
    def _row(
        reader: _Reader, relation: _Relation, *, key_only: bool
    ) -> dict[str, str | None]:
        row: dict[str, str | None] = {}
        for number in range(reader.i16()):
            column = relation.columns[number]
            kind = reader.letter()
            if kind == b"n":
                value: str | None = None
            elif kind == b"u":
                value = UNCHANGED
            elif kind in (b"t", b"b"):
                value = reader.raw(reader.u32()).decode("utf-8", "replace")
            else:
                raise ValueError(f"unknown kind of value {kind!r}")
            if not key_only or column.is_key:
                row[column.name] = value
        return row
