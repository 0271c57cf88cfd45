"""Opening files below a folder so that no path, and no link, leads out of it.

On Linux the kernel promises it: ``openat2`` with ``RESOLVE_BENEATH`` refuses every step
out of the folder, at the moment it is taken. Elsewhere the path is walked part by part
and links are not followed at all, which refuses more.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Root"]

_OPENAT2 = 437
_BENEATH = 0x08
_NO_MAGIC_LINKS = 0x02
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def _find_openat2() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).syscall
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_long
    return function


_syscall = _find_openat2()


class Root:
    """A folder that is held open."""

    def __init__(self, folder: str) -> None:
        """Open it.

        Raises:
          OSError: It is not there, or no folder.
        """
        self._fd = os.open(folder, _FOLDER)
        self._kernel = _syscall is not None

    def close(self) -> None:
        """Let it go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def open(self, path: str, flags: int, mode: int = 0) -> int:
        """Open a file below, and give its descriptor.

        Raises:
          OSError: With ``EXDEV`` if the path leads out.
        """
        if self._kernel:
            try:
                return self._openat2(path, flags | _CLOEXEC, mode)
            except OSError as error:
                if error.errno not in (errno.ENOSYS, errno.EPERM):
                    raise
                if error.errno == errno.EPERM and self._works():
                    raise
                self._kernel = False
        return self._walk(path, flags | _CLOEXEC, mode)

    def _openat2(self, path: str, flags: int, mode: int) -> int:
        assert _syscall is not None
        creates = flags & os.O_CREAT
        how = _How(flags, mode if creates else 0, _BENEATH | _NO_MAGIC_LINKS)
        while True:
            fd = _syscall(
                ctypes.c_long(_OPENAT2),
                ctypes.c_int(self._fd),
                ctypes.c_char_p(os.fsencode(path)),
                ctypes.byref(how),
                ctypes.c_size_t(ctypes.sizeof(how)),
            )
            if fd >= 0:
                return int(fd)
            number = ctypes.get_errno()
            if number not in (errno.EINTR, errno.EAGAIN):
                raise OSError(number, os.strerror(number), path)

    def _works(self) -> bool:
        """Tell whether the kernel, or a sandbox around us, knows the call at all."""
        try:
            os.close(self._openat2(".", _FOLDER, 0))
        except OSError:
            return False
        return True

    def _walk(self, path: str, flags: int, mode: int) -> int:
        no_follow: int = getattr(os, "O_NOFOLLOW", 0)
        *folders, last = path.split("/")
        current = os.dup(self._fd)
        try:
            for part in folders:
                inside = os.open(part, _FOLDER | no_follow, dir_fd=current)
                os.close(current)
                current = inside
            return os.open(last, flags | no_follow, mode, dir_fd=current)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path) from None
            raise
        finally:
            os.close(current)
