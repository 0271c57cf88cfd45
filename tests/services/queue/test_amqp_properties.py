"""Headers of AMQP, without a broker: modules-io 3.5."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pika", reason="the extra amqp")

from wippy_trio.errors import InvalidError
from wippy_trio.sdk.queues import Message
from wippy_trio.services.queue.amqp.properties import (
    Connection,
    Outgoing,
    read_message,
    write_message,
)
from wippy_trio.services.queue.amqp.settings import Settings, read_declaration

TEXTS = st.text("abcä€\n", max_size=20)
VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    TEXTS,
    st.binary(max_size=20),
)


def crossed(out: Outgoing, rest: bytes = b"") -> tuple[Any, bytes]:
    """Write the properties as a frame and have the connection read it."""
    payload = struct.pack(">HHQ", 60, 0, len(out.body))
    payload += b"".join(out.properties.encode())
    frame = b"\x02" + struct.pack(">HI", 1, len(payload)) + payload + b"\xce"
    connection: Any = Connection.__new__(Connection)
    for cut in range(0, len(frame), 7):  # what is not there yet is not read
        connection._frame_buffer = frame[:cut]
        assert connection._read_frame()[1] is None
        assert connection._frame_buffer == frame[:cut]
    connection._frame_buffer = frame + rest
    size, found = connection._read_frame()
    assert size == len(frame)
    return found.properties, connection._frame_buffer[size:]


@given(
    st.dictionaries(st.text("abcxyz_-", min_size=1, max_size=9), VALUES, max_size=6),
    st.sampled_from(["", "encoding", "correlation_id", "timestamp"]),
    st.binary(max_size=9),
)
def test_headers_cross(headers: dict[str, Any], known: str, rest: bytes) -> None:
    """Each comes back with its value and its type, and what follows is untouched."""
    given_ = dict(headers)
    if known:
        given_[known] = 7 if known == "timestamp" else "x"
    out = write_message("json/plain", Message("id-1", given_, {"a": 1}), 0)
    properties, after = crossed(out, rest)
    assert after == rest
    found = read_message("json/plain", properties, out.body)
    assert found.id == "id-1"
    assert found.body == {"a": 1}
    extra: dict[str, Any] = {"content_type": "application/json"}
    extra |= {"amqp.priority": 0, "amqp.delivery_mode": 2}
    wanted = given_ | extra
    assert found.headers == wanted
    assert {k: type(v) for k, v in found.headers.items()} == {
        k: type(v) for k, v in wanted.items()
    }


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("amqp.priority", 256),
        ("amqp.priority", True),
        ("amqp.delivery_mode", 3),
        ("amqp.expiration", -1),
        ("timestamp", "soon"),
        ("reply_to", "x" * 256),
        ("x" * 256, 1),
        ("n", 2**63),
    ],
)
def test_what_has_no_form_is_refused(header: str, value: Any) -> None:
    """The error says which header it is."""
    with pytest.raises(InvalidError, match="header"):
        write_message("json/plain", Message("", {header: value}, 1), 0)


def test_declarations() -> None:
    """Options of the queue go before defaults of the driver; times are clamped."""
    settings = Settings(default_queue_ttl=5, default_queue_expiry=60)
    assert read_declaration({}, settings) == (
        True,
        False,
        {"x-message-ttl": 5000, "x-expires": 60_000},
    )
    own = {"durable": "false", "auto_delete": True, "message_ttl": "9999h"}
    own |= {"queue_expiry": 70, "max_length": "3"}
    assert read_declaration({"amqp": own}, settings) == (
        False,
        True,
        {"x-message-ttl": 2**31 - 1, "x-expires": 70, "x-max-length": 3},
    )
    mistakes: list[dict[str, Any]] = [{"durable": 3}, {"max_length": 0}]
    for wrong in (*mistakes, {"message_ttl": []}):
        with pytest.raises(InvalidError, match=next(iter(wrong))):
            read_declaration({"amqp": wrong}, settings)
