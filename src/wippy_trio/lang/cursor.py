"""What all chapters of the parser share: the place in the tokens, scopes, errors."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, TypeVar

from wippy_trio.lang.diagnostics import Lines, syntax_error
from wippy_trio.lang.lexer import complaint

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.lang.diagnostics import LuaSyntaxError
    from wippy_trio.lang.lexer import Tokens
    from wippy_trio.lang.syntax import (
        Assign,
        Binding,
        Call,
        Cast,
        Expression,
        Function,
        Index,
        Interface,
        Loop,
        MethodCall,
        Name,
        NonNil,
        Table,
        TableField,
        TypeAlias,
        TypeOf,
    )

__all__ = ["DEPTH_LIMIT", "Cursor", "Notes", "with_room"]

T = TypeVar("T")

DEPTH_LIMIT = 195
"""Levels of nesting that a source may have, counted as the virtual machine counts."""

_FRAMES = 12 * DEPTH_LIMIT
_room = threading.RLock()


class Notes:
    """What the parser met that a translator has to touch.

    What stands inside a type is among it: a translator skips what lies in removed text.

    Attributes:
      removed: Spans of annotations.
      dropped: Spans of statements that only declare types.
      casts: Casts and assertions, inner ones first.
      globals: Names that no variable in scope has.
      inner_types: The types of inner blocks that some of these name, by place.
      assigned: The names among them that are assigned, by where they stand; empty for a
        name that begins the dotted name of a function.
      keys: Indexed targets and keyed fields whose key is a name or a dotted path.
      emptied: Assignments of a plain ``nil`` to one field or element.
      objects: Constructors of named fields that may all be nil.
      typeofs: ``typeof`` as an expression.
      tails: Calls that are all that a ``return`` returns.
      functions: All functions, inner ones first; the last is the chunk.
      aliases: Declarations of types, in order.
    """

    __slots__ = (
        "aliases",
        "assigned",
        "casts",
        "dropped",
        "emptied",
        "functions",
        "globals",
        "inner_types",
        "keys",
        "objects",
        "removed",
        "tails",
        "typeofs",
    )

    def __init__(self) -> None:
        self.removed: list[tuple[int, int]] = []
        self.dropped: list[tuple[int, int]] = []
        self.casts: list[Cast | NonNil] = []
        self.globals: list[Name] = []
        self.inner_types: dict[int, TypeAlias | Interface] = {}
        self.assigned: dict[int, str] = {}
        self.keys: list[Index | TableField] = []
        self.emptied: list[Assign] = []
        self.objects: list[Table] = []
        self.typeofs: list[TypeOf] = []
        self.tails: list[Call | MethodCall] = []
        self.functions: list[Function] = []
        self.aliases: list[TypeAlias | Interface] = []


def with_room(work: Callable[[], T]) -> T:
    """Call a function that recurses as deeply as ``DEPTH_LIMIT`` allows.

    Nothing is changed unless the caller is nested deeply itself. The limit of Python
    belongs to all threads: one at a time may raise it, and whoever else runs into it
    meanwhile comes here as well. The work is begun anew.
    """
    try:
        return work()
    except RecursionError:
        with _room:
            limit = sys.getrecursionlimit()
            sys.setrecursionlimit(limit + _FRAMES)
            try:
                return work()
            finally:
                sys.setrecursionlimit(limit)


class Cursor:
    """A place in the tokens of a source, with what is known there.

    Attributes:
      scope: The variables in scope by name; ``undo`` restores it at the end of a block.
      calls: Calls met so far in the function at hand, ``operations`` what a metamethod
        may answer.
      loops: The loops met so far in the function at hand.
      inner_types: The types that inner blocks declare, as far as they are in scope.
      breaks: Where the innermost loop is left by ``break``; None outside of loops.
    """

    __slots__ = (
        "breaks",
        "calls",
        "depth",
        "ends",
        "inner_types",
        "jumps",
        "kinds",
        "loops",
        "name",
        "notes",
        "operations",
        "pos",
        "scope",
        "starts",
        "text",
        "texts",
        "undo",
        "vararg",
    )

    def __init__(self, tokens: Tokens, name: str) -> None:
        self.name = name
        self.text = tokens.text
        self.texts = tokens.texts
        self.kinds = tokens.kinds
        self.starts = tokens.starts
        self.ends = tokens.ends
        self.pos = 0
        self.depth = 0
        self.scope: dict[str, Binding] = {}
        self.undo: list[tuple[str, Binding | None]] = []
        self.inner_types: list[TypeAlias | Interface] = []
        self.calls = 0
        self.operations = 0
        self.loops: list[Loop] = []
        self.breaks: list[int] | None = None
        self.vararg = True
        self.jumps = False
        self.notes = Notes()

    def expression(self, limit: int = 0) -> Expression:
        """Parse an expression; the chapter of expressions does it."""
        raise NotImplementedError

    def expressions(self) -> list[Expression]:
        """Parse a list of expressions; the chapter of expressions does it."""
        raise NotImplementedError

    def declare(self, name: str, binding: Binding) -> None:
        """Bring a variable into scope until the block ends."""
        self.undo.append((name, self.scope.get(name)))
        self.scope[name] = binding

    def leave(self, mark: int) -> None:
        """Take the variables declared since ``mark`` out of scope."""
        undo = self.undo
        scope = self.scope
        while len(undo) > mark:
            name, before = undo.pop()
            if before is None:
                del scope[name]
            else:
                scope[name] = before

    def inner_type(self, name: str) -> TypeAlias | Interface | None:
        """Return the type of an inner block that has the name here."""
        for node in reversed(self.inner_types):
            if node.name == name:
                return node
        return None

    def expect(self, kind: str) -> int:
        """Step over a token of this kind and return its place."""
        pos = self.pos
        if self.kinds[pos] != kind:
            raise self.unexpected(f"expected '{kind}'")
        self.pos = pos + 1
        return pos

    def expect_name(self) -> int:
        """Step over a name and return its place."""
        pos = self.pos
        if self.kinds[pos] != "name":
            raise self.unexpected("expected name")
        self.pos = pos + 1
        return pos

    def close(self, kind: str, opening: int) -> None:
        """Step over the word or bracket that closes the one at ``opening``."""
        pos = self.pos
        if self.kinds[pos] != kind:
            line = Lines(self.text).line(self.starts[opening])
            word = self.texts[opening]
            raise self.unexpected(f"'{kind}' expected to close '{word}' at line {line}")
        self.pos = pos + 1

    def unexpected(self, wanted: str = "", pos: int = -1) -> LuaSyntaxError:
        """Return the error of a token that cannot stand where it stands."""
        if pos < 0:
            pos = self.pos
        kind = self.kinds[pos]
        text = self.texts[pos]
        if kind == "bad":
            message, width = complaint(text)
            start = self.starts[pos]
            lines = Lines(self.text)
            return syntax_error(lines, self.name, message, start, start + width)
        if kind == "eof":
            found = "end of file"
        elif kind == "name":
            found = f"identifier '{text}'"
        elif kind == "number":
            found = f"number '{text}'"
        elif kind == "string":
            found = "string"
        else:
            found = f"'{text}'"
        message = f"unexpected {found}, {wanted}" if wanted else f"unexpected {found}"
        return self.fail(message, pos)

    def fail(self, message: str, pos: int) -> LuaSyntaxError:
        """Return a syntax error at a token."""
        lines = Lines(self.text)
        return syntax_error(lines, self.name, message, self.starts[pos], self.ends[pos])

    def too_deep(self) -> LuaSyntaxError:
        """Return the error of a source nested beyond the limit."""
        return self.fail("nesting too deep", self.pos)
