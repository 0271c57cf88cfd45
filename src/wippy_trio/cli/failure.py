"""How a failure is shown on a terminal."""

from __future__ import annotations

import sys

__all__ = ["report"]


def report(error: BaseException) -> None:
    """Write an error, and what each unresolved entry is missing (apps 13.23)."""
    lines = [f"Error: {error}"]
    details = getattr(error, "details", None) or {}
    unresolved = details.get("unresolved")
    if isinstance(unresolved, dict):
        lines += [f"  {id_}: {cause}" for id_, cause in unresolved.items()]
    sys.stderr.write("\n".join(lines) + "\n")
