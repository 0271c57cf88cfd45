"""`fs`: the files of a file system that an entry names (modules-io 5).

Small things are done in place, so that they work where a program cannot wait: at the
top of a chunk, in a comparator. What may be large goes to a worker thread where the
caller can wait. A file that is left open is closed when its process ends.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from wippy_trio.modules._arguments import named
from wippy_trio.modules._stream import is_readable, read_some
from wippy_trio.modules.fs.files import File, Scanner
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    NotFoundError,
    check_permission,
    current_runtime,
    method,
    run_in_thread,
)
from wippy_trio.sdk.volumes import FileInfo, Volume, error_of, resolve

__all__ = ["MODULE"]

MODULE = LuaModule(
    "fs",
    classes=("storage", "io", "nondeterministic"),
    declares="""
    type Scanner = {
      scan: (self: Scanner) -> boolean,
      text: (self: Scanner) -> string,
      err: (self: Scanner) -> Error?
    }
    type File = {
      read: (self: File, size: integer?) -> (string?, Error?),
      write: (self: File, data: string) -> (boolean, Error?),
      seek: (self: File, whence: string, offset: integer) -> (integer?, Error?),
      stat: (self: File) -> (table?, Error?),
      sync: (self: File) -> (boolean?, Error?),
      close: (self: File) -> boolean,
      scanner: (self: File, split: string?) -> (Scanner?, Error?)
    }
    type FS = {
      open: (self: FS, path: string, mode: string) -> (File?, Error?),
      readfile: (self: FS, path: string) -> (string?, Error?),
      read_file: (self: FS, path: string) -> (string?, Error?),
      writefile: (self: FS, path: string, data: any, mode: string?)
        -> (boolean, Error?),
      write_file: (self: FS, path: string, data: any, mode: string?)
        -> (boolean, Error?),
      exists: (self: FS, path: string) -> (boolean?, Error?),
      isdir: (self: FS, path: string) -> (boolean, Error?),
      stat: (self: FS, path: string) -> (table?, Error?),
      mkdir: (self: FS, path: string) -> (boolean, Error?),
      remove: (self: FS, path: string) -> (boolean, Error?),
      readdir: (self: FS, path: string) -> (any, any),
      chdir: (self: FS, path: string) -> (boolean, Error?),
      pwd: (self: FS) -> string
    }
    get: (id: string) -> (FS?, Error?)
    type: {[string]: string}
    seek: {[string]: string}
    """,
    source=b"""
local P, F = ...
local methods = P.methods_of("fs.FS")
local list = methods._list
methods._list = nil
local write = methods.writefile
function methods.writefile(self, path, data, mode)
  if P.raw.type(data) == "number" then
    data = P.tostring(data)
  end
  return write(self, path, data, mode)
end
methods.read_file, methods.write_file = methods.readfile, methods.writefile
function methods.readdir(self, path)
  local rows, err = list(self, path)
  if not rows then
    return nil, err
  end
  local i = 0
  return function()
    i = i + 1
    return rows[i]
  end
