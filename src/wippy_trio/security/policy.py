"""Policies: what is asked, and the answer allow, deny or undefined.

A policy answers its effect if the action, the resource and all its conditions (or its
expression) fit, and ``undefined`` otherwise. Asking never raises: what cannot be
answered is undefined.

Source: apps 8.2, 8.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError
from wippy_trio.security.conditions import Condition, parse_conditions
from wippy_trio.security.patterns import matches
from wippy_trio.security.request import Request

if TYPE_CHECKING:
    from wippy_trio.expr import Program
    from wippy_trio.security.actor import Actor

__all__ = ["EXPRESSION_KIND", "POLICY_KIND", "Policy", "Verdict", "parse_policy"]

POLICY_KIND = "security.policy"
EXPRESSION_KIND = "security.policy.expr"
_NAMES = ("actor", "action", "resource", "meta")


class Verdict(StrEnum):
    """What a policy, or a scope of them, says to a request."""

    ALLOW = "allow"
    DENY = "deny"
    UNDEFINED = "undefined"


class Policy:
    """One policy. It never changes; equal ids make equal policies to a scope.

    Attributes:
      id: The entry's id.
      effect: What it says where it applies.
      actions: Patterns of actions.
      resources: Patterns of resources.
      conditions: All must hold.
      expression: Must be true, if there is one.
      groups: Ids of the groups it is in.
    """

    __slots__ = (
        "actions",
        "conditions",
        "effect",
        "expression",
        "groups",
        "id",
        "resources",
    )

    def __init__(
        self,
        policy_id: str,
        effect: Verdict,
        *,
        actions: tuple[str, ...] = ("*",),
        resources: tuple[str, ...] = ("*",),
        conditions: tuple[Condition, ...] = (),
        expression: Program | None = None,
        groups: tuple[str, ...] = (),
    ) -> None:
        self.id = policy_id
        self.effect = effect
        self.actions = actions
        self.resources = resources
        self.conditions = conditions
        self.expression = expression
        self.groups = groups

    def __repr__(self) -> str:
        return f"Policy({self.id!r}, {self.effect.value})"

    def evaluate(
        self,
        actor: Actor | None,
        action: str,
        resource: str,
        meta: Mapping[str, Any] | None = None,
    ) -> Verdict:
        """Answer one question; never raises."""
        return self.judge(Request(actor, action, resource, meta))

    def judge(self, request: Request) -> Verdict:
        """Answer a request that is shared with other policies; never raises."""
        if not any(matches(pattern, request.action) for pattern in self.actions):
            return Verdict.UNDEFINED
        if not any(matches(pattern, request.resource) for pattern in self.resources):
            return Verdict.UNDEFINED
        try:
            fits = all(condition.holds(request) for condition in self.conditions)
            if fits and self.expression is not None:
                fits = self.expression.run(request.facts) is True
        except (InvalidError, RecursionError):
            return Verdict.UNDEFINED
        return self.effect if fits else Verdict.UNDEFINED


def parse_policy(entry_id: str, kind: str, data: Mapping[str, Any]) -> Policy:
    """Read a policy from the data of its entry.

    Args:
      entry_id: ``namespace:name``; groups without a namespace get this one.
      kind: ``security.policy`` or ``security.policy.expr``.
      data: The entry's data: ``policy`` and ``groups``.

    Raises:
      InvalidError: A field is missing or malformed, a regular expression or the
        expression does not compile.

    Source: apps 8.2, 8.3.
    """
    body = data.get("policy")
    if not isinstance(body, Mapping):
        raise InvalidError(f"policy {entry_id}: wanted a map under policy")
    effect = body.get("effect")
    if effect not in ("allow", "deny"):
        raise InvalidError(f"invalid effect {effect!r}: wanted allow or deny")
    by_expression = kind == EXPRESSION_KIND
    return Policy(
        entry_id,
        Verdict(effect),
        actions=_patterns("actions", body.get("actions")),
        resources=_patterns("resources", body.get("resources")),
        conditions=() if by_expression else parse_conditions(body.get("conditions")),
        expression=_expression(body.get("expression")) if by_expression else None,
        groups=_groups(entry_id, data.get("groups"), own=by_expression),
    )


def _patterns(field: str, value: object) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else value
    if items is None or (isinstance(items, (str, list, tuple)) and not any(items)):
        raise InvalidError(f"{field} are required: wanted a string or list")
    if not isinstance(items, (list, tuple)) or not all(
        isinstance(item, str) for item in items
    ):
        raise InvalidError(f"{field} must be a string or list")
    return tuple(items)


def _expression(value: object) -> Program:
    if not isinstance(value, str) or not value.strip():
        raise InvalidError("expression is required")
    from wippy_trio.expr import compile_expression  # noqa: PLC0415 - few need it

    return compile_expression(value, environment_names=_NAMES)


def _groups(entry_id: str, value: object, *, own: bool) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(
        isinstance(item, str) for item in value
    ):
        raise InvalidError("groups must be a list of strings")
    namespace = entry_id.partition(":")[0]
    groups = []
    for group in value:
        given, colon, name = group.partition(":")
        if not colon:
            given, name = namespace, group
        groups.append(f"{namespace if own else given}:{name}")
    return tuple(dict.fromkeys(groups))
