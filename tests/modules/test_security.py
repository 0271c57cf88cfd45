"""The module `security` and policies: apps 8, modules-data 16."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_application
from wippy_trio.errors import Error
from wippy_trio.kernel import Context
from wippy_trio.security import Actor, Policy, Scope, Verdict

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - name: read
    kind: security.policy
    policy: {actions: "doc.read", resources: "*", effect: allow}
    groups: [users, app:all]
  - name: locked
    kind: security.policy
    policy:
      actions: "doc.*"
      resources: "secret"
      effect: deny
      conditions: [{field: actor.meta.role, operator: ne, value: admin}]
    groups: [users]
  - name: own
    kind: security.policy.expr
    policy:
      actions: "*"
      resources: "*"
      effect: allow
      expression: actor.id == meta.owner
  - name: who
    kind: function.lua
    source: |
      local security = require("security")
      return { main = function()
        local actor, scope = security.actor(), security.scope()
        return { actor and actor:id(), actor and actor:meta().role,
          scope and #scope:policies(), security.can("doc.read", "x") }
      end }
    method: main
    modules: [security]
"""


def test_scopes_answer_and_identities_travel(tmp_path: Path) -> None:
    """Groups, scopes, policies, and a call under another identity."""
    source = """
    return { main = function()
      local ann = security.new_actor("ann", { role = "user" })
      local root = security.new_actor("root", { role = "admin" })
      local users = assert(security.named_scope("app:users"))
      local own = assert(security.policy("app:own"))
      local out = { users:evaluate(ann, "doc.read", "a"),
        users:evaluate(ann, "doc.read", "secret"),
        users:evaluate(root, "doc.read", "secret"),
        users:evaluate(ann, "doc.write", "a"),
        own:evaluate(ann, "x", "y", { owner = "ann" }), own:id(),
        own:evaluate(ann, "x", "y") }
      local wider = users:with(own)
      out[8] = #wider:policies() .. #users:policies()
      out[9] = wider:contains("app:own") and wider:contains(own)
      local fewer = wider:without({ ns = "app", name = "own" }):without("app:read")
      out[10] = #fewer:policies()
      out[11] = security.new_scope():evaluate(ann, "doc.read", "a")
      out[12] = tostring(ann) .. ann:id() .. ann:meta().role
      local executor = assert(funcs.new():with_actor(ann))
      executor = assert(executor:with_scope(users))
      out[13] = table.concat({ unpack(executor:call("app:who"), 1, 3) }, " ")
      out[14] = security.can("doc.read", "a")
      out[15] = security.actor() == nil and security.scope() == nil
      local _, err = security.policy("app:none")
      out[16] = err:kind() .. err:message()
      out[22] = err:stack():match("^[^\\n]*")
      out[23] = errors.wrap(err, "again"):message()
      _, err = security.named_scope("app:none")
      out[17] = err:kind() .. err:message()
      out[18] = pcall(security.new_scope, { "app:read" })
      out[19] = pcall(users.evaluate, users, users, "a", "b")
      _, err = security.token_store("")
      out[20] = err:kind() .. err:message()
      _, err = security.token_store("app:tokens")
      out[21] = err:kind()
      return out
    end }
    """
    source = "local funcs = require('funcs')\nlocal unpack = table.unpack\n" + source
    got = run_application(tmp_path, source, modules="security, funcs", entries=ENTRIES)
    assert got[:4] == ["allow", "deny", "allow", "undefined"]  # apps 8.1
    assert got[4:7] == ["allow", "app:own", "undefined"]  # apps 8.3
    assert got[7:10] == ["32", True, 1]  # apps 8.4.2
    assert got[10] == "undefined"
    assert got[11] == "security.Actor{ann}annuser"
    assert got[12] == "ann user 2"  # apps 8.6
    assert got[13:15] == [False, True]  # apps 8.4.3
    assert got[15] == "Internalpolicy app:none not found"
    assert got[16] == "Internalpolicy group app:none not found"
    wrapped = "get policy: policy app:none not found"  # modules-data E-a
    assert got[21:23] == [wrapped, wrapped]
    assert got[17:19] == [False, False]
    assert got[19] == "Invalidtoken store id is required"
    assert got[20] == "Internal"


def test_denials_have_the_form_of_each_function(tmp_path: Path) -> None:
    """Some raise, some return (modules-data 16)."""
    source = """
    return { main = function()
      local scope = security.scope()
      local _, one = security.policy("app:read")
      local _, two = security.named_scope("app:users")
      local out = { one:kind() .. one:message(), two:kind() .. two:message() }
      for i, f in ipairs({
        function() return security.new_scope() end,
        function() return security.new_actor("x") end,
        function() return security.token_store("app:t") end,
        function() return scope:with(scope:policies()[1]) end,
        function() return scope:without("app:p") end,
      }) do
        local ok, err = pcall(f)
        out[2 + i] = not ok and err:kind() .. ": " .. err:message()
      end
      out[8] = security.can("security.policy.get", "x")
      return out
    end }
    """
    nothing = Scope([Policy("app:p", Verdict.DENY)])
    got = run_application(
        tmp_path,
        source,
        modules="security",
        entries=ENTRIES,
        context=Context(actor=Actor("ann"), scope=nothing),
    )
    assert got[0] == "Invalidpermission denied: access policy"
    assert got[1] == "Invalidpermission denied: access policy group"
    assert got[2:] == [
        "PermissionDenied: not allowed to create custom scopes",
        "PermissionDenied: not allowed to create actor with ID: x",
        "PermissionDenied: not allowed to access token store: app:t",
        "PermissionDenied: not allowed to create scopes with policies",
        "PermissionDenied: not allowed to create scopes without policies",
        False,
    ]


def test_a_policy_follows_its_entry(tmp_path: Path) -> None:
    """Create, update and delete reach the store; a scope keeps what it has."""
    source = """
    local function change(kind, effect)
      local changes = registry.snapshot():changes()
      changes[kind](changes, kind == "delete" and "app:p" or { id = "app:p",
        kind = "security.policy", data = { groups = { "g" },
          policy = { actions = "*", resources = "*", effect = effect } } })
      return changes:apply()
    end
    return { main = function()
      local ann = security.new_actor("ann")
      assert(change("create", "allow"))
      local before = security.named_scope("app:g")
      local out = { before:evaluate(ann, "a", "b") }
      assert(change("update", "deny"))
      out[2] = security.named_scope("app:g"):evaluate(ann, "a", "b")
      out[3] = before:evaluate(ann, "a", "b")
      out[4] = change("update", "maybe") == nil
      out[5] = security.policy("app:p"):evaluate(ann, "a", "b")
      assert(change("delete"))
      out[6] = security.named_scope("app:g") == nil
      return out
    end }
    """
    got = run_application(tmp_path, source, modules="security, registry")
    assert got == ["allow", "deny", "allow", True, "deny", True]


def test_a_policy_that_says_nonsense_is_refused(tmp_path: Path) -> None:
    """The application does not start (apps 8.2)."""
    entries = """
  - name: p
    kind: security.policy
    policy: {actions: "*", resources: "*", effect: perhaps}
"""
    with pytest.raises(Error, match="invalid effect 'perhaps'"):
        run_application(
            tmp_path, "return {main = print}", modules="security", entries=entries
        )
