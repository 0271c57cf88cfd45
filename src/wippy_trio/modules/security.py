"""`security`: actors, scopes and policies, and what they allow."""

from __future__ import annotations

from typing import Any, cast

import trio

from wippy_trio import security
from wippy_trio.modules._arguments import named
from wippy_trio.sdk import (
    Error,
    InternalError,
    InvalidError,
    LuaModule,
    PermissionDeniedError,
    check_permission,
    current_process,
    current_runtime,
    method,
    runtime_of,
)
from wippy_trio.sdk.tokens import TokenStore
from wippy_trio.security import Actor, Policy, Scope, parse_expiration

MODULE = LuaModule(
    "security",
    classes=("security", "nondeterministic"),
    declares="""
    type Actor = {
      id: (self: Actor) -> string,
      meta: (self: Actor) -> table
    }
    type Policy = {
      id: (self: Policy) -> string,
      evaluate: (self: Policy, actor: Actor, action: string, resource: string,
        meta: table?) -> string
    }
    type Scope = {
      with: (self: Scope, policy: Policy) -> Scope,
      without: (self: Scope, policy: any) -> Scope,
      contains: (self: Scope, policy: any) -> boolean,
      policies: (self: Scope) -> {Policy},
      evaluate: (self: Scope, actor: Actor, action: string, resource: string,
        meta: table?) -> string
    }
    type TokenStore = {
      create: (self: TokenStore, actor: Actor, scope: Scope, options: table?)
        -> (string?, Error?),
      validate: (self: TokenStore, token: string) -> (Actor?, Scope?, Error?),
      revoke: (self: TokenStore, token: string) -> (boolean?, Error?),
      close: (self: TokenStore) -> (boolean?, Error?)
    }
    actor: () -> Actor?
    scope: () -> Scope?
    can: (action: string, resource: string, meta: table?) -> boolean
    policy: (id: string) -> (Policy?, Error?)
    named_scope: (id: string) -> (Scope?, Error?)
    new_scope: (policies: {Policy}?) -> Scope
    new_actor: (id: string, meta: table?) -> Actor
    token_store: (id: string) -> (TokenStore?, Error?)
    """,
)


def _map(value: Any) -> dict[str, Any]:
    """Read a table of facts; an empty one may have come as a list."""
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else {}


def _policy(value: Any) -> Policy:
    if not isinstance(value, Policy):
        raise InvalidError(f"wanted a security.Policy, got {named(value)}")
    return value


def _reference(value: Any) -> Policy | str | dict[str, str]:
    if isinstance(value, dict):
        return _map(value)
    if not isinstance(value, (Policy, str)):
        raise InvalidError(
            f"wanted a policy, its id or {{ns, name}}, got {named(value)}"
        )
    return value


@MODULE.handle_for(Actor, "Actor")
class _ActorMethods:
    """Who acts."""

    def __str__(self) -> str:
        return f"security.Actor{{{cast('Actor', self).id}}}"

    @method(pair=False)
    def id(self) -> str:
        """Give its name."""
        return cast("Actor", self).id

    @method(pair=False)
    def meta(self) -> dict[str, Any]:
        """Give what is known about it, as a fresh table."""
        return dict(cast("Actor", self).meta)


@MODULE.handle_for(Policy, "Policy")
class _PolicyMethods:
    """One policy."""

    def __str__(self) -> str:
        return f"security.Policy{{{cast('Policy', self).id}}}"

    @method(pair=False)
    def id(self) -> str:
        """Give the id of its entry."""
        return cast("Policy", self).id

    @method(pair=False, raises=True)
    def evaluate(
        self, actor: Actor, action: str, resource: str, meta: dict[str, Any] | None
    ) -> str:
        """Answer ``allow``, ``deny`` or ``undefined``."""
        policy = cast("Policy", self)
        return policy.evaluate(actor, action, resource, _map(meta)).value


@MODULE.handle_for(Scope, "Scope")
class _ScopeMethods:
    """A set of policies; nothing changes it."""

    def __str__(self) -> str:
        return f"security.Scope{{policies={len(cast('Scope', self).policies)}}}"

    @method(name="with", pair=False, raises=True)
    def with_(self, policy: Policy) -> Any:
        """Make a scope with one more policy."""
        _may_create("with", "not allowed to create scopes with policies")
        return cast("Scope", self).with_policy(policy)

    @method(pair=False, raises=True)
    def without(self, policy: Any) -> Any:
        """Make a scope without a policy."""
        _may_create("without", "not allowed to create scopes without policies")
        return cast("Scope", self).without_policy(_reference(policy))

    @method(pair=False, raises=True)
    def contains(self, policy: Any) -> bool:
        """Tell whether a policy is in it."""
        return cast("Scope", self).contains(_reference(policy))

    @method(pair=False)
    def policies(self) -> list[Any]:
        """List its policies."""
        return list(cast("Scope", self).policies)

    @method(pair=False, raises=True)
    def evaluate(
        self, actor: Actor, action: str, resource: str, meta: dict[str, Any] | None
    ) -> str:
        """Answer ``allow``, ``deny`` or ``undefined`` (apps 8.1)."""
        scope = cast("Scope", self)
        return scope.evaluate(actor, action, resource, _map(meta)).value


