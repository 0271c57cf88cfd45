"""Sources that import each other, checked in the order of their imports.

A `Program` checks a unit when it is asked for it, the units it imports first, and keeps
what it found. Imports that go round in a circle see dynamic types where the circle
closes (types 3.5.11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.lang.diagnostics import LuaSyntaxError, TypeCheckError
from wippy_trio.lang.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from wippy_trio.lang.check import Checked
    from wippy_trio.lang.declarations import Module
    from wippy_trio.lang.diagnostics import Diagnostic
    from wippy_trio.lang.parser import Chunk

__all__ = ["Program", "Unit", "type_errors"]


def type_errors(id_: str, findings: Iterable[Diagnostic]) -> TypeCheckError | None:
    """Build the error with which strict loading refuses an entry (types 3.12).

    Returns:
      None if no finding is an error.
    """
    bad = [each for each in findings if each.severity == "error"]
    if not bad:
        return None
    places = "; ".join(f"{each.line}:{each.column} {each.message}" for each in bad)
    return TypeCheckError(
        f"type errors in {id_}: {places}",
        retryable=False,
        details={"node_id": id_, "error_count": len(bad)},
    )


class Unit(NamedTuple):
    """One source of a program.

    Attributes:
      id: Its name.
      source: Its bytes.
      imports: The unit behind each alias; a target that begins with ``:``, or has no
        colon at all, is a host module.
    """

    id: str
    source: bytes
    imports: Mapping[str, str]


class Program:
    """Units and the host modules they may require.

    Args:
      find: Returns the unit of an id; None if there is none with a source.
      declares: Returns the declaration text of a host module; None if unknown.
      undefined: Whether names that nothing defines are reported
        (``lua.type_system.rules.undefined``).
      interfaces: Returns what is known already of what a unit exports, as plain data,
        so that it need not be checked for whoever imports it; None if nothing is.
    """

    def __init__(
        self,
        find: Callable[[str], Unit | None],
        declares: Callable[[str], str | None],
        *,
        undefined: bool = False,
        interfaces: Callable[[str], Mapping[str, Any] | None] | None = None,
    ) -> None:
        self._find = find
        self._declares = declares
        self._undefined = undefined
        self._chunks: dict[str, Chunk | None] = {}
        self._checked: dict[str, Checked | None] = {}
        self._interfaces = interfaces
        self._known: dict[str, Module] = {}
        self._hosts: dict[str, Module | None] = {}

    def chunk(self, id_: str) -> Chunk | None:
        """Return a parsed unit; None if there is none or it is not in the language."""
        if id_ not in self._chunks:
            unit = self._find(id_)
            parsed: Chunk | None = None
            if unit is not None:
                try:
                    parsed = parse(unit.source, unit.id)
                except LuaSyntaxError:
                    parsed = None
            self._chunks[id_] = parsed
        return self._chunks[id_]

    def check(self, id_: str, *, keep: bool = False) -> Checked | None:
        """Check a unit, and before it what it imports.

        Args:
          id_: The unit.
          keep: Whether the type of each expression is wanted; checks it anew, unless
            they were kept the last time.

        Returns:
          What was found; None if there is no such unit, if it does not parse, or while
          it is being checked.
        """
        if id_ in self._checked:
            known = self._checked[id_]
            if not keep or (known is not None and known.keeps):
                return known
        unit, chunk = self._find(id_), self.chunk(id_)
        if unit is None or chunk is None:
            return None
        from wippy_trio.lang.check import check_chunk  # noqa: PLC0415 - start-up cost

        self._checked.setdefault(id_, None)
        checked = check_chunk(
            chunk,
            modules=self.modules_of(unit),
            imports=unit.imports,
            keep=keep,
            undefined=self._undefined,
        )
        self._checked[id_] = checked
        return checked

    def module(self, id_: str) -> Module | None:
        """Return what a unit exports."""
        if self._interfaces is not None and id_ not in self._checked:
            if id_ in self._known:
                return self._known[id_]
            known = _read(id_, self._interfaces(id_))
            if known is not None:
                self._known[id_] = known
                return known
        checked = self.check(id_)
        return None if checked is None else checked.module

    def results(self) -> Iterator[tuple[str, Checked]]:
        """List the units that were checked, with what was found."""
        for id_, checked in self._checked.items():
            if checked is not None:
                yield id_, checked

    def forget(self, id_: str) -> None:
        """Drop all that is known of a unit, since it has changed."""
        self._chunks.pop(id_, None)
        self._checked.pop(id_, None)
        self._known.pop(id_, None)

    def recheck(self, id_: str) -> None:
        """Drop what was found in a unit, since what it imports has changed."""
        self._checked.pop(id_, None)
        self._known.pop(id_, None)

    def host(self, name: str) -> Module | None:
        """Return a host module by the name it is required by."""
        if name not in self._hosts:
            from wippy_trio.lang.declarations import (  # noqa: PLC0415 - start-up cost
                library,
                read_module,
            )

            ambient = library().ambient
            known = {each.name: each for each in ambient}.get(name)
            if known is None:
                text = self._declares(name)
                if text is not None:
                    known = read_module(name, text, ambient)
            self._hosts[name] = known
        return self._hosts[name]

    def modules_of(self, unit: Unit) -> Callable[[str], Module | None]:
        """Return what finds the modules that a unit requires."""
        return lambda name: self._module(unit, name)

    def _module(self, unit: Unit, name: str) -> Module | None:
        target = unit.imports.get(name)
        if target is None:
            return self.host(name)
        plain = target.removeprefix(":")
        return self.host(plain) if ":" not in plain else self.module(target)


def _read(id_: str, data: Mapping[str, Any] | None) -> Module | None:
    """Read what a unit exports; None if that is not known, or damaged."""
    if data is None:
        return None
    from wippy_trio.lang.interface import read_interface  # noqa: PLC0415 - start-up cost

    try:
        return read_interface(id_, data)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
