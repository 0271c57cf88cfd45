"""Languages, trees, nodes and cursors of tree-sitter, as a program holds them.

Offsets are bytes, rows and columns count from 0. A node knows its tree and the text
that was parsed; what belongs to a closed tree raises.

Source: modules-data 12.
"""

from __future__ import annotations

import functools
import tempfile
from importlib import import_module
from typing import Any

from wippy_trio.duration import parse_nanoseconds
from wippy_trio.sdk import InvalidError, MisuseError, method

__all__ = [
    "MOST",
    "NAMES",
    "PACKAGES",
    "Cursor",
    "Language",
    "Node",
    "Tree",
    "clipped",
    "edit_of",
    "language_of",
    "nanoseconds",
    "node_of",
    "point",
    "whole",
]

# Canonical name: package, function of the grammar, aliases.
_GRAMMARS = {
    "go": ("tree_sitter_go", "language", ("golang",)),
    "javascript": ("tree_sitter_javascript", "language", ("js",)),
    "typescript": ("tree_sitter_typescript", "language_typescript", ("ts",)),
    "typescript+jsx": ("tree_sitter_typescript", "language_tsx", ("tsx",)),
    "python": ("tree_sitter_python", "language", ("py",)),
    "lua": ("tree_sitter_lua", "language", ()),
    "php": ("tree_sitter_php", "language_php", ()),
    "c#": ("tree_sitter_c_sharp", "language", ("csharp", "cs")),
    "html": ("tree_sitter_html", "language", ("html5",)),
    "markdown": ("tree_sitter_markdown", "language", ("md",)),
    "sql": ("tree_sitter_sql", "language", ()),
}
NAMES = tuple(_GRAMMARS)
PACKAGES = tuple(
    dict.fromkeys(["tree_sitter", *(row[0] for row in _GRAMMARS.values())])
)
MOST = 2**32 - 1
"""Offsets and counts of the library have 32 bits."""
_ALIASES = {alias: name for name, row in _GRAMMARS.items() for alias in (name, *row[2])}


@functools.cache
def _grammar(name: str) -> Any:
    import tree_sitter  # noqa: PLC0415 - an extra

    package, function, _aliases = _GRAMMARS[name]
    return tree_sitter.Language(getattr(import_module(package), function)())


def language_of(name: str) -> Language:
    """Find a language by name or alias.

    Raises:
      InvalidError: There is none.
    """
    known = _ALIASES.get(name.lower())
    if known is None:
        raise InvalidError(f"unsupported language: {name}", retryable=False)
    return Language(known, _grammar(known))


def point(value: Any) -> tuple[int, int]:
    """Read ``{row, column}``, by name or by place."""
    if isinstance(value, dict):
        return whole(value.get("row"), "row"), whole(value.get("column"), "column")
    if isinstance(value, list) and len(value) == 2:
        return whole(value[0], "row"), whole(value[1], "column")
    raise InvalidError("point must be a table of row and column", retryable=False)


