"""What all archives share: formats, entries, limits, safe names.

Source: modules-data 6.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, NamedTuple

from wippy_trio.modules._texts import whole_number
from wippy_trio.sdk import InvalidError

__all__ = [
    "FORMATS",
    "Item",
    "Limits",
    "detect",
    "dos_seconds",
    "dos_tuple",
    "format_of_name",
    "safe_path",
    "strip_path",
]

FORMATS = ("tar", "tar.gz", "tar.zst", "zip")
HEAD = 512
_ENDINGS = {
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".tar.zst": "tar.zst",
    ".tzst": "tar.zst",
    ".tar": "tar",
    ".zip": "zip",
}
_DRIVE = re.compile(r"[A-Za-z]:")
_UNKNOWN = "unknown archive format (set opts.format)"


class Item(NamedTuple):
    """One entry of an archive."""

    name: str
    size: int
    compressed_size: int
    is_dir: bool
    mode: int
    modified: int
    method: str
    crc32: int

    def row(self) -> dict[str, Any]:
        """Show it as a program sees it."""
        return {**self._asdict(), "type": "directory" if self.is_dir else "file"}


class Limits(NamedTuple):
    """How much an archive may hold; 0 and what is no number mean the default."""

    entries: int
    file_bytes: int
    total_bytes: int
    inline_bytes: int
    buffer_bytes: int

    @classmethod
    def read(cls, options: dict[Any, Any]) -> Limits:
        """Read them from options."""
        defaults = {
            "max_entries": 100_000,
            "max_file_bytes": 1 << 30,
            "max_total_bytes": 2 << 30,
            "max_inline_bytes": 16 << 20,
            "buffer_bytes": 64 << 10,
        }
        values = [
            whole_number(options.get(name), default, 1, 1 << 50)
            for name, default in defaults.items()
        ]
        values[4] = min(values[4], 1 << 20)
        return cls(*values)

    def check_count(self, count: int) -> None:
        """Refuse an archive of too many entries."""
        if count > self.entries:
            raise InvalidError(
                f"archive has more than {self.entries} entries", retryable=False
            )

    def check_size(self, name: str, size: int) -> None:
        """Refuse an entry that is too large."""
        if size > self.file_bytes:
            raise InvalidError(
                f"entry {name}: larger than {self.file_bytes} bytes", retryable=False
            )


def format_of_name(name: str) -> str | None:
    """Tell the format by the ending of a file's name."""
    lowered = name.lower()
    return next((f for end, f in _ENDINGS.items() if lowered.endswith(end)), None)


def _named(options: dict[Any, Any]) -> str | None:
    given = options.get("format")
    if not isinstance(given, str) or not given:
        return None
    if given not in FORMATS:
        raise InvalidError(_UNKNOWN, retryable=False)
    return given


def detect(options: dict[Any, Any], head: bytes, name: str) -> str:
    """Tell a format: as said, by the first bytes, by the name.

    Raises:
      InvalidError: Nothing tells.
    """
    found = _named(options)
    if found is None:
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
            found = "zip"
        elif head.startswith(b"\x1f\x8b"):
            found = "tar.gz"
        elif head.startswith(b"\x28\xb5\x2f\xfd"):
            found = "tar.zst"
        elif head[257:262] == b"ustar":
            found = "tar"
        else:
            found = format_of_name(name)
    if found is None:
        raise InvalidError(_UNKNOWN, retryable=False)
    return found


def strip_path(name: str, strip: int) -> str:
    """Take leading parts off a name; an empty rest if it has no more."""
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    return "/".join(parts[strip:])


def safe_path(name: str) -> str:
    """Make a relative path without ``.`` and ``..`` of the name of an entry.

    Raises:
      InvalidError: It is empty or absolute, names a drive, or leads outside.
    """
    path = name.replace("\\", "/")
    parts: list[str] = []
    bad = not path or path.startswith("/") or "\0" in path or _DRIVE.match(path)
    for part in path.split("/"):
        if part == "..":
            if not parts:
                bad = True
                break
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if bad or not parts:
        raise InvalidError(f"unsafe entry path: {name}", retryable=False)
    return "/".join(parts)


def dos_seconds(date: tuple[int, ...]) -> int:
    """Read the time of a zip entry as UTC; an impossible one is 0."""
    try:
        return int(dt.datetime(*date, tzinfo=dt.UTC).timestamp())  # type: ignore[misc,arg-type]
    except ValueError:
        return 0


def dos_tuple(seconds: float) -> tuple[int, int, int, int, int, int]:
    """Write a time for a zip entry, from 1980 to 2107."""
    bounded = min(max(seconds, 315532800.0), 4354819198.0)
    at = dt.datetime.fromtimestamp(bounded, dt.UTC)
    return (at.year, at.month, at.day, at.hour, at.minute, at.second)
