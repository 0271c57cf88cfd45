"""Every failure reported on purpose, by kind.

An error is a value: kind, message, whether a retry may help, details, the Lua stack it
was made at and its cause. The same value is a Python exception here and an error object
in Lua. The class gives the kind; a kind that no class stands for (Lua programs may
invent one, core E-2) is carried by the instance.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    "during",
    "first_error",
]


class Error(Exception):
    """Report a failure by kind.

    Args:
      message: Names the thing, what was wanted and what came.
      retryable: Whether a retry may help; ``None`` says nothing.
      details: Facts for the reader, by text key.
      kind: Overrides the kind of the class, for kinds without a class.
      stack: The Lua stack where it was made, as text.
      context: During what it happened. The message is without it: it shows in the
        stack, and before the message once the error is wrapped or leaves its process
        (core E-22, modules-data 0.4).

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
        context: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.details = dict(details) if details else None
        self.kind = self.KIND if kind is None else kind
        self.stack = stack
        self.context = context

    def __str__(self) -> str:
        return f"{self.context}: {self.message}" if self.context else self.message

    def crossed(self) -> Error:
        """Give the error as another process sees it: the context is in the message."""
        if not self.context:
            return self
        found = self.of(
            self.kind,
            str(self),
            retryable=self.retryable,
            details=self.details,
            stack=self.stack,
        )
        found.__cause__ = self
        return found

    @staticmethod
    def of(
        kind: str,
        message: str,
        *,
        retryable: bool | None = None,
        details: Mapping[str, Any] | None = None,
        stack: str = "",
        context: str = "",
    ) -> Error:
        """Build the error whose class stands for ``kind``.

        Returns:
          An instance of the class of that kind, or a plain :class:`Error` that carries
          the kind when no class has it.
        """
        return BY_KIND.get(kind, Error)(
            message,
            retryable=retryable,
            details=details,
            kind=kind,
            stack=stack,
            context=context,
        )


@contextmanager
def during(context: str) -> Iterator[None]:
    """Name what was going on in each error that leaves the block.

    The message stays as it is; a context that the error has already goes before it.
    """
    try:
        yield
    except Error as error:
        error.message, error.context = str(error), context
        raise


def first_error(group: BaseExceptionGroup[BaseException]) -> Error:
    """Give the first of a group of errors.

    Raises:
      BaseExceptionGroup: The group itself, if something else is in it.
    """
    ours, rest = group.split(Error)
    if rest is not None:
        raise group
    found: BaseException | None = ours
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, Error)
    return found


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
