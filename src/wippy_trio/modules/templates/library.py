"""A set of templates that changes: what the entries of one ``template.set`` make.

Each change makes a new `TemplateSet` at the next rendering, so one that runs sees one
state of the set from its beginning to its end.

Source: apps 2.6; modules-data 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import AlreadyExistsError
from wippy_trio.modules.templates.jet import EXTENSIONS, Delimiters, TemplateSet

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Engine", "Library"]


class Engine(NamedTuple):
    """How the templates of a set are read.

    Attributes:
      development_mode: Parse at each rendering.
      delimiters: What surrounds actions and comments.
      extensions: Tried after a name, in this order.
      globals_: Values that every template sees.
    """

    development_mode: bool = False
    delimiters: Delimiters = Delimiters()
    extensions: tuple[str, ...] = EXTENSIONS
    globals_: Mapping[str, Any] = {}


class Library:
    """The templates of one set, by the id of their entries."""

    __slots__ = ("_made", "_templates", "engine", "id")

    def __init__(self, id: str, engine: Engine) -> None:  # noqa: A002 - its name
        self.id = id
        self.engine = engine
        self._templates: dict[str, tuple[str, str]] = {}
        self._made: TemplateSet | None = None

    def __len__(self) -> int:
        return len(self._templates)

    def configure(self, engine: Engine) -> None:
        """Read the templates in another way from now on."""
        self.engine = engine
        self._made = None

    def put(self, entry: str, name: str, source: str) -> None:
        """Take in the template of an entry, or its new text.

        Raises:
          AlreadyExistsError: Another entry has a template of that name here.
        """
        for other, (known, _source) in self._templates.items():
            if known == name and other != entry:
                raise AlreadyExistsError(
                    f"template {name!r} exists already in {self.id}, as {other}"
                )
        self._templates[entry] = (name, source)
        self._made = None

    def remove(self, entry: str) -> None:
        """Forget the template of an entry."""
        if self._templates.pop(entry, None) is not None:
            self._made = None

    def current(self) -> TemplateSet:
        """Give the set as it is now; what was parsed is kept with it."""
        if self._made is not None:
            return self._made
        made = TemplateSet(
            dict(self._templates.values()),
            delimiters=self.engine.delimiters,
            extensions=self.engine.extensions,
            globals_=self.engine.globals_,
        )
        if not self.engine.development_mode:
            self._made = made
        return made
