"""`fs` over ``fs.directory``: modules-io 5, apps 2.6."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_application
from wippy_trio.errors import Error, InvalidError
from wippy_trio.kernel import Context
from wippy_trio.sdk.scanning import SPLITS, Splitter
from wippy_trio.sdk.volumes import resolve
from wippy_trio.security import Actor, Scope
from wippy_trio.services.fs.beneath import Root

ENTRIES = """
  - {name: data, kind: fs.directory, directory: data, auto_init: true}
  - {name: readonly, kind: fs.directory, directory: data, mode: "0555"}
  - {name: writeonly, kind: fs.directory, directory: data, mode: "0300"}
  - {name: cache, kind: store.memory}
"""
HEAD = """
local fs = require("fs")
local function told(v, err)
  return {v == nil and "nil" or v, err and tostring(err:kind()) or "no error"}
end
"""


def run(folder: Path, body: str, **more: Any) -> Any:
    (folder / "data").mkdir(exist_ok=True)
    return run_application(
        folder,
        f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
        modules="fs",
        entries=ENTRIES,
        **more,
    )


def test_files_are_written_and_read(tmp_path: Path) -> None:
    """Whole files, by both names, in all modes."""
    assert run(
        tmp_path,
        """
        local v = fs.get("app:data")
        assert(tostring(v) == "fs.FS{cwd=/}")
        assert(v:writefile("a.txt", "one\\0\\255") == true)
        assert(v:read_file("/a.txt") == "one\\0\\255")
        assert(v:write_file("a.txt", "+two", "a") == true)
        assert(v:readfile("a.txt") == "one\\0\\255+two")
        assert(v:writefile("a.txt", "new") and v:readfile("a.txt") == "new")
        assert(v:writefile("empty", "") and v:readfile("empty") == "")
        local big = string.rep("x", 600000)
        assert(v:writefile("big", big) and v:readfile("big") == big)
        local source = v:open("big", "r")
        assert(v:writefile("copy", source) and v:readfile("copy") == big)
        return {told(v:writefile("a.txt", "x", "wx")), told(v:writefile("a.txt", nil)),
          told(v:writefile("a.txt", "x", "rw")), told(v:writefile("no/a", "x")),
          told(v:writefile("a.txt", {})), told(v:readfile("none"))}
        """,
    ) == [
        [False, "AlreadyExists"],
        [False, "Invalid"],
        [False, "Invalid"],
        [False, "NotFound"],
        [False, "Invalid"],
        ["nil", "NotFound"],
    ]
    assert (tmp_path / "data/a.txt").read_text() == "new"
    assert (tmp_path / "data/a.txt").stat().st_mode & 0o777 == 0o644 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_whole_files_at_the_top_of_a_chunk(tmp_path: Path) -> None:
    """Where nothing can wait it is done in place (modules-data 0.8)."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/conf").write_text("yes")
    source = """
    local v = require("fs").get("app:data")
    local text = v:readfile("conf")
    v:writefile("out", text .. "!")
    local list = {"b", "a"}
    table.sort(list, function(x, y) v:readfile("conf") return x < y end)
    return {main = function() return text .. list[1] end}
    """
    found = run_application(tmp_path, source, modules="fs", entries=ENTRIES)
    assert found == "yesa"
    assert (tmp_path / "data/out").read_text() == "yes!"


