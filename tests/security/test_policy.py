"""Policies, scopes and the decision."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.errors import AlreadyExistsError, InvalidError, NotFoundError
from wippy_trio.security import (
    EMPTY_SCOPE,
    EXPRESSION_KIND,
    POLICY_KIND,
    Actor,
    Policy,
    PolicyStore,
    Scope,
    Verdict,
    allowed,
    can,
    parse_policy,
)
from wippy_trio.security.patterns import matches

ACTOR = Actor("user:1", {"role": "admin", "age": 30, "tags": ["a", "b"], "o": {"p": 1}})


def policy(
    effect: str = "allow",
    *,
    actions: object = "*",
    resources: object = "*",
    conditions: object = None,
    policy_id: str = "app:p",
    groups: object = None,
) -> Policy:
    body: dict[str, Any] = {
        "actions": actions,
        "resources": resources,
        "effect": effect,
    }
    if conditions is not None:
        body["conditions"] = conditions
    data: dict[str, Any] = {"policy": body}
    if groups is not None:
        data["groups"] = groups
    return parse_policy(policy_id, POLICY_KIND, data)


def by_expression(text: object, *, groups: object = None) -> Policy:
    data = {
        "policy": {
            "actions": "*",
            "resources": "*",
            "effect": "allow",
            "expression": text,
        },
        "groups": groups,
    }
    return parse_policy("app:e", EXPRESSION_KIND, data)


def answers(condition: dict[str, Any], meta: dict[str, Any] | None = None) -> bool:
    verdict = policy(conditions=[condition]).evaluate(ACTOR, "read", "doc", meta)
    return verdict is Verdict.ALLOW


# Parsing


@pytest.mark.parametrize("field", ["actions", "resources"])
@pytest.mark.parametrize("value", [5, {"a": 1}, [1], True])
def test_patterns_of_another_type_are_invalid(field: str, value: object) -> None:
    """The message is the one applications know."""
    with pytest.raises(InvalidError) as caught:
        policy(**{field: value})  # type: ignore[arg-type]
    assert str(caught.value) == f"{field} must be a string or list"  # apps 8.2


@pytest.mark.parametrize("value", [None, [], "", [""]])
def test_empty_patterns_are_invalid(value: object) -> None:
    with pytest.raises(InvalidError, match="actions are required"):  # apps 8.2
        policy(actions=value)


@pytest.mark.parametrize("effect", ["", "maybe", "Allow", None, 1, ["allow"]])
def test_effects_other_than_allow_and_deny_are_invalid(effect: Any) -> None:
    with pytest.raises(InvalidError, match="wanted allow or deny"):  # apps 8.2
        policy(effect)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({"operator": "eq", "value": 1}, "condition 0: field is required"),
        ({"field": "", "operator": "eq"}, "condition 0: field is required"),
        ({"field": "a", "value": 1}, "condition 0: operator is required"),
        ({"field": "a", "operator": "eq"}, "condition 0: value or value_from"),
        ({"field": "a", "operator": "like", "value": 1}, "condition 0: unknown"),
        ({"field": "a", "operator": "matches", "value": "("}, "condition 0: invalid"),
        ({"field": "a", "operator": "matches", "value": 5}, "condition 0: matches"),
        ("x", "condition 0: must be a map"),
    ],
)
def test_malformed_conditions_are_invalid_and_numbered(
    condition: object, text: str
) -> None:
    with pytest.raises(InvalidError) as caught:  # apps 8.2
        policy(conditions=[condition])
    assert str(caught.value).startswith(text)


def test_presence_needs_no_value() -> None:
    for operator in ("exists", "nexists"):  # apps 8.2
        policy(conditions=[{"field": "a", "operator": operator}])


def test_a_policy_needs_its_map() -> None:
    with pytest.raises(InvalidError, match="wanted a map under policy"):
        parse_policy("app:p", POLICY_KIND, {})


def test_groups_get_the_namespace_of_the_entry_if_bare() -> None:
    found = policy(groups=["admins", "other:users", "admins"]).groups
    assert found == ("app:admins", "other:users")  # apps 8.2
    assert by_expression("true", groups=["g", "other:h"]).groups == ("app:g", "app:h")
    with pytest.raises(InvalidError, match="groups must be"):
        policy(groups="admins")


# Patterns


@pytest.mark.parametrize(
    ("pattern", "text", "hit"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.bc", False),
        ("*", "", True),
        ("a*", "abc", True),
        ("a*", "ba", False),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", True),
        ("a.*", "a", True),  # apps 13.12
        ("a.*", "ab", False),
        ("*.read", "doc.read", True),  # apps 13.12
        ("*.read", "doc.write", False),
        ("a*c*e", "abcde", True),
        ("a*c*e", "aecde", True),
        ("a*c*e", "ae", False),
        ("ab*ba", "aba", False),
        ("*a*", "bab", True),
        ("**", "x", True),
        ("app:*", "app:doc", True),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_patterns_cover_what_their_stars_say(
    pattern: str, text: str, hit: bool
) -> None:
    assert matches(pattern, text) is hit  # apps 8.2


@given(
    st.lists(st.sampled_from(["a", "b", ".", "*"]), max_size=6).map("".join),
    st.lists(st.sampled_from(["a", "b", "."]), max_size=8).map("".join),
)
@settings(max_examples=300)
def test_patterns_agree_with_a_naive_matcher(pattern: str, text: str) -> None:
    def naive(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return any(naive(rest[1:], left[at:]) for at in range(len(left) + 1))
        return bool(left) and rest[0] == left[0] and naive(rest[1:], left[1:])

    wanted = naive(pattern, text) or (
        pattern.endswith(".*") and naive(pattern[:-2], text)
    )
    assert matches(pattern, text) is wanted


# Conditions


@pytest.mark.parametrize(
    ("field", "operator", "value", "hit"),
    [
        ("actor.id", "eq", "user:1", True),
        ("actor.meta.role", "eq", "admin", True),
        ("actor.meta.o.p", "eq", 1.0, True),
        ("actor.meta.o.p", "eq", "1", True),
        ("actor.meta.age", "ne", 31, True),
        ("action", "eq", "read", True),
        ("resource", "eq", "doc", True),
        ("meta.n", "eq", 5, True),
        ("n", "eq", 5, True),
        ("deep.x", "eq", "y", True),
        ("n", "lt", 6, True),
        ("n", "lte", 5, True),
        ("n", "gt", 5, False),
        ("n", "gte", 5, True),
        ("n", "in", [1, 5], True),
        ("n", "nin", [1, 5], False),
        ("n", "in", ["5"], True),
        ("actor.meta.role", "contains", "dmi", True),
        ("actor.meta.role", "ncontains", "dmi", False),
        ("actor.meta.tags", "contains", "b", True),
        ("actor.meta.tags", "contains", "c", False),
        ("actor.meta.tags", "ncontains", "c", True),
        ("actor.meta.role", "matches", "^ad.*n$", True),
        ("actor.meta.role", "matches", "dm", True),
        ("actor.meta.role", "nmatches", "^x", True),
        ("flag", "eq", True, True),
        ("flag", "eq", "true", True),
        ("flag", "eq", 1, False),
    ],
)
def test_operators(field: str, operator: str, value: object, hit: bool) -> None:
    meta = {"n": 5, "deep": {"x": "y"}, "flag": True}
    condition = {"field": field, "operator": operator, "value": value}
    assert answers(condition, meta) is hit  # apps 8.2


@pytest.mark.parametrize(
    "operator",
    ["eq", "ne", "in", "nin", "contains", "ncontains", "matches", "nmatches", "lt"],
)
def test_a_missing_field_makes_a_condition_false(operator: str) -> None:
    value: object = ["a"] if operator in {"in", "nin"} else "a"
    condition = {"field": "gone.x", "operator": operator, "value": value}
    assert not answers(condition)  # apps 8.2


def test_presence_asks_for_the_field_only() -> None:
    assert answers({"field": "meta.a", "operator": "exists"}, {"a": False})
    assert not answers({"field": "meta.a", "operator": "exists"}, {})
    assert answers({"field": "meta.a.b", "operator": "nexists"}, {"a": 1})
    assert answers({"field": "actor.meta.role", "operator": "exists"})  # apps 8.2


def test_value_from_reads_another_field() -> None:
    condition = {"field": "owner", "operator": "eq", "value_from": "actor.id"}
    assert answers(condition, {"owner": "user:1"})  # apps 8.2
    assert not answers(condition, {"owner": "user:2"})
    missing = {"field": "actor.id", "operator": "ne", "value_from": "meta.gone"}
    assert not answers(missing)


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "actor.meta.role", "operator": "lt", "value": 5},
        {"field": "actor.meta.age", "operator": "gt", "value": "29"},
        {"field": "actor.meta.age", "operator": "in", "value": 30},
        {"field": "actor.meta.age", "operator": "nin", "value": "x"},
        {"field": "actor.meta.o", "operator": "contains", "value": "p"},
        {"field": "actor.id", "operator": "nmatches", "value_from": "actor.meta.role"},
    ],
)
@pytest.mark.parametrize("effect", ["allow", "deny"])
def test_a_condition_that_cannot_be_answered_makes_the_policy_undefined(
    condition: dict[str, Any], effect: str
) -> None:
    asked = policy(effect, conditions=[condition])
    assert asked.evaluate(ACTOR, "a", "b") is Verdict.UNDEFINED  # apps 8.2


def test_all_conditions_must_hold() -> None:
    both = policy(
        conditions=[
            {"field": "action", "operator": "eq", "value": "read"},
            {"field": "n", "operator": "gt", "value": 1},
        ]
    )
    assert both.evaluate(ACTOR, "read", "x", {"n": 2}) is Verdict.ALLOW  # apps 8.2
    assert both.evaluate(ACTOR, "read", "x", {"n": 1}) is Verdict.UNDEFINED


def test_action_and_resource_must_match() -> None:
    asked = policy(actions=["read", "list.*"], resources=["app:*"])
    assert asked.evaluate(ACTOR, "read", "app:x") is Verdict.ALLOW
    assert asked.evaluate(ACTOR, "list.all", "app:x") is Verdict.ALLOW
    assert asked.evaluate(ACTOR, "write", "app:x") is Verdict.UNDEFINED
    assert asked.evaluate(ACTOR, "read", "other:x") is Verdict.UNDEFINED


def test_bytes_from_lua_compare_as_text() -> None:
    condition = {"field": "owner", "operator": "eq", "value": "é"}
    assert answers(condition, {"owner": "é".encode()})


# Expressions


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('actor.id == "user:1" && actor.meta.age >= 18', Verdict.ALLOW),
        ('"admin" in [actor.meta.role]', Verdict.ALLOW),
        ('action startsWith "re" and resource matches "^d"', Verdict.ALLOW),
        ('meta.owner == actor.id ? true : action == "read"', Verdict.ALLOW),
        ('any(actor.meta.tags, # == "b")', Verdict.ALLOW),
        ("len(actor.meta.tags) > 5", Verdict.UNDEFINED),
        ("actor.meta.age", Verdict.UNDEFINED),
        ("meta.a.b.c", Verdict.UNDEFINED),
        ('actor.meta.age + "x" == "x"', Verdict.UNDEFINED),
    ],
)
def test_expressions_answer_the_effect_only_when_true(
    text: str, verdict: Verdict
) -> None:
    assert by_expression(text).evaluate(ACTOR, "read", "doc") is verdict  # apps 8.3


@pytest.mark.parametrize("text", [None, "", "  ", "a +", "5 % 0", 7, "rsource == 1"])
def test_expressions_that_do_not_compile_are_invalid(text: object) -> None:
    with pytest.raises(InvalidError):  # apps 8.3
        by_expression(text)


# Scopes


def test_one_deny_beats_any_allow_and_empty_is_undefined() -> None:
    allow, deny = policy(policy_id="a:1"), policy("deny", policy_id="a:2")
    other = policy("deny", actions="never", policy_id="a:3")
    assert Scope([allow, deny]).evaluate(ACTOR, "x", "y") is Verdict.DENY  # PERM-0a
    assert Scope([deny, allow]).evaluate(ACTOR, "x", "y") is Verdict.DENY
    assert Scope([other, allow]).evaluate(ACTOR, "x", "y") is Verdict.ALLOW
    assert EMPTY_SCOPE.evaluate(ACTOR, "x", "y") is Verdict.UNDEFINED  # apps 8.1
    assert Scope([other]).evaluate(ACTOR, "x", "y") is Verdict.UNDEFINED


def test_scopes_never_change() -> None:
    one, two = policy(policy_id="a:1"), policy(policy_id="a:2")
    scope = Scope([one])
    wider = scope.with_policy(two)
    assert [p.id for p in scope.policies] == ["a:1"]  # apps 8.4
    assert [p.id for p in wider.policies] == ["a:1", "a:2"]
    assert wider.contains("a:2")
    assert wider.contains(two)
    assert wider.contains({"ns": "a", "name": "2"})
    for gone in (two, "a:2", {"ns": "a", "name": "2"}):
        assert wider.without_policy(gone) == scope  # modules-data 16
    assert wider.without_policy("a:9") == wider
    assert wider.with_policy(two) == wider


VERDICTS = st.lists(st.sampled_from(["allow", "deny", "skip"]), max_size=8)


@given(VERDICTS, st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_order_is_irrelevant(effects: list[str], random: Any) -> None:
    """Any deny denies, else any allow allows, else undefined; shuffled or not."""
    policies = [
        policy(
            "allow" if effect == "skip" else effect,
            actions="other" if effect == "skip" else "*",
            policy_id=f"a:{number}",
        )
        for number, effect in enumerate(effects)
    ]
    random.shuffle(policies)
    wanted = (
        Verdict.DENY
        if "deny" in effects
        else Verdict.ALLOW
        if "allow" in effects
        else Verdict.UNDEFINED
    )
    assert Scope(policies).evaluate(ACTOR, "act", "res") is wanted  # apps 8.1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
OPERATORS = ["eq", "ne", "lt", "gt", "lte", "gte", "in", "nin", "contains", "ncontains"]
PATHS = st.sampled_from(["actor.id", "actor.meta.a", "meta.a", "a.b", "meta", "", "."])


@given(
    PATHS.filter(bool), st.sampled_from(OPERATORS), JSON, st.none() | PATHS, JSON, JSON
)
@settings(max_examples=300)
def test_evaluation_never_raises(
    field: str, operator: str, value: Any, source: str | None, own: Any, meta: Any
) -> None:
    condition: dict[str, Any] = {"field": field, "operator": operator}
    if source:
        condition["value_from"] = source
    else:
        condition["value"] = value
    asked = policy("deny", conditions=[condition])
    actor = Actor("x", {"a": own})
    assert asked.evaluate(actor, "r", "s", {"a": meta}) in set(Verdict)
    assert asked.evaluate(None, "r", "s", meta if isinstance(meta, dict) else None)


def test_meta_that_contains_itself_is_undefined() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = loop
    condition = {"field": "meta.a", "operator": "exists"}
    asked = policy(conditions=[condition])
    assert asked.evaluate(ACTOR, "r", "s", loop) is Verdict.UNDEFINED
    assert by_expression("true").evaluate(ACTOR, "r", "s", loop) is Verdict.UNDEFINED


def test_without_an_actor_its_fields_are_missing() -> None:
    condition = {"field": "actor.id", "operator": "nexists"}
    asked = policy(conditions=[condition])
    assert asked.evaluate(None, "r", "s") is Verdict.ALLOW
    assert asked.evaluate(ACTOR, "r", "s") is Verdict.UNDEFINED


# Decisions


@pytest.mark.parametrize("strict", [False, True])
def test_the_gate_asks_the_scope_if_both_are_there(strict: bool) -> None:
    yes, no = Scope([policy()]), EMPTY_SCOPE
    assert allowed(ACTOR, yes, "a", "b", strict=strict)  # core PERM-0a
    assert not allowed(ACTOR, no, "a", "b", strict=strict)
    assert allowed(None, yes, "a", "b", strict=strict) is not strict  # core PERM-0b
    assert allowed(ACTOR, None, "a", "b", strict=strict) is not strict
    assert allowed(None, None, "a", "b", strict=strict) is not strict


def test_can_says_no_when_one_of_both_is_missing() -> None:
    scope = Scope([policy()])
    assert can(ACTOR, scope, "a", "b")
    assert not can(None, scope, "a", "b")  # apps 8.4.3
    assert not can(ACTOR, None, "a", "b")
    assert not can(None, None, "a", "b")


# Groups


def test_a_group_is_the_policies_that_list_it() -> None:
    store = PolicyStore()
    one = policy(policy_id="app:1", groups=["g", "h"])
    two = policy("deny", policy_id="app:2", groups=["g"])
    store.add(one)
    store.add(two)
    assert len(store) == 2
    assert store.named_scope("app:g") == Scope([one, two])  # apps 8.4.1
    assert store.named_scope("app:h") == Scope([one])
    assert store.policy("app:1") is one
    with pytest.raises(AlreadyExistsError):
        store.add(one)
    kept = store.named_scope("app:g")
    store.remove("app:1")
    assert kept.contains("app:1")
    with pytest.raises(NotFoundError, match="policy group app:h not found"):
        store.named_scope("app:h")
    with pytest.raises(NotFoundError, match="policy app:1 not found"):
        store.policy("app:1")
    with pytest.raises(NotFoundError):
        store.remove("app:1")


def test_replacing_a_policy_moves_it_between_groups() -> None:
    store = PolicyStore()
    store.add(policy(policy_id="app:1", groups=["g"]))
    store.replace(policy("deny", policy_id="app:1", groups=["h"]))
    assert store.named_scope("app:h").evaluate(ACTOR, "a", "b") is Verdict.DENY
    with pytest.raises(NotFoundError):
        store.named_scope("app:g")


def test_configured_names_resolve_and_unknown_ones_are_reported() -> None:
    store = PolicyStore()
    store.add(policy(policy_id="app:1", groups=["g"]))
    store.add(policy(policy_id="app:2"))
    both = store.resolve(["app:2", "app:x"], ["app:g", "app:y"])
    assert both.scope is not None
    assert [p.id for p in both.scope.policies] == ["app:2", "app:1"]  # apps 8.6
    assert both.unknown == ("app:x", "app:y")
    none = store.resolve(["app:x"], [])
    assert none.scope is None
    assert store.resolve().scope is None
