"""What may be typed at a place: members, names, types, modules, ids of entries."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Literal, NamedTuple

from wippy_trio.lang.declarations import library
from wippy_trio.lang.lexer import KEYWORDS, Tokens, tokenize
from wippy_trio.lang.members import members_of
from wippy_trio.lang.parser import read_source
from wippy_trio.lang.resolve import BUILT_IN
from wippy_trio.lang.types import Function, expand
from wippy_trio.lang.typetext import show
from wippy_trio.loading.checking import (
    ALWAYS,
    declared_names,
    module_names,
    summaries_of,
)
from wippy_trio.lsp.comments import host_module
from wippy_trio.lsp.entries import ids_of, wanted_kinds
from wippy_trio.lsp.places import KEY, path_to, string_at, visible
from wippy_trio.lsp.types import module_behind, type_before

if TYPE_CHECKING:
    from wippy_trio.lsp.workspace import View, Workspace

__all__ = ["Item", "complete"]

Kind = Literal[
    "class", "field", "function", "keyword", "method", "module", "reference", "variable"
]
_DECLARING = frozenset(("function", "fun"))


class Item(NamedTuple):
    """Something that may be typed, in place of the bytes from ``start``."""

    label: str
    kind: Kind
    start: int
    detail: str = ""
    later: bool = False
    about: str = ""


def complete(workspace: Workspace, view: View, offset: int) -> list[Item]:
    """List what may be typed at an offset."""
    tokens = tokenize(read_source(view.text.source))
    at = _before(tokens, offset)
    if at < 0:
        return _names(view, offset, offset)
    kind, start, end = tokens.kinds[at], tokens.starts[at], tokens.ends[at]
    if "--" in tokens.text[end:offset]:
        return []
    quoted = kind == "string" or (kind == "bad" and tokens.texts[at][0] in "\"'")
    if quoted and (offset < end or kind == "bad"):
        return _strings(workspace, view, start, offset)
    if kind == "bad":
        return []
    if kind == "number" and end == offset:
        return []
    word = kind in KEY or kind in KEYWORDS
    if not (word and offset <= end):
        at, start = at + 1, offset
    before = tokens.kinds[at - 1] if at else ""
    if before == ":" and _annotates(tokens, at - 1):
        return _types(workspace, view, start)
    if before in (".", ":"):
        return _members(workspace, view, tokens, at - 1, offset, start)
    if before == "->" or before == "as" or (before == "::" and start > end):
        return _types(workspace, view, start)
    if before == "function" or (before == "local" and not word):
        return []
    return _names(view, start, offset)


def _before(tokens: Tokens, offset: int) -> int:
    """Return the number of the last token that begins before an offset, or -1."""
    at = bisect_left(tokens.starts, offset) - 1
    if at >= 0 and tokens.kinds[at] == "eof":
        at -= 1
    return at


# Members


def _members(
    workspace: Workspace,
    view: View,
    tokens: Tokens,
    dot: int,
    offset: int,
    start: int,
) -> list[Item]:
    """List what may follow a dot or a colon."""
    end = tokens.ends[dot - 1] if dot else 0
    method = tokens.kinds[dot] == ":"
    asked = view
    if method and not view.whole:
        probed = workspace.probe(view.id, view.text.source, cursor=offset)
        asked = probed or view
    found = type_before(asked, end)
    if found is None:
        return _module_types(workspace, view, tokens, dot, start)
    items = []
    nodes = path_to(asked.chunk.main, max(end - 1, 0))
    host = host_module(workspace, asked, nodes[-1])
    about = {} if host is None else summaries_of(host)
    for name, type_ in members_of(found).items():
        shape = expand(type_)
        callable_ = isinstance(shape, Function)
        if method and not (isinstance(shape, Function) and _takes_self(shape)):
            continue
        kind: Kind = "method" if method else ("function" if callable_ else "field")
        items.append(
            Item(_text(name), kind, start, show(type_), about=about.get(name, ""))
        )
    return items


def _takes_self(shape: Function) -> bool:
    """Tell whether a function can be called with its table as the first argument."""
    return bool(shape.parameters) or shape.variadic is not None or shape.untyped


def _module_types(
    workspace: Workspace, view: View, tokens: Tokens, dot: int, start: int
) -> list[Item]:
    if not dot or tokens.kinds[dot - 1] != "name":
        return []
    module = module_behind(workspace, view, tokens.texts[dot - 1])
    if module is None:
        return []
    return [Item(_text(name), "class", start, "type") for name in module.types]


# Types


def _annotates(tokens: Tokens, colon: int) -> bool:
    """Tell whether a colon is followed by a type: of a local, parameter or result."""
    kinds = tokens.kinds
    depth = 0
    for at in range(colon - 1, max(colon - 400, -1), -1):
        kind = kinds[at]
        if kind in (")", "]", "}"):
            depth += 1
        elif kind in ("(", "[", "{"):
            depth -= 1
            if depth < 0:
                return kind == "(" and _declares(kinds, at)
            if depth == 0 and kind == "(" and at + 1 < colon:
                return _declares(kinds, at)
        elif depth == 0 and kind == "local":
            return kinds[at + 1] != "function"
        elif depth == 0 and kind not in (*KEY, ",", ":", "?", "...", "<", ">", "|"):
            return False
    return False


def _declares(kinds: list[str], opening: int) -> bool:
    """Tell whether a parenthesis opens the parameters of a function."""
    at = opening - 1
    while at >= 0 and kinds[at] in (*KEY, ".", ":", "<", ">", ","):
        if kinds[at] in _DECLARING:
            return True
        at -= 1
    return at >= 0 and kinds[at] in _DECLARING


def _types(workspace: Workspace, view: View, start: int) -> list[Item]:
    names = dict.fromkeys(alias.name for alias in view.chunk.notes.aliases)
    items = [Item(_text(name), "class", start, "type") for name in names]
    items += [
        Item(name, "keyword", start, "type") for name in BUILT_IN if name not in names
    ]
    bindings = view.checked.bindings
    if bindings is not None:
        for name in visible(view.chunk, bindings, start):
            module = module_behind(workspace, view, name)
            if module is not None and module.types:
                items.append(Item(_text(name), "module", start, "module"))
    return items


# Names


def _names(view: View, start: int, offset: int) -> list[Item]:
    items: list[Item] = []
    seen: set[str] = set()
    bindings = view.checked.bindings
    if bindings is not None:
        for name, symbol in visible(view.chunk, bindings, offset).items():
            type_ = view.checked.type_of(symbol.start, symbol.end)
            seen.add(name)
            callable_ = type_ is not None and isinstance(expand(type_), Function)
            kind: Kind = "function" if callable_ else "variable"
            detail = "" if type_ is None else show(type_)
            items.append(Item(_text(name), kind, start, detail))
    for alias in view.chunk.notes.aliases:
        if alias.top and alias.name not in seen:
            seen.add(alias.name)
            items.append(Item(_text(alias.name), "class", start, "type"))
    for name, type_ in library().globals.items():
        if name not in seen:
            callable_ = isinstance(expand(type_), Function)
            kind = "function" if callable_ else "module"
            items.append(Item(name, kind, start, show(type_), later=True))
    items += [
        Item(name, "keyword", start, later=True) for name in sorted(KEYWORDS - seen)
    ]
    return items


# Texts


def _strings(workspace: Workspace, view: View, start: int, offset: int) -> list[Item]:
    """List what may stand in a text: a module to require, or the id of an entry."""
    begin = start + 1
    asked = view
    found = string_at(asked.chunk, start)
    if found is None:
        # A text without an end is no string yet: give it one.
        source = view.text.source
        closed = source[:offset] + source[start:begin] + source[offset:]
        probed = workspace.probe(view.id, closed)
        if probed is not None:
            found = string_at(probed.chunk, start)
    if found is None:
        return []
    _, call, number = found
    name = getattr(getattr(call, "function", None), "name", None)
    if name == "require" and number == 0:
        return _modules(workspace, view, begin)
    kinds = wanted_kinds(call, number)
    if kinds is None:
        written = view.text.source[begin:offset].decode("utf-8", "replace")
        if ":" not in written:
            return []
        kinds = ("",)
    return [
        Item(entry.id, "reference", begin, entry.kind)
        for entry in ids_of(workspace, kinds)
    ]


def _modules(workspace: Workspace, view: View, start: int) -> list[Item]:
    declared = declared_names(view.entry)
    imports = workspace.modules_of(view.id)
    items = [
        Item(name, "module", start, imports.get(name, "module"))
        for name in sorted(declared)
    ]
    rest = sorted((module_names() | ALWAYS) - declared)
    for name in rest:
        ambient = name in ALWAYS or workspace.is_loose(view.id)
        detail = "module" if ambient else "module, not declared in _index.yaml"
        items.append(Item(name, "module", start, detail, later=True))
    return items


def _text(name: str) -> str:
    if name.isascii():
        return name
    return name.encode("latin-1", "replace").decode("utf-8", "replace")
