"""``security.policy`` and ``security.policy.expr``: who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.sdk import EntryKind, InvalidError
from wippy_trio.security import EXPRESSION_KIND, POLICY_KIND, Policy, parse_policy

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["Policies"]


class Policies(EntryKind):
    """Handle policies; they hold for scopes made after they came (apps 8.2 to 8.4)."""

    kinds = (POLICY_KIND, EXPRESSION_KIND)

    async def create(self, entry: Entry) -> None:
        """Take a policy in."""
        self.runtime.policies.add(_read(entry))
        await trio.lowlevel.checkpoint()

    async def update(self, old: Entry, new: Entry) -> None:
        """Replace a policy; scopes that were handed out keep the old one."""
        del old
        self.runtime.policies.replace(_read(new))
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Forget a policy."""
        self.runtime.policies.remove(entry.id)
        await trio.lowlevel.checkpoint()


def _read(entry: Entry) -> Policy:
    if not isinstance(entry.data, dict):
        raise InvalidError("configuration data is required")
    return parse_policy(entry.id, entry.kind, entry.data)
