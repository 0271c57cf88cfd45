"""All policies of an application, by id and by group.

Source: apps 8.4, 8.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import AlreadyExistsError, NotFoundError
from wippy_trio.security.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wippy_trio.security.policy import Policy

__all__ = ["PolicyStore", "Resolved"]


class Resolved(NamedTuple):
    """The scope that configured names stand for.

    Attributes:
      scope: ``None`` if not one of the names was known.
      unknown: The names that were not, in their order.
    """

    scope: Scope | None
    unknown: tuple[str, ...]


class PolicyStore:
    """Policies by id, and the groups they list.

    A group exists while a policy lists it. Scopes that were handed out keep the
    policies they were made of.
    """

    __slots__ = ("_groups", "_policies")

    def __init__(self) -> None:
        self._policies: dict[str, Policy] = {}
        self._groups: dict[str, dict[str, Policy]] = {}

    def __len__(self) -> int:
        return len(self._policies)

    def add(self, policy: Policy) -> None:
        """Take a policy in.

        Raises:
          AlreadyExistsError: Its id is taken.
        """
        if policy.id in self._policies:
            raise AlreadyExistsError(f"policy {policy.id} already exists")
        self._policies[policy.id] = policy
        for group in policy.groups:
            self._groups.setdefault(group, {})[policy.id] = policy

    def replace(self, policy: Policy) -> None:
        """Put a new policy in the place of the one with its id.

        Raises:
          NotFoundError: There is none.
        """
        self.remove(policy.id)
        self.add(policy)

    def remove(self, policy_id: str) -> None:
        """Forget a policy.

        Raises:
          NotFoundError: There is none of that id.
        """
        policy = self.policy(policy_id)
        del self._policies[policy_id]
        for group in policy.groups:
            members = self._groups[group]
            del members[policy_id]
            if not members:
                del self._groups[group]

    def policy(self, policy_id: str) -> Policy:
        """Find a policy by id.

        Raises:
          NotFoundError: There is none.
        """
        try:
            return self._policies[policy_id]
        except KeyError:
            raise NotFoundError(f"policy {policy_id} not found") from None

    def named_scope(self, group: str) -> Scope:
        """Make a scope of all policies that list a group.

        Raises:
          NotFoundError: None does.
        """
        try:
            return Scope(self._groups[group].values())
        except KeyError:
            raise NotFoundError(f"policy group {group} not found") from None

    def resolve(
        self, policies: Iterable[str] = (), groups: Iterable[str] = ()
    ) -> Resolved:
        """Make a scope of configured policies and groups; skip what is unknown.

        Source: apps 8.6 (``lifecycle.security``), 8.5.3 (tokens).
        """
        found: list[Policy] = []
        unknown: list[str] = []
        known = False
        for policy_id in policies:
            if policy_id in self._policies:
                found.append(self._policies[policy_id])
                known = True
            else:
                unknown.append(policy_id)
        for group in groups:
            if group in self._groups:
                found.extend(self._groups[group].values())
                known = True
            else:
                unknown.append(group)
        return Resolved(Scope(found) if known else None, tuple(unknown))