def test_folders(tmp_path: Path) -> None:
    """Making, listing, removing, looking, going about."""
    assert run(
        tmp_path,
        """
        local v = fs.get("app:data")
        assert(v:mkdir("d") == true and v:mkdir("d/e") == true)
        v:writefile("d/f", "12345")
        local names = {}
        for entry in v:readdir("d") do names[#names + 1] = entry.name .. entry.type end
        assert(table.concat(names, " ") == "edirectory ffile")
        assert(v:chdir("d") == true and v:pwd() == "/d")
        assert(tostring(v) == "fs.FS{cwd=/d}")
        assert(v:exists("f") and v:exists("/d/f") and not v:exists("/f"))
        assert(v:exists("") and v:isdir("") and not v:isdir("f"))
        local info = v:stat("f")
        assert(info.name == "f" and info.size == 5 and not info.is_dir)
        assert(info.type == "file" and math.type(info.mode) == "integer")
        assert(info.modified > 1e9 and v:stat("/").is_dir)
        assert(v:chdir("e") and v:pwd() == "/d/e")
        assert(v:chdir("../..") and v:pwd() == "/")
        local out = {told(v:mkdir("d")), told(v:mkdir("x/y")), told(v:remove("d")),
          told(v:remove("none")), told(v:chdir("d/f")), told(v:chdir("none")),
          told(v:readdir("none")), told(v:readdir("d/f")), told(v:isdir("none")),
          told(v:stat("none")), told(v:stat("")), told(v:open("", "r")),
          told(v:open("d", "r")), told(v:open("d/f", "x"))}
        assert(v:remove("d/f") == true and v:remove("d/e") and v:remove("d"))
        return out
        """,
    ) == [
        [False, "AlreadyExists"],
        [False, "Internal"],
        [False, "Invalid"],
        [False, "Internal"],
        [False, "Invalid"],
        [False, "NotFound"],
        ["nil", "NotFound"],
        ["nil", "Invalid"],
        [False, "NotFound"],
        ["nil", "NotFound"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
    ]


def test_open_files(tmp_path: Path) -> None:
    """Reading, writing, moving, asking, closing."""
    assert run(
        tmp_path,
        """
        local v = fs.get("app:data")
        local w = v:open("f", "w")
        assert(w:write("hello ") == true and w:write("world") == true)
        assert(w:sync() == true)
        assert(w:stat().size == 11 and w:close() == true and w:close() == true)
        local f = v:open("f", "r")
        assert(tostring(f) == "fs.File{}")
        assert(f:read(5) == "hello" and f:read() == " world")
        local _, eof = f:read()
        assert(eof:kind() == "NotFound" and eof:message() == "EOF")
        assert(f:seek(fs.seek.SET, 6) == 6 and f:read() == "world")
        assert(f:seek("end", -5) == 6 and f:seek("cur", 1) == 7 and f:read(2) == "or")
        local raised = pcall(f.seek, f, "set")
        assert(raised == false)
        local out = {told(f:seek("middle", 0)), told(f:seek("set", -1)),
          told(f:read(0)), told(f:write("x")), told(w:write("x")), told(f:write(""))}
        f:close()
        assert(tostring(f) == "fs.File{closed}")
        local _, closed = f:read()
        assert(closed:message():find("already closed", 1, true))
        out[#out + 1] = told(f:read())
        out[#out + 1] = told(f:scanner())
        return out
        """,
    ) == [
        ["nil", "Invalid"],
        ["nil", "Internal"],
        ["nil", "Invalid"],
        [False, "Internal"],
        [False, "Internal"],
        [False, "Invalid"],
        ["nil", "Internal"],
        ["nil", "Invalid"],
    ]


def test_scanners(tmp_path: Path) -> None:
    """Lines, words, bytes and characters; a long line is an error."""
    assert run(
        tmp_path,
        """
        local v = fs.get("app:data")
        v:writefile("f", "one two\\r\\n\\n\\u{e9}")
        local function all(split)
          local scanner, list = v:open("f", "r"):scanner(split), {}
          while scanner:scan() do list[#list + 1] = scanner:text() end
          assert(scanner:err() == nil)
          return table.concat(list, "|")
        end
        assert(all() == "one two||\\u{e9}", all())
        assert(all("words") == "one|two|\\u{e9}")
        assert(#all("bytes") == 12 * 2 - 1)
        assert(select(2, all("runes"):gsub("|", "")) == 10)
        v:writefile("long", string.rep("x", 70000))
        local scanner = v:open("long", "r"):scanner("lines")
        assert(scanner:scan() == false)
        return {tostring(scanner:err():kind()), told(v:open("f", "r"):scanner("pages"))}
        """,
    ) == ["Invalid", ["nil", "Invalid"]]


def test_nothing_leads_out(tmp_path: Path) -> None:
    """Neither dots nor links nor bytes; a link within is followed."""
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "secret").write_text("no")
    (data / "inside").write_text("yes")
    (data / "up").symlink_to("../secret")
    (data / "away").symlink_to("/etc")
    (data / "near").symlink_to("inside")
    found = run(
        tmp_path,
        """
        local v = fs.get("app:data")
        local out = {}
        for _, path in ipairs({"../secret", "/../secret", "d/../../secret", "up",
          "away/passwd", "a\\0b"}) do
          out[#out + 1] = told(v:readfile(path))[2]
        end
        assert(v:readfile("near") == "yes" and v:readfile("x/../inside") == "yes")
        out[#out + 1] = told(v:mkdir("away/x"))[2]
        out[#out + 1] = told(v:readdir("away"))[2]
        assert(v:remove("up") and v:remove("away"))
        return out
        """,
    )
    assert found == ["Invalid"] * 8
    assert (tmp_path / "secret").read_text() == "no"


