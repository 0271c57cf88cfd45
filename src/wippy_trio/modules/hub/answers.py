"""Answers of the hub as programs see them. Pure.

The hub writes JSON as protocol buffers do: names in camel case, large numbers as text,
members of enumerations with their type in front.
"""

from __future__ import annotations

import re
from typing import Any

from wippy_trio.sdk import (
    AlreadyExistsError,
    CanceledError,
    ConflictError,
    Error,
    InternalError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    TimedOutError,
    UnavailableError,
)

__all__ = ["error_of", "page_of", "plain"]

_NUMBERS = frozenset(
    {
        "total",
        "total_downloads",
        "favorites_count",
        "downloads",
        "size",
        "page",
        "page_size",
        "count",
    }
)
_ENUMERATION = re.compile(r"(?:MODULE_)?(?:VISIBILITY|TYPE|SORT_ORDER)_([A-Z_]+)")

# The codes of the Connect protocol (modules-io 16).
_KINDS: dict[str, tuple[type[Error], bool]] = {
    "invalid_argument": (InvalidError, False),
    "not_found": (NotFoundError, False),
    "already_exists": (AlreadyExistsError, False),
    "permission_denied": (PermissionDeniedError, False),
    "unauthenticated": (PermissionDeniedError, False),
    "resource_exhausted": (RateLimitedError, True),
    "unavailable": (UnavailableError, True),
    "deadline_exceeded": (TimedOutError, True),
    "canceled": (CanceledError, False),
    "failed_precondition": (ConflictError, False),
    "aborted": (ConflictError, False),
}
# What an answer without a code means, by its status, as that protocol says.
_CODES = {
    400: "internal",
    401: "unauthenticated",
    403: "permission_denied",
    404: "unimplemented",
    429: "unavailable",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}


def error_of(status: int, answer: Any) -> Error:
    """Make an error of an answer that is one."""
    code, text = "", ""
    if isinstance(answer, dict):
        code, text = str(answer.get("code") or ""), str(answer.get("message") or "")
    code = code or _CODES.get(status, "unknown")
    cls, retryable = _KINDS.get(code, (InternalError, False))
    return cls(
        f"hub: {text or code}",
        retryable=retryable,
        details={"code": code, "status": status},
    )


def plain(value: Any, name: str = "") -> Any:
    """Write an answer with our names and numbers."""
    if isinstance(value, dict):
        return {
            (key := _snake(str(name_))): plain(item, key)
            for name_, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [plain(item, name) for item in value]
    if isinstance(value, str):
        if name in _NUMBERS and value.lstrip("-").isdecimal():
            return int(value)
        found = _ENUMERATION.fullmatch(value)
        return found[1].lower() if found else value
    return value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def page_of(answer: Any, field: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Make a page: its items, and where it stands."""
    found = plain(answer)
    items = found.get(field, found.get("items", []))
    where = found.get("pagination", found)
    return {
        "items": items,
        "total": where.get("total", len(items)),
        "page": where.get("page") or asked.get("page", 1),
        "page_size": where.get("page_size") or asked.get("pageSize", len(items)),
    }
