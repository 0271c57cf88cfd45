"""Cutting bytes that come in pieces into lines, words, characters (modules-io 5.2).

Pure: push what was read, take what is complete, say when there is no more.
"""

from __future__ import annotations

from wippy_trio.errors import InvalidError

__all__ = ["SPLITS", "Splitter", "TooLongError"]

SPLITS = ("lines", "words", "bytes", "runes")
LONGEST = 64 * 1024
"""A line or word of more bytes ends the scan with an error."""

_SPACE = b" \t\n\v\f\r"


class TooLongError(InvalidError):
    """A line or word is too long to be scanned."""


class Splitter:
    """Cut bytes into tokens.

    ``lines`` drop their end, with a carriage return before it; ``words`` are parted by
    white space; ``runes`` are UTF-8 characters, and a byte that begins none is the
    replacement character.
    """

    __slots__ = ("_at", "_buffer", "_ended", "_split")

    def __init__(self, split: str) -> None:
        """Begin.

        Raises:
          InvalidError: There is no such split.
        """
        if split not in SPLITS:
            raise InvalidError(
                f"split: wanted one of {', '.join(SPLITS)}, got {split!r}",
                retryable=False,
            )
        self._split = split
        self._buffer = b""
        self._at = 0
        self._ended = False

    def push(self, data: bytes) -> None:
        """Add what was read; nothing means that there is no more."""
        if not data:
            self._ended = True
        elif self._at == len(self._buffer):
            self._buffer, self._at = data, 0
        else:
            self._buffer, self._at = self._buffer[self._at :] + data, 0

    def take(self) -> bytes | None:
        """Give the next token, or ``None`` if more must be pushed, or at the end.

        Raises:
          TooLongError: The token is longer than 64 KiB.
        """
        match self._split:
            case "lines":
                return self._line()
            case "words":
                return self._word()
            case "bytes":
                return self._advance(1) if self._at < len(self._buffer) else None
            case _:
                return self._rune()

    @property
    def ended(self) -> bool:
        """Whether nothing more will be pushed."""
        return self._ended

    def _advance(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        return self._buffer[start : self._at]

    def _check(self, size: int) -> None:
        if size > LONGEST:
            raise TooLongError(
                f"token too long: more than {LONGEST} bytes", retryable=False
            )

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._at)
        rest = len(self._buffer) - self._at
        if end < 0:
            self._check(rest)
            if not self._ended or not rest:
                return None
            return self._advance(rest).removesuffix(b"\r")
        self._check(end - self._at)
        line = self._advance(end + 1 - self._at)[:-1]
        return line.removesuffix(b"\r")

    def _word(self) -> bytes | None:
        buffer, size = self._buffer, len(self._buffer)
        at = self._at
        while at < size and buffer[at] in _SPACE:
            at += 1
        self._at = at
        while at < size and buffer[at] not in _SPACE:
            at += 1
        self._check(at - self._at)
        if (at == size and not self._ended) or at == self._at:
            return None
        return self._advance(at - self._at)

    def _rune(self) -> bytes | None:
        rest = len(self._buffer) - self._at
        if not rest:
            return None
        first = self._buffer[self._at]
        size = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        if rest < size and not self._ended:
            return None
        try:
            token = self._buffer[self._at : self._at + size]
            token.decode("utf-8")
        except UnicodeDecodeError:
            self._at += 1
            return "\ufffd".encode()
        self._at += size
        return token
