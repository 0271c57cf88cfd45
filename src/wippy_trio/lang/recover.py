"""Parsing what is not in the language yet: a source while it is typed.

`parse_leniently` gives a tree for any bytes whatever. What is missing (an expression, a
bracket, ``then``, ``end``) is taken as if it stood there; a statement that makes no
sense is passed over up to the next line or word that may begin one. What is wrong is
not told: the strict parser does that. Types and variables of the tree are right for
what could be read, which is enough for completion, outlines and the like.

Source: types 3.14.
"""

from __future__ import annotations

import contextlib

from wippy_trio.errors import InvalidError
from wippy_trio.lang.cursor import DEPTH_LIMIT, with_room
from wippy_trio.lang.diagnostics import LuaSyntaxError
from wippy_trio.lang.lexer import CONTEXTUAL, Tokens, tokenize
from wippy_trio.lang.parser import Chunk, Parser, read_source
from wippy_trio.lang.syntax import (
    GLOBAL,
    Block,
    Expression,
    Function,
    Local,
    Name,
    Parameter,
    Statement,
)

__all__ = ["parse_leniently"]

_BLOCK_END = frozenset(("end", "else", "elseif", "until", "eof"))
_STARTER_WORDS = "local if return for function while repeat do break goto :: interface"
_STARTERS = frozenset(_STARTER_WORDS.split())
_FIRST_WORDS = "nil true false number string name ( typeof { function not # - ~ ..."
_EXPRESSION = frozenset(_FIRST_WORDS.split())
_KEY = CONTEXTUAL | {"name"}
_CALLED = frozenset(("(", "string", "{"))


class _UnreadableError(LuaSyntaxError):
    """Says only that a statement cannot be read on; nobody sees it."""

    def __init__(self) -> None:
        InvalidError.__init__(self, "")


def parse_leniently(source: bytes, name: str, *, cursor: int = -1) -> Chunk:
    """Parse a source, whatever it holds.

    Args:
      source: Its bytes.
      name: What messages call it.
      cursor: Where a name may be about to be typed, as an offset into the text: a colon
        before it is taken for the call of a method.

    Returns:
      A tree. Where a name is missing behind a dot, there is an empty one.
    """
    text = read_source(source)

    def work() -> Chunk:
        return _Lenient(_with_names(tokenize(text), cursor), name).chunk()

    return with_room(work)


def _with_names(tokens: Tokens, cursor: int) -> Tokens:
    """Put empty names where some are missing."""
    kinds, texts = tokens.kinds, tokens.texts
    missing = [
        at
        for at, kind in enumerate(kinds[:-2])
        if kind == "." and kinds[at + 1] not in _KEY
    ]
    called = -1
    if cursor >= 0:
        called = _method_at(tokens, cursor)
        if called >= 0 and called not in missing:
            missing.append(called)
    for at in sorted(missing, reverse=True):
        place = tokens.ends[at]
        added = [("", "name")] if kinds[at] in (".", ":") else []
        if at == called:
            added += [("(", "("), (")", ")")]
        for text, kind in reversed(added):
            texts.insert(at + 1, text)
            kinds.insert(at + 1, kind)
            tokens.starts.insert(at + 1, place)
            tokens.ends.insert(at + 1, place)
    return tokens


def _method_at(tokens: Tokens, cursor: int) -> int:
    """Find the colon, or the name behind it, of a method that is not called yet."""
    kinds = tokens.kinds
    for at in range(len(kinds) - 2, 0, -1):
        if tokens.starts[at] >= cursor or kinds[at] == "eof":
            continue
        if kinds[at] == ":":
            unnamed = kinds[at + 1] not in _KEY or tokens.starts[at + 1] > cursor
            return at if unnamed else -1
        if kinds[at] in _KEY and kinds[at - 1] == ":":
            return at if kinds[at + 1] not in _CALLED else -1
        return -1
    return -1