def test_walk_without_the_kernel_follows_no_link(tmp_path: Path) -> None:
    """Where there is no ``openat2`` links are refused altogether."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("x")
    (tmp_path / "link").symlink_to("d")
    root = Root(str(tmp_path))
    root._kernel = False
    os.close(root.open("d/f", os.O_RDONLY))
    with pytest.raises(OSError, match="link"):
        root.open("link/f", os.O_RDONLY)
    root.close()


def test_mode_forbids(tmp_path: Path) -> None:
    """The owner bits of the entry's mode gate each operation."""
    assert run(
        tmp_path,
        """
        fs.get("app:data"):writefile("f", "x")
        local r, w = fs.get("app:readonly"), fs.get("app:writeonly")
        assert(r:readfile("f") == "x" and w:writefile("g", "y") and w:exists("g"))
        return {told(r:writefile("f", "y")), told(r:mkdir("d")), told(r:remove("f")),
          told(w:readfile("f")), told(w:readdir("/"))}
        """,
    ) == [
        [False, "PermissionDenied"],
        [False, "PermissionDenied"],
        [False, "PermissionDenied"],
        ["nil", "PermissionDenied"],
        ["nil", "PermissionDenied"],
    ]


def test_getting_one(tmp_path: Path) -> None:
    """An id that is empty, unknown, of something else, or denied."""
    assert run(
        tmp_path,
        """
        assert(fs.type.FILE == "file" and fs.type.DIR == "directory")
        return {told(fs.get("")), told(fs.get("app:none")), told(fs.get("app:cache"))}
        """,
    ) == [["nil", "Invalid"], ["nil", "NotFound"], ["nil", "NotFound"]]
    context = Context(actor=Actor("me", {}), scope=Scope([]))
    denied = run(tmp_path, 'return told(fs.get("app:data"))', context=context)
    assert denied == ["nil", "PermissionDenied"]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_open_files_end_with_their_process(tmp_path: Path) -> None:
    """A function that leaves files open, or fails, leaves no descriptor."""
    counts: list[int] = []
    body = """
    local v = fs.get("app:data")
    for i = 1, 20 do v:open("f" .. i, "w"):write("x") end
    """
    before = descriptors()
    run(tmp_path, body + "return 1", inspect=lambda _: counts.append(descriptors()))
    with pytest.raises(Error, match="oops"):
        run(tmp_path, body + 'error("oops")')
    assert counts[0] <= before + 10  # what the runtime itself holds while it runs
    assert descriptors() == before


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("", "directory path is required"),
        ("directory: none", "failed to create filesystem"),
        ('directory: data, mode: "9"', "invalid file mode format"),
        ("directory: data, base: home", "invalid directory base"),
    ],
)
def test_wrong_entries(tmp_path: Path, fields: str, text: str) -> None:
    """The entry is refused with the reason (apps 2.6)."""
    comma = ", " if fields else ""
    entries = f"\n  - {{name: bad, kind: fs.directory{comma}{fields}}}\n"
    with pytest.raises(Error, match=text):
        run_application(tmp_path, "return {main = print}", modules="", entries=entries)


PARTS = st.lists(st.sampled_from(["a", "b", ".", "..", "", "é"]), max_size=8)


@given(PARTS, st.booleans(), PARTS)
def test_resolved_paths_stay_inside(
    folder: list[str], absolute: bool, parts: list[str]
) -> None:
    """Whatever is said, the result has no dots, or it is refused."""
    start = "/".join(part for part in folder if part not in ("", ".", "..")) or "."
    path = ("/" if absolute else "") + "/".join(parts)
    try:
        found = resolve(start, path)
    except InvalidError:
        assert ".." in parts
        return
    assert found == "." or all(p not in ("", ".", "..") for p in found.split("/"))
    assert resolve(".", found) == found


@given(st.binary(max_size=200), st.sampled_from(SPLITS), st.data())
def test_pieces_make_no_difference(
    data: bytes, split: str, draw: st.DataObject
) -> None:
    """A scan gives the same tokens however the bytes arrive."""

    def scan(pieces: list[bytes]) -> list[bytes]:
        splitter, found = Splitter(split), []
        for piece in [*pieces, b""]:
            splitter.push(piece)
            while (token := splitter.take()) is not None:
                found.append(token)
        return found

    cut = draw.draw(st.integers(0, len(data)))
    whole = scan([data] if data else [])
    assert scan([part for part in (data[:cut], data[cut:]) if part]) == whole
    if split == "words":
        assert whole == data.split()
    if split == "bytes":
        assert b"".join(whole) == data
