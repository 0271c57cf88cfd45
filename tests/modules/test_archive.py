"""The module `archive`: modules-data 6."""

from __future__ import annotations

import contextlib
import io
import struct
import tarfile
import threading
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_application
from wippy_trio.errors import Error, InternalError, InvalidError
from wippy_trio.modules.archive import files
from wippy_trio.modules.archive.formats import (
    Limits,
    detect,
    dos_seconds,
    dos_tuple,
    safe_path,
    strip_path,
)
from wippy_trio.modules.archive.reading import Account, TarArchive, ZipArchive
from wippy_trio.modules.archive.walking import ZSTD, open_walk
from wippy_trio.modules.archive.writing import open_packer
from wippy_trio.services.fs.directory import DirectoryVolume

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip(ZSTD)

ENTRIES = """
  - {name: data, kind: fs.directory, directory: data, auto_init: true}
"""
HEAD = """
local v = fs.get("app:data")
local function told(value, err)
  return value == nil and err:kind() .. ": " .. err:message() or value
end
"""
FORMATS = ["tar", "tar.gz", "tar.zst", "zip"]


def run(folder: Path, body: str, *args: Any, **more: Any) -> Any:
    (folder / "data").mkdir(exist_ok=True)
    return run_application(
        folder,
        f"{HEAD}\nlocal function main(...)\n{body}\nend\nreturn {{main = main}}",
        *args,
        modules="archive, fs, time",
        entries=ENTRIES,
        **more,
    )


def packed(format_: str, files: dict[str, bytes], **options: Any) -> bytes:
    out = io.BytesIO()
    packer = open_packer(format_, out)
    for name, data in files.items():
        packer.begin(name, len(data), 0o640, 1_600_000_000, store=False, **options)
        packer.write(data)
        packer.end()
    packer.finish()
    return out.getvalue()


def limits(**options: int) -> Account:
    return Account(Limits.read(options))


