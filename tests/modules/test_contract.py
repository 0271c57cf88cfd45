"""`contract` and its kinds: modules-io 14, apps 2.8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.application import run_application
from wippy_trio.errors import Error
from wippy_trio.kernel import Context
from wippy_trio.security import Actor, Scope, parse_policy

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - name: greeter
    kind: contract.definition
    methods:
      - name: greet
        description: Say hello
        input_schemas: [{format: json, definition: {type: string}}]
      - name: who
      - name: fail
      - name: flaky
  - name: other
    kind: contract.definition
    methods: [{name: ping}]
  - name: english
    kind: contract.binding
    contracts:
      - contract: greeter
        default: true
        methods: &all {greet: greet, who: app:who, fail: app:fail, flaky: app:flaky}
      - contract: other
        methods: {ping: who}
  - name: tenant
    kind: contract.binding
    contracts:
      - contract: app:greeter
        context_required: [tenant, region]
        methods: *all
  - name: greet
    kind: function.lua
    source: |
      return {main = function(a, b) return "hello " .. tostring(a) .. tostring(b) end}
    method: main
  - name: who
    kind: function.lua
    source: |
      local ctx, security = require("ctx"), require("security")
      return {main = function()
        local all, actor = ctx.all(), security.actor()
        all.actor = actor and actor:id() or nil
        return all
      end}
    method: main
    modules: [ctx, security]
  - name: fail
    kind: function.lua
    source: |
      return {main = function(kind)
        return nil, errors.new({message = "no", kind = kind, retryable = false})
      end}
    method: main
  - name: flaky
    kind: function.lua
    source: |
      local tries = 0
      return {main = function(succeed_at)
        tries = tries + 1
        if tries >= succeed_at then return tries end
        return nil, errors.new({message = "again " .. tries, kind = "Unavailable"})
      end}
    method: main
    pool: {type: static, workers: 1}
"""
HEAD = """
local contract, security = require("contract"), require("security")
local function told(v, err) return {v or false, tostring(err:kind()), err:message()} end
"""


def run(folder: Path, body: str, **more: Any) -> Any:
    return run_application(
        folder,
        f"{HEAD}\nlocal function main()\n{body}\nend\nreturn {{main = main}}",
        modules=more.pop("modules", "contract, security"),
        entries=more.pop("entries", ENTRIES),
        **more,
    )


def test_contract_tells_of_itself(tmp_path: Path) -> None:
    """Its id, methods with their schemas, one method, who carries it out."""
    assert run(
        tmp_path,
        """
        local c, err = contract.get("app:greeter")
        assert(err == nil and c:id() == "app:greeter")
        local methods = c:methods()
        assert(#methods == 4 and methods[1].name == "greet")
        assert(methods[1].input_schemas[1].definition.type == "string")
        methods[1].name = "changed"
        local m = c:method("greet")
        assert(m.name == "greet" and m.description == "Say hello")
        local list = c:implementations()
        assert(table.concat(list, " ") == "app:english app:tenant")
        assert(#contract.find_implementations("app:greeter") == 2)
        return {told(c:method("none")), told(contract.get("app:none")),
          told(contract.get("none")), told(contract.find_implementations("app:none"))}
        """,
    ) == [
        [False, "NotFound", "method none not found in contract app:greeter"],
        [False, "NotFound", "contract app:none not found"],
        [False, "Invalid", "contract: wanted namespace:name, got 'none'"],
        [False, "NotFound", "contract app:none not found"],
    ]


