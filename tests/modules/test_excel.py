"""The module `excel`: modules-data 7."""

from __future__ import annotations

import datetime as dt
import io
import re
import threading
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.application import run_application
from wippy_trio.errors import InternalError
from wippy_trio.modules.excel.book import Book
from wippy_trio.modules.excel.formats import shown

openpyxl = pytest.importorskip("openpyxl")

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - {name: data, kind: fs.directory, directory: data, auto_init: true}
"""
HEAD = """
local v = fs.get("app:data")
local function told(value, err)
  return value == nil and err and err:kind() .. ": " .. err:message() or value
end
"""


def run(folder: Path, body: str) -> Any:
    (folder / "data").mkdir(exist_ok=True)
    return run_application(
        folder,
        f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
        modules="excel, fs, archive, time",
        entries=ENTRIES,
    )


def test_values_are_written_and_read_as_text(tmp_path: Path) -> None:
    """Each kind of value; formulas stay text; empty ends are trimmed (7)."""
    body = """
    local wb, none = excel.new()
    local function set(cell, value)
      return wb:set_cell_value("Sheet1", cell, value)
    end
    local results = { select("#", set("A1", "text")), set("B1", 45) == nil }
    set("C1", 45.0) set("D1", 0.1) set("E1", true) set("F1", "=1+1") set("G1", nil)
    set("A3", { 1, "a", { b = true } }) set("$b$3", "c\\1d") set("C3", 2^53)
    set("D3", "x\\255")
    set("E3", false) set("Z3", "") set("A9", "") set("F3", 0/0) set("G3", print)
    local second = wb:new_sheet("Other")
    local out = v:open("x.xlsx", "w")
    local written = wb:write_to(out)
    out:close()
    local again = excel.open(v:open("x.xlsx", "r"))
    local rows = again:get_rows("SHEET1")
    return { none == nil, results, second, wb:new_sheet("sheet1"), wb:get_sheet_list(),
      written == nil, rows[1], rows[2], rows[3], #rows, again:get_rows("Other"),
      tostring(wb), wb:close() == nil, wb:close() == nil, tostring(wb) }
    """
    got = run(tmp_path, body)
    row = got[8]
    assert row.pop().startswith("function: ")
    assert got == [
        True, [1, True], 1, 0, ["Sheet1", "Other"], True,
        ["text", "45", "45", "0.1", "TRUE", "=1+1"], [],
        ["[1 a map[b:true]]", "c\x01d", "9.00719925474099E+15", "x\ufffd", "FALSE",
         "NaN"],
        3, [], "excel.Workbook{}", True, True, "excel.Workbook{closed}",
    ]  # fmt: skip
    sheet = openpyxl.load_workbook(tmp_path / "data/x.xlsx")["Sheet1"]
    assert (sheet["F1"].value, sheet["F1"].data_type) == ("=1+1", "s")
    assert sheet["B1"].value == 45


def test_cursors_read_in_batches(tmp_path: Path) -> None:
    """Empty rows between stay; the end is nil, and stays so (7)."""
    body = """
    local wb = excel.new()
    for i = 1, 5 do wb:set_cell_value("Sheet1", "A" .. i * 2, i) end
    local c = wb:rows("Sheet1")
    local out = { tostring(c), c:read(), c:read(3), c:read(1e9) }
    local last, err = c:read()
    out[#out + 1] = { last == nil, err == nil, c:read(2) == nil }
    out[#out + 1] = told(c:read(0))
    out[#out + 1] = { c:close() == nil, told(c:read()) }
    local open = wb:rows("Sheet1")
    wb:close()
    out[#out + 1] = { told(open:read()), told(wb:rows("Sheet1")) }
    return out
    """
    assert run(tmp_path, body) == [
        "excel.Rows{}", [[]], [["1"], [], ["2"]], [[], ["3"], [], ["4"], [], ["5"]],
        [True, True, True], "Invalid: batch size must be positive",
        [True, "Invalid: rows cursor is closed"],
        ["Invalid: rows cursor is closed", "Invalid: sheet Sheet1: workbook is closed"],
    ]  # fmt: skip


def test_failures_have_their_kinds(tmp_path: Path) -> None:
    """One value from the setters; types raise (7)."""
    body = """
    local wb = excel.new()
    assert(v:writefile("bad.xlsx", "nothing") and v:writefile("empty", ""))
    local function one(...)
      return { select("#", ...), (...):kind() }
    end
    local out = { told(excel.open(v:open("bad.xlsx", "r"))),
      told(excel.open(v:open("empty", "r"))), told(wb:get_rows("None")),
      told(wb:rows("None")) }
    local long = string.rep("x", 32)
    for _, name in ipairs({ "", " ", long, "a:b", "a/b", "'a", "a'", "[" })
    do
      out[#out + 1] = (told(wb:new_sheet(name))):match("^%a+")
    end
    for _, cell in ipairs({ "", "1A", "A0", "XFE1", "A1048577", "A1:B2", "AAAA1" }) do
      out[#out + 1] = one(wb:set_cell_value("Sheet1", cell, 1))
    end
    out[#out + 1] = one(wb:set_cell_value("None", "A1", 1))
    out[#out + 1] = one(wb:write_to(v))
    local tree = { 1 }
    for _ = 1, 60 do tree = { tree, tree } end
    out[#out + 1] = one(wb:set_cell_value("Sheet1", "A1", tree))
    wb:close()
    out[#out + 1] = one(wb:set_cell_value("Sheet1", "A1", 1))
    out[#out + 1] = told(wb:get_rows("Sheet1"))
    local raised = {}
    for _, f in ipairs({
      function() excel.open("x") end, function() excel.open() end,
      function() wb:set_cell_value("Sheet1", "A1") end,
      function() wb:set_cell_value({}, "A1", 1) end, function() wb:write_to("x") end,
      function() wb:new_sheet({}) end,
    }) do
      raised[#raised + 1] = (pcall(f))
    end
    out[#out + 1] = raised
    return out
    """
    got = run(tmp_path, body)
    assert [row.partition(":")[0] for row in got[:4]] == [
        "Internal", "Internal", "Internal", "Invalid",
    ]  # fmt: skip
    assert got[4:12] == ["Internal"] * 8
    assert got[12:23] == [[1, "Internal"]] * 11
    assert got[23:] == ["Internal: workbook is closed", [False] * 6]


def test_workbooks_come_from_streams_and_go_to_them(tmp_path: Path) -> None:
    """A stream of an archive as source (7)."""
    body = """
    local wb = excel.new()
    wb:set_cell_value("Sheet1", "B2", "inside")
    local f = v:open("x.xlsx", "w")
    assert(wb:write_to(f) == nil)
    f:close()
    local w = archive.create(v, "x.zip")
    assert(w:add_file("book", v, "x.xlsx") and w:close())
    local stream = archive.open(v, "x.zip"):stream("book")
    return excel.open(stream):get_rows("Sheet1")
    """
    assert run(tmp_path, body) == [[], ["", "inside"]]


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (45, "General", "45"),
        (45.0, "General", "45"),
        (0.1 + 0.2, "General", "0.3"),
        (1e20, "General", "1E+20"),
        (1234.5, "0", "1235"),
        (1234.567, "0.00", "1234.57"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (-1234, "#,##0", "-1,234"),
        (0.256, "0%", "26%"),
        (0.2561, "0.00%", "25.61%"),
        (2.5, "0", "3"),
        (1.5, "# ?/?", "1.5"),
        (3, '0.00" kg"', "3.00"),
        (1e300, "0.00", None),
        (True, "General", "TRUE"),
        (None, "General", ""),
        ("x", "0.00", "x"),
        (dt.datetime(2024, 3, 5, 14, 7, 9), "yyyy/mm/dd hh:mm", "2024/03/05 14:07"),
        (dt.datetime(2024, 3, 5, 14, 7, 9), "m/d/yy h:mm AM/PM", "3/5/24 2:07 PM"),
        (dt.datetime(2024, 3, 5), "dddd, d mmmm yyyy", "Tuesday, 5 March 2024"),
        (dt.date(2024, 3, 5), "mm-dd-yy", "03-05-24"),
        (dt.datetime(2024, 3, 5, 1), "General", "2024-03-05 01:00:00"),
        (dt.time(9, 5), "h:mm", "9:05"),
        (dt.datetime(2024, 3, 5, 0, 7, 9, 250000), "mm:ss.00", "07:09.25"),
        (dt.datetime(2024, 3, 5), 'yyyy"y"\\m', "2024ym"),
        (dt.timedelta(hours=30, minutes=5), "[h]:mm:ss", "30:05:00"),
    ],
)  # fmt: skip
def test_number_formats(value: Any, number_format: str, text: str | None) -> None:
    """The formats of the table; what is not known is General (7)."""
    got = shown(value, number_format)
    if text is None:
        assert got
    else:
        assert got == text


def test_formulas_show_what_they_had_given() -> None:
    """The cached value is read, and the formula survives a change (7)."""
    made = openpyxl.Workbook()
    made.active.title = "S"
    made.active["A1"] = 2
    made.active["A2"] = "=A1*2"
    out = io.BytesIO()
    made.save(out)
    changed = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(changed, "w") as new:
        for part in old.namelist():
            data = old.read(part)
            if part.endswith("sheet1.xml"):
                data = re.sub(rb"</f><v ?/>|</f><v></v>", b"</f><v>4</v>", data)
            new.writestr(part, data)
    book = Book.read(changed.getvalue())
    name = book.find("s")
    assert name is not None
    assert list(book.stream(name)) == [["2"], ["4"]]
    assert not book.loaded
    assert list(book.rows(name, 1, 10)) == [["2"], ["4"]]
    book.put("S", "B1", "new")
    again = openpyxl.load_workbook(io.BytesIO(book.write()))
    assert again["S"]["A2"].value == "=A1*2"


def test_sheets_that_only_look_large() -> None:
    """One far cell costs what it is worth, and too many are refused."""
    book = Book.new()
    book.put("Sheet1", "XFD3", "far")
    rows = list(book.rows("Sheet1", 1, 100))
    assert [len(row) for row in rows] == [0, 0, 16384]
    for row in range(1, 401):
        book.put("Sheet1", f"XFD{row}", "x")
    with pytest.raises(InternalError, match="more than"):
        list(book.rows("Sheet1", 1, 1000))


def test_bombs_are_refused() -> None:
    """What unpacks to too much is not unpacked."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name in range(6):
            z.writestr(f"{name}.xml", bytes(100 << 20))
    with pytest.raises(InternalError, match="unpacks to more"):
        Book.read(out.getvalue())
    with pytest.raises(InternalError, match="not an xlsx"):
        Book.read(b"")


def test_rows_come_from_the_file_until_it_is_changed() -> None:
    """Both ways give the same texts (7: streaming)."""
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "S"
    rows: list[list[Any]] = [
        ["a", 1, 2.5, True, None, "_x0041_"],
        [],
        [dt.date(2024, 2, 29), None, 0.5],
        [None, None, "end"],
    ]
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            sheet.cell(number, column, value)
    sheet["C3"].number_format = "0%"
    out = io.BytesIO()
    made.save(out)
    book = Book.read(out.getvalue())
    assert book.names == ["S"]
    streamed = list(book.stream("S"))
    assert streamed[1] == []
    assert streamed[2][2] == "50%"
    assert not book.loaded
    assert list(book.rows("S", 1, 100)) == streamed
    assert book.loaded


def test_a_cursor_goes_on_when_its_book_is_changed(tmp_path: Path) -> None:
    """It reads what was in the file; a new one sees the change."""
    body = """
    local wb = excel.new()
    for i = 1, 30 do wb:set_cell_value("Sheet1", "A" .. i, "r" .. i) end
    local out = v:open("x.xlsx", "w")
    wb:write_to(out)
    out:close()
    local again = excel.open(v:open("x.xlsx", "r"))
    local cursor = again:rows("sheet1")
    local first = cursor:read(2)
    again:set_cell_value("Sheet1", "A3", "changed")
    local second = cursor:read(1)
    local other = again:rows("Sheet1")
    other:read(2)
    return { first[2][1], second[1][1], other:read()[1][1], #cursor:read(100),
      cursor:read() == nil, #again:get_rows("Sheet1"), again:new_sheet("More") }
    """
    assert run(tmp_path, body) == ["r2", "r3", "changed", 27, True, 30, 1]


def test_a_process_ends_while_a_workbook_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread is left to itself, and nobody else may change the book meanwhile."""
    begun, go_on = threading.Event(), threading.Event()
    whole = Book.read

    def slow(data: bytes) -> Book:
        begun.set()
        assert go_on.wait(20)
        return whole(data)

    monkeypatch.setattr(Book, "read", slow)
    entries = """
  - name: reader
    kind: process.lua
    source: |
      return { main = function()
        excel.open(fs.get("app:data"):open("x.xlsx", "r"))
      end }
    method: main
    modules: [excel, fs]
"""
    body = """
    local wb = excel.new()
    local out = v:open("x.xlsx", "w")
    wb:write_to(out)
    out:close()
    local pid = process.spawn_monitored("app:reader", "app:processes")
    time.sleep("200ms")
    process.terminate(pid)
    local event = process.events():receive()
    return event.result.error:message()
    """
    (tmp_path / "data").mkdir()
    try:
        got = run_application(
            tmp_path,
            f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
            modules="excel, fs, process, time",
            entries=ENTRIES + entries,
        )
    finally:
        go_on.set()
    assert begun.is_set()
    assert got == "process terminated"


def test_a_book_in_use_is_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that writes it would see it in the middle of a change."""
    whole = Book.write
    go_on = threading.Event()

    def slow(book: Book) -> bytes:
        assert go_on.wait(20)
        return whole(book)

    monkeypatch.setattr(Book, "write", slow)
    body = """
    local wb = excel.new()
    local done = channel.new()
    local out = v:open("x.xlsx", "w")
    coroutine.spawn(function() done:send(wb:write_to(out) == nil) end)
    time.sleep("20ms") -- it has begun
    local err = wb:set_cell_value("Sheet1", "A1", 1)
    local written = done:receive()
    return { err:message(), written, wb:set_cell_value("Sheet1", "A1", 1) == nil }
    """
    threading.Timer(0.2, go_on.set).start()
    got = run(tmp_path, body)
    assert got == ["another coroutine is using this workbook", True, True]
