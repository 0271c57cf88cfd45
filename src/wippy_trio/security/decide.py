"""The decision: may this actor, under this scope, do that?

Source: apps 8.1, 8.4.3; core PERM-0 to PERM-0b.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.security.policy import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.security.actor import Actor
    from wippy_trio.security.scope import Scope

__all__ = ["allowed", "can"]


def allowed(
    actor: Actor | None,
    scope: Scope | None,
    action: str,
    resource: str,
    meta: Mapping[str, Any] | None = None,
    *,
    strict: bool = False,
) -> bool:
    """Decide for the gate in front of a function.

    Args:
      actor: Who acts, if anybody is known to.
      scope: The policies that hold, if any were set.
      action: Such as ``process.spawn``.
      resource: Such as an entry id; often empty.
      meta: What else policies may ask about.
      strict: Whether a missing actor or scope refuses (``security.strict_mode``).
    """
    if actor is None or scope is None:
        return not strict
    return scope.evaluate(actor, action, resource, meta) is Verdict.ALLOW


def can(
    actor: Actor | None,
    scope: Scope | None,
    action: str,
    resource: str,
    meta: Mapping[str, Any] | None = None,
) -> bool:
    """Decide for a program that asks: without actor or scope the answer is no."""
    return allowed(actor, scope, action, resource, meta, strict=True)
