"""What a statement of a template can see: values that travel with it.

Source: modules-data 9.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from wippy_trio.modules.templates.syntax import Block, Statement

__all__ = ["Content", "Linked", "Scope", "State"]


class Linked(NamedTuple):
    """A template with all that it builds on.

    Attributes:
      name: Its own name.
      body: The statements that run: those of the base if it extends one.
      file: The name of the template that the body stands in.
      blocks: By name; a template's own win over imported, those over the base's.
    """

    name: str
    body: list[Statement]
    file: str
    blocks: dict[str, tuple[Block, str]]


class Scope:
    """Variables, and the scope around them."""

    __slots__ = ("parent", "variables")

    def __init__(self, parent: Scope | None, variables: dict[str, Any]) -> None:
        self.parent = parent
        self.variables = variables

    def holder(self, name: str) -> dict[str, Any] | None:
        """Find the variables in which a name is declared, the nearest ones."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.variables:
                return scope.variables
            scope = scope.parent
        return None

    def everything(self) -> dict[str, Any]:
        """Give all variables that can be seen from here."""
        outer = {} if self.parent is None else self.parent.everything()
        return {**outer, **self.variables}


class Content(NamedTuple):
    """What ``{{yield content}}`` runs, in the state of who gave it."""

    body: list[Statement]
    state: State


class State(NamedTuple):
    """What a statement can see.

    Attributes:
      scope: The variables.
      context: The value of ``.``.
      content: What the caller of the block gave, if anything.
      blocks: Blocks by name, of the templates that run, the innermost first.
      file: The name of the template it stands in.
      depth: How many includes, yields and execs it is in.
      returned: The cell of the value that ``return`` leaves.
    """

    scope: Scope
    context: Any
    content: Content | None
    blocks: tuple[dict[str, tuple[Block, str]], ...]
    file: str
    depth: int
    returned: list[Any]

    def inner(self) -> State:
        """Open a scope."""
        return self.entered(self.context)

    def entered(self, context: Any) -> State:
        """Open a scope with another context."""
        _, _, content, blocks, file, depth, returned = self
        scope = Scope(self.scope, {})
        return State(scope, context, content, blocks, file, depth, returned)
