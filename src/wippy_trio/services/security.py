"""``security.policy``, ``security.policy.expr``, ``security.token_store``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.sdk import EntryKind, InvalidError
from wippy_trio.sdk.tokens import TokenStore
from wippy_trio.security import (
    Policy,
    parse_policy,
    parse_token_store,
)

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = ["Policies", "TokenStores"]


class Policies(EntryKind):
    """Handle policies; they hold for scopes made after they came (apps 8.2 to 8.4)."""

    kinds = ("security.policy", "security.policy.expr")

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


class TokenStores(EntryKind):
    """Handle ``security.token_store`` entries (apps 8.5)."""

    kinds = ("security.token_store",)

    async def create(self, entry: Entry) -> None:
        """Make the token store known; its store is looked for when it is used."""
        if not isinstance(entry.data, dict):
            raise InvalidError("configuration data is required")
        config = parse_token_store(entry.id, entry.data)
        store = TokenStore(self.runtime, entry.id, config)
        self.runtime.resources.put(entry.id, store)
        await trio.lowlevel.checkpoint()

    async def delete(self, entry: Entry) -> None:
        """Forget it; the tokens stay in the store."""
        self.runtime.resources.remove(entry.id)
        await trio.lowlevel.checkpoint()
