"""``python -m wippy_trio`` and ``wippy-trio`` are the same."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; ``version`` is answered before anything is imported."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"], ["version"], ["version", "--short"]):
        from wippy_trio._version import __version__  # noqa: PLC0415 - start-up cost

        text = __version__ if "--short" in arguments else f"wippy-trio {__version__}"
        sys.stdout.write(text + "\n")
        return 0
    from wippy_trio.cli.main import main as cli_main  # noqa: PLC0415 - start-up cost

    return cli_main(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
