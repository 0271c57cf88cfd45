"""What is asked of a policy: may this actor do that to this, and how it is described.

A request is made once per decision and shared by all policies of a scope; the values
that conditions look at are brought into one form when the first condition needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.expr import from_host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wippy_trio.security.actor import Actor

__all__ = ["MISSING", "Request"]

MISSING: Any = object()
"""What :meth:`Request.field` answers for a field that is not there."""


class Request:
    """One question put to policies."""

    __slots__ = ("_facts", "action", "actor", "meta", "resource")

    def __init__(
        self,
        actor: Actor | None,
        action: str,
        resource: str,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self.actor = actor
        self.action = action
        self.resource = resource
        self.meta = meta
        self._facts: dict[str, Any] | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """Give ``actor.id``, ``actor.meta``, ``action``, ``resource`` and ``meta``.

        Text is `str`, whatever it came as; maps have text keys.

        Raises:
          InvalidError: The meta of the actor or the request contains itself, or
            something that is no data.
        """
        if self._facts is None:
            actor = self.actor
            self._facts = from_host(
                {
                    "actor": {
                        "id": "" if actor is None else actor.id,
                        "meta": {} if actor is None else actor.meta,
                    },
                    "action": self.action,
                    "resource": self.resource,
                    "meta": {} if self.meta is None else self.meta,
                }
            )
        return self._facts

    def field(self, path: str) -> Any:
        """Read a field by its path; :data:`MISSING` if there is none.

        ``actor.id``, ``actor.meta.…``, ``action`` and ``resource`` name themselves;
        ``meta.…`` and every other path is looked up in the request's meta.

        Raises:
          InvalidError: As :attr:`facts`.

        Source: apps 8.2.
        """
        steps = path.split(".")
        match steps:
            case ["action"] | ["resource"] | ["actor", "id"] | ["meta", *_]:
                value: Any = self.facts
            case ["actor", "meta", *_]:
                value = self.facts
            case _:
                value = self.facts["meta"]
        if self.actor is None and steps[0] == "actor" and value is self.facts:
            return MISSING
        for step in steps:
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        return value
