"""`templates`: render Jet templates of the registry (modules-data 9)."""

from __future__ import annotations

import json
from typing import Any

from wippy_trio.modules.json import codec
from wippy_trio.modules.templates.failure import TemplateError
from wippy_trio.modules.templates.library import Library
from wippy_trio.sdk import (
    InternalError,
    InvalidError,
    LuaModule,
    NotFoundError,
    check_permission,
    current_runtime,
    method,
)

__all__ = ["MODULE"]

MODULE = LuaModule(
    "templates",
    classes=("deterministic",),
    declares="""
    get: (id: string) -> (Set?, Error?)
    type Set = {
      render: (self: Set, name: string, data: table?) -> (string?, Error?),
      release: (self: Set) -> boolean
    }
    """,
)
LARGE = 64 * 1024


class Set:
    """What a program holds of a set."""

    lua_name = "template.Set"

    def __init__(self, library: Library) -> None:
        self._library: Library | None = library

    def __str__(self) -> str:
        return f"template.Set{{{'released' if self._library is None else ''}}}"

    @method(offload=LARGE, opaque="null")
    def render(self, name: str, data: dict[str, Any] | list[Any] | None = None) -> str:
        """Render a template over data; its keys are variables there."""
        if not name:
            raise InvalidError("template name is required", retryable=False)
        if self._library is None:
            raise InternalError("template set is released")
        variables = None if data is None else _through_json(data)
        try:
            return self._library.current().render(name, variables)
        except TemplateError as error:
            error.context = "failed to render template"
            raise

    @method(pair=False)
    def release(self) -> bool:
        """Let go of the set."""
        self._library = None
        return True


MODULE.handle(Set)


@MODULE.export(pair=False)
def get(id: str) -> Set:  # noqa: A002 - its name
    """Find a set of templates by the id of its entry."""
    if not id:
        raise InvalidError("resource id is required", retryable=False)
    check_permission("template.get", id, f"not allowed to access template: {id}")
    try:
        found = current_runtime().resources.get(id)
    except NotFoundError:
        found = None
    if not isinstance(found, Library):
        raise InternalError(f"failed to acquire resource: no template set {id}")
    return Set(found)


def _through_json(data: Any) -> dict[str, Any]:
    """Make of data what JSON makes of it, with all numbers floats."""
    made = json.loads(codec.encode(data), parse_int=float)
    if not made:
        return {}
    if not isinstance(made, dict):
        raise InvalidError("data must be a map of variables", retryable=False)
    return made