def walked(format_: str, data: bytes, account: Account | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item, reader in open_walk(format_, io.BytesIO(data), account or limits()):
        if reader is None:
            found[item.name] = None
            continue
        parts = iter(lambda: reader.read(7), b"")  # noqa: B023 - used in this turn
        found[item.name] = b"".join(parts)
    return found


FILES = {"a.txt": b"first", "d/": b"", "d/b.bin": bytes(range(256)) * 50, "e": b""}


# -- formats ---------------------------------------------------------------------------


@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_written_is_read(format_: str) -> None:
    """By walking, and by the standard library."""
    data = packed(format_, FILES)
    expected = {k: None if k.endswith("/") else v for k, v in FILES.items()}
    if format_ != "zip":  # tar writes folders without the slash
        expected = {k.rstrip("/"): v for k, v in expected.items()}
    assert walked(format_, data) == expected
    if format_ == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            assert z.testzip() is None
            assert {n: z.read(n) for n in z.namelist()} == FILES
            assert z.getinfo("a.txt").external_attr >> 16 == 0o100640
    elif format_ != "tar.zst":
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as t:
            assert t.getmember("a.txt").mode == 0o640
            assert t.getmember("d").isdir()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips_of_others_are_walked(method: int) -> None:
    """With sizes in front, and with sizes behind where that can be done."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        z.writestr("ü.txt", "text")
        z.mkdir("folder")
        z.writestr("folder/x", b"y" * 100_000)
    assert walked("zip", out.getvalue()) == {
        "ü.txt": b"text", "folder/": None, "folder/x": b"y" * 100_000,
    }  # fmt: skip


def test_a_zip_without_entries() -> None:
    """An archive of nothing is one; no archive is none."""
    assert walked("zip", packed("zip", {})) == {}
    for bad in (b"", b"nonsense that is no archive", b"PK"):
        with pytest.raises(InvalidError, match="damaged archive"):
            walked("zip", bad)


@pytest.mark.parametrize("format_", FORMATS)
def test_cut_and_changed_archives_are_refused(format_: str) -> None:
    """At every place: an error of ours or the right bytes, never anything else."""
    data = packed(format_, {"a": b"text " * 30, "b": bytes(600)})
    for end in range(1, len(data), max(1, len(data) // 60)):
        with contextlib.suppress(InvalidError, InternalError):
            walked(format_, data[:end])
    for place in range(0, len(data), max(1, len(data) // 60)):
        changed = bytearray(data)
        changed[place] ^= 0x55
        with contextlib.suppress(InvalidError, InternalError):
            walked(format_, bytes(changed))


def test_limits_hold_while_reading() -> None:
    """Entries, one entry, all together; headers that lie help nobody."""
    data = packed("zip", {"a": b"x" * 1000, "b": b"y" * 1000})
    for options, text in (
        ({"max_entries": 1}, "more than 1 entries"),
        ({"max_file_bytes": 999}, "larger than 999 bytes"),
        ({"max_total_bytes": 1500}, "archive is larger than 1500 bytes"),
    ):
        with pytest.raises(InvalidError, match=text):
            walked("zip", data, limits(**options))
    lying = bytearray(packed("zip", {"bomb": b"\0" * 5_000_000}))
    central = lying.rindex(b"PK\x01\x02")
    lying[central + 24 : central + 28] = struct.pack("<I", 10)
    archive = ZipArchive(io.BytesIO(lying), limits(max_file_bytes=100_000))
    reader = archive.open(0)
    with pytest.raises(Error):
        list(iter(lambda: reader.read(65536), b""))
    with pytest.raises(InvalidError, match="more than 1 entries"):
        TarArchive(io.BytesIO(packed("tar", FILES)), limits(max_entries=1))


def test_a_tar_with_a_gigantic_name_is_damage() -> None:
    """A header may not stand for a megabyte of name."""
    info = tarfile.TarInfo("x")
    info.type = tarfile.GNUTYPE_LONGNAME
    info.size = 2 << 30
    data = info.tobuf(tarfile.GNU_FORMAT) + bytes(10240)
    with pytest.raises(InvalidError, match="damaged"):
        walked("tar", data)


@pytest.mark.parametrize(
    ("head", "name", "options", "found"),
    [
        (b"PK\x03\x04", "x.tar", {}, "zip"),
        (b"\x1f\x8b\x08", "", {}, "tar.gz"),
        (b"\x28\xb5\x2f\xfd", "", {}, "tar.zst"),
        (bytes(257) + b"ustar", "", {}, "tar"),
        (b"", "A.TGZ", {}, "tar.gz"),
        (b"", "a.tar.zst", {}, "tar.zst"),
        (b"", "a.tzst", {}, "tar.zst"),
        (b"", "a.zip", {"format": "tar"}, "tar"),
        (b"", "a.zip", {"format": 5}, "zip"),
        (b"", "a.rar", {}, None),
        (b"", "a.zip", {"format": "rar"}, None),
    ],
)
def test_formats_are_told(
    head: bytes, name: str, options: dict[str, Any], found: str | None
) -> None:
    """As said, by the first bytes, by the longest ending (modules-data 6)."""
    if found is not None:
        assert detect(options, head, name) == found
        return
    with pytest.raises(InvalidError, match="unknown archive format"):
        detect(options, head, name)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/./b", "a/b"),
        ("a\\b", "a/b"),
        ("a/../b", "b"),
        ("a//b/", "a/b"),
        ("", None),
        ("/etc/passwd", None),
        ("\\x", None),
        ("C:x", None),
        ("c:\\x", None),
        ("../x", None),
        ("a/../../x", None),
        ("..", None),
        (".", None),
        ("a/..", None),
        ("a\0b", None),
    ],
)
def test_names_that_lead_outside_are_unsafe(name: str, safe: str | None) -> None:
    """Normal, relative, inside (modules-data 6, name safety)."""
    if safe is not None:
        assert safe_path(name) == safe
        return
    with pytest.raises(InvalidError, match="unsafe entry path"):
        safe_path(name)


@given(st.text("ab./\\:C\0", max_size=12), st.integers(0, 3))
def test_no_name_escapes(name: str, strip: int) -> None:
    """What is safe has no parts that lead anywhere else."""
    try:
        path = safe_path(strip_path(name, strip))
    except InvalidError:
        return
    assert all(part not in ("", ".", "..") for part in path.split("/"))


@given(st.integers(0, 1 << 40))
def test_times_of_zip_entries(seconds: int) -> None:
    """Two-second steps from 1980 to 2107, as UTC."""
    again = dos_seconds(dos_tuple(seconds))
    assert abs(again - min(max(seconds, 315532800), 4354819198)) <= 1
    assert dos_seconds((1980, 0, 0, 0, 0, 0)) == 0


# -- in programs -----------------------------------------------------------------------


def test_a_zip_is_written_and_read_by_a_program(tmp_path: Path) -> None:
    """All methods of writer and reader; the folder of the target is made."""
    body = """
    assert(v:writefile("src.txt", "from a file"))
    local w, none = archive.create(v, "deep/out.zip")
    local options = { mode = 384, modified = 1600000000 }
    assert(none == nil and w:add("a.txt", "hello", options))
    assert(w:add("stored", "xyz", { method = "store" }))
    assert(w:add_file("copy.txt", v, "src.txt"))
    assert(w:add("open.txt", v:open("src.txt", "r")))
    assert(w:add_dir("folder"))
    assert(w:close() and w:close())
    local r = assert(archive.open(v, "deep/out.zip"))
    local names, first = {}, nil
    for e in r:entries() do
      names[#names + 1] = e.name
      first = first or e
    end
    local s = r:stream("copy.txt")
    local stored, folder = r:stat("stored"), r:stat("folder/")
    assert(r:extract("a.txt", v) and r:extract("a.txt", v, "sub/b.txt"))
    return { names, first, s:read(4), s:read(), s:read() == nil, r:read("open.txt"),
      stored.method, folder.is_dir, folder.type, v:readfile("sub/b.txt"),
      told(r:read("none")), told(r:read("folder/")),
      told(r:extract("a.txt", v, "../x")),
      told(r:extract("a.txt", 5)), told(w:add("late", "x")), r:close(), r:close(),
      told(r:stat("a.txt")), told(s:read()), archive.formats() }
    """
    got = run(tmp_path, body)
    assert got[0] == ["a.txt", "stored", "copy.txt", "open.txt", "folder/"]
    first = dict(got[1])
    assert first.pop("crc32") == 0x3610A686
    assert first.pop("compressed_size") == 7
    assert first == {
        "name": "a.txt", "size": 5, "is_dir": False, "mode": 384, "method": "deflate",
        "modified": 1_600_000_000, "type": "file",
    }  # fmt: skip
    assert got[2:10] == [
        "from", " a file", True, "from a file", "store", True, "directory", "hello",
    ]  # fmt: skip
    assert got[10:15] == [
        "NotFound: entry not found: none",
        "Internal: entry folder/: it is a directory",
        "Invalid: unsafe entry path: ../x",
        "Invalid: destination must be an fs handle",
        "Internal: archive is closed",
    ]
    assert got[15:17] == [True, True]
    assert got[17] == got[18] == "Internal: archive is closed"
    assert got[19] == FORMATS


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_is_walked_by_a_program(tmp_path: Path, format_: str) -> None:
    """From bytes, from a file, from a stream; streams end with their turn."""
    body = """
    local format = ...
    local w = archive.create(v:open("out", "w"), { format = format })
    assert(w:add("a", "first") and w:add("b/c", string.rep("x", 100000)))
    assert(w:add_dir("d") and w:close())
    local bytes = v:readfile("out")
    local names, kept, sizes = {}, nil, {}
    for entry, stream in archive.scan(bytes):walk() do
      names[#names + 1] = entry.name
      if stream then
        kept = kept or stream
        local text = ""
        for piece in function() return (stream:read()) end do text = text .. piece end
        sizes[#sizes + 1] = #text
      end
    end
    local count = archive.scan(v:open("out", "r"), { format = format })
      :extract_all(v, { prefix = "to", filter = function(e) return e.name ~= "a" end })
    local outer = archive.create(v, "outer.zip")
    assert(outer:add("inner", v:open("out", "r")) and outer:close())
    local inner = archive.open(v, "outer.zip"):stream("inner")
    local nested = archive.scan(inner, { format = format })
      :extract_all(v, { strip = 1 })
    return { names, sizes, told(kept:read()), count, v:exists("to/a"),
      #v:readfile("to/b/c"), v:isdir("to/d"), nested, #v:readfile("c") }
    """
    got = run(tmp_path, body, format_)
    folder = "d/" if format_ == "zip" else "d"
    assert got == [
        ["a", "b/c", folder], [5, 100_000], "Internal: the walk has gone on",
        1, False, 100_000, True, 1, 100_000,
    ]  # fmt: skip


def test_streams_are_packed(tmp_path: Path) -> None:
    """A zip needs no size, a tar does; a wrong size breaks the archive."""
    body = """
    local source = archive.create(v, "s.zip")
    assert(source:add("x", string.rep("data", 50000)) and source:close())
    local function stream() return archive.open(v, "s.zip"):stream("x") end
    local z = archive.create(v, "z.zip")
    assert(z:add("x", stream()) and z:close())
    local t = archive.create(v, "t.tar")
    local missing = told(t:add("x", stream()))
    assert(t:add("x", stream(), { size = 200000 }))
    local wrong = told(t:add("y", stream(), { size = 10 }))
    return { #archive.open(v, "z.zip"):read("x"), missing, wrong, told(t:add("z", "")),
      told(t:add("n", 5)), told(t:add_file("n", 5, "x")), told(t:close()) }
    """
    assert run(tmp_path, body) == [
        200_000,
        (
            "Invalid: size required to stream an entry into a tar archive"
            " (pass opts.size)"
        ),
        "Invalid: the entry is larger than opts.size said",
        "Internal: archive is broken: the entry is larger than opts.size said",
        "Invalid: data must be a string, a stream, or an fs file",
        "Invalid: source must be an fs handle",
        "Internal: archive is broken: the entry is larger than opts.size said",
    ]


def test_hostile_archives_are_extracted_safely(tmp_path: Path) -> None:
    """Names that lead outside, links and devices are left out."""
    (tmp_path / "data").mkdir()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name in ("../evil", "/abs", "ok/file", "a/../../evil", "C:/x", "top"):
            info = tarfile.TarInfo(name)
            info.size = 2
            t.addfile(info, io.BytesIO(b"hi"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("link")
            info.type, info.linkname = kind, "../evil"
            t.addfile(info)
    (tmp_path / "data/evil.tar").write_bytes(out.getvalue())
    body = """
    local r = archive.open(v, "evil.tar")
    local all = r:extract_all(v, { prefix = "out" })
    local filtered = r:extract_all(v, { prefix = "f", filter = function(e)
      if e.name == "top" then error("no") end
      return true
    end })
    return { all, filtered, told(r:read("link")), told(r:extract("../evil", v)),
      archive.scan(v:open("evil.tar", "r")):extract_all(v, { prefix = "scan" }),
      told(r:extract_all(5)) }
    """
    assert run(tmp_path, body) == [
        2, 1, "Internal: entry link: not a plain file",
        "Invalid: unsafe entry path: ../evil", 2,
        "Invalid: destination must be an fs handle",
    ]  # fmt: skip
    made = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    names = {str(path) for path in made if path.parts[0] == "data"}
    assert names == {
        "data/evil.tar", "data/out/ok/file", "data/out/top", "data/f/ok/file",
        "data/scan/ok/file", "data/scan/top",
    }  # fmt: skip


def test_bombs_stop_and_leave_nothing(tmp_path: Path) -> None:
    """Limits of reading in a program; a half-written file is taken away."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/b.zip").write_bytes(packed("zip", {"b": b"\0" * 3_000_000}))
    body = """
    local bytes = v:readfile("b.zip")
    local small = archive.open(bytes, { max_inline_bytes = 1000 })
    local tiny = archive.open(bytes, { max_file_bytes = 1000 })
    local total = archive.open(bytes, { max_total_bytes = 2000000 })
    local walker = archive.scan(bytes, { max_file_bytes = 1000 })
    local ok, raised = pcall(function()
      for _, s in walker:walk() do while s:read() do end end
    end)
    return { told(small:read("b")), told(tiny:read("b")), told(total:extract("b", v)),
      v:exists("b"), ok, tostring(raised), raised:kind() }
    """
    got = run(tmp_path, body)
    assert got[:5] == [
        "Invalid: entry too large for read(); use stream() or extract()",
        "Invalid: entry b: larger than 1000 bytes",
        "Invalid: archive is larger than 2000000 bytes",
        False,
        False,
    ]
    assert got[5].startswith("archive walk: entry b: larger than")
    assert got[6] == "Invalid"


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """Each refusal with its kind (modules-data 6, errors)."""
    body = """
    assert(v:writefile("x.rar", "nothing"))
    assert(v:writefile("bad.zip", "PK\\3\\4 damaged"))
    local w = archive.create(v, "a.tgz")
    assert(w:add("a", "x") and w:close())
    return { told(archive.open(5)), told(archive.open(v)),
      told(archive.open(v, "x.rar")),
      told(archive.open(v, "bad.zip")), told(archive.open(v, "a.tgz")),
      told(archive.open(v:open("w.zip", "w"))), told(archive.open(v, "missing.zip")),
      told(archive.scan(v)), told(archive.create(v, "x.rar")), told(archive.create(5)),
      told(archive.open("", { format = "zip" })), told(archive.create(v, "")) }
    """
    got = run(tmp_path, body)
    assert [row.partition(":")[0] for row in got] == [
        "Invalid", "Invalid", "Invalid", "Invalid", "Unavailable", "Unavailable",
        "NotFound", "Invalid", "Invalid", "Invalid", "Invalid", "Invalid",
    ]  # fmt: skip
    assert got[0].endswith("source must be an fs handle, an fs file, or bytes")
    assert got[2].endswith("unknown archive format (set opts.format)")
    assert "use archive.scan" in got[4]


def test_access_needs_permissions(tmp_path: Path) -> None:
    """Reading and writing apart (modules-data 6)."""
    (tmp_path / ".wippy.yaml").write_text(
        'version: "1.0"\nsecurity: {strict_mode: true}\n'
    )
    source = """
    return { main = function()
      local _, read = archive.open("x")
      local _, scan = archive.scan("x")
      local _, write = archive.create("x")
      return { read:kind(), read:message(), scan:message(), write:message() }
    end }
    """
    assert run_application(tmp_path, source, modules="archive", entries=ENTRIES) == [
        "PermissionDenied",
        "not allowed to read archives",
        "not allowed to read archives",
        "not allowed to write archives",
    ]


def test_an_archive_ends_with_its_process(tmp_path: Path) -> None:
    """What was written is closed and can be read (modules-data 6, writer)."""
    body = """
    local w = archive.create(v, "left.zip")
    assert(w:add("a", "kept"))
    return true
    """
    assert run(tmp_path, body) is True
    with zipfile.ZipFile(tmp_path / "data/left.zip") as z:
        assert z.read("a") == b"kept"


BUSY = """
  - {name: data, kind: fs.directory, directory: data, auto_init: true}
  - name: worker
    kind: process.lua
    source: |
      return { main = function(what)
        local v = fs.get("app:data")
        if what == "extract" then
          archive.open(v, "in.zip"):extract("a.txt", v, "out/a.txt")
        else
          archive.create(v, "out.zip"):add("a.txt", "hello")
        end
      end }
    method: main
    modules: [archive, fs]
"""


@pytest.mark.parametrize("what", ["extract", "add"])
def test_a_process_ends_between_two_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What it had begun is closed; a file that was being extracted is removed (6)."""
    go_on = threading.Event()
    pump = files._pump

    def slow_pump(*args: Any) -> bool:
        pump(*args)
        assert go_on.wait(20)
        return True  # there would be more

    monkeypatch.setattr(files, "_pump", slow_pump)
    monkeypatch.setattr(
        "wippy_trio.modules.archive.writer.Target.put_now",
        lambda self, data: go_on.wait(20) and self._file.write(data),
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data/in.zip").write_bytes(packed("zip", FILES))
    source = f"""
    return {{ main = function()
      local pid = process.spawn_monitored("app:worker", "app:processes", "{what}")
      time.sleep("100ms") -- a piece is on its way
      process.terminate(pid)
      return process.events():receive().result.error:message()
    end }}
    """
    opened: list[Any] = []
    whole = DirectoryVolume.open

    def watched(self: DirectoryVolume, path: str, mode: str) -> Any:
        opened.append(whole(self, path, mode))
        return opened[-1]

    monkeypatch.setattr(DirectoryVolume, "open", watched)
    threading.Timer(0.3, go_on.set).start()
    got = run_application(tmp_path, source, modules="process, time", entries=BUSY)
    assert got == "process terminated"
    assert opened
    assert all(file.closed for file in opened)
    if what == "extract":
        assert list((tmp_path / "data/out").iterdir()) == []
