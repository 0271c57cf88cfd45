"""``exec.native`` and ``exec.docker``: who runs the commands of programs (apps 2.6)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import trio

from wippy_trio.sdk import EntryKind, InvalidError, UnavailableError
from wippy_trio.sdk.executors import Executor
from wippy_trio.sdk.fields import Fields

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["DockerExecutors", "NativeExecutors"]


class NativeExecutors(EntryKind):
    """Handle ``exec.native``: commands of this machine."""

    kinds = ("exec.native",)

    async def create(self, entry: Entry) -> None:
        """Make an executor, usable at once."""
        await trio.lowlevel.checkpoint()
        fields = Fields(entry)
        env = fields.raw("default_env") or {}
        if not isinstance(env, dict):
            raise InvalidError(f"default_env: wanted a map, got {env!r}")
        folder = Path(self.runtime.project.folder) / fields.text("default_work_dir")
        executor = Executor(
            entry.id,
            str(folder.absolute()),
            {
                str(key): "" if value is None else str(value)
                for key, value in env.items()
            },
            tuple(fields.texts("command_whitelist")),
        )
        self.runtime.resources.put(entry.id, executor)

    async def delete(self, entry: Entry) -> None:
        """Forget it; what it runs goes on."""
        self.runtime.resources.remove(entry.id)
        await trio.lowlevel.checkpoint()


class _Docker:
    """Stands for an executor that this version cannot provide."""

    def __init__(self, id: str, image: str) -> None:  # noqa: A002 - its name
        self.id = id
        self.image = image

    def check(self, command: str) -> None:
        """Refuse.

        Raises:
          UnavailableError: Always.
        """
        raise UnavailableError(
            f"exec.docker {self.id}: containers are not available in this version:"
            f" {command} was not run",
            retryable=False,
        )


class DockerExecutors(EntryKind):
    """Handle ``exec.docker``: read and known, refused when it is used (apps 13.24)."""

    kinds = ("exec.docker",)

    async def create(self, entry: Entry) -> None:
        """Check the entry."""
        await trio.lowlevel.checkpoint()
        image = Fields(entry).required("image", "docker image is required")
        self.runtime.resources.put(entry.id, _Docker(entry.id, image))

    async def delete(self, entry: Entry) -> None:
        """Forget it."""
        self.runtime.resources.remove(entry.id)
        await trio.lowlevel.checkpoint()
