"""What a terminal sends, made events: a machine from bytes to tables (modules-data 22).

The bytes of a key may come in pieces, and a lone ESC is the beginning of most of them.
So the machine keeps what is not whole, says that it does (`Reader.waiting`), and its
owner calls `Reader.flush` when nothing has come for a short while: what was kept is
then taken as it stands, the lone ESC as the key. Inside a paste it waits for the end.

An event is what Lua gets: a mapping of texts, integers and booleans.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["Event", "Reader"]

Event = dict[str, Any]
Found = tuple[int, Event]
"""How many bytes an event took, and the event."""

_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
MOST_PASTED = 16 * 1024 * 1024
"""A paste without an end is handed on in parts of this size."""

_MOST_PARAMETERS = 64
_FARTHEST = 65535
_CSI = re.compile(rb"\x1b\[([0-?]*)([ -/]*)([@-~])")
_OPEN_CSI = re.compile(rb"\x1b\[[0-?]*[ -/]*")
_STRING = re.compile(rb"\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)")
_OPEN_STRING = re.compile(rb"\x1b[\]PX^_][ -~]+\x1b?")

_FINALS = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "F": "end",
    "H": "home",
    "P": "f1",
    "Q": "f2",
    "R": "f3",
    "S": "f4",
    "Z": "tab",
}
_NUMBERS = {
    1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pgup", 6: "pgdown",
    7: "home", 8: "end", 11: "f1", 12: "f2", 13: "f3", 14: "f4", 15: "f5",
    17: "f6", 18: "f7", 19: "f8", 20: "f9", 21: "f10", 23: "f11", 24: "f12",
}  # fmt: skip
_CODES = {8: "backspace", 9: "tab", 13: "enter", 27: "esc", 32: "space",
          127: "backspace"}  # fmt: skip
_BUTTONS = ("left", "middle", "right", "none")


def _key(key: str, key_type: str, modifiers: int = 0, action: str = "press") -> Event:
    return {
        "type": "key",
        "key": key,
        "key_type": key_type,
        "action": action,
        "shift": bool(modifiers & 1),
        "alt": bool(modifiers & 2),
        "ctrl": bool(modifiers & 4),
    }


def _special(name: str, modifiers: int = 0, action: str = "press") -> Event:
    return _key(name, name, modifiers, action)


def _unknown(data: bytes) -> Event:
    return _key(data.decode("latin-1"), "unknown")


class Reader:
    """Keep what is not whole yet."""

    def __init__(self) -> None:
        self._kept = b""
        self._pasting = False

    @property
    def waiting(self) -> bool:
        """Whether something is kept that a short silence would decide."""
        return bool(self._kept) and not self._pasting

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes; give the events that are whole."""
        self._kept += data
        return self._events(silent=False)

    def flush(self) -> list[Event]:
        """Take what is kept as it stands: nothing more has come."""
        return self._events(silent=True)

    def _events(self, *, silent: bool) -> list[Event]:
        events: list[Event] = []
        while self._kept:
            if self._pasting:
                event = self._paste()
                if event is None:
                    break
                events.append(event)
                continue
            if self._kept.startswith(_PASTE_BEGINS):
                self._kept = self._kept[len(_PASTE_BEGINS) :]
                self._pasting = True
                continue
            found = _first(self._kept, silent=silent)
            if found is None:
                break
            self._kept = self._kept[found[0] :]
            events.append(found[1])
        return events

    def _paste(self) -> Event | None:
        end = self._kept.find(_PASTE_ENDS)
        if end >= 0:
            text, self._kept = self._kept[:end], self._kept[end + len(_PASTE_ENDS) :]
            self._pasting = False
        elif len(self._kept) > MOST_PASTED:
            text, self._kept = self._kept[:MOST_PASTED], self._kept[MOST_PASTED:]
        else:
            return None
        try:
            return {"type": "paste", "text": text.decode()}
        except UnicodeDecodeError:
            return {"type": "paste", "text": text}


def _first(data: bytes, *, silent: bool) -> Found | None:
    """Read the first event, if it is whole."""
    first = data[0]
    if first == 0x1B:
        return _escape(data, silent=silent)
    if first < 0x20 or first == 0x7F:
        return 1, _control(first)
    if first == 0x20:
        return 1, _special("space")
    length = _length(first)
    if length > len(data) and not silent and _goes_on(data[1:]):
        return None
    try:
        return length, _key(data[:length].decode(), "runes")
    except UnicodeDecodeError:
        return 1, _unknown(data[:1])


def _length(first: int) -> int:
    """Tell how many bytes a character has by its first one."""
    if first < 0xC2 or first > 0xF4:
        return 1
    if first < 0xE0:
        return 2
    return 3 if first < 0xF0 else 4


def _goes_on(data: bytes) -> bool:
    return all(0x80 <= byte < 0xC0 for byte in data)


def _control(byte: int) -> Event:
    match byte:
        case 0x0D:
            return _special("enter")
        case 0x09:
            return _special("tab")
        case 0x7F:
            return _special("backspace")
        case 0x00:
            return _special("space", 4)
    return _key(chr(byte + 0x40).lower(), "runes", 4)