def test_instances_call_functions(tmp_path: Path) -> None:
    """By method, with all arguments; a method that is not there is nil."""
    assert run(
        tmp_path,
        """
        local i, err = contract.open("app:english")
        assert(err == nil and type(i) == "userdata")
        local value, none = i:greet("you", 1)
        assert(value == "hello you1" and none == nil)
        assert(i.none == nil and not pcall(function() i:none() end))
        assert(type(i:ping()) == "table")
        assert(contract.is(i, "app:greeter") and contract.is(i, "app:other"))
        assert(not contract.is(i, "app:third") and not contract.is({}, "app:other"))
        local future = i:greet_async("soon")
        local payload = future:response():receive()
        assert(payload:data() == "hello soonnil")
        return {told(i:fail("Conflict")), told(i:fail())}
        """,
    ) == [[False, "Conflict", "no"], [False, "Internal", "no"]]


def test_default_binding(tmp_path: Path) -> None:
    """A contract without a binding's id opens its default, if it has one."""
    assert run(
        tmp_path,
        """
        local c = contract.get("app:greeter")
        assert(c:open():greet("a", "b") == "hello ab")
        assert(c:open(nil, {}):greet("a", "b") == "hello ab")
        local tenant = c:open("app:tenant", {tenant = 1, region = 2})
        assert(tenant:greet("a", "") == "hello a")
        return {told(contract.get("app:other"):open()),
          told(contract.get("app:other"):open("app:tenant", {tenant = 1, region = 1})),
          told(c:open("app:none")), told(contract.open("x"))}
        """,
    ) == [
        [False, "NotFound", "contract app:other has no default binding"],
        [False, "Invalid", "binding app:tenant does not implement contract app:other"],
        [False, "NotFound", "binding app:none not found"],
        [False, "Invalid", "binding: wanted namespace:name, got 'x'"],
    ]


def test_context_travels(tmp_path: Path) -> None:
    """Query, scope and `with_context`; the scope table wins; types are kept."""
    found = run(
        tmp_path,
        """
        local i = contract.open("app:tenant?tenant=a&region=7&x=1.5&y=true&z=1e", {
          tenant = "b", deep = {1, 2}})
        local c = contract.get("app:greeter")
        local d = c:with_context({tenant = 1}):with_context({region = 2})
        local e = d:with_actor(security.new_actor("ann"))
        assert(c ~= d)
        return {i:who(), d:open("app:tenant"):who(), e:open("app:tenant"):who(),
          told(c:open("app:tenant", {region = 1})), told(contract.open("app:tenant"))}
        """,
    )
    assert found[0] == {
        "tenant": "b",
        "region": 7,
        "x": 1.5,
        "y": True,
        "z": "1e",
        "deep": [1, 2],
    }
    assert found[1] == {"tenant": 1, "region": 2}
    assert found[2] == {"tenant": 1, "region": 2, "actor": "ann"}
    assert found[3] == [False, "Invalid", "missing required context keys: [tenant]"]
    assert found[4][2] == "missing required context keys: [tenant, region]"


def test_retries(tmp_path: Path) -> None:
    """By the contract's options or those of `open`; the last error comes back."""
    assert run(
        tmp_path,
        """
        local options = {retry = {max_attempts = 3, initial_delay = 1}}
        local c = contract.get("app:greeter"):with_options(options)
        local first = c:open():flaky(3)
        local i = contract.open("app:english", nil, {retry = {max_attempts = 1}})
        return {first, told(i:flaky(100)), told(c:open():fail("Conflict"))}
        """,
    ) == [3, [False, "Unavailable", "again 4"], [False, "Conflict", "no"]]


@pytest.mark.parametrize(
    "call",
    [
        "contract.get()",
        "contract.get({})",
        'contract.open("app:english", 1)',
        'contract.open("app:english", nil, 1)',
        'contract.get("app:greeter"):with_actor(nil)',
        'contract.get("app:greeter"):with_scope("x")',
        'contract.get("app:greeter"):with_context(nil)',
        "contract.get().id({})",
    ],
)
def test_wrong_types_raise(tmp_path: Path, call: str) -> None:
    """A mistake of the program is raised."""
    assert run(tmp_path, f"return (pcall(function() return {call} end))") is False