def _may_create(resource: str, message: str) -> None:
    check_permission("security.scope.create", resource, message)


def _may_get(action: str, id_: str, message: str) -> None:
    process = current_process()
    if not runtime_of(process).allowed(process, action, id_):
        raise InvalidError(message)


@MODULE.export(pair=False)
def actor() -> Any:
    """Give who acts here, or ``nil``."""
    return current_process().context.actor


@MODULE.export(pair=False)
def scope() -> Any:
    """Give the policies that hold here, or ``nil``."""
    return current_process().context.scope


@MODULE.export(pair=False, raises=True)
def can(action: str, resource: str, meta: dict[str, Any] | None) -> bool:
    """Ask for oneself; without actor or scope the answer is no (apps 8.4.3)."""
    context = current_process().context
    return security.can(context.actor, context.scope, action, resource, _map(meta))


@MODULE.export
def policy(id: str) -> Any:  # noqa: A002 - its name
    """Find a policy."""
    _may_get("security.policy.get", id, "permission denied: access policy")
    try:
        return current_runtime().policies.policy(id)
    except Error as error:
        raise _wrapped("get policy", error) from error


@MODULE.export
def named_scope(id: str) -> Any:  # noqa: A002
    """Make a scope of the policies of a group (apps 8.4.1)."""
    _may_get("security.policy_group.get", id, "permission denied: access policy group")
    try:
        return current_runtime().policies.named_scope(id)
    except Error as error:
        raise _wrapped("get policy group", error) from error


@MODULE.export(pair=False, raises=True)
def new_scope(policies: list[Any] | None) -> Any:
    """Make a scope of policies."""
    _may_create("custom", "not allowed to create custom scopes")
    if isinstance(policies, dict):
        raise InvalidError("new_scope: wanted a list of policies, got a map")
    return Scope([_policy(item) for item in policies or ()])


@MODULE.export(pair=False, raises=True)
def new_actor(id: str, meta: dict[str, Any] | None) -> Any:  # noqa: A002
    """Make an actor."""
    check_permission(
        "security.actor.create", id, f"not allowed to create actor with ID: {id}"
    )
    return Actor(id, _map(meta))


class _DeniedError(PermissionDeniedError):
    """A denial that is raised in Lua."""


@MODULE.handle
class Tokens:
    """A token store as a program holds it; every call suspends."""

    lua_name = "security.TokenStore"

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self._closed = False

    def __str__(self) -> str:
        return f"security.TokenStore{{{self._store.id}}}"

    def _open(self, action: str, meta: dict[str, Any]) -> TokenStore:
        if self._closed:
            raise InternalError("token store is closed")
        process = current_process()
        permission = f"security.token.{action}"
        if not runtime_of(process).allowed(process, permission, self._store.id, meta):
            raise InvalidError(f"not allowed to {action} token")
        return self._store

    async def create(self, actor: Actor, scope: Scope, options: Any) -> str:
        """Make a token."""
        store = self._open("create", {"actor": actor.id})
        if options is not None and not isinstance(options, (dict, list)):
            raise InvalidError("options must be a table")
        known = options if isinstance(options, dict) else {}
        lifetime = known.get("expiration")
        if isinstance(lifetime, bool) or not isinstance(
            lifetime, (str, int, float, type(None))
        ):
            raise InvalidError("invalid expiration format")
        try:
            return await store.create(
                actor,
                scope,
                expiration=None if lifetime is None else parse_expiration(lifetime),
                meta=_map(known.get("meta")),
            )
        except InvalidError:
            raise
        except Error as error:
            raise _wrapped("create token", error) from error

    async def validate(self, token: str) -> tuple[Any, ...]:
        """Give actor and scope, or an error in the third place."""
        try:
            store = self._open("validate", {"token": token})
        except Error as error:
            return None, None, error
        try:
            found, policies = await store.validate(token)
        except Error as error:
            return None, None, _wrapped("validate token", error)
        return found, policies, None

    async def revoke(self, token: str) -> bool:
        """Forget a token."""
        store = self._open("revoke", {"token": token})
        try:
            await store.revoke(token)
        except Error as error:
            raise _wrapped("revoke token", error) from error
        return True

    @method(pair=False)
    async def close(self) -> bool:
        """Give the store back."""
        self._closed = True
        await trio.lowlevel.checkpoint()
        return True


def _wrapped(doing: str, error: Error) -> InternalError:
    return InternalError(str(error), retryable=False, context=doing)


@MODULE.export(raises=_DeniedError)
def token_store(id: str) -> Any:  # noqa: A002
    """Reach a token store by the id of its entry."""
    if not id:
        raise InvalidError("token store id is required")
    process = current_process()
    runtime = runtime_of(process)
    if not runtime.allowed(process, "security.token_store.get", id):
        raise _DeniedError(f"not allowed to access token store: {id}")
    try:
        found = runtime.resources.get(id)
    except Error as error:
        raise _wrapped("acquire token store", error) from error
    if not isinstance(found, TokenStore):
        raise InternalError("resource is not a token store")
    return Tokens(found)
