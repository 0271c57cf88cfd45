"""Findings: what pure code has to say, for its caller to log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Finding", "Level"]

Level = Literal["debug", "info", "warning", "error"]


class Finding(NamedTuple):
    """Something worth a log line; the code that made it does not log."""

    level: Level
    message: str
    fields: Mapping[str, Any]
    logger: str = ""
