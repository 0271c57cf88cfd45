"""The checker's door: what a source means and what is wrong with it.

`check_chunk` checks one parsed source against the modules it requires and returns a
`Checked`: findings, what the module exports, and on request the type of every node.
Nothing here raises for what a source contains.

Source: types 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.lang.bind import bind_chunk
from wippy_trio.lang.checker.chunk import Checker
from wippy_trio.lang.cursor import with_room
from wippy_trio.lang.declarations import Module, library
from wippy_trio.lang.diagnostics import Diagnostic
from wippy_trio.lang.interface import read_interface, write_interface
from wippy_trio.lang.members import members_of
from wippy_trio.lang.types import DYNAMIC
from wippy_trio.lang.typetext import show

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from wippy_trio.lang.bind import Bindings, Symbol
    from wippy_trio.lang.parser import Chunk
    from wippy_trio.lang.types import Type

__all__ = ["Checked", "check_chunk"]


class Checked:
    """What the checker says of one source.

    Attributes:
      findings: In order of the source.
      interface: What it exports, as plain data for a cache.
      bindings: Its variables, with where they are read and assigned.
    """

    __slots__ = ("_kept", "_module", "_name", "bindings", "findings", "interface")

    def __init__(
        self,
        findings: list[Diagnostic],
        name: str,
        interface: dict[str, Any],
        bindings: Bindings | None,
        kept: dict[tuple[int, int], Type] | None,
    ) -> None:
        self.findings = findings
        self.interface = interface
        self._name = name
        self._module: Module | None = None
        self.bindings = bindings
        self._kept = kept

    @property
    def module(self) -> Module:
        """What it exports, for whoever imports it."""
        if self._module is None:
            self._module = read_interface(self._name, self.interface)
        return self._module

    @property
    def keeps(self) -> bool:
        """Whether the types of expressions were kept."""
        return self._kept is not None

    def type_of(self, start: int, end: int) -> Type | None:
        """Return the type of the expression, or the name, with exactly this span."""
        return (self._kept or {}).get((start, end))

    def type_at(self, offset: int) -> tuple[int, int, Type] | None:
        """Return the smallest expression around an offset and its type.

        Only if the chunk was checked with ``keep``.
        """
        best: tuple[int, int, Type] | None = None
        for (start, end), type_ in (self._kept or {}).items():
            if start <= offset < end and (
                best is None or end - start < best[1] - best[0]
            ):
                best = start, end, type_
        return best

    def text_at(self, offset: int) -> str | None:
        """Return the text of the type at an offset."""
        found = self.type_at(offset)
        return None if found is None else show(found[2])

    def members_at(self, offset: int) -> dict[str, str]:
        """Return what may follow a dot or a colon behind an offset, with its type."""
        found = self.type_at(offset)
        if found is None:
            return {}
        return {name: show(each) for name, each in members_of(found[2]).items()}

    def symbol_at(self, offset: int) -> Symbol | None:
        """Return the variable whose name stands at an offset."""
        if self.bindings is None:
            return None
        for start, symbol in self.bindings.uses.items():
            if start <= offset < start + len(symbol.name):
                return symbol
        return None

    def references_at(self, offset: int) -> list[int]:
        """Return where the variable at an offset is declared, read and assigned."""
        symbol = self.symbol_at(offset)
        if symbol is None:
            return []
        return sorted({symbol.start, *symbol.reads, *symbol.writes})


def _nothing(name: str) -> Module | None:
    return None


def check_chunk(
    chunk: Chunk,
    *,
    modules: Callable[[str], Module | None] = _nothing,
    imports: Container[str] = (),
    keep: bool = False,
    undefined: bool = False,
) -> Checked:
    """Check a parsed source.

    Args:
      chunk: The source.
      modules: Finds what ``require`` gives for a name: the interface of a library or of
        a host module; None where nothing is known.
      imports: The aliases of imported libraries, which hide built-in names.
      keep: Whether the type of each expression is wanted afterwards.
      undefined: Whether names that nothing defines are reported.

    Returns:
      The findings and what the source exports.
    """

    def work() -> Checked:
        bindings = bind_chunk(chunk)
        checker = Checker(chunk, bindings, library(), modules, imports, keep=keep)
        checker.run()
        if undefined:
            checker.undefined()
        data = write_interface(checker.exported, checker.exports(), complete=True)
        findings = sorted(checker.found, key=_order)
        return Checked(findings, chunk.name, data, bindings, checker.kept)

    try:
        return with_room(work)
    except Exception:  # noqa: BLE001 - a fault of ours must not stop a load (types 3.8)
        message = "type checker internal error (skipped)"
        found = Diagnostic("E9999", "warning", message, 1, 1, (1, 2))
        data = write_interface(DYNAMIC, {}, complete=False)
        return Checked([found], chunk.name, data, None, {} if keep else None)


def _order(found: Diagnostic) -> tuple[int, int, str, str]:
    return found.line, found.column, found.code, found.message