def _escape(data: bytes, *, silent: bool) -> Found | None:
    if len(data) == 1:
        return (1, _special("esc")) if silent else None
    second = data[1:2]
    if second == b"[":
        return _csi(data, silent=silent)
    if second == b"O":
        return _ss3(data, silent=silent)
    if second in (b"]", b"P", b"X", b"^", b"_"):
        whole = _STRING.match(data)
        if whole is not None:
            return whole.end(), _unknown(whole.group())
        if not silent and (len(data) == 2 or _OPEN_STRING.fullmatch(data)):
            return None
    found = _first(data[1:], silent=silent)
    if found is None:
        return None
    used, event = found
    if event["type"] == "key":
        event["alt"] = True
    return used + 1, event


def _ss3(data: bytes, *, silent: bool) -> Found | None:
    """Read ``ESC O``: keys of a terminal in application mode, or Alt and O."""
    if len(data) == 2:
        return (2, _key("O", "runes", 2)) if silent else None
    final = chr(data[2])
    if final == "M":
        return 3, _special("enter")
    if final in _FINALS and final != "Z":
        return 3, _special(_FINALS[final])
    return 2, _key("O", "runes", 2)


def _csi(data: bytes, *, silent: bool) -> Found | None:
    if data[2:3] == b"M":
        if len(data) >= 6:
            return 6, _mouse(data[3] - 32, data[4] - 32, data[5] - 32, "M", old=True)
        return (len(data), _unknown(data)) if silent else None
    if data[2:3] == b"[":  # the console of Linux
        if len(data) >= 4:
            place = b"ABCDE".find(data[3:4])
            if place >= 0:
                return 4, _special(f"f{place + 1}")
            return 4, _unknown(data[:4])
        return (len(data), _unknown(data)) if silent else None
    whole = _CSI.match(data)
    if whole is not None:
        parameters, between, final = (part.decode() for part in whole.groups())
        event = None if between else _sequence(parameters, final)
        return whole.end(), event or _unknown(whole.group())
    begun = _OPEN_CSI.match(data)
    assert begun is not None  # it begins with ESC [
    if begun.end() == len(data) <= _MOST_PARAMETERS and not silent:
        return None
    if len(data) == 2:
        return 2, _key("[", "runes", 2)
    return begun.end(), _unknown(begun.group())


def _integers(text: str, separator: str) -> list[int]:
    return [int(part) if part.isdecimal() else 0 for part in text.split(separator)]


def _sequence(parameters: str, final: str) -> Event | None:
    """Give the event of a control sequence, if there is one."""
    if parameters.startswith("<") and final in "Mm":
        numbers = _integers(parameters[1:], ";")
        if len(numbers) != 3:
            return None
        return _mouse(numbers[0], numbers[1], numbers[2], final)
    if not parameters and final in "IO":
        return {"type": "focus", "focused": final == "I"}
    fields = [_integers(field, ":") for field in parameters.split(";")]
    first = fields[0][0]
    modifiers, action = 0, "press"
    if len(fields) > 1:
        modifiers = max(fields[1][0] - 1, 0)
        if fields[1][1:2] == [3]:
            action = "release"
    if final == "~":
        if first == 27 and len(fields) == 3:
            return _coded(fields[2][0], modifiers, action)
        name = _NUMBERS.get(first)
        return None if name is None else _special(name, modifiers, action)
    if final == "u":
        return _coded(first, modifiers, action)
    if final in "^@" and len(fields) == 1:  # rxvt: Ctrl, and Shift with it
        name = _NUMBERS.get(first)
        return None if name is None else _special(name, 4 if final == "^" else 5)
    if final in "abcd" and not parameters:
        return _special(_FINALS[final.upper()], 1)
    if final in _FINALS and first in (0, 1):
        name = _FINALS[final]
        return _special(name, modifiers | (1 if name == "tab" else 0), action)
    return None


def _coded(code: int, modifiers: int, action: str) -> Event | None:
    """Give the key of a code point, as terminals report it on request."""
    name = _CODES.get(code)
    if name is not None:
        return _special(name, modifiers, action)
    if code < 0x20 or 0xD800 <= code < 0xF900 or code > 0x10FFFF:
        return None  # half a pair, or a private number of a key that has no name here
    return _key(chr(code), "runes", modifiers, action)


def _mouse(code: int, x: int, y: int, final: str, *, old: bool = False) -> Event:
    button, action = "none", "press"
    which = code & 3
    if code & 64:
        action = "wheel"
        button = ("wheel_up", "wheel_down", "none", "none")[which]
    elif code & 128:
        action = "motion" if code & 32 else "release" if final == "m" else "press"
    else:
        button = _BUTTONS[which]
        if code & 32:
            action = "motion"
        elif final == "m" or (old and which == 3):
            action = "release"
    return {
        "type": "mouse",
        "action": action,
        "button": button,
        "x": min(max(x - 1, 0), _FARTHEST),
        "y": min(max(y - 1, 0), _FARTHEST),
        "shift": bool(code & 4),
        "alt": bool(code & 8),
        "ctrl": bool(code & 16),
    }
