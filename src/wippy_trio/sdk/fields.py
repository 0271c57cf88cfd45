"""Reading the fields of an entry: each is checked, each error names it.

Text that reads as a number or a truth is one, because requirement values and
placeholders arrive as text (apps 2.0.1). A field that is absent, ``null`` or an empty
text has its default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.duration import parse_seconds
from wippy_trio.errors import InvalidError
from wippy_trio.registry import complete_id

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["Fields"]


class Fields:
    """The fields of an entry, or of a map inside it."""

    __slots__ = ("_data", "_ns", "_where")

    def __init__(self, entry: Entry) -> None:
        """Look at the data of an entry; an entry without data has no fields.

        Raises:
          InvalidError: The data are something else than a map.
        """
        if entry.data is not None and not isinstance(entry.data, dict):
            raise InvalidError(f"configuration: wanted a map, got {entry.data!r}")
        self._data: dict[str, Any] = entry.data or {}
        self._ns = entry.ns
        self._where = ""

    def _wrong(self, name: str, wanted: str) -> InvalidError:
        return InvalidError(
            f"{self._where}{name}: wanted {wanted}, got {self._data.get(name)!r}"
        )

    def raw(self, name: str) -> Any:
        """Give a field as it is; ``None`` if it is absent or an empty text."""
        value = self._data.get(name)
        return None if value == "" else value

    def inside(self, name: str) -> Fields:
        """Give the fields of a map; an absent one is empty."""
        value = self.raw(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self._wrong(name, "a map")
        found = Fields.__new__(Fields)
        found._data = value
        found._ns = self._ns
        found._where = f"{self._where}{name}."
        return found

    def text(self, name: str, default: str = "") -> str:
        """Give a text; a number or a truth is written out."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, (str, int, float)):
            raise self._wrong(name, "text")
        return str(value)

    def required(self, name: str, message: str) -> str:
        """Give a text that must be there; ``message`` says what is missing."""
        value = self.text(name)
        if not value:
            raise InvalidError(message)
        return value

    def id(self, name: str, message: str) -> str:
        """Give an entry id that must be there; a bare name is of the same namespace."""
        return complete_id(self.required(name, message), self._ns)

    def integer(self, name: str, default: int = 0) -> int:
        """Give a whole number."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, str):
            try:
                value = int(value)
            except ValueError:
                raise self._wrong(name, "a whole number") from None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, "a whole number")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Give a truth."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def seconds(self, name: str, default: float = 0.0) -> float:
        """Give a span of time, written like ``5s``, in seconds; 0 needs no unit."""
        value = self.raw(name)
        if value is None:
            return default
        if value == 0 and not isinstance(value, bool):
            return 0.0
        if not isinstance(value, str):
            raise self._wrong(name, "a duration like 5s")
        try:
            seconds = parse_seconds(value)
        except InvalidError:
            raise self._wrong(name, "a duration like 5s") from None
        if seconds < 0:
            raise self._wrong(name, "a duration of 0 or more")
        return seconds

    def items(self, name: str) -> list[Any]:
        """Give a list; an absent one is empty."""
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def texts(self, name: str) -> list[str]:
        """Give a list of texts; a single text is a list of one."""
        value = self.raw(name)
        found = [value] if isinstance(value, str) else self.items(name)
        if not all(isinstance(item, str) for item in found):
            raise self._wrong(name, "a list of texts")
        return found
