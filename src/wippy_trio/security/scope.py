"""Scopes: immutable sets of policies under which an actor acts.

Source: apps 8.1, 8.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.security.policy import Policy, Verdict
from wippy_trio.security.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wippy_trio.security.actor import Actor

__all__ = ["EMPTY_SCOPE", "Scope"]


class Scope:
    """A set of policies, by id. Nothing changes it; its methods make new ones."""

    __slots__ = ("_policies",)

    def __init__(self, policies: Iterable[Policy] = ()) -> None:
        self._policies = {policy.id: policy for policy in policies}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scope):
            return NotImplemented
        return self._policies == other._policies

    def __hash__(self) -> int:
        return hash(frozenset(self._policies))

    def __repr__(self) -> str:
        return f"Scope({', '.join(self._policies)})"

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Give the policies, in the order in which they came."""
        return tuple(self._policies.values())

    def with_policy(self, policy: Policy) -> Scope:
        """Add a policy; one of the same id is replaced."""
        return Scope([*self._policies.values(), policy])

    def without_policy(self, policy: Policy | str | Mapping[str, str]) -> Scope:
        """Leave a policy out: by itself, its id, or ``{ns, name}``."""
        gone = _id_of(policy)
        return Scope(kept for kept in self._policies.values() if kept.id != gone)

    def contains(self, policy: Policy | str | Mapping[str, str]) -> bool:
        """Tell whether a policy is here: by itself, its id, or ``{ns, name}``."""
        return _id_of(policy) in self._policies

    def evaluate(
        self,
        actor: Actor | None,
        action: str,
        resource: str,
        meta: Mapping[str, Any] | None = None,
    ) -> Verdict:
        """Ask all policies; one deny beats any allow. Never raises.

        An empty scope, and one whose policies do not apply, is undefined.

        Source: apps 8.1; core PERM-0a.
        """
        request = Request(actor, action, resource, meta)
        answer = Verdict.UNDEFINED
        for policy in self._policies.values():
            verdict = policy.judge(request)
            if verdict is Verdict.DENY:
                return verdict
            if verdict is Verdict.ALLOW:
                answer = verdict
        return answer


EMPTY_SCOPE = Scope()
"""No policies: undefined for everything, so nothing is allowed under it."""


def _id_of(policy: Policy | str | Mapping[str, str]) -> str:
    if isinstance(policy, str):
        return policy
    if isinstance(policy, Policy):
        return policy.id
    return f"{policy.get('ns', '')}:{policy.get('name', '')}"
