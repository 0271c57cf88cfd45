"""Token stores: proofs of identity that expire, kept in a store (apps 8.5)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import Error, InvalidError, NotFoundError
from wippy_trio.sdk.stores import PutOptions, StoreFacts, awaited
from wippy_trio.security import (
    Actor,
    Policy,
    Scope,
    create_token,
    verify_token,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.sdk.runtime import Runtime
    from wippy_trio.sdk.stores import Store
    from wippy_trio.security import TokenStoreConfig

__all__ = ["TokenStore"]

SECOND = 1_000_000_000


class TokenStore:
    """Make, check and revoke tokens. What it keeps is in the store of its entry."""

    def __init__(self, runtime: Runtime, id: str, config: TokenStoreConfig) -> None:  # noqa: A002 - its name
        self.id = id
        self._runtime = runtime
        self._config = config

    def _store(self) -> Store:
        found = self._runtime.resources.get(self._config.store)
        if not isinstance(getattr(found, "facts", None), StoreFacts):
            raise InvalidError(
                f"token store {self.id}: {self._config.store} is not a store"
            )
        return awaited(found)

    def _key(self) -> bytes | None:
        config = self._config
        if config.token_key is not None or config.token_key_env is None:
            return config.token_key
        namespace = self.id.partition(":")[0]
        value: str = self._runtime.env.get(config.token_key_env, namespace)
        return value.encode()

    async def create(
        self,
        actor: Actor,
        scope: Scope,
        *,
        expiration: int | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> str:
        """Make a token for an actor and a scope.

        Args:
          actor: Whom the token proves.
          scope: Its policies are kept by id.
          expiration: Nanoseconds it lives; the store's default if not given.
          meta: Kept with it.

        Raises:
          Error: Of the store behind, or of the variable that has the key.
        """
        lifetime = self._config.default_expiration if expiration is None else expiration
        token = create_token(
            secrets.token_bytes(self._config.token_length), self._key()
        )
        now = self._runtime.node.clock.unix()
        record = {
            "actor": {"id": actor.id, "meta": dict(actor.meta)},
            "policies": [policy.id for policy in scope.policies],
            "created_at": int(now),
            "expires_at": now + lifetime / SECOND,
            "meta": dict(meta or {}),
        }
        ttl = max(lifetime / SECOND, 0.0)
        await self._store().put(f":{token}", record, PutOptions(ttl=ttl))
        return token

    async def validate(self, token: str) -> tuple[Actor, Scope]:
        """Give whom a token proves, and the policies of its scope that still exist.

        Raises:
          InvalidError: Not a token of this store: form or signature.
          NotFoundError: It is unknown, revoked or expired.
        """
        verify_token(token, self._key())
        entry = await self._store().entry(f":{token}")
        record = entry.value
        if not isinstance(record, dict) or "actor" not in record:
            raise InvalidError("the record of the token is damaged")
        if record.get("expires_at", 0) <= self._runtime.node.clock.unix():
            raise NotFoundError("token expired", retryable=False)
        actor = record["actor"]
        meta = actor.get("meta")
        known = (self._policy(id_) for id_ in record.get("policies") or ())
        return (
            Actor(str(actor.get("id", "")), meta if isinstance(meta, dict) else {}),
            Scope([policy for policy in known if policy is not None]),
        )

    def _policy(self, id_: str) -> Policy | None:
        try:
            policy: Policy = self._runtime.policies.policy(id_)
        except Error:
            return None
        return policy

    async def revoke(self, token: str) -> None:
        """Forget a token, known or not.

        Raises:
          InvalidError: Not a token of this store.
        """
        verify_token(token, self._key())
        await self._store().delete(f":{token}")
