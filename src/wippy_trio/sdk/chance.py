"""The one source of randomness of a runtime.

Modules and services draw from it and from nothing else, so that a runtime with a seed
does the same again (design 6). Without a seed it is the system's, fit for keys.
"""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Randomness"]

T = TypeVar("T")


class Randomness:
    """Draw random numbers and bytes.

    Args:
      seed: The same seed gives the same draws; ``None`` draws from the system.
    """

    __slots__ = ("_generator", "seed")

    def __init__(self, seed: int | str | None = None) -> None:
        self.seed = seed
        self._generator: random.Random
        if seed is None:
            self._generator = secrets.SystemRandom()
        else:
            self._generator = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        """Draw bytes."""
        if self.seed is None:
            return secrets.token_bytes(count)
        return self._generator.randbytes(count)

    def bits(self, count: int) -> int:
        """Draw an integer of so many bits, its sign not counted."""
        return self._generator.getrandbits(count)

    def choice(self, choices: Sequence[T]) -> T:
        """Draw one of several, each as likely as the others."""
        return self._generator.choice(choices)

    def fraction(self) -> float:
        """Draw a number from 0 up to 1."""
        return self._generator.random()

    def branch(self, name: str) -> Randomness:
        """Give a source whose draws do not depend on how often others draw.

        Args:
          name: Of its user; another name gives other draws.
        """
        return Randomness(None if self.seed is None else f"{self.seed}/{name}")

    def number(self) -> int | None:
        """Give a seed for a generator that is not ours; ``None`` without a seed."""
        return None if self.seed is None else self.bits(62)
