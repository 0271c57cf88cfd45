"""Extras: packages that are needed only by some entries."""

from __future__ import annotations

from importlib.util import find_spec

from wippy_trio.errors import UnavailableError

__all__ = ["need"]


def need(what: str, package: str, extra: str) -> None:
    """Refuse an entry whose package is not installed, without importing it.

    Args:
      what: The kind and the id, for the message.
      package: What will be imported.
      extra: The extra of ours that installs it.

    Raises:
      UnavailableError: With the line that installs it.

    Source: modules-data L-5.
    """
    if find_spec(package) is None:
        raise UnavailableError(
            f"{what} needs the Python package {package}:"
            f" pip install 'wippy-trio[{extra}]'",
            retryable=False,
        )
