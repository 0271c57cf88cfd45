"""What holds for all tests: each begins with the log as it is at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog

from wippy_trio.logs import silence

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    silence(False)
    structlog.reset_defaults()
    yield
    silence(False)
    structlog.reset_defaults()
