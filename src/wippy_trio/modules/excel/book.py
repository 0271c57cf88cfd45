"""A workbook of cells, on openpyxl; everything here blocks.

Source: modules-data 7.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

from wippy_trio.expr import go_text
from wippy_trio.modules._texts import to_text
from wippy_trio.modules.excel.formats import shown
from wippy_trio.sdk import Error, InternalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["MOST_BYTES", "Book", "collected"]

MOST_BYTES = 64 << 20
_MOST_UNPACKED = 512 << 20
_MOST_CELLS = 5_000_000
_MOST_TEXT = 32_767
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})")
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
_FORBIDDEN = frozenset(":\\/?*[]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DAMAGE = (ValueError, KeyError, SyntaxError, OSError, zipfile.BadZipFile)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Book:
    """A workbook.

    One that was read is not loaded whole before something of it is changed, or it is
    written: until then its rows come from the file, one after the other.
    """

    def __init__(self, book: Any, source: bytes | None = None) -> None:
        self._loaded = book
        self._source = source  # also to look up what formulas had given
        self._values: Any = None
        self._names: list[str] = []

    @classmethod
    def new(cls) -> Book:
        """Make one with the sheet ``Sheet1``."""
        import openpyxl  # noqa: PLC0415 - an extra

        book = openpyxl.Workbook()
        book.active.title = "Sheet1"
        return cls(book)

    @classmethod
    def read(cls, data: bytes) -> Book:
        """Read one.

        Raises:
          InternalError: It is none, or unpacks to too much.
        """
        _check_size(data)
        made = cls(None, data)
        light = _load(data, values=True, light=True)
        made._names = list(light.sheetnames)
        light.close()
        return made

    @property
    def loaded(self) -> bool:
        """Whether all of it is in memory: then a change takes no time."""
        return self._loaded is not None

    @property
    def _book(self) -> Any:
        if self._loaded is None:
            self._loaded = _load(self._source or b"", values=False)
        return self._loaded

    def write(self) -> bytes:
        """Give it as a file."""
        out = io.BytesIO()
        self._book.save(out)
        return out.getvalue()

    def close(self) -> None:
        """Let go of it."""
        self._loaded = self._values = self._source = None

    # -- sheets ------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Name the sheets in order."""
        return list(self._loaded.sheetnames if self.loaded else self._names)

    def find(self, name: str) -> str | None:
        """Find a sheet: how its name is written, ``None`` if there is none."""
        for known in self.names:
            if known.lower() == name.lower():
                return known
        return None

    def add_sheet(self, name: str) -> int:
        """Make a sheet, or find it; its place from 0.

        Raises:
          InternalError: It is no name of a sheet.
        """
        for place, known in enumerate(self.names):
            if known.lower() == name.lower():
                return place
        if not name.strip():
            raise InternalError("the sheet name can not be blank")
        if len(name) > 31:
            raise InternalError("the sheet name length exceeds the 31 characters limit")
        if _FORBIDDEN & set(name) or _CONTROL.search(name):
            raise InternalError("the sheet name can not contain :\\/?*[]")
        if name[0] == "'" or name[-1] == "'":
            raise InternalError(
                "the sheet name can not begin or end with a single quote"
            )
        self._book.create_sheet(name)
        return len(self._book.sheetnames) - 1

    # -- cells -------------------------------------------------------------------------

    def put(self, sheet: str, reference: str, value: Any) -> None:
        """Put a value into a cell.

        Raises:
          InternalError: No such sheet, or no reference.
        """
        found = self.find(sheet)
        if found is None:
            raise InternalError(f"sheet {sheet} does not exist")
        match = _REFERENCE.fullmatch(reference)
        row = int(match[2]) if match else 0
        column = _column(match[1]) if match else 0
        if not 1 <= row <= _LAST_ROW or not 1 <= column <= _LAST_COLUMN:
            raise InternalError(f"cannot convert cell {reference!r} to coordinates")
        cell = self._book[found].cell(row, column)
        if isinstance(value, bool):
            cell.value = value
            return
        if isinstance(value, int) or (isinstance(value, float) and abs(value) < 1e308):
            cell.value = value
            return
        cell.value = _cell_text(value)
        cell.data_type = "s"  # also what begins with "="

    def rows(self, name: str, first: int, count: int) -> Iterator[list[str]]:
        """Give rows of a sheet that is loaded as texts, without their empty ends.

        Raises:
          InternalError: They would be too many cells.
        """
        sheet = self._book[name]
        limit = _Limit()
        last = min(sheet.max_row, first + count - 1)
        for number in range(first, last + 1):
            row: list[str] = []
            for cell in _cells(sheet, number):
                _put(row, cell, self._text(sheet, cell))
            limit.charge(row)
            yield row

    def stream(self, name: str) -> Iterator[list[str]]:
        """Give the same of a sheet as it was read, from the file.

        Raises:
          InternalError: The file is damaged.
        """
        book = _load(self._source or b"", values=True, light=True)
        try:
            sheet = book[name]
            sheet.reset_dimensions()  # what the file says of its size may be wrong
            for cells in sheet.iter_rows():
                row: list[str] = []
                for cell in cells:
                    if cell.value is not None:
                        text = shown(cell.value, cell.number_format)
                        _put(row, cell, _unescaped(cell, text))
                yield row
        except (
            ValueError,
            KeyError,
            SyntaxError,
            OSError,
            zipfile.BadZipFile,
        ) as error:
            raise InternalError(f"not an xlsx workbook: {error}") from error
        finally:
            book.close()

    def _text(self, sheet: Any, cell: Any) -> str:
        value = cell.value
        if cell.data_type == "f":
            value = self._computed(sheet, cell)
        return _unescaped(cell, shown(value, cell.number_format))

    def _computed(self, sheet: Any, cell: Any) -> Any:
        """Give what a formula had given when the file was written."""
        if self._source is None:
            return None
        if self._values is None:
            self._values = _load(self._source, values=True)
        if sheet.title not in self._values.sheetnames:
            return None
        return self._values[sheet.title].cell(cell.row, cell.column).value


