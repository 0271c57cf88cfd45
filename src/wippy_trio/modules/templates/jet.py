"""Sets of templates, and rendering them.

A set is immutable but for its cache of parsed templates; a change of the registry makes
a new set. Data is plain values, so rendering in a thread is safe.

Source: modules-data section 9; apps 2.6.
"""

from __future__ import annotations

import copy
import posixpath
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import NotFoundError
from wippy_trio.modules.templates.failure import TemplateError
from wippy_trio.modules.templates.lexer import Delimiters
from wippy_trio.modules.templates.machine import Run
from wippy_trio.modules.templates.parser import parse
from wippy_trio.modules.templates.state import Linked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wippy_trio.modules.templates.syntax import Block, Parsed


__all__ = ["EXTENSIONS", "Delimiters", "TemplateError", "TemplateSet"]

EXTENSIONS = (".jet", ".html.jet", ".jet.html")
"""What is tried after a name, in this order."""

_MAX_CHAIN = 50


class TemplateSet:
    """Templates by name, which include, extend and import each other.

    Args:
      sources: The text of each template.
      delimiters: What surrounds actions and comments.
      extensions: Tried in order after a name that is not found as given.
      globals_: Values that every template sees.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        *,
        delimiters: Delimiters | None = None,
        extensions: Sequence[str] = EXTENSIONS,
        globals_: Mapping[str, Any] | None = None,
    ) -> None:
        self._sources = {_normal(name): text for name, text in sources.items()}
        self._delimiters = delimiters or Delimiters()
        self._extensions = tuple(extensions)
        self._globals = dict(globals_ or {})
        self._parsed: dict[str, Parsed] = {}
        self._linked: dict[str, Linked] = {}

    def __contains__(self, name: str) -> bool:
        return self._resolve(name) is not None

    def render(self, name: str, data: Mapping[str, Any] | None = None) -> str:
        """Run a template over data.

        Args:
          name: Of the template; an extension may be left out.
          data: Its keys become variables. It is copied, so that a template that
            assigns to a field changes nothing outside.

        Raises:
          NotFoundError: ``template not found``.
          TemplateError: A template is malformed, failed, or ran into a limit; the
            text names template and line.
        """
        template = self._find(name, "")
        if template is None:
            raise NotFoundError(f"template not found: {name}")
        run = Run(self._find, copy.deepcopy(self._globals))
        return run.render(template, copy.deepcopy(dict(data or {})))

    def _resolve(self, name: str, user: str = "") -> str | None:
        if name.startswith(("./", "../")):
            name = posixpath.join(posixpath.dirname(user), name)
        path = _normal(name)
        for ending in ("", *self._extensions):
            if path + ending in self._sources:
                return path + ending
        return None

    def _find(self, name: str, user: str) -> Linked | None:
        path = self._resolve(name, user)
        return None if path is None else self._link(path, ())

    def _parse(self, path: str) -> Parsed:
        parsed = self._parsed.get(path)
        if parsed is None:
            parsed = parse(self._sources[path], path, self._delimiters)
            self._parsed[path] = parsed
        return parsed

    def _link(self, path: str, users: tuple[str, ...]) -> Linked:
        """Join a template with what it extends and imports."""
        linked = self._linked.get(path)
        if linked is not None:
            return linked
        if path in users or len(users) > _MAX_CHAIN:
            raise TemplateError("extends and imports go round in a circle", path, 1)
        parsed = self._parse(path)
        blocks: dict[str, tuple[Block, str]] = {}
        body, file = parsed.body, path
        if parsed.extends is not None:
            base = self._link(self._needed(parsed.extends, path), (*users, path))
            body, file = base.body, base.file
            blocks.update(base.blocks)
        for name in parsed.imports:
            library = self._link(self._needed(name, path), (*users, path))
            blocks.update(library.blocks)
        blocks.update({name: (block, path) for name, block in parsed.blocks.items()})
        linked = self._linked[path] = Linked(path, body, file, blocks)
        return linked

    def _needed(self, name: str, user: str) -> str:
        path = self._resolve(name, user)
        if path is None:
            raise TemplateError(f"template {name} not found", user, 1)
        return path


def _normal(name: str) -> str:
    return posixpath.normpath("/" + name).lstrip("/")
