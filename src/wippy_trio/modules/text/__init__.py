"""`text`: regular expressions, differences, and cutting text into chunks.

Source: modules-data 10.
"""

from __future__ import annotations

from typing import Any

from wippy_trio.modules.text.diff import Differ, differ_of
from wippy_trio.modules.text.markdown import MarkdownSplitter
from wippy_trio.modules.text.regexp import Regexp, compile_regexp
from wippy_trio.modules.text.splitter import RecursiveSplitter, Splitter
from wippy_trio.sdk import LuaModule, during

__all__ = ["MODULE"]

MODULE = LuaModule(
    "text",
    classes=("deterministic",),
    extra=("text", ("re2", "diff_match_patch", "markdown_it")),
    declares="""
    regexp: {compile: (pattern: string) -> (Regexp?, Error?)}
    diff: {new: (options: table?) -> (Differ?, Error?)}
    splitter: {
      recursive: (options: table?) -> (Splitter?, Error?),
      markdown: (options: table?) -> (Splitter?, Error?)
    }
    type Regexp = {
      match_string: (self: Regexp, text: string) -> boolean,
      find_string: (self: Regexp, text: string) -> string?,
      find_all_string: (self: Regexp, text: string) -> {string},
      find_string_submatch: (self: Regexp, text: string) -> {string}?,
      find_all_string_submatch: (self: Regexp, text: string) -> {{string}},
      find_string_index: (self: Regexp, text: string) -> {integer}?,
      find_all_string_index: (self: Regexp, text: string) -> {{integer}}?,
      replace_all_string: (self: Regexp, text: string, template: string) -> string,
      split: (self: Regexp, text: string, n: integer?) -> {string},
      num_subexp: (self: Regexp) -> integer,
      subexp_names: (self: Regexp) -> {string},
      string: (self: Regexp) -> string
    }
    type Differ = {
      compare: (self: Differ, a: string, b: string) -> ({table}?, Error?),
      summarize: (self: Differ, diffs: {table}) -> table,
      pretty_text: (self: Differ, diffs: {table}) -> (string?, Error?),
      pretty_html: (self: Differ, diffs: {table}) -> (string?, Error?),
      patch_make: (self: Differ, a: string, b: string) -> ({table}?, Error?),
      patch_apply: (self: Differ, patches: {table}, text: string) -> (string, boolean)
    }
    type Splitter = {
      split_text: (self: Splitter, text: string) -> ({string}?, Error?),
      split_batch: (self: Splitter, pages: {table}) -> ({table}?, Error?)
    }
    """,
)
REGEXP = MODULE.table("regexp")
DIFF = MODULE.table("diff")
SPLITTER = MODULE.table("splitter")

REGEXP.handle(Regexp)
DIFF.handle(Differ)
SPLITTER.handle(Splitter)


@REGEXP.export(name="compile")
def compile_(pattern: bytes) -> Regexp:
    """Compile an expression of the RE2 language."""
    with during("regex compile error"):
        return compile_regexp(pattern)


@DIFF.export
def new(options: Any) -> Differ:
    """Make what compares texts."""
    return differ_of(options)


@SPLITTER.export
def recursive(options: Any) -> Splitter:
    """Make what cuts at separators, the coarse ones first."""
    return RecursiveSplitter.configured(options)


@SPLITTER.export
def markdown(options: Any) -> Splitter:
    """Make what cuts Markdown under its headings."""
    return MarkdownSplitter.configured(options)
