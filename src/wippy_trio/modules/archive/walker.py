"""What a program holds of an archive that it reads from front to back, once."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from wippy_trio.modules._stream import Stream
from wippy_trio.modules.archive.files import (
    EntrySource,
    directions_of,
    extract,
    folder_of,
    make_folders,
    place_of,
)
from wippy_trio.sdk import (
    Error,
    InternalError,
    current_process,
    during,
    method,
    run_in_thread,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wippy_trio.modules.archive.formats import Item, Limits
    from wippy_trio.modules.archive.reading import EntryReader

__all__ = ["Walker"]


class Walker:
    """An archive that is read from the front to the back, once."""

    lua_name = "archive.Walker"

    def __init__(
        self,
        steps: Iterator[tuple[Item, EntryReader | None]],
        limits: Limits,
        file: IO[bytes] | None,
    ) -> None:
        self._steps = steps
        self._limits = limits
        self._file = file
        self._turn = 0
        self._busy = self._closed = False
        self._current: tuple[Item, EntryReader | None] | None = None
        self._withdraw = current_process().on_end(self._let_go)

    def _let_go(self) -> None:
        if not self._closed:
            self._closed = True
            if self._file is not None:
                self._file.close()

    async def _advance(self) -> None:
        if self._closed:
            raise InternalError("archive is closed", retryable=False)
        if self._busy:
            raise InternalError(
                "another coroutine is walking this archive", retryable=False
            )
        self._turn += 1
        self._busy = True
        try:
            self._current = await run_in_thread(next, self._steps, None)
        finally:
            self._busy = False

    @method(name="_step", raises=True)
    async def step(self) -> tuple[Any, ...]:
        """Go to the next entry: what it is, and its stream."""
        try:
            await self._advance()
        except Error as error:
            raise type(error)(f"archive walk: {error}", retryable=False) from error
        if self._current is None:
            return None, None
        item, reader = self._current
        stream = None
        if reader is not None:
            turn = self._turn

            def over() -> str | None:
                if self._closed:
                    return "archive is closed"
                return None if self._turn == turn else "the walk has gone on"

            stream = Stream(EntrySource(reader, item.size or -1, over))
        return item.row(), stream

    @method(name="_next")
    async def next_row(self) -> dict[str, Any] | None:
        """Go to the next entry, for extraction."""
        await self._advance()
        return None if self._current is None else self._current[0].row()

    @method(name="_take")
    async def take(self, fs: Any, prefix: Any, strip: Any) -> int:
        """Write the entry reached to a file system: how many files that made."""
        folder = folder_of(fs)
        if self._current is None:
            return 0
        item, reader = self._current
        path = place_of(folder, item.name, *directions_of(prefix, strip))
        if path is None:
            return 0
        if item.is_dir:
            await run_in_thread(make_folders, folder._volume, f"{path}/x")
            return 0
        if reader is None:
            return 0
        with during("extract entry"):
            await extract(reader, folder._volume, path, self._limits.buffer_bytes)
        return 1

    def close(self) -> bool:
        """Close it; nothing happens the second time."""
        if not self._closed:
            self._withdraw()
            self._let_go()
        return True
