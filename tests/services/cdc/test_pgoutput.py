"""The decoder of ``pgoutput``, without a server: modules-io 7.2."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.errors import InternalError
from wippy_trio.sdk.changes import Change
from wippy_trio.services.cdc.pgoutput import (
    UNCHANGED,
    Decoder,
    format_lsn,
    parse_lsn,
)

BEGIN = b"B" + struct.pack(">QqI", 500, 0, 42)
COMMIT = b"C" + struct.pack(">BQQq", 0, 500, 520, 0)
BODY = (
    struct.pack(">I", 7)
    + b"public\0people\0d"
    + struct.pack(">h", 2)
    + b"\1id\0"
    + struct.pack(">Ii", 23, -1)
    + b"\0name\0"
    + struct.pack(">Ii", 25, -1)
)
RELATION = b"R" + BODY


def row(*values: str | bytes | None) -> bytes:
    """Write a row; bytes stand for themselves."""
    parts = [struct.pack(">h", len(values))]
    for value in values:
        if value is None:
            parts.append(b"n")
        elif isinstance(value, bytes):
            parts.append(value)
        else:
            data = value.encode()
            parts.append(b"t" + struct.pack(">I", len(data)) + data)
    return b"".join(parts)


INSERT = b"I" + struct.pack(">I", 7) + b"N" + row("1", "ada")
UPDATE = b"U" + struct.pack(">I", 7) + b"K" + row("1", None) + b"N" + row("2", b"u")
FULL = b"U" + struct.pack(">I", 7) + b"O" + row("1", "a") + b"N" + row("1", None)
DELETE = b"D" + struct.pack(">I", 7) + b"K" + row("2", None)
TRUNCATE = b"T" + struct.pack(">IBI", 1, 0, 7)
ALL = (BEGIN, RELATION, INSERT, UPDATE, FULL, DELETE, TRUNCATE, COMMIT)


def change(op: str, before: object, after: object, lsn: int) -> Change:
    return Change(op, "public", "people", before, after, lsn, 500, 42)  # type: ignore[arg-type]


def test_a_transaction() -> None:
    """Its changes come as they are read; its end moves the position."""
    decoder = Decoder()
    found = [c for n, message in enumerate(ALL) for c in decoder.feed(message, n)]
    assert found == [
        change("insert", None, {"id": "1", "name": "ada"}, 2),
        change("update", {"id": "1"}, {"id": "2", "name": UNCHANGED}, 3),
        change("update", {"id": "1", "name": "a"}, {"id": "1", "name": None}, 4),
        change("delete", {"id": "2"}, None, 5),
        change("truncate", None, None, 6),
    ]
    assert decoder.commit_end == 520
    assert decoder.idle


def streamed(xid: int, message: bytes) -> bytes:
    """Put the id of a transaction into a message, as streams have it."""
    return message[:1] + struct.pack(">I", xid) + message[1:]


def test_pieces_wait_for_their_commit() -> None:
    """Two streams may be mixed; what a subtransaction took back is gone."""
    decoder = Decoder()

    def insert(xid: int, name: str) -> bytes:
        data = b"I" + struct.pack(">I", 7) + b"N" + row("1", name)
        return streamed(xid, data)

    start_1 = b"S" + struct.pack(">IB", 1, 1)
    start_2 = b"S" + struct.pack(">IB", 2, 1)
    for message in (
        start_1,
        streamed(1, RELATION),
        insert(1, "kept"),
        insert(11, "taken back"),
        b"E",
        start_2,
        insert(2, "other"),
        b"E",
        b"A" + struct.pack(">II", 1, 11),
    ):
        assert decoder.feed(message, 9) == []
    assert not decoder.idle
    found = decoder.feed(b"c" + struct.pack(">IBQQq", 1, 0, 600, 610, 0), 9)
    assert [(c.after, c.xid, c.commit_lsn) for c in found] == [
        ({"id": "1", "name": "kept"}, 1, 600)
    ]
    assert decoder.commit_end == 610
    assert decoder.feed(b"A" + struct.pack(">II", 2, 2), 9) == []
    assert decoder.idle


@given(st.integers(0, len(ALL) - 1), st.data())
def test_damaged_messages_are_errors_of_ours(which: int, data: st.DataObject) -> None:
    """Whatever comes, it is decoded or refused with the position."""
    decoder = Decoder()
    for message in ALL[:2]:
        decoder.feed(message, 0)
    cut = data.draw(st.integers(0, len(ALL[which])))
    at = data.draw(st.integers(0, max(cut - 1, 0)))
    damaged = bytearray(ALL[which][:cut])
    if damaged:
        damaged[at] = data.draw(st.integers(0, 255))
    try:
        decoder.feed(bytes(damaged), 77)
    except InternalError as error:
        text = str(error)
    else:
        text = "0/4D"
    assert "0/4D" in text


def test_unknown_messages() -> None:
    """A letter that is none of the plugin's is refused."""
    with pytest.raises(InternalError, match="unknown kind"):
        Decoder().feed(b"?", 1)


@given(st.integers(0, 2**64 - 1))
def test_positions_read_back(lsn: int) -> None:
    """A position is two hexadecimal numbers."""
    assert parse_lsn(format_lsn(lsn)) == lsn
