"""Where the values of environment variables are kept (apps 2.7)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wippy_trio.sdk import InvalidError, NotFoundError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "FileStorage",
    "MemoryStorage",
    "OsStorage",
    "RouterStorage",
    "StaticStorage",
    "Storage",
    "format_dotenv",
    "parse_dotenv",
]

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_PLAIN = frozenset("_-./:,@+=%")


class Storage(Protocol):
    """Values by key; all texts."""

    @property
    def writable(self) -> bool:
        """Whether `set` can succeed."""
        ...

    def get(self, key: str) -> str | None:
        """Give the value of a key, or ``None``."""
        ...

    def set(self, key: str, value: str) -> None:
        """Keep a value, or raise `PermissionDeniedError`."""
        ...

    def all(self) -> Mapping[str, str]:
        """Give everything that is kept."""
        ...


class StaticStorage:
    """Keep what the entry says; nobody changes it."""

    writable = False

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def get(self, key: str) -> str | None:
        """Give the value of a key."""
        return self._values.get(key)

    def set(self, key: str, value: str) -> None:
        """Refuse."""
        del key, value
        raise PermissionDeniedError("storage is read-only")

    def all(self) -> Mapping[str, str]:
        """Give everything."""
        return dict(self._values)


class OsStorage(StaticStorage):
    """Show the environment of the operating system, as it is at the moment."""

    def __init__(self) -> None:
        super().__init__({})

    def get(self, key: str) -> str | None:
        """Give the value of a key."""
        return os.environ.get(key)

    def all(self) -> Mapping[str, str]:
        """Give everything."""
        return dict(os.environ)


class MemoryStorage(StaticStorage):
    """Keep values as long as the runtime runs."""

    writable = True

    def __init__(self) -> None:
        super().__init__({})

    def set(self, key: str, value: str) -> None:
        """Keep a value."""
        self._values[key] = value


class FileStorage(StaticStorage):
    """Keep values in a ``.env`` file, rewritten as a whole by each change.

    The file is read once, when it is opened. A write goes to a temporary file beside it
    that then takes its place, so a reader never sees half of it.
    """

    writable = True

    def __init__(
        self,
        path: Path,
        *,
        auto_create: bool = False,
        file_mode: int = 0o644,
        dir_mode: int = 0o755,
    ) -> None:
        """Open a file.

        Args:
          path: Of the file.
          auto_create: Make the file, and its folder, when it is missing.
          file_mode: Of the file.
          dir_mode: Of folders that are made.

        Raises:
          InvalidError: It is missing and not to be made, or is no such file.
        """
        self._path = path
        self._mode = file_mode
        try:
            super().__init__(parse_dotenv(path.read_text(encoding="utf-8"), str(path)))
        except FileNotFoundError:
            if not auto_create:
                raise InvalidError(
                    f"env file {path}: wanted a file, found none (auto_create is false)"
                ) from None
            super().__init__({})
            try:
                path.parent.mkdir(mode=dir_mode, parents=True, exist_ok=True)
                self._write({})
            except OSError as error:
                raise InvalidError(f"env file {path}: {error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidError(f"env file {path}: {error}") from error

    def set(self, key: str, value: str) -> None:
        """Keep a value; the file is written before anybody sees it."""
        changed = {**self._values, key: value}
        try:
            self._write(changed)
        except OSError as error:
            raise InvalidError(f"env file {self._path}: {error}") from error
        self._values = changed

    def _write(self, values: Mapping[str, str]) -> None:
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".env-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(format_dotenv(values))
            temporary.chmod(self._mode)
            temporary.replace(self._path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class RouterStorage:
    """Read from the first storage that has a value, write to the first writable."""

    def __init__(
        self, ids: Sequence[str], find: Callable[[str], Storage | None]
    ) -> None:
        self._ids = tuple(ids)
        self._find = find

    @property
    def writable(self) -> bool:
        """Whether one of them is."""
        return any(storage.writable for storage in self._storages())

    def _storages(self) -> list[Storage]:
        storages = []
        for id_ in self._ids:
            storage = self._find(id_)
            if storage is None:
                raise NotFoundError(f"env storage {id_} not found")
            storages.append(storage)
        return storages

    def get(self, key: str) -> str | None:
        """Give the value of a key."""
        for storage in self._storages():
            value = storage.get(key)
            if value:
                return value
        return None

    def set(self, key: str, value: str) -> None:
        """Keep a value in the first storage that can."""
        for storage in self._storages():
            if storage.writable:
                storage.set(key, value)
                return
        raise PermissionDeniedError("storage is read-only")

    def all(self) -> Mapping[str, str]:
        """Give everything, each key as `get` would find it."""
        found: dict[str, str] = {}
        for storage in reversed(self._storages()):
            found.update({k: v for k, v in storage.all().items() if v})
        return found


def parse_dotenv(text: str, where: str = ".env") -> dict[str, str]:
    r"""Read ``KEY=VALUE`` lines.

    ``#`` begins a comment on a line of its own or after white space. A value may stand
    in single quotes, where everything is itself, or in double quotes, where ``\n``,
    ``\r``, ``\t``, ``\"`` and ``\\`` are read as usual.

    Raises:
      InvalidError: A line that is none of that; the text names its number.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, equals, rest = stripped.partition("=")
        key = key.strip()
        if not equals or not key:
            raise InvalidError(f"{where}:{number}: wanted KEY=VALUE, got {stripped!r}")
        values[key] = _value(rest.strip(), f"{where}:{number}")
    return values


def _value(text: str, where: str) -> str:
    quote = text[:1]
    if quote not in ("'", '"') or not quote:
        if quote == "#":
            return ""
        for position in range(1, len(text)):
            if text[position] == "#" and text[position - 1].isspace():
                return text[:position].rstrip()
        return text
    out: list[str] = []
    position = 1
    while position < len(text):
        char = text[position]
        if char == quote:
            after = text[position + 1 :].strip()
            if after and not after.startswith("#"):
                raise InvalidError(f"{where}: unexpected text after the closing quote")
            return "".join(out)
        if char == "\\" and quote == '"' and position + 1 < len(text):
            position += 1
            char = _ESCAPES.get(text[position], text[position])
        out.append(char)
        position += 1
    raise InvalidError(f"{where}: the quote {quote} is not closed")


def format_dotenv(values: Mapping[str, str]) -> str:
    """Write what `parse_dotenv` reads; values are quoted where they must be."""
    lines = []
    for key, value in values.items():
        if not all(char.isalnum() or char in _PLAIN for char in value):
            value = value.replace("\\", "\\\\").replace('"', '\\"')
            value = value.replace("\n", "\\n").replace("\r", "\\r")
            value = '"' + value.replace("\t", "\\t") + '"'
        lines.append(f"{key}={value}\n")
    return "".join(lines)
