"""What terminals send, and which events it becomes (modules-data 22)."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.modules.tty.keys import MOST_PASTED, Reader

SPECIAL = {
    b"\r": "enter",
    b"\t": "tab",
    b"\x7f": "backspace",
    b" ": "space",
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1bOC": "right",
    b"\x1b[D": "left",
    b"\x1b[H": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1b[4~": "end",
    b"\x1b[5~": "pgup",
    b"\x1b[6~": "pgdown",
    b"\x1b[2~": "insert",
    b"\x1b[3~": "delete",
    b"\x1bOP": "f1",
    b"\x1b[[A": "f1",
    b"\x1b[11~": "f1",
    b"\x1bOQ": "f2",
    b"\x1bOR": "f3",
    b"\x1bOS": "f4",
    b"\x1b[15~": "f5",
    b"\x1b[17~": "f6",
    b"\x1b[18~": "f7",
    b"\x1b[19~": "f8",
    b"\x1b[20~": "f9",
    b"\x1b[21~": "f10",
    b"\x1b[23~": "f11",
    b"\x1b[24~": "f12",
}


def told(event: dict[str, Any]) -> str:
    """Write a key event as programs bind it, with a mark for a release."""
    assert event["type"] == "key"
    names = [name for name in ("ctrl", "alt", "shift") if event[name]]
    mark = "" if event["action"] == "press" else "!"
    return "+".join([*names, event["key"]]) + mark


def read(data: bytes) -> list[str]:
    reader = Reader()
    events = reader.feed(data)
    assert not reader.waiting
    return [told(event) for event in events]


@pytest.mark.parametrize(("data", "name"), SPECIAL.items())
def test_special_keys_have_names(data: bytes, name: str) -> None:
    """As key and as key type (modules-data 22)."""
    (event,) = Reader().feed(data)
    assert event == {
        "type": "key",
        "key": name,
        "key_type": name,
        "action": "press",
        "alt": False,
        "ctrl": False,
        "shift": False,
    }


def test_characters_are_keys() -> None:
    """Each one is an event of the type ``runes``."""
    events = Reader().feed("aÄ日🙂".encode())
    assert [event["key"] for event in events] == ["a", "Ä", "日", "🙂"]
    assert {event["key_type"] for event in events} == {"runes"}


def test_control_with_a_letter_arrives_as_the_letter() -> None:
    """Except those that are keys of their own."""
    assert read(b"\x01\x03\x1a\x1c\x00\x08") == [
        "ctrl+a",
        "ctrl+c",
        "ctrl+z",
        "ctrl+\\",
        "ctrl+space",
        "ctrl+h",
    ]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x1bx", "alt+x"),
        ("\x1bß".encode(), "alt+ß"),
        (b"\x1b\x01", "ctrl+alt+a"),
        (b"\x1b\r", "alt+enter"),
        (b"\x1b\x1b[A", "alt+up"),
        (b"\x1b[Z", "shift+tab"),
        (b"\x1b[1;2A", "shift+up"),
        (b"\x1b[1;5C", "ctrl+right"),
        (b"\x1b[1;8D", "ctrl+alt+shift+left"),
        (b"\x1b[1;5P", "ctrl+f1"),
        (b"\x1b[3;5~", "ctrl+delete"),
        (b"\x1b[3^", "ctrl+delete"),
        (b"\x1b[3@", "ctrl+shift+delete"),
        (b"\x1b[a", "shift+up"),
        (b"\x1b[97;5u", "ctrl+a"),
        (b"\x1b[97;5:3u", "ctrl+a!"),
        (b"\x1b[27;5;13~", "ctrl+enter"),
        (b"\x1b[1;1:3A", "up!"),
        (b"\x1b[27u", "esc"),
    ],
)
def test_modifiers(data: bytes, name: str) -> None:
    """By the forms of xterm, rxvt and kitty."""
    assert read(data) == [name]


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        (b"\x1b", ["esc"]),
        (b"\x1b\x1b", ["alt+esc"]),
        (b"\x1b[", ["alt+["]),
        (b"\x1bO", ["alt+O"]),
        (b"\x1b]", ["alt+]"]),
        (b"\x1b[1;5", ["\x1b[1;5"]),
        (b"\x1b[M!", ["\x1b[M!"]),
        (b"\x1b[[", ["\x1b[["]),
        (b"\xc3", ["Ã"]),
    ],
)
def test_silence_decides_what_is_not_whole(kept: bytes, names: list[str]) -> None:
    """A lone ESC is the key (modules-data 22)."""
    reader = Reader()
    assert reader.feed(kept) == []
    assert reader.waiting
    assert [told(event) for event in reader.flush()] == names
    assert not reader.waiting


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[99~",
        b"\x1b[5;7R",
        b"\x1b[?1;2c",
        b"\x1b[57358u",
        b"\x1b]11;rgb:0/0/0\x07",
        b"\x1b[<1;2M",
        b"\xff",
        b"\x1b[[x",
    ],
)
def test_what_is_no_key_is_unknown(data: bytes) -> None:
    """The event carries what came."""
    (event,) = Reader().feed(data)
    assert event["key_type"] == "unknown"
    assert event["key"] == data.decode("latin-1")


def mouse(data: bytes) -> str:
    (event,) = Reader().feed(data)
    names = [name for name in ("ctrl", "alt", "shift") if event[name]]
    place = f"{event['x']},{event['y']}"
    return " ".join([event["type"], event["action"], event["button"], place, *names])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b[<0;1;1M", "mouse press left 0,0"),
        (b"\x1b[<0;3;4m", "mouse release left 2,3"),
        (b"\x1b[<1;3;4M", "mouse press middle 2,3"),
        (b"\x1b[<2;3;4M", "mouse press right 2,3"),
        (b"\x1b[<32;3;4M", "mouse motion left 2,3"),
        (b"\x1b[<35;3;4M", "mouse motion none 2,3"),
        (b"\x1b[<64;3;4M", "mouse wheel wheel_up 2,3"),
        (b"\x1b[<65;3;4M", "mouse wheel wheel_down 2,3"),
        (b"\x1b[<66;3;4M", "mouse wheel none 2,3"),
        (b"\x1b[<128;3;4M", "mouse press none 2,3"),
        (b"\x1b[<28;3;4M", "mouse press left 2,3 ctrl alt shift"),
        (b"\x1b[<0;0;99999999999999999999M", "mouse press left 0,65535"),
        (b"\x1b[M #$", "mouse press left 2,3"),
        (b"\x1b[M##$", "mouse release none 2,3"),
    ],
)
def test_mouse_events(data: bytes, text: str) -> None:
    """Coordinates begin at 0 (modules-data 22)."""
    assert mouse(data) == text


def test_focus_comes_and_goes() -> None:
    """It is its own type of event."""
    assert Reader().feed(b"\x1b[I\x1b[O") == [
        {"type": "focus", "focused": True},
        {"type": "focus", "focused": False},
    ]


def test_a_paste_is_one_event_however_it_comes() -> None:
    """Keys inside are text, and a silence does not end it."""
    reader = Reader()
    assert reader.feed(b"\x1b[200~one\r\x1b[A") == []
    assert not reader.waiting
    assert reader.flush() == []
    assert reader.feed(b" two\x1b[20") == []
    first, second = reader.feed(b"1~x")
    assert first == {"type": "paste", "text": "one\r\x1b[A two"}
    assert second["key"] == "x"


def test_a_paste_without_an_end_comes_in_parts() -> None:
    """The memory it takes is bounded."""
    reader = Reader()
    reader.feed(b"\x1b[200~")
    (part,) = reader.feed(b"x" * (MOST_PASTED + 1))
    assert len(part["text"]) == MOST_PASTED


WHOLE = st.sampled_from(
    [
        *SPECIAL,
        b"a",
        "ä".encode(),
        "🙂".encode(),
        b"\x01",
        b"\x1b[1;5C",
        b"\x1b[<0;3;4M",
        b"\x1b[M #$",
        b"\x1b[I",
        b"\x1b[200~a\x1bb\x1b[201~",
        b"\x1b]11;rgb:0/0/0\x1b\\",
    ]
)


@given(st.lists(WHOLE, max_size=8), st.data())
def test_pieces_make_the_same_events(keys: list[bytes], data: st.DataObject) -> None:
    """Wherever the bytes are cut."""
    whole = b"".join(keys)
    expected = [event for key in keys for event in Reader().feed(key)]
    reader = Reader()
    got = []
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        got += reader.feed(whole[:size])
        whole = whole[size:]
    assert got == expected
    assert not reader.waiting


@given(st.lists(st.binary(max_size=12), max_size=6))
def test_any_bytes_are_read_to_their_end(parts: list[bytes]) -> None:
    """Nothing that comes stops the reader."""
    reader = Reader()
    for part in parts:
        for event in reader.feed(part):
            assert event["type"] in {"key", "mouse", "focus", "paste"}
    reader.flush()
    assert not reader.waiting


def other_name(key: Any) -> str:
    """Write a key of the other reader as ours does."""
    name = str(key.value if hasattr(key, "value") else key)
    aliases = {
        "c-m": "enter",
        "c-i": "tab",
        "c-h": "backspace",
        "pageup": "pgup",
        "pagedown": "pgdown",
        " ": "space",
    }
    name = aliases.get(name, name)
    return name.replace("c-", "ctrl+").replace("s-", "shift+")


@given(
    st.lists(
        st.sampled_from(
            [
                *(key for key in SPECIAL if key not in (b"\x1b[[A",)),
                *(letter.encode() for letter in string.ascii_letters),
                b"\x03",
                b"\x1b[1;2A",
                b"\x1b[1;5C",
                b"\x1b[3;5~",
                b"\x1b[Z",
            ]
        ),
        max_size=10,
    )
)
def test_another_reader_reads_the_same_keys(keys: list[bytes]) -> None:
    """Prompt Toolkit names them alike."""
    vt100 = pytest.importorskip("prompt_toolkit.input.vt100_parser")
    presses: list[Any] = []
    other = vt100.Vt100Parser(presses.append)
    other.feed(b"".join(keys).decode())
    other.flush()
    assert [told(event) for event in Reader().feed(b"".join(keys))] == [
        other_name(press.key) for press in presses
    ]
