"""`archive`: zip and tar, read, walked through and written (modules-data 6)."""

from __future__ import annotations

import io
from typing import IO, Any

from wippy_trio.modules._stream import Stream
from wippy_trio.modules._stream_declarations import DECLARES
from wippy_trio.modules.archive.files import make_folders, spooled
from wippy_trio.modules.archive.formats import (
    FORMATS,
    HEAD,
    Limits,
    detect,
)
from wippy_trio.modules.archive.reader import Reader
from wippy_trio.modules.archive.reading import Account, TarArchive, ZipArchive
from wippy_trio.modules.archive.walker import Walker
from wippy_trio.modules.archive.walking import ZSTD, open_walk
from wippy_trio.modules.archive.writer import Collector, Target, Writer
from wippy_trio.modules.archive.writing import open_packer
from wippy_trio.modules.fs import FS
from wippy_trio.modules.fs.files import File
from wippy_trio.sdk import (
    InvalidError,
    LuaModule,
    UnavailableError,
    check_permission,
    during,
    run_in_thread,
)

__all__ = ["MODULE"]

MODULE = LuaModule(
    "archive",
    classes=("encoding", "io", "nondeterministic"),
    extra=("compress", (ZSTD,)),
    declares=DECLARES
    + """
    type Reader = {
      close: (self: Reader) -> (boolean?, Error?),
      extract: (self: Reader, name: string, fs: any, dest: string?)
        -> (boolean?, Error?),
      read: (self: Reader, name: string) -> (string?, Error?),
      stat: (self: Reader, name: string) -> (table?, Error?),
      stream: (self: Reader, name: string) -> (Stream?, Error?),
      entries: (self: Reader) -> (any, Error?),
      extract_all: (self: Reader, fs: any, options: table?) -> (integer?, Error?)
    }
    type Walker = {
      close: (self: Walker) -> (boolean?, Error?),
      walk: (self: Walker) -> any,
      extract_all: (self: Walker, fs: any, options: table?) -> (integer?, Error?)
    }
    type Writer = {
      add: (self: Writer, name: string, data: any, options: table?)
        -> (boolean?, Error?),
      add_dir: (self: Writer, name: string) -> (boolean?, Error?),
      add_file: (self: Writer, name: string, fs: any, path: string, options: table?)
        -> (boolean?, Error?),
      close: (self: Writer) -> (boolean?, Error?)
    }
    formats: () -> {string}
    open: (source: any, path: any, options: table?) -> (Reader?, Error?)
    scan: (source: any, options: table?) -> (Walker?, Error?)
    create: (target: any, path: any, options: table?) -> (Writer?, Error?)
    """,
    source=b"""
local P, F = ...
local raw = P.raw
local reader, walker = P.methods_of("archive.Reader"), P.methods_of("archive.Walker")
local rows, extract_some = reader._rows, reader._extract_all
local step, next_row, take = walker._step, walker._next, walker._take
reader._rows, reader._extract_all = nil, nil
walker._step, walker._next, walker._take = nil, nil, nil

local function settings(options)
  if raw.type(options) ~= "table" or P.type(options) ~= "table" then
    return nil, nil, nil
  end
  local filter = options.filter
  return options.prefix, options.strip, raw.type(filter) == "function" and filter or nil
end

local function wanted(filter, entry)
  if not filter then
    return true
  end
  local ok, verdict = P.pcall(filter, entry)
  return ok and verdict
end

function reader.entries(self)
  local list, err = rows(self)
  if not list then
    P.raw.error(err, 0)
  end
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

function reader.extract_all(self, fs, options)
  local prefix, strip, filter = settings(options)
  local chosen
  if filter then
    local list, err = rows(self)
    if not list then
      return nil, err
    end
    chosen = {}
    for i = 1, #list do
      if wanted(filter, list[i]) then
        chosen[#chosen + 1] = i
      end
    end
  end
  return extract_some(self, fs, prefix, strip, chosen)
end

function walker.walk(self)
  return function()
    return step(self)
  end
end

function walker.extract_all(self, fs, options)
  local prefix, strip, filter = settings(options)
  local count = 0
  while true do
    local entry, err = next_row(self)
    if err then
      return nil, err
    elseif entry == nil then
      return count, nil
    elseif wanted(filter, entry) then
      local made, failure = take(self, fs, prefix, strip)
      if failure then
        return nil, failure
      end
      count = count + made
    end
  end
end
return F
""",
)
MODULE.handle(Reader)
MODULE.handle(Walker)
MODULE.handle(Writer)

