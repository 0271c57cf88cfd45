"""``python -m wippy_trio`` and ``wippy-trio`` are the same."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the command line; ``version`` is answered before anything is imported."""
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        open_closed_streams()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"], ["version"], ["version", "--short"]):
        from wippy_trio._version import __version__  # noqa: PLC0415 - start-up cost

        text = __version__ if "--short" in arguments else f"wippy-trio {__version__}"
        sys.stdout.write(text + "\n")
        return 0
    from wippy_trio.cli.main import main as cli_main  # noqa: PLC0415 - start-up cost

    return cli_main(arguments)


def open_closed_streams() -> None:
    """Let standard streams that were closed lead nowhere.

    The next file or socket that is opened would get the number of a closed one, and
    what is meant for the terminal would be written to it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


if __name__ == "__main__":
    raise SystemExit(main())
