"""What a type checker knows about errors: kinds are classes, facts are optional."""

from __future__ import annotations

from typing import Any, assert_type

from wippy_trio.errors import Error, NotFoundError, TimedOutError


def kinds_are_classes(error: Error) -> str:
    if isinstance(error, NotFoundError | TimedOutError):
        assert_type(error.retryable, bool | None)
    assert_type(error.kind, str)
    assert_type(error.details, dict[str, Any] | None)
    return error.message


assert_type(Error.of("NotFound", "no such thing"), Error)