end
return F
""",
)
TYPE = MODULE.table("type")
TYPE.constant("FILE", "file")
TYPE.constant("DIR", "directory")
SEEK = MODULE.table("seek")
for name in ("SET", "CUR", "END"):
    SEEK.constant(name, name.lower())

MODES = ("r", "w", "wx", "a")
CHUNK = 1 << 18

MODULE.handle(File)
MODULE.handle(Scanner)


def row_of(info: FileInfo) -> dict[str, Any]:
    """Show what is known of a file as a program sees it."""
    return {
        "name": info.name,
        "size": info.size,
        "mode": info.mode,
        "modified": info.modified,
        "is_dir": info.is_dir,
        "type": "directory" if info.is_dir else "file",
    }


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    while data := source.read(CHUNK):
        write_all(target, data)


def write_all(target: BinaryIO, data: bytes) -> None:
    """Write every byte to an unbuffered file."""
    view = memoryview(data)
    while view:
        view = view[target.write(view) :]


@MODULE.handle
class FS:
    """A file system with a working folder of its own."""

    def __init__(self, id: str, volume: Volume) -> None:  # noqa: A002 - its name
        self._id = id
        self._volume = volume
        self._folder = "."

    def __str__(self) -> str:
        return f"fs.FS{{cwd={self._cwd()}}}"

    def _cwd(self) -> str:
        return "/" if self._folder == "." else f"/{self._folder}"

    def _path(self, path: str, *, empty: bool = False) -> str:
        if not path and not empty:
            raise InvalidError("path is required", retryable=False)
        return resolve(self._folder, path)

    def _mode(self, mode: str) -> str:
        if mode not in MODES:
            raise InvalidError(
                f"mode: wanted one of {', '.join(MODES)}, got {mode!r}", retryable=False
            )
        return mode

    def open(self, path: str, mode: str) -> Any:
        """Open a file."""
        place = self._path(path)
        return File(self._volume.open(place, self._mode(mode)), place)

    @method(offload=0)
    def readfile(self, path: str) -> bytes:
        """Read a whole file."""
        place = self._path(path)
        with self._volume.open(place, "r") as file:
            try:
                return b"".join(iter(lambda: file.read(CHUNK), b""))
            except OSError as error:
                raise error_of(error, place) from error

    def _write(self, path: str, data: Any, mode: str | None) -> BinaryIO:
        place = self._path(path)
        how = self._mode("w" if mode is None else mode)
        if how == "r":
            raise InvalidError("mode: wanted w, wx or a, got 'r'", retryable=False)
        if data is None:
            raise InvalidError("data is required", retryable=False)
        if not isinstance(data, (str, bytes)) and not is_readable(data):
            raise InvalidError(
                f"data: wanted a string or something to read, got {named(data)}",
                retryable=False,
            )
        return self._volume.open(place, how)

    def _write_now(self, path: str, data: Any, mode: str | None) -> tuple[Any, ...]:
        try:
            with self._write(path, data, mode) as target:
                if isinstance(data, File):
                    _copy(data._open(), target)
                elif isinstance(data, (str, bytes)):
                    raw = data.encode() if isinstance(data, str) else data
                    write_all(target, raw)
                else:
                    raise InvalidError(
                        "data: a stream can only be read where its reader can wait",
                        retryable=False,
                    )
        except OSError as error:
            failure = InternalError(f"{path}: {error.strerror}", retryable=False)
            return False, failure
        except Error as error:
            return False, error
        return True, None

    async def _write_waiting(
        self, path: str, data: Any, mode: str | None = None
    ) -> tuple[Any, ...]:
        if isinstance(data, (str, bytes, File)) or not is_readable(data):
            return await run_in_thread(self._write_now, path, data, mode)
        try:
            target = await run_in_thread(self._write, path, data, mode)
        except Error as error:
            return False, error
        try:
            while piece := await read_some(data, CHUNK):
                await run_in_thread(write_all, target, piece)
        except OSError as error:
            return False, InternalError(f"{path}: {error.strerror}", retryable=False)
        except Error as error:
            return False, error
        finally:
            target.close()
        return True, None

    @method(offload=0, waiting=_write_waiting)
    def writefile(self, path: str, data: Any, mode: str | None) -> tuple[Any, ...]:
        """Write a whole file: a string, or all that something readable gives."""
        return self._write_now(path, data, mode)

    def exists(self, path: str) -> bool:
        """Tell whether there is something."""
        place = self._path(path, empty=True)
        try:
            self._volume.stat(place)
        except Error:
            return False
        return True

    def isdir(self, path: str) -> tuple[Any, ...]:
        """Tell whether there is a folder."""
        place = self._path(path, empty=True)
        try:
            return self._volume.stat(place).is_dir, None
        except Error as error:
            return False, error

    def stat(self, path: str) -> dict[str, Any]:
        """Tell about a file or folder."""
        return row_of(self._volume.stat(self._path(path)))

    def mkdir(self, path: str) -> tuple[Any, ...]:
        """Make one folder."""
        return self._change(self._volume.mkdir, path)

    def remove(self, path: str) -> tuple[Any, ...]:
        """Remove a file or an empty folder."""
        return self._change(self._volume.remove, path)

    def _change(self, change: Any, path: str) -> tuple[Any, ...]:
        try:
            change(self._path(path))
        except (InternalError, NotFoundError) as error:
            return False, InternalError(error.message, retryable=False)
        except Error as error:
            if isinstance(error.__cause__, NotADirectoryError):
                error = InternalError(error.message, retryable=False)
            return False, error
        return True, None

    def chdir(self, path: str) -> tuple[Any, ...]:
        """Go to another working folder."""
        try:
            place = self._path(path)
            if not self._volume.stat(place).is_dir:
                raise InvalidError(f"{path}: wanted a folder", retryable=False)
        except Error as error:
            return False, error
        self._folder = place
        return True, None

    @method(pair=False)
    def pwd(self) -> str:
        """Give the working folder."""
        return self._cwd()

    @method(name="_list")
    def names(self, path: str) -> list[dict[str, str]]:
        """List a folder."""
        return [
            {"name": name, "type": "directory" if is_dir else "file"}
            for name, is_dir in self._volume.list(self._path(path))
        ]


@MODULE.export
def get(id: str) -> Any:  # noqa: A002 - its name
    """Reach a file system by the id of its entry."""
    if not id:
        raise InvalidError("filesystem id is required", retryable=False)
    check_permission("fs.get", id, f"not allowed to access filesystem: {id}")
    found = current_runtime().resources.get(id)
    if not isinstance(found, Volume):
        raise NotFoundError(f"filesystem {id} not found", retryable=False)
    return FS(id, found)