class _Lenient(Parser):
    """Reads on behind what is wrong."""

    __slots__ = ()

    def chunk(self) -> Chunk:
        """Parse the whole source."""
        vararg = Parameter("...", None, False, 0, 0)
        main = Function([], [], vararg, None, False, 0, 0)
        main.body = self.block(main)
        while self.kinds[self.pos] != "eof":
            self.pos += 1  # an end of nothing
            main.body.statements += self.block(main).statements
        main.body.end = main.end = len(self.text)
        main.loops = self.loops
        main.jumps = self.jumps
        self.notes.functions.append(main)
        return Chunk(self.name, self._tokens, main, self.notes)

    def block(self, function: Function | None = None, *, keep: bool = False) -> Block:
        """Parse statements, and pass over what is none."""
        kinds, starts = self.kinds, self.starts
        handlers = self._statements
        statements: list[Statement] = []
        mark, types = len(self.undo), len(self.inner_types)
        begin = starts[self.pos]
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise _UnreadableError
        depth, breaks, loops, vararg = self.depth, self.breaks, self.loops, self.vararg
        while True:
            pos = self.pos
            kind = kinds[pos]
            if kind in _BLOCK_END:
                break
            if kind == ";":
                self.pos = pos + 1
                continue
            variables, inner = len(self.undo), len(self.inner_types)
            try:
                if kind == "name" or kind == "(":
                    statements.append(self._simple())
                elif kind in handlers:
                    statements.append(handlers[kind]())
                else:
                    raise _UnreadableError
            except LuaSyntaxError:
                self.depth, self.breaks = depth, breaks
                self.loops, self.vararg = loops, vararg
                self.leave(variables)
                del self.inner_types[inner:]
                self._skip(pos)
            if self.pos == pos:
                self.pos = pos + 1
        self.depth -= 1
        if len(self.undo) > mark and not keep:
            self.leave(mark)
        del self.inner_types[types:]
        return Block(statements, begin, self.starts[self.pos])

    def _skip(self, begin: int) -> None:
        """Go to where a statement may begin."""
        at = max(self.pos, begin + 1)
        kinds, text = self.kinds, self.text
        while kinds[at] not in _BLOCK_END and kinds[at] not in _STARTERS:
            between = text[self.ends[at - 1] : self.starts[at]]
            if kinds[at] == "name" and ("\n" in between or "\r" in between):
                break
            at += 1
        self.pos = at

    def _simple(self) -> Statement:
        """Parse a statement that begins with a name, or the part of it that is one."""
        pos = self.pos
        variables = len(self.undo)
        depth, breaks, loops, vararg = self.depth, self.breaks, self.loops, self.vararg
        try:
            return super()._simple()
        except LuaSyntaxError:
            self.depth, self.breaks = depth, breaks
            self.loops, self.vararg = loops, vararg
            self.leave(variables)
        self.pos = pos
        first = self.prefix()
        return Local([], [first], self.starts[pos], first.end)

    def expression(self, limit: int = 0) -> Expression:
        """Parse an expression, or take it as read where there is none."""
        kind = self.kinds[self.pos]
        if kind in _EXPRESSION:
            return super().expression(limit)
        place = self.ends[self.pos - 1] if self.pos else 0
        if kind == "bad":
            self.pos += 1
        return Name("", GLOBAL, place, place)

    def _parameters(self) -> tuple[list[Parameter], Parameter | None]:
        """Parse parameters as far as they can be read."""
        found: list[Parameter] = []
        while self.kinds[self.pos] in ("name", "..."):
            pos = self.pos
            self.pos = pos + 1
            optional = self.kinds[self.pos] == "?"
            if optional:
                self.pos += 1
            annotation = None
            if self.kinds[self.pos] == ":":
                with contextlib.suppress(LuaSyntaxError):
                    annotation = self.annotation()
            parameter = Parameter(
                self.texts[pos], annotation, optional, self.starts[pos], self.ends[pos]
            )
            if parameter.name == "...":
                return found, parameter
            found.append(parameter)
            if self.kinds[self.pos] != ",":
                break
            self.pos += 1
        return found, None

    def expect(self, kind: str) -> int:
        """Step over a token of this kind, if there is one."""
        pos = self.pos
        if self.kinds[pos] != kind:
            return max(pos - 1, 0)
        self.pos = pos + 1
        return pos

    def close(self, kind: str, opening: int) -> None:
        """Step over what closes a bracket or a block, if there is such."""
        if self.kinds[self.pos] == kind:
            self.pos += 1

    def unexpected(self, wanted: str = "", pos: int = -1) -> LuaSyntaxError:
        """Say that a statement cannot be read on."""
        return _UnreadableError()

    def fail(self, message: str, pos: int) -> LuaSyntaxError:
        """Say that a statement cannot be read on."""
        return _UnreadableError()

    def too_deep(self) -> LuaSyntaxError:
        """Say that a statement cannot be read on."""
        return _UnreadableError()
