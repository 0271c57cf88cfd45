"""Every failure reported on purpose, by kind.

An error is a value: kind, message, whether a retry may help, details, the Lua stack it
was made at and its cause. The same value is a Python exception here and an error object
in Lua. The class gives the kind; a kind that no class stands for (Lua programs may
invent one, core E-2) is carried by the instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AlreadyExistsError",
    "CanceledError",
    "ConflictError",
    "Error",
    "InternalError",
    "InvalidError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitedError",
    "TimedOutError",
    "UnavailableError",
]


class Error(Exception):
    """Report a failure by kind.

    Args:
      message: Names the thing, what was wanted and what came.
      retryable: Whether a retry may help; ``None`` says nothing.
      details: Facts for the reader, by text key.
      kind: Overrides the kind of the class, for kinds without a class.
      stack: The Lua stack where it was made, as text.

    Source: core section 13.
    """

    KIND: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        retryable: bool | None = None,
        details: Mapping[str, Any] | None = None,
        kind: str | None = None,
        stack: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.details = dict(details) if details else None
        self.kind = self.KIND if kind is None else kind
        self.stack = stack

    def __str__(self) -> str:
        return self.message

    @staticmethod
    def of(
        kind: str,
        message: str,
        *,
        retryable: bool | None = None,
        details: Mapping[str, Any] | None = None,
        stack: str = "",
    ) -> Error:
        """Build the error whose class stands for ``kind``.

        Returns:
          An instance of the class of that kind, or a plain :class:`Error` that carries
          the kind when no class has it.
        """
        return BY_KIND.get(kind, Error)(
            message, retryable=retryable, details=details, kind=kind, stack=stack
        )


class InvalidError(Error):
    """The caller asked for something that makes no sense."""

    KIND = "Invalid"


class NotFoundError(Error):
    """The thing named does not exist."""

    KIND = "NotFound"


class AlreadyExistsError(Error):
    """The thing named exists already."""

    KIND = "AlreadyExists"


class ConflictError(Error):
    """The request does not fit the state it met."""

    KIND = "Conflict"


class PermissionDeniedError(Error):
    """The actor may not do that."""

    KIND = "PermissionDenied"


class CanceledError(Error):
    """The work was given up before it ended."""

    KIND = "Canceled"


class TimedOutError(Error):
    """The work did not end in time."""

    KIND = "Timeout"


class UnavailableError(Error):
    """The thing exists but cannot serve now, or not in this installation."""

    KIND = "Unavailable"


class RateLimitedError(Error):
    """Too much was asked in too short a time."""

    KIND = "RateLimited"


class InternalError(Error):
    """An uncaught Lua error; or a fault of ours, and the text asks for a report."""

    KIND = "Internal"


BY_KIND: dict[str, type[Error]] = {
    cls.KIND: cls
    for cls in (
        InvalidError,
        NotFoundError,
        AlreadyExistsError,
        ConflictError,
        PermissionDeniedError,
        CanceledError,
        TimedOutError,
        UnavailableError,
        RateLimitedError,
        InternalError,
    )
}