def whole(value: Any, field: str) -> int:
    """Read a number of 0 or more that fits 32 bits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidError(f"{field} must be a number", retryable=False)
    if not 0 <= value < 2**32:
        raise InvalidError(f"{field} must be a number from 0", retryable=False)
    return int(value)


def clipped(value: int) -> int:
    """Bring a number into the range that the library takes."""
    return min(max(value, 0), MOST)


def nanoseconds(limit: Any) -> int:
    """Read a time limit; a bad one raises in Lua."""
    try:
        if isinstance(limit, str):
            limit = parse_nanoseconds(limit)
        if not isinstance(limit, bool) and 0 <= limit < 2**62:
            return int(limit)
    except (InvalidError, TypeError):
        pass
    raise MisuseError("bad argument #1 to 'set_timeout' (time expected)")


def _row(place: Any) -> dict[str, int]:
    return {"row": place[0], "column": place[1]}


class Language:
    """A grammar."""

    lua_name = "treesitter.Language"

    def __init__(self, name: str, inner: Any) -> None:
        self._name = name
        self._inner = inner

    @method(pair=False)
    def version(self) -> int:
        """Give the version of its binary interface."""
        return int(self._inner.abi_version)

    @method(pair=False)
    def node_kind_count(self) -> int:
        """Count kinds of nodes."""
        return int(self._inner.node_kind_count)

    @method(pair=False)
    def parse_state_count(self) -> int:
        """Count states of its parser."""
        return int(self._inner.parse_state_count)

    @method(pair=False)
    def node_kind_for_id(self, id: int) -> str | None:  # noqa: A002 - its name
        """Name a kind."""
        return self._inner.node_kind_for_id(id) if 0 <= id < 65536 else None

    @method(pair=False)
    def id_for_node_kind(self, kind: str, named: bool) -> int | None:
        """Number a kind."""
        found = self._inner.id_for_node_kind(kind, named)
        return None if found is None else int(found)

    @method(pair=False)
    def node_kind_is_named(self, id: int) -> bool:  # noqa: A002
        """Tell whether a kind has a name in the grammar."""
        return 0 <= id < 65536 and bool(self._inner.node_kind_is_named(id))

    @method(pair=False)
    def field_count(self) -> int:
        """Count fields."""
        return int(self._inner.field_count)

    @method(pair=False)
    def field_name_for_id(self, id: int) -> str | None:  # noqa: A002
        """Name a field."""
        return self._inner.field_name_for_id(id) if 0 <= id < 65536 else None

    @method(pair=False)
    def field_id_for_name(self, name: str) -> int | None:
        """Number a field."""
        found = self._inner.field_id_for_name(name)
        return None if found is None else int(found)


class Tree:
    """What was parsed."""

    lua_name = "treesitter.Tree"

    def __init__(self, inner: Any, source: bytes, language: Language) -> None:
        self._inner = inner
        self._source = source
        self._language = language
        self._closed = False

    def _open(self) -> Any:
        if self._closed:
            raise MisuseError("tree already closed")
        return self._inner

    @method(pair=False)
    def root_node(self) -> Node:
        """Give the root."""
        return Node(self._open().root_node, self)

    @method(pair=False, raises=True)
    def root_node_with_offset(self, offset: int, extent: Any) -> Node:
        """Give the root as if the text began later."""
        found = self._open().root_node_with_offset(clipped(offset), point(extent))
        return Node(found, self)

    @method(pair=False)
    def language(self) -> Language:
        """Give the language."""
        self._open()
        return self._language

    @method(pair=False)
    def copy(self) -> Tree:
        """Make a copy."""
        return Tree(self._open().copy(), self._source, self._language)

    @method(pair=False)
    def walk(self) -> Cursor:
        """Begin to walk at the root."""
        return Cursor(self._open().root_node, self)

    def edit(self, change: Any) -> tuple[Any, ...]:
        """Note a change of the text, before it is parsed anew."""
        tree = self._open()
        try:
            tree.edit(**edit_of(change))
        except InvalidError as error:
            return False, error
        return True, None

    @method(pair=False)
    def changed_ranges(self, other: Tree) -> list[dict[str, Any]]:
        """List where another tree differs."""
        return [_range(r) for r in self._open().changed_ranges(other._open())]

    @method(pair=False)
    def included_ranges(self) -> list[dict[str, Any]]:
        """List the parts of the text that were parsed."""
        return [_range(r) for r in self._open().included_ranges]

    @method(pair=False)
    def dot_graph(self) -> str:
        """Draw the tree as text."""
        with tempfile.TemporaryFile() as file:
            self._open().print_dot_graph(file)
            file.seek(0)
            return file.read().decode("utf-8", "replace")

    @method(pair=False)
    def close(self) -> None:
        """Close it; nothing happens the second time."""
        self._closed = True


def _range(found: Any) -> dict[str, Any]:
    return {
        "start_byte": found.start_byte,
        "end_byte": min(found.end_byte, 2**32 - 1),
        "start_point": _row(found.start_point),
        "end_point": _row(found.end_point),
    }


def edit_of(change: Any) -> dict[str, Any]:
    """Read a change of a text."""
    if not isinstance(change, dict):
        raise InvalidError("edit must be a table", retryable=False)
    n = {
        field: whole(change.get(field), field)
        for field in (
            "start_byte", "old_end_byte", "new_end_byte", "start_row", "start_column",
            "old_end_row", "old_end_column", "new_end_row", "new_end_column",
        )
    }  # fmt: skip
    return {
        "start_byte": n["start_byte"],
        "old_end_byte": n["old_end_byte"],
        "new_end_byte": n["new_end_byte"],
        "start_point": (n["start_row"], n["start_column"]),
        "old_end_point": (n["old_end_row"], n["old_end_column"]),
        "new_end_point": (n["new_end_row"], n["new_end_column"]),
    }


class Node:
    """A node of a tree."""

    lua_name = "treesitter.Node"

    def __init__(self, inner: Any, tree: Tree) -> None:
        self._inner = inner
        self._tree = tree

    def _open(self) -> Any:
        self._tree._open()
        return self._inner

    def _other(self, found: Any) -> Node | None:
        return None if found is None else Node(found, self._tree)

    @method(pair=False)
    def child(self, index: int) -> Node | None:
        """Give a child, the first is 0."""
        node = self._open()
        return self._other(node.child(index) if 0 <= index < node.child_count else None)

    @method(pair=False)
    def named_child(self, index: int) -> Node | None:
        """Give a named child, the first is 0."""
        node = self._open()
        inside = 0 <= index < node.named_child_count
        return self._other(node.named_child(index) if inside else None)

    @method(pair=False)
    def child_by_field_name(self, field: str) -> Node | None:
        """Give the child of a field."""
        return self._other(self._open().child_by_field_name(field))

    @method(pair=False)
    def field_name_for_child(self, index: int) -> str | None:
        """Name the field of a child."""
        node = self._open()
        if not 0 <= index < node.child_count:
            return None
        found: str | None = node.field_name_for_child(index)
        return found

    @method(pair=False, raises=True)
    def named_descendant_for_point_range(self, start: Any, end: Any) -> Node | None:
        """Give the smallest named node that spans two points."""
        first, last = point(start), point(end)
        return self._other(self._open().named_descendant_for_point_range(first, last))

    @method()
    def text(self, source: bytes | None = None) -> bytes:
        """Give the text, of the source that was parsed or of another."""
        node = self._open()
        given = self._tree._source if source is None else source
        if node.end_byte > len(given) or node.start_byte > node.end_byte:
            raise InvalidError("invalid byte range", retryable=False)
        return given[node.start_byte : node.end_byte]

    @method(pair=False)
    def to_sexp(self) -> str:
        """Write it with what is below."""
        return str(self._open())


def _plain(name: str, attribute: str, hint: Any) -> None:
    """Show an attribute of nodes as a method."""

    def read(self: Node) -> Any:
        value = getattr(self._open(), attribute)
        if hint == "node":
            return self._other(value)
        return _row(value) if hint == "point" else value

    read.__name__ = name
    read.__doc__ = f"Give its {name.replace('_', ' ')}."
    read.__annotations__ = {"return": Any}
    setattr(Node, name, method(pair=False)(read))


for _name, _attribute, _hint in (
    ("parent", "parent", "node"),
    ("child_count", "child_count", ""),
    ("named_child_count", "named_child_count", ""),
    ("descendant_count", "descendant_count", ""),
    ("next_sibling", "next_sibling", "node"),
    ("prev_sibling", "prev_sibling", "node"),
    ("next_named_sibling", "next_named_sibling", "node"),
    ("prev_named_sibling", "prev_named_sibling", "node"),
    ("kind", "type", ""),
    ("type", "type", ""),
    ("grammar_name", "grammar_name", ""),
    ("is_named", "is_named", ""),
    ("is_extra", "is_extra", ""),
    ("is_missing", "is_missing", ""),
    ("has_error", "has_error", ""),
    ("is_error", "is_error", ""),
    ("start_byte", "start_byte", ""),
    ("end_byte", "end_byte", ""),
    ("start_point", "start_point", "point"),
    ("end_point", "end_point", "point"),
):
    _plain(_name, _attribute, _hint)


class Cursor:
    """A place in a tree that moves."""

    lua_name = "treesitter.Cursor"

    def __init__(self, start: Any, tree: Tree) -> None:
        self._start = start
        self._inner = start.walk()
        self._tree = tree
        self._closed = False

    def _open(self) -> Any:
        if self._closed:
            raise MisuseError("cursor already closed")
        self._tree._open()
        return self._inner

    @method(pair=False)
    def current_node(self) -> Node:
        """Give the node here."""
        return Node(self._open().node, self._tree)

    @method(pair=False)
    def current_field_id(self) -> int:
        """Number the field here, 0 for none."""
        return int(self._open().field_id or 0)

    @method(pair=False)
    def current_field_name(self) -> str | None:
        """Name the field here."""
        found: str | None = self._open().field_name
        return found

    @method(pair=False)
    def current_depth(self) -> int:
        """Count the levels above."""
        return int(self._open().depth)

    @method(pair=False)
    def current_descendant_index(self) -> int:
        """Number the node here in the order of the tree."""
        return int(self._open().descendant_index)

    @method(pair=False)
    def goto_first_child(self) -> bool:
        """Go down to the first child."""
        return bool(self._open().goto_first_child())

    @method(pair=False)
    def goto_last_child(self) -> bool:
        """Go down to the last child."""
        return bool(self._open().goto_last_child())

    @method(pair=False)
    def goto_next_sibling(self) -> bool:
        """Go on."""
        return bool(self._open().goto_next_sibling())

    @method(pair=False)
    def goto_previous_sibling(self) -> bool:
        """Go back."""
        cursor = self._open()
        before = cursor.descendant_index
        if not cursor.goto_previous_sibling():
            return False
        # The library counts wrongly here and would go on from its wrong number.
        number = before - cursor.node.descendant_count
        self._inner = self._start.walk()
        self._inner.goto_descendant(number)
        return True

    @method(pair=False)
    def goto_parent(self) -> bool:
        """Go up."""
        return bool(self._open().goto_parent())

    @method(pair=False)
    def goto_descendant(self, index: int) -> bool:
        """Go to a node by its number."""
        cursor = self._open()
        if not 0 <= index < self._tree._inner.root_node.descendant_count:
            return False
        cursor.goto_descendant(index)
        return True

    @method(pair=False)
    def goto_first_child_for_byte(self, byte: int) -> int | None:
        """Go to the first child that goes beyond a byte: its index."""
        found: int | None = self._open().goto_first_child_for_byte(clipped(byte))
        return found

    @method(pair=False, raises=True)
    def goto_first_child_for_point(self, place: Any) -> int | None:
        """Go to the first child that goes beyond a point: its index."""
        found: int | None = self._open().goto_first_child_for_point(point(place))
        return found

    @method(pair=False)
    def reset(self, node: Node) -> None:
        """Begin again at a node."""
        self._open()
        self._start = node._open()
        self._inner = self._start.walk()
        self._tree = node._tree

    @method(pair=False)
    def reset_to(self, other: Cursor) -> None:
        """Go where another cursor is."""
        self._open()
        self._start, self._tree = other._start, other._tree
        self._inner = other._again()

    @method(pair=False)
    def copy(self) -> Cursor:
        """Make a copy."""
        self._open()
        made = Cursor(self._start, self._tree)
        made._inner = self._again()
        return made

    def _again(self) -> Any:
        """Make a cursor at the same place.

        The library's own copies of cursors end the interpreter when they are freed.
        """
        made = self._start.walk()
        made.goto_descendant(self._open().descendant_index)
        return made

    @method(pair=False)
    def close(self) -> None:
        """Close it; nothing happens the second time."""
        self._closed = True


def node_of(inner: Any, tree: Tree) -> Node:
    """Make a node of a tree."""
    return Node(inner, tree)
