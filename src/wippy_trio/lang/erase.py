"""From typed Lua to the text that a virtual machine loads.

The result is the author's text with edits, never a printed tree: an edit adds no line
and takes none, so the line numbers of run-time errors are the author's. Types leave no
trace; what is inserted serves the runtime and stands on the author's own lines:

- names of types in expressions become entries of the chunk's type table;
- a few statements are rewritten where the reference's virtual machine differs (types
  4.9);
- cheap budget checks make every loop and every recursion end at the runtime's word.

The text is a function of four arguments: the environment, the type table, the budget
function and the table of engine functions. Called, it returns the author's chunk.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from wippy_trio.lang.cursor import with_room
from wippy_trio.lang.expression_parser import is_path
from wippy_trio.lang.jumps import Jumps, resolve_jumps
from wippy_trio.lang.parser import Chunk, parse
from wippy_trio.lang.plant import Planter
from wippy_trio.lang.rename import fresh_names, rename_reserved, reserved_words
from wippy_trio.lang.requires import Require, find_requires
from wippy_trio.lang.strings import plain_escapes
from wippy_trio.lang.syntax import (
    Assign,
    Binary,
    Call,
    Constant,
    Expression,
    Field,
    Index,
    Interface,
    LoopVariable,
    MethodCall,
    Name,
    TypeAlias,
    Vararg,
)

if TYPE_CHECKING:
    from wippy_trio.lang.diagnostics import Diagnostic

__all__ = ["TRANSLATOR_VERSION", "Erased", "PoolEntry", "compile_chunk"]

TRANSLATOR_VERSION: Final = 2
"""Changes with the text that ``compile_chunk`` makes; part of the key of a cache."""

Budget = Literal["full", "loops", "off"]
LuaVersion = Literal["5.3", "5.4", "5.5"]
Edit = tuple[int, int, str]

# How a primitive type is written, and the entry of the type table that it names.
_PRIMITIVES = {
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "string": "string",
    "table": "table",
    "error": "error",
    "any": "any",
    "unknown": "unknown",
    "never": "never",
    "int": "integer",
    "bool": "boolean",
    "Number": "number",
    "Integer": "integer",
    "String": "string",
    "Boolean": "boolean",
    "Any": "any",
    "Unknown": "unknown",
    "Never": "never",
}
_LIBRARIES = frozenset(("string", "table"))
_METHODS = frozenset((":",))
_CALLED = frozenset(("(", "{", "string", ":"))
_USED = _CALLED | {"."}
_NEWLINES = re.compile(r"[^\r\n]+")


class PoolEntry(NamedTuple):
    """A type that a chunk declares.

    Attributes:
      name: Its name.
      kind: ``alias`` or ``interface``.
      exported: Whether it is declared at the top level; then ``__t.<name>`` names it.
      start: Where its declaration begins in the source, in bytes.
      end: Where it ends.
      node: The declaration itself.
    """

    name: str
    kind: Literal["alias", "interface"]
    exported: bool
    start: int
    end: int
    node: TypeAlias | Interface


class Erased(NamedTuple):
    """What is left of a source for the virtual machine, and what was found in it.

    Attributes:
      text: Ready for ``load``, in text mode.
      types: The declared types; the n-th, counted from 1, is ``__t[n]``.
      requires: Every literal ``require``, in order.
      exports: Names of the types declared at the top level.
      warnings: Findings that do not stop a load.
    """

    text: bytes
    types: tuple[PoolEntry, ...]
    requires: tuple[Require, ...]
    exports: tuple[str, ...]
    warnings: tuple[Diagnostic, ...] = ()


def compile_chunk(
    source: bytes,
    name: str,
    *,
    lua_version: str = "5.4",
    budget: Budget = "full",
    plant: bool = True,
) -> Erased:
    """Translate a source.

    Args:
      source: Its bytes.
      name: What messages call it: the entry's id.
      lua_version: The virtual machine that will load the text: 5.3, 5.4 or 5.5.
      budget: Where checks are planted: everywhere, in loops only, or nowhere.
      plant: False for a second try without checks, when the first text met a limit of
        the virtual machine.

    Returns:
      The text and what was found on the way.

    Raises:
      LuaSyntaxError: The source is not in the language.

    Source: types 4.3, 4.9; design 3, "Budget checks".
    """
    return with_room(
        lambda: _Translator(parse(source, name), lua_version).erased(
            budget if plant else "off"
        )
    )


class _Translator:
    """Collects the edits of one chunk and applies them."""

    __slots__ = (
        "chunk",
        "edits",
        "engine",
        "notes",
        "reserved",
        "text",
        "types",
        "version",
    )

    def __init__(self, chunk: Chunk, version: str) -> None:
        self.chunk = chunk
        self.text = chunk.text
        self.notes = chunk.notes
        self.version = version
        self.edits: list[Edit] = []
        self.engine: list[tuple[str, str]] = []
        self.reserved = reserved_words(chunk.tokens)
        self.types: set[int] = set()

    def erased(self, budget: Budget) -> Erased:
        """Return the translated text and what was found."""
        notes = self.notes
        jumps: Jumps | None = None
        if any(function.jumps for function in notes.functions):
            jumps = resolve_jumps(self.chunk)
        self._types()
        self._strings()
        self._names()
        self._rewrites()
        fresh = fresh_names(self.chunk.tokens, self.reserved)
        backward = jumps.backward if jumps else []
        planter = Planter(self.text, backward, self.version, fresh)
        counter = planter.plant(notes.functions, budget, self.edits)
        if fresh:
            rename_reserved(self.chunk, fresh, jumps, self.edits)
        return Erased(
            self._apply(counter),
            tuple(
                PoolEntry(
                    node.name,
                    "interface" if isinstance(node, Interface) else "alias",
                    node.top,
                    node.start,
                    node.end,
                    node,
                )
                for node in notes.aliases
            ),
            tuple(require for require, _, _ in find_requires(self.chunk)),
            tuple({node.name: None for node in notes.aliases if node.top}),
        )

    def _apply(self, counter: bool) -> bytes:
        """Join the prologue, the edited text and the end."""
        text = self.text
        parts = ["local _ENV, __t, __w, __x = ...; "]
        if self.engine:
            names = ", ".join(name for name, _ in self.engine)
            values = ", ".join(f"__x.{value}" for _, value in self.engine)
            parts.append(f"local {names} = {values}; ")
        if counter:
            parts.append("local __n = 0; ")
        parts.append("return function(...) ")
        at = 0
        self.edits.sort()
        for start, end, replacement in self.edits:
            if start < at:
                continue  # inside text that is gone already
            parts.append(text[at:start])
            parts.append(replacement)
            at = end
        parts.append(text[at:])
        parts.append("\nend" if self._ends_in_comment() else " end")
        return "".join(parts).encode("latin-1")

    def _ends_in_comment(self) -> bool:
        """Tell whether a comment may stand on the last line."""
        tokens = self.chunk.tokens
        last = tokens.ends[-2] if len(tokens.ends) > 1 else 0
        tail = self.text[last:].replace("\r", "\n")
        return "--" in tail[tail.rfind("\n") + 1 :]

    def _emptied_span(self, start: int, end: int) -> str:
        """Return the line ends within a span, which is all that stays of it."""
        text = self.text
        if text.find("\n", start, end) < 0 and text.find("\r", start, end) < 0:
            return ""
        return _NEWLINES.sub("", text[start:end])

    def _types(self) -> None:
        """Remove annotations, declarations of types and casts."""
        text = self.text
        edits = self.edits
        for start, end in self.notes.removed:
            edits.append((start, end, self._emptied_span(start, end)))
        for start, end in self.notes.dropped:
            edits.append((start, end, ";" + self._emptied_span(start, end)))
        for cast in self.notes.casts:
            value = cast.value
            kept = self._emptied_span(value.end, cast.end)
            if isinstance(value, (Call, MethodCall, Vararg)):
                edits.append((value.start, value.start, "("))
                kept = ")" + kept
            elif not kept:
                before = text[value.end - 1]
                after = text[cast.end : cast.end + 1]
                if _merges(before) and _merges(after):
                    kept = " "
            edits.append((value.end, cast.end, kept))
        for number, node in enumerate(self.notes.typeofs, 1):
            edits.append((node.start, node.start + len("typeof"), "__t.typeof"))
            edits.append((node.end - 1, node.end - 1, f", {number}"))

    def _strings(self) -> None:
        """Write string literals without the escapes that Lua does not know."""
        if "\\" not in self.text:
            return
        tokens = self.chunk.tokens
        odd = {}
        for literal, kind in tokens.words.items():
            if kind == "string" and literal[0] != "[" and "\\" in literal:
                plain = plain_escapes(literal)
                if plain != literal:
                    odd[literal] = plain
        if odd:
            for index, literal in enumerate(tokens.texts):
                if literal in odd:
                    span = tokens.starts[index], tokens.ends[index]
                    self.edits.append((*span, odd[literal]))

    def _names(self) -> None:
        """Rewrite names of types in expressions."""
        notes = self.notes
        words = self.chunk.tokens.words
        aliases = {node.name: node.pool for node in notes.aliases if node.top}
        wanted = aliases.keys() | (words.keys() & _PRIMITIVES.keys())
        if not wanted and not notes.inner_types:
            return
        assigned = notes.assigned
        defined = set(assigned.values())
        references = self.types
        inner_types = notes.inner_types
        for node in notes.globals:
            name = node.name
            local_type = inner_types.get(node.start) if inner_types else None
            if local_type is not None:
                entry = f"__t[{local_type.pool}]"
            elif name not in wanted:
                continue
            elif name in aliases:
                # An alias may have the name of a built-in type.
                taken = name in _PRIMITIVES
                entry = f"__t[{aliases[name]}]" if taken else f"__t.{name}"
            elif name in defined or not self._is_used(node):
                continue
            else:
                entry = f"__t.{_PRIMITIVES[name]}"
            if node.start not in assigned:
                self.edits.append((node.start, node.end, entry))
                references.add(node.start)
        for tail in notes.tails if references else ():
            root = tail.base if isinstance(tail, MethodCall) else tail.function
            if isinstance(root, Name) and root.start in references:
                self.edits.append((tail.start, tail.start, "("))
                self.edits.append((tail.end, tail.end, ")"))

    def _is_used(self, node: Name) -> bool:
        """Tell whether a primitive's name is called, or asked for something."""
        tokens = self.chunk.tokens
        after = tokens.kinds[bisect_left(tokens.starts, node.end)]
        if node.name == "error":  # the function, but for what only a type has
            return after in _METHODS
        return after in (_CALLED if node.name in _LIBRARIES else _USED)

    def _rewrites(self) -> None:
        """Write out where the reference's virtual machine differs (types 4.9)."""
        notes = self.notes
        edits = self.edits
        count = len(edits)
        for holder in notes.keys:
            key = holder.key
            if key is not None and self._may_be_nil(key):
                path = _path(key)
                guarded = f"{path}==nil and __k or {path}"
                edits.append((key.start, key.end, guarded))
        if len(edits) > count:
            self.engine.append(("__k", "NILKEY"))
        count = len(edits)
        for table in notes.objects:
            before = self.text[table.start - 1]
            edits.append(
                (table.start, table.start, " __o" if _merges(before) else "__o")
            )
        if len(edits) > count:
            self.engine.append(("__o", "object"))
        count = len(edits)
        for assign in notes.emptied:
            emptied = self._emptied(assign)
            if emptied:
                edits.append((assign.end, assign.end, f";__m({emptied});"))
        if len(edits) > count:
            self.engine.append(("__m", "emptied"))

    def _may_be_nil(self, key: Expression) -> bool:
        """Tell whether a key may be nil and can be read twice."""
        root = _root(key)
        if root is None or self._is_special(root):
            return False
        binding = root.binding
        if root is key and isinstance(binding, LoopVariable):
            return binding.assigned or not binding.never_nil
        return not self._emptied_span(key.start, key.end)

    def _emptied(self, assign: Assign) -> str:
        """Return the path of the table of which a statement clears a field.

        Behind it stands the path of the key where only the run can tell whether it is
        one of the list part. Keys that cannot be read twice are left out.
        """
        if len(assign.targets) != 1 or len(assign.values) != 1:
            return ""
        target, key_path = assign.targets[0], ""
        if isinstance(target, Index):
            key = target.key
            named = isinstance(key, Constant) and key.kind == "string"
            if not named and not (isinstance(key, Binary) and key.operator == ".."):
                key_path = self._key_path(key)
                if not key_path:
                    return ""
        elif not isinstance(target, Field):
            return ""
        root = _root(target.base)
        if root is None or self._is_special(root):
            return ""
        path = _path(target.base)
        return f"{path},{key_path}" if key_path else path

    def _key_path(self, key: Expression) -> str:
        """Return the path of a key that may be a string."""
        root = _root(key)
        if root is None or self._is_special(root):
            return ""
        binding = root.binding
        if root is key and isinstance(binding, LoopVariable) and binding.counts:
            return ""
        return "" if self._emptied_span(key.start, key.end) else _path(key)

    def _is_special(self, root: Name) -> bool:
        """Tell whether a name will not be written as it stands."""
        return root.name in self.reserved or root.start in self.types


def _merges(character: str) -> bool:
    return character != "" and (character.isalnum() or character in "_.")


def _root(node: Expression) -> Name | None:
    """Return the name that a dotted path begins with."""
    if not is_path(node):
        return None
    while isinstance(node, Field):
        node = node.base
    return node if isinstance(node, Name) else None


def _path(node: Expression) -> str:
    """Return the text of a dotted path."""
    parts: list[str] = []
    while isinstance(node, Field):
        parts.append(node.name)
        node = node.base
    if isinstance(node, Name):
        parts.append(node.name)
    return ".".join(reversed(parts))
