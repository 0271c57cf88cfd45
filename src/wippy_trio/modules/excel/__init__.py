"""`excel`: workbooks of Office, read and written (modules-data 7)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from wippy_trio.modules._stream import Stream, read_some
from wippy_trio.modules.excel.book import MOST_BYTES, Book, collected
from wippy_trio.modules.fs import write_all
from wippy_trio.modules.fs.files import File
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    MisuseError,
    during,
    method,
    move_to_thread,
    run_in_thread,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODULE"]

T = TypeVar("T")

MODULE = LuaModule(
    "excel",
    classes=("io", "encoding"),
    extra=("excel", ("openpyxl",)),
    declares="""
    type Rows = {
      close: (self: Rows) -> (),
      read: (self: Rows, n: integer?) -> ({any}?, Error?)
    }
    type Workbook = {
      close: (self: Workbook) -> (),
      get_rows: (self: Workbook, sheet: string) -> ({any}?, Error?),
      get_sheet_list: (self: Workbook) -> ({any}?, Error?),
      new_sheet: (self: Workbook, name: string) -> (integer?, Error?),
      rows: (self: Workbook, sheet: string) -> (Rows?, Error?),
      set_cell_value: (self: Workbook, sheet: string, cell: string, value: any) -> any,
      write_to: (self: Workbook, writer: any) -> any
    }
    new: () -> (Workbook?, Error?)
    open: (reader: any) -> (Workbook?, Error?)
    """,
    source=b"""
local P, F = ...
local book = P.methods_of("excel.Workbook")
local put = book.set_cell_value
function book.set_cell_value(...)
  if P.raw.select("#", ...) < 4 then
    P.raw.error("bad argument #3 to 'set_cell_value' (value expected)", 0)
  end
  return put(...)
end
return F
""",
)

LARGE = 256 * 1024
_PIECE = 1 << 20
_MOST_BATCH = 10_000


class Rows:
    """A cursor over the rows of a sheet."""

    lua_name = "excel.Rows"

    def __init__(self, book: Workbook, sheet: Any) -> None:
        self._owner = book
        self._sheet = sheet
        self._next = 1
        self._closed = False
        self._error: Error | None = None
        self._stream = None if book._book.loaded else book._book.stream(sheet)
        self._turn = trio.Lock()

    def __str__(self) -> str:
        return "excel.Rows{}"

    async def read(self, n: int | None = None) -> list[list[str]] | None:
        """Give the next rows; nil at the end, and again."""
        count = 1 if n is None else n
        if count < 1:
            raise InvalidError("batch size must be positive", retryable=False)
        if self._closed or self._owner._closed:
            raise InvalidError("rows cursor is closed", retryable=False)
        if self._error is not None:
            raise self._error
        count = min(count, _MOST_BATCH)
        async with self._turn:
            try:
                if self._stream is not None:
                    rows = await self._owner._compute(
                        lambda: collected(islice(self._stream or (), count))
                    )
                else:
                    first, self._next = self._next, self._next + count
                    rows = await self._owner._compute(
                        lambda: list(self._owner._book.rows(self._sheet, first, count))
                    )
            except Error as error:
                self._error = error
                raise
        return rows or None

    @method(pair=False)
    def close(self) -> None:
        """Close it."""
        self._closed = True


class Workbook:
    """A workbook."""

    lua_name = "excel.Workbook"

    def __init__(self, book: Book) -> None:
        self._book = book
        self._closed = False
        self._busy = 0

    def __str__(self) -> str:
        return f"excel.Workbook{{{'closed' if self._closed else ''}}}"

    def _open(self) -> Book:
        if self._closed:
            raise InternalError("workbook is closed")
        return self._book

    def _change(self) -> Book:
        """Open it for a change, which nobody may see in the middle.

        Raises:
          InternalError: It is closed, or a thread is at work on it.
        """
        book = self._open()
        if self._busy:
            raise InternalError("another coroutine is using this workbook")
        if not book.loaded:
            move_to_thread()
        return book

    async def _compute(self, run: Callable[[], T]) -> T:
        """Do in a thread what takes time; one that is cancelled ends by itself."""
        self._busy += 1
        try:
            return await run_in_thread(run, abandon=True)
        finally:
            self._busy -= 1

    @method(offload=LARGE)
    def new_sheet(self, name: str) -> int:
        """Make a sheet, or find it; its place from 0."""
        book = self._change()
        with during("create sheet"):
            return book.add_sheet(name)

    def get_sheet_list(self) -> list[str]:
        """Name the sheets in order."""
        return self._open().names

    async def get_rows(self, sheet: str) -> list[list[str]]:
        """Give all rows of a sheet as texts, without empty ones at the end."""
        book = self._open()
        found = book.find(sheet)
        if found is None:
            raise InternalError(f"sheet {sheet} does not exist", context="get rows")
        with during("get rows"):
            rows = await self._compute(
                lambda: collected(
                    book.rows(found, 1, 1 << 30) if book.loaded else book.stream(found)
                )
            )
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def rows(self, sheet: str) -> Rows:
        """Read a sheet row by row."""
        found = None if self._closed else self._book.find(sheet)
        if found is None:
            reason = "workbook is closed" if self._closed else "no such sheet"
            raise InvalidError(f"sheet {sheet}: {reason}", retryable=False)
        return Rows(self, found)

    @method(pair=False, opaque="text", offload=LARGE)
    def set_cell_value(self, sheet: str, cell: str, value: Any) -> Any:
        """Put a value into a cell: nil, or an error."""
        try:
            book = self._change()
            with during("set cell value"):
                book.put(sheet, cell, value)
        except Error as error:
            return _final(error)
        return None

    @method(pair=False)
    async def write_to(self, writer: Any) -> Any:
        """Write the workbook to a file or stream: nil, or an error."""
        if not isinstance(writer, (File, Stream)):
            if writer is None or isinstance(
                writer, (str, bytes, bool, int, float, dict, list)
            ):
                raise MisuseError("bad argument #1 to 'write_to' (userdata expected)")
            return _final(InternalError("value does not implement io.Writer"))
        try:
            data = await self._compute(self._open().write)
            if isinstance(writer, File):
                await run_in_thread(write_all, writer._open(), data)
            else:
                for start in range(0, len(data), _PIECE):
                    _count, error = await writer.write(data[start : start + _PIECE])
                    if error is not None:
                        return _final(error)
        except (OSError, ValueError) as error:
            return _final(InternalError(str(error), context="write workbook"))
        except Error as error:
            return _final(error)
        return None

    @method(pair=False)
    def close(self) -> None:
        """Close it and its cursors; nothing happens the second time."""
        if not self._closed:
            self._closed = True
            self._book.close()


def _final(error: Error) -> Error:
    error.retryable = False
    return error


MODULE.handle(Rows)
MODULE.handle(Workbook)


@MODULE.export
def new() -> Workbook:
    """Make a workbook with one sheet."""
    return Workbook(Book.new())


@MODULE.export(name="open")
async def open_(reader: Any) -> Workbook:
    """Read a workbook from a file or stream."""
    if isinstance(reader, File):
        file = reader._open()
        data = await run_in_thread(file.read, MOST_BYTES + 1)
    elif isinstance(reader, Stream):
        pieces: list[bytes] = []
        size = 0
        while size <= MOST_BYTES and (piece := await read_some(reader, _PIECE)):
            pieces.append(piece)
            size += len(piece)
        data = b"".join(pieces)
    else:
        raise MisuseError("expected reader object")
    with during("open"):
        return Workbook(await run_in_thread(Book.read, data, abandon=True))
