"""``security.token_store`` and its handle: apps 8.5, modules-data 16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from trio.testing import MockClock

from tests.modules.application import run_application
from wippy_trio.errors import Error
from wippy_trio.kernel import Context
from wippy_trio.security import Actor, Scope, parse_policy

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - {name: kept, kind: store.memory}
  - name: tokens
    kind: security.token_store
    store: kept
    default_expiration: 10s
  - name: signed
    kind: security.token_store
    store: app:kept
    token_length: 16
    token_key: secret
  - name: lost
    kind: security.token_store
    store: app:none
  - name: env
    kind: env.storage.static
    values: {TOKEN_KEY: secret}
  - {name: key, kind: env.variable, variable: TOKEN_KEY, storage: app:env}
  - name: older
    kind: security.token_store
    store: app:kept
    token_key_env: TOKEN_KEY
  - name: read
    kind: security.policy
    policy: {actions: "doc.read", resources: "*", effect: allow}
    groups: [users]
"""
HEAD = """
local security, time, store = require("security"), require("time"), require("store")
local ann = security.new_actor("ann", {role = "user", deep = {1, 2}})
local users = security.named_scope("app:users")
local function told(err) return {tostring(err:kind()), err:message()} end
"""


def run(folder: Path, body: str, **more: Any) -> Any:
    return run_application(
        folder,
        f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
        modules="security, time, store",
        entries=ENTRIES,
        **more,
    )


def test_token_proves_an_actor_and_a_scope(tmp_path: Path) -> None:
    """What was put in comes out; a revoked token proves nothing."""
    assert run(
        tmp_path,
        """
        local tokens = security.token_store("app:tokens")
        local token, err = tokens:create(ann, users, {meta = {ip = "::1"}})
        assert(err == nil and #token == 44 and token:match("^[%w_-]+=$"), token)
        local actor, scope, bad = tokens:validate(token)
        assert(bad == nil and actor:id() == "ann" and actor:meta().deep[2] == 2)
        assert(#scope:policies() == 1 and scope:contains("app:read"))
        assert(select("#", tokens:validate(token)) == 3)
        assert(tokens:revoke(token) == true)
        local a, s, gone = tokens:validate(token)
        assert(a == nil and s == nil)
        assert(tokens:close() == true and tokens:close() == true)
        local _, closed = tokens:create(ann, users)
        return {told(gone)[1], told(closed)}
        """,
    ) == ["Internal", ["Internal", "token store is closed"]]


def test_signed_tokens(tmp_path: Path) -> None:
    """A forged or unsigned token is refused before the store is asked."""
    assert run(
        tmp_path,
        """
        local tokens = security.token_store("app:signed")
        local token = tokens:create(ann, users)
        local body, signature = token:match("^(.-)%.(.+)$")
        assert(#body == 24 and #signature == 44)
        assert(security.token_store("app:older"):validate(token):id() == "ann")
        local out = {}
        local forged = {body, body .. ".AAAA", "x y", "", "AAAA." .. signature}
        for _, text in ipairs(forged) do
          local _, _, err = tokens:validate(text)
          out[#out + 1] = told(err)[2]
        end
        return out
        """,
    ) == [
        "invalid token format",
        "invalid token signature",
        "invalid token format",
        "invalid token format",
        "invalid token signature",
    ]


@pytest.mark.parametrize(
    ("option", "seconds"),
    [
        ("nil", 10),
        ('{expiration = "2s"}', 2),
        ("{expiration = 3000}", 3),
        ('{expiration = "1d"}', 86400),
    ],
)
def test_tokens_expire(tmp_path: Path, option: str, seconds: int) -> None:
    """By the store's default, a duration with days, or milliseconds (16.1)."""
    assert (
        run(
            tmp_path,
            f"""
            local tokens = security.token_store("app:tokens")
            local token = tokens:create(ann, users, {option})
            time.sleep({seconds} * time.SECOND - time.MILLISECOND)
            assert(tokens:validate(token))
            time.sleep("2ms")
            local _, _, err = tokens:validate(token)
            return told(err)[1]
            """,
            clock=MockClock(autojump_threshold=0),
        )
        == "Internal"
    )


def test_refusals(tmp_path: Path) -> None:
    """Each failure has its kind and text."""
    assert run(
        tmp_path,
        """
        local out = {}
        local function note(_, err) out[#out + 1] = told(err) end
        note(security.token_store(""))
        note(security.token_store("app:kept"))
        note(security.token_store("app:none"))
        local tokens = security.token_store("app:tokens")
        note(tokens:create(ann, users, {expiration = "soon"}))
        note(tokens:create(ann, users, {expiration = {}}))
        note(security.token_store("app:lost"):create(ann, users))
        local ok, err = pcall(tokens.create, tokens, "ann", users)
        out[#out + 1] = {ok, tostring(err)}
        for i, row in ipairs(out) do
          row[2] = row[2]:gsub("^app:f:%d+: ", ""):sub(1, 44)
        end
        return out
        """,
    ) == [
        ["Invalid", "token store id is required"],
        ["Internal", "resource is not a token store"],
        ["Internal", "resource app:none: wanted a running entry, f"],
        ["Invalid", "invalid expiration format: invalid duration "],
        ["Invalid", "invalid expiration format"],
        ["Internal", "resource app:none: wanted a running entry, f"],
        [False, "bad argument #1 to 'create' (security.Actor "],
    ]


def test_permissions(tmp_path: Path) -> None:
    """Denials of the methods are Invalid; reaching the store raises (8.7)."""

    def allow(*actions: str) -> Context:
        rules = {"actions": list(actions), "resources": "*", "effect": "allow"}
        policy = parse_policy("app:p", "security.policy", {"policy": rules})
        return Context(actor=Actor("me", {}), scope=Scope([policy]))

    make = ("security.actor.create", "security.policy_group.get")
    body = """
        local tokens = security.token_store("app:tokens")
        local _, create = tokens:create(ann, users)
        local _, _, check = tokens:validate("x")
        local _, revoke = tokens:revoke("x")
        return {told(create), told(check), told(revoke)}
    """
    may = allow("security.token_store.get", *make)
    assert run(tmp_path, body, context=may) == [
        ["Invalid", "not allowed to create token"],
        ["Invalid", "not allowed to validate token"],
        ["Invalid", "not allowed to revoke token"],
    ]
    with pytest.raises(Error, match="not allowed to access token store: app:tokens"):
        run(tmp_path, body, context=allow(*make))


@pytest.mark.parametrize("fields", ["token_length: 9", "store: '', token_length: 0"])
def test_wrong_entries(tmp_path: Path, fields: str) -> None:
    """An entry without a store is refused."""
    entries = f"\n  - {{name: bad, kind: security.token_store, {fields}}}\n"
    with pytest.raises(Error, match="invalid token store config"):
        run_application(
            tmp_path, "return {main = print}", modules="security", entries=entries
        )