_NO_SOURCE = "source must be an fs handle, an fs file, or bytes"


@MODULE.export(pair=False)
def formats() -> list[str]:
    """Name the formats."""
    return list(FORMATS)


def _may_read() -> None:
    check_permission("archive.read", "", "not allowed to read archives")


def _options(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _seekable(file: IO[bytes]) -> IO[bytes]:
    try:
        if file.readable() and file.seekable():
            return file
    except ValueError:
        pass
    raise UnavailableError("the source cannot be read in any order", retryable=False)


@MODULE.export(name="open")
async def open_(source: Any, path: Any = None, options: Any = None) -> Reader:
    """Open an archive whose entries are read in any order."""
    _may_read()
    given, name, own = _options(path), "", True
    file: IO[bytes]
    if isinstance(source, FS):
        if not isinstance(path, str) or not path:
            raise InvalidError("path is required", retryable=False)
        name, given = path, _options(options)
        file = await run_in_thread(source._volume.open, source._path(path), "r")
    elif isinstance(source, File):
        file, name, own = _seekable(source._open()), source._path, False
    elif isinstance(source, (str, bytes)):
        file = io.BytesIO(source.encode() if isinstance(source, str) else source)
    else:
        raise InvalidError(_NO_SOURCE, retryable=False)
    limits = Limits.read(given)
    try:
        with during("open archive"):
            archive = await run_in_thread(_read_index, file, given, name, limits)
    except BaseException:
        if own:
            file.close()
        raise
    return Reader(archive, limits, file if own else None)


def _read_index(
    file: IO[bytes], options: dict[Any, Any], name: str, limits: Limits
) -> ZipArchive | TarArchive:
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    found = detect(options, head, name)
    if found not in ("zip", "tar"):
        raise UnavailableError(
            f"{found} cannot be read in any order: use archive.scan", retryable=False
        )
    account = Account(limits)
    return ZipArchive(file, account) if found == "zip" else TarArchive(file, account)


@MODULE.export
async def scan(source: Any, options: Any = None) -> Walker:
    """Open an archive that is read from the front to the back."""
    _may_read()
    given = _options(options)
    limits = Limits.read(given)
    name, own = "", True
    file: IO[bytes]
    if isinstance(source, Stream):
        file = await spooled(source, limits.total_bytes)
    elif isinstance(source, File):
        file, name, own = source._open(), source._path, False
    elif isinstance(source, (str, bytes)):
        file = io.BytesIO(source.encode() if isinstance(source, str) else source)
    else:
        raise InvalidError(
            "source must be a stream, an fs file, or bytes", retryable=False
        )
    try:
        peeked = await run_in_thread(_Peeked, file)
        found = detect(given, peeked.head, name)
    except BaseException:
        if own:
            file.close()
        raise
    steps = open_walk(found, peeked, Account(limits))  # type: ignore[arg-type]
    return Walker(steps, limits, file if own else None)


class _Peeked:
    """A file whose first bytes were looked at."""

    def __init__(self, file: IO[bytes]) -> None:
        self.head = b""
        while len(self.head) < HEAD:
            data = file.read(HEAD - len(self.head))
            if not data:
                break
            self.head += data
        self._left = self.head
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if self._left:
            wanted = len(self._left) if size < 0 else size
            data, self._left = self._left[:wanted], self._left[wanted:]
            if size >= 0 or self._left:
                return data
            return data + self._file.read()
        return self._file.read(size)


@MODULE.export
async def create(target: Any, path: Any = None, options: Any = None) -> Writer:
    """Begin an archive in a file or a stream."""
    check_permission("archive.write", "", "not allowed to write archives")
    given, name = _options(path), ""
    if isinstance(target, FS):
        if not isinstance(path, str) or not path:
            raise InvalidError("path is required", retryable=False)
        name, given = path, _options(options)
        found = detect(given, b"", name)
        place = target._path(path)
        await run_in_thread(make_folders, target._volume, place)
        file = await run_in_thread(target._volume.open, place, "w")
        to = Target(file, None, own=True)
    elif isinstance(target, File):
        found = detect(given, b"", target._path)
        to = Target(target._open(), None, own=False)
    elif isinstance(target, Stream):
        found = detect(given, b"", "")
        to = Target(None, target, own=False)
    else:
        raise InvalidError(
            "destination must be an fs handle, an fs file, or a stream",
            retryable=False,
        )
    collector = Collector()
    return Writer(open_packer(found, collector), collector, to)