@pytest.mark.parametrize(
    ("allowed", "kind"),
    [
        (["contract.open"], "contract.get"),
        (["contract.get"], "contract.open"),
        (["contract.get", "contract.open"], "contract.call"),
    ],
)
def test_permissions(tmp_path: Path, allowed: list[str], kind: str) -> None:
    """Each step asks for itself (apps 8.7)."""
    rules = {"actions": allowed, "resources": "*", "effect": "allow"}
    policy = parse_policy("app:p", "security.policy", {"policy": rules})
    context = Context(actor=Actor("me", {}), scope=Scope([policy]))
    found = run(
        tmp_path,
        """
        local c, denied = contract.get("app:greeter")
        if not c then return {tostring(denied:kind()), "contract.get"} end
        local _, no_context = c:with_context({})
        assert(tostring(no_context:kind()) == "PermissionDenied")
        local _, no_actor = c:with_actor(security.actor())
        assert(tostring(no_actor:kind()) == "PermissionDenied")
        local _, no_list = c:implementations()
        assert(tostring(no_list:kind()) == "PermissionDenied")
        local i, refused = c:open()
        if not i then return {tostring(refused:kind()), "contract.open"} end
        local _, no = i:greet()
        local _, never = i:greet_async()
        assert(tostring(never:kind()) == "PermissionDenied")
        return {tostring(no:kind()), "contract.call"}
        """,
        context=context,
    )
    assert found == ["PermissionDenied", kind]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("contract.definition, methods: [{name: ''}]", "method name cannot be empty"),
        (
            "contract.definition, methods: [{name: a}, {name: a}]",
            "duplicate method name: a",
        ),
        (
            (
                "contract.definition, methods: [{name: a, input_schemas: "
                "[{definition: {}}]}]"
            ),
            "input schema has a definition but no format specified",
        ),
        (
            (
                "contract.definition, methods: [{name: a, output_schemas: "
                "[{definition: {}}]}]"
            ),
            "output schema has a definition but no format specified",
        ),
        ("contract.binding", "at least one contract"),
        (
            "contract.binding, contracts: [{contract: none}]",
            "binding references undefined contract: app:none",
        ),
        ("contract.binding, contracts: [{contract: other}]", "not bound: ping"),
        (
            (
                "contract.binding, contracts: [{contract: other, methods: "
                "{ping: f, pong: f}}]"
            ),
            "no such method: pong",
        ),
        (
            (
                "contract.binding, contracts: [{contract: other, default: true, "
                "context_required: [a], methods: {ping: f}}]"
            ),
            "cannot require context",
        ),
        (
            (
                "contract.binding, contracts: [{contract: greeter, default: true, "
                "methods: {greet: f, who: f, fail: f, flaky: f}}]"
            ),
            "has a default binding already: app:english",
        ),
    ],
)
def test_wrong_entries(tmp_path: Path, entry: str, text: str) -> None:
    """The entry is refused with the reason (apps 2.8)."""
    kind, _, fields = entry.partition(", ")
    entries = f"{ENTRIES}  - {{name: zz, kind: {kind}, {fields}}}\n"
    with pytest.raises(Error, match=text.replace("(", "\\(")):
        run(tmp_path, "return 1", entries=entries)


def test_contract_in_use_stays(tmp_path: Path) -> None:
    """It cannot be deleted while a binding uses it; both together can."""
    assert (
        run(
            tmp_path,
            """
        local changes = registry.snapshot():changes()
        changes:delete("app:other")
        local _, err = changes:apply()
        assert(err and err:message():find("in use", 1, true), tostring(err))
        assert(contract.open("app:english"):greet("a", "") == "hello a")
        local both = registry.snapshot():changes()
        both:delete("app:english")
        both:delete("app:other")
        local version, refused = both:apply()
        assert(version, tostring(refused))
        return told(contract.open("app:english"))[2]
        """,
            modules="contract, security, registry",
        )
        == "NotFound"
    )
