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
    from collections.abc import Iterator

__all__ = ["Book"]

MOST_BYTES = 64 << 20
_MOST_UNPACKED = 512 << 20
_MOST_CELLS = 5_000_000
_MOST_TEXT = 32_767
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})")
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
_FORBIDDEN = frozenset(":\\/?*[]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Book:
    """A workbook."""

    def __init__(self, book: Any, source: bytes | None = None) -> None:
        self._book = book
        self._source = source  # to look up what formulas had given
        self._values: Any = None

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
        return cls(_load(data, values=False), data)

    def write(self) -> bytes:
        """Give it as a file."""
        out = io.BytesIO()
        self._book.save(out)
        return out.getvalue()

    def close(self) -> None:
        """Let go of it."""
        self._book = self._values = self._source = None

    # -- sheets ------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Name the sheets in order."""
        return list(self._book.sheetnames)

    def find(self, name: str) -> Any:
        """Find a sheet, ``None`` if there is none of that name."""
        for known in self._book.sheetnames:
            if known.lower() == name.lower():
                return self._book[known]
        return None

    def add_sheet(self, name: str) -> int:
        """Make a sheet, or find it; its place from 0.

        Raises:
          InternalError: It is no name of a sheet.
        """
        for place, known in enumerate(self._book.sheetnames):
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
        cell = found.cell(row, column)
        if isinstance(value, bool):
            cell.value = value
            return
        if isinstance(value, int) or (isinstance(value, float) and abs(value) < 1e308):
            cell.value = value
            return
        cell.value = _cell_text(value)
        cell.data_type = "s"  # also what begins with "="

    def rows(self, sheet: Any, first: int, count: int) -> Iterator[list[str]]:
        """Give rows of a sheet as texts, without their empty ends.

        Raises:
          InternalError: They would be too many cells.
        """
        made = 0
        last = min(sheet.max_row, first + count - 1)
        for number in range(first, last + 1):
            row: list[str] = []
            for cell in _cells(sheet, number):
                text = self._text(sheet, cell)
                if text:
                    row += [""] * (cell.column - 1 - len(row))
                    row.append(text)
            made += len(row) + 1
            if made > _MOST_CELLS:
                raise InternalError(f"sheet has more than {_MOST_CELLS} cells")
            yield row

    def _text(self, sheet: Any, cell: Any) -> str:
        value = cell.value
        if cell.data_type == "f":
            value = self._computed(sheet, cell)
        text = shown(value, cell.number_format)
        if cell.data_type == "s" and "_x" in text:
            text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
        return text

    def _computed(self, sheet: Any, cell: Any) -> Any:
        """Give what a formula had given when the file was written."""
        if self._source is None:
            return None
        if self._values is None:
            self._values = _load(self._source, values=True)
        if sheet.title not in self._values.sheetnames:
            return None
        return self._values[sheet.title].cell(cell.row, cell.column).value


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


def _load(data: bytes, *, values: bool) -> Any:
    import openpyxl  # noqa: PLC0415 - an extra

    try:
        return openpyxl.load_workbook(io.BytesIO(data), data_only=values)
    except Exception as error:
        raise InternalError(f"not an xlsx workbook: {type(error).__name__}") from error