def collected(rows: Iterable[list[str]]) -> list[list[str]]:
    """Take rows, unless they are too many cells.

    Raises:
      InternalError: They are.
    """
    limit = _Limit()
    taken = []
    for row in rows:
        limit.charge(row)
        taken.append(row)
    return taken


class _Limit:
    """Count the cells that are given."""

    def __init__(self) -> None:
        self._made = 0

    def charge(self, row: list[str]) -> None:
        self._made += len(row) + 1
        if self._made > _MOST_CELLS:
            raise InternalError(f"sheet has more than {_MOST_CELLS} cells")


def _put(row: list[str], cell: Any, text: str) -> None:
    """Put the text of a cell into its row; an empty one is put when one follows."""
    if text:
        row += [""] * (cell.column - 1 - len(row))
        row.append(text)


def _unescaped(cell: Any, text: str) -> str:
    if cell.data_type == "s" and "_x" in text:
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return text


def _cells(sheet: Any, row: int) -> Iterator[Any]:
    """Give the cells of a row that exist; asking for others would make them."""
    table = sheet._cells
    index = sheet.__dict__.get("wippy_rows")
    if index is None or index[0] != len(table):
        by_row: dict[int, list[int]] = {}
        for number, column in table:
            by_row.setdefault(number, []).append(column)
        index = (len(table), by_row)
        sheet.__dict__["wippy_rows"] = index
    for column in sorted(index[1].get(row, ())):
        yield table[row, column]


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else _written(value)
    text = to_text(text)[:_MOST_TEXT]
    return _CONTROL.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def _written(value: Any) -> str:
    if isinstance(value, (Error, float)):
        return go_text(value) if isinstance(value, float) else str(value)
    try:
        return go_text(value).encode("utf-8", "replace").decode()
    except Error as error:
        raise InternalError(error.message) from None


def _check_size(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise InternalError(f"workbook is larger than {MOST_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise InternalError("not an xlsx workbook") from None
    if size > _MOST_UNPACKED:
        raise InternalError(f"workbook unpacks to more than {_MOST_UNPACKED} bytes")


def _load(data: bytes, *, values: bool, light: bool = False) -> Any:
    import openpyxl  # noqa: PLC0415 - an extra

    try:
        return openpyxl.load_workbook(
            io.BytesIO(data), data_only=values, read_only=light
        )
    except Exception as error:
        raise InternalError(f"not an xlsx workbook: {type(error).__name__}") from error
