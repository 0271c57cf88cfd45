"""Cut Markdown into chunks under their headings, on the tokens of markdown-it.

The document becomes blocks of text: a paragraph, a list item, a table row. They are
gathered until a chunk is full, and each chunk repeats the heading it stands under.

Source: modules-data 10.3.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.modules.text.splitter import Splitter, cut, sizes

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

__all__ = ["MarkdownSplitter"]

_DEEPEST = 100  # levels; what is deeper is left out
_FINER = ("\n\n", "\n", " ")


class _Options(NamedTuple):
    size: int
    overlap: int
    code_blocks: bool
    reference_links: bool
    heading_hierarchy: bool
    join_table_rows: bool


class MarkdownSplitter(Splitter):
    """Cut Markdown."""

    def __init__(self, options: _Options) -> None:
        self._options = options

    @classmethod
    def configured(cls, options: Any) -> MarkdownSplitter:
        """Read the options; what is of a wrong type means the default."""
        given = options if isinstance(options, dict) else {}
        flags = (given.get(name) is True for name in _Options._fields[2:])
        return cls(_Options(*sizes(given), *flags))

    def _cut(self, text: str) -> list[str]:
        from markdown_it.tree import SyntaxTreeNode  # noqa: PLC0415 - an extra

        chunker = _Chunker(self._options)
        for node in SyntaxTreeNode(_parser().parse(text)).children:
            chunker.take(node)
        chunker.close()
        return chunker.chunks


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - an extra

    return MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable("table")


class _Chunker:
    """Gather the blocks of a document."""

    def __init__(self, options: _Options) -> None:
        self.chunks: list[str] = []
        self._options = options
        self._headings: list[tuple[int, str]] = []
        self._bare = False  # a heading that nothing stands under yet
        self._body = ""

    def take(self, node: SyntaxTreeNode) -> None:
        """Take one node of the top level."""
        if node.type == "heading":
            self._heading(node)
        elif node.type == "table" and not self._options.join_table_rows:
            head, rows = _table(node, self._options)
            for row in rows or [""]:
                self._flush()
                self._add(f"{head}\n{row}" if row else head)
            self._flush()
        elif node.type in {"bullet_list", "ordered_list"}:
            for item in _items(node, self._options):
                self._add("\n".join(item))
        else:
            self._add("\n".join(_lines(node, self._options)))

    def close(self) -> None:
        """Take note that the document is over."""
        self._flush()
        self._settle()

    def _heading(self, node: SyntaxTreeNode) -> None:
        self._flush()
        self._settle()
        level = int(node.tag[1:])
        outer = [row for row in self._headings if row[0] < level]
        text = f"{'#' * level} {_inline(node, self._options)}".rstrip()
        self._headings = [*outer, (level, text)]
        self._bare = True

    def _title(self) -> str:
        texts = [text for _level, text in self._headings]
        if not self._options.heading_hierarchy:
            texts = texts[-1:]
        return "\n".join(texts)

    def _settle(self) -> None:
        """Keep a heading that nothing stands under as a chunk of its own."""
        if self._bare:
            self.chunks.append(self._title())
            self._bare = False

    def _add(self, block: str) -> None:
        if not block.strip():
            return
        if self._body and len(self._body) + 1 + len(block) > self._options.size:
            self._flush()
        self._body = f"{self._body}\n{block}" if self._body else block

    def _flush(self) -> None:
        if not self._body:
            return
        size, overlap = self._options.size, self._options.overlap
        pieces = [self._body]
        if len(self._body) > size + overlap:
            pieces = cut(self._body, size, overlap, _FINER)
        title = self._title()
        self.chunks += [f"{title}\n{piece}" if title else piece for piece in pieces]
        self._body = ""
        self._bare = False


# -- blocks as text --------------------------------------------------------------------


def _lines(node: SyntaxTreeNode, options: _Options) -> list[str]:
    """Write a block."""
    match node.type:
        case "paragraph" | "heading" | "inline":
            text = _inline(node, options)
            if node.type == "heading":
                text = f"{'#' * int(node.tag[1:])} {text}"
            return text.split("\n")
        case "bullet_list" | "ordered_list":
            return [line for item in _items(node, options) for line in item]
        case "blockquote":
            inner = [line for child in node.children for line in _lines(child, options)]
            return [f"> {line}".rstrip() for line in inner]
        case "hr":
            return ["---"]
        case "table":
            head, rows = _table(node, options)
            return [*head.split("\n"), *rows]
        case "fence" | "code_block":
            if not options.code_blocks:
                return []
            code = node.content.rstrip("\n").split("\n")
            return [f"```{node.info.strip()}", *code, "```"]
        case "html_block":
            return node.content.rstrip("\n").split("\n")
    return [line for child in node.children for line in _lines(child, options)]


def _items(node: SyntaxTreeNode, options: _Options) -> list[list[str]]:
    """Write the items of a list: its mark, and what belongs to it indented by two."""
    number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    items: list[list[str]] = []
    for child in node.children:
        mark = "- " if number is None else f"{number}. "
        lines = [line for part in child.children for line in _lines(part, options)]
        first, *rest = lines or [""]
        items.append([f"{mark}{first}".rstrip(), *(f"  {line}" for line in rest)])
        if number is not None:
            number += 1
    return items


def _table(node: SyntaxTreeNode, options: _Options) -> tuple[str, list[str]]:
    """Write a table: its header with the line below, and its rows."""
    written = [
        [_inline(cell, options).replace("\n", " ") for cell in row.children]
        for part in node.children
        for row in part.children
    ]
    head, *rows = [f"| {' | '.join(cells)} |" for cells in written]
    rule = f"| {' | '.join(['---'] * len(written[0]))} |"
    return f"{head}\n{rule}", rows


def _inline(node: SyntaxTreeNode, options: _Options) -> str:
    """Write inline text: as it stands, or with its links written out."""
    parts: list[str] = []
    for child in node.children:
        if child.type != "inline":
            parts.append(_written(child))
        elif options.reference_links:
            parts += [_written(part) for part in child.children]
        else:
            parts.append(child.content)
    return "".join(parts)


def _written(node: SyntaxTreeNode) -> str:
    inner = "".join(_written(child) for child in node.children)
    match node.type:
        case "text" | "html_inline":
            return node.content
        case "softbreak" | "hardbreak":
            return "\n"
        case "code_inline":
            return f"{node.markup}{node.content}{node.markup}"
        case "em" | "strong":
            return f"{node.markup}{inner}{node.markup}"
        case "link":
            return f"[{inner}]({_target(node, 'href')})"
        case "image":
            return f"![{node.content}]({_target(node, 'src')})"
    return inner or node.content


def _target(node: SyntaxTreeNode, name: str) -> str:
    title = node.attrs.get("title")
    return f'{node.attrs.get(name, "")} "{title}"' if title else str(node.attrs[name])
