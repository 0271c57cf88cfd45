"""Who acts: an identity and what is known about it.

Source: apps section 8; modules-data section 16.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Actor"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Actor(NamedTuple):
    """An identity under which code runs.

    Attributes:
      id: Names it: a user, a service.
      meta: Facts that policies may ask about; nobody changes them after birth.
    """

    id: str
    meta: Mapping[str, Any] = _NOTHING
