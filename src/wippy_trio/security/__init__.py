"""May this actor do that? Actors, scopes of policies, and the decision.

`parse_policy` reads a policy entry, `PolicyStore` knows all policies and groups, a
`Scope` is an immutable set of policies, `allowed` and `can` decide. `create_token` and
`verify_token` make and check the text of tokens. All of it is pure.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.security.actor import Actor
    from wippy_trio.security.conditions import Condition
    from wippy_trio.security.decide import allowed, can
    from wippy_trio.security.groups import PolicyStore, Resolved
    from wippy_trio.security.policy import (
        EXPRESSION_KIND,
        POLICY_KIND,
        Policy,
        Verdict,
        parse_policy,
    )
    from wippy_trio.security.scope import EMPTY_SCOPE, Scope
    from wippy_trio.security.tokens import (
        TokenStoreConfig,
        create_token,
        parse_expiration,
        parse_token_store,
        verify_token,
    )

_HOME = {
    "Actor": "actor",
    "Condition": "conditions",
    "EMPTY_SCOPE": "scope",
    "EXPRESSION_KIND": "policy",
    "POLICY_KIND": "policy",
    "Policy": "policy",
    "PolicyStore": "groups",
    "Resolved": "groups",
    "Scope": "scope",
    "TokenStoreConfig": "tokens",
    "Verdict": "policy",
    "allowed": "decide",
    "can": "decide",
    "create_token": "tokens",
    "parse_expiration": "tokens",
    "parse_policy": "policy",
    "parse_token_store": "tokens",
    "verify_token": "tokens",
}

__all__ = [
    "EMPTY_SCOPE",
    "EXPRESSION_KIND",
    "POLICY_KIND",
    "Actor",
    "Condition",
    "Policy",
    "PolicyStore",
    "Resolved",
    "Scope",
    "TokenStoreConfig",
    "Verdict",
    "allowed",
    "can",
    "create_token",
    "parse_expiration",
    "parse_policy",
    "parse_token_store",
    "verify_token",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
