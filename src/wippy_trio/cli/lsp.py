"""``wippy-trio lsp``: a language server for editors, over standard input and output."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "--stdio",
        action="store_true",
        help="speak over standard input and output; the only way there is",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until the editor says good-bye.

    Raises:
      UnavailableError: The packages of the extra ``lsp`` are not installed.
    """
    del options
    try:
        from wippy_trio.lsp.server import serve  # noqa: PLC0415 - heavy
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _PACKAGES:
            raise
        from wippy_trio.errors import UnavailableError  # noqa: PLC0415 - start-up cost

        raise UnavailableError(
            f"lsp: wanted the package {error.name}, found none; "
            "pip install 'wippy-trio[lsp]'"
        ) from error
    # Trees have few cycles; looking for them often would be felt while typing.
    gc.set_threshold(50_000, 20, 20)
    # Whatever else is written to standard output must not get between the messages.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return serve(sys.stdin.buffer, out)


_PACKAGES = frozenset({"lsprotocol", "pygls"})
