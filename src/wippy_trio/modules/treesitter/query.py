"""Queries over trees (modules-data 12)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from wippy_trio.modules._texts import to_text
from wippy_trio.modules.treesitter.nodes import (
    MOST,
    Language,
    Node,
    clipped,
    nanoseconds,
    point,
)
from wippy_trio.modules.treesitter.predicates import disguise, read_predicates
from wippy_trio.sdk import InvalidError, MisuseError, method, move_to_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wippy_trio.modules.treesitter.predicates import Predicate

__all__ = ["Query"]

LARGE = 64 * 1024
_MOST_LIMIT = 65_536


class Query:
    """A compiled pattern."""

    lua_name = "treesitter.Query"

    def __init__(self, language: Language, pattern: str) -> None:
        import tree_sitter  # noqa: PLC0415 - an extra

        try:
            self._inner = tree_sitter.Query(language._inner, disguise(pattern))
        except (tree_sitter.QueryError, ValueError) as error:
            raise InvalidError(f"query: {error}", retryable=False) from None
        self._library = tree_sitter
        self._predicates: list[list[Predicate]] = [
            [] for _ in range(self._inner.pattern_count)
        ]
        for predicate in read_predicates(pattern):
            self._predicates[self._pattern_at(predicate.at)].append(predicate)
        self._closed = False
        self._timeout = 0
        self._match_limit = MOST
        self._exceeded = False
        self._depth: int | None = None
        self._bytes: tuple[int, int] | None = None
        self._points: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._names = [
            self._inner.capture_name(i) for i in range(self._inner.capture_count)
        ]

    def _open(self) -> Any:
        if self._closed:
            raise MisuseError("query already closed")
        return self._inner

    def _pattern_at(self, offset: int) -> int:
        """Find the pattern that a byte of the query belongs to."""
        ends = map(self._inner.end_byte_for_pattern, range(self._inner.pattern_count))
        return next(index for index, end in enumerate(ends) if offset < end)

    def _cursor(self) -> Any:
        """Make a cursor with the settings; two searches at once need two."""
        made = self._library.QueryCursor(self._inner)
        made.match_limit = self._match_limit
        if self._depth is not None:
            made.set_max_start_depth(self._depth)
        if self._bytes is not None:
            made.set_byte_range(*self._bytes)
        if self._points is not None:
            made.set_point_range(*self._points)
        return made

    def _found(
        self, node: Node, source: bytes
    ) -> list[tuple[int, list[tuple[Any, int, str]]]]:
        """Give pattern and captures of each match, in the order of the text."""
        self._open()
        below = node._open()
        if below.end_byte - below.start_byte >= LARGE:
            move_to_thread()
        rows: list[tuple[int, list[tuple[Any, int, str]]]] = []
        options: dict[str, Any] = {}
        if self._timeout:
            last = time.perf_counter_ns() + self._timeout

            def in_time(_state: Any) -> bool:
                return time.perf_counter_ns() < last

            options["progress_callback"] = in_time
        cursor = self._cursor()
        for pattern, captures in cursor.matches(below, **options):
            if not self._holds(self._predicates[pattern], captures, source):
                continue
            flat = [
                (found, self._names.index(name), name)
                for name, nodes in captures.items()
                for found in nodes
            ]
            flat.sort(key=lambda row: (row[0].start_byte, -row[0].end_byte, row[1]))
            rows.append((pattern, flat))
        self._exceeded = bool(cursor.did_exceed_match_limit)
        return rows

    @staticmethod
    def _holds(
        predicates: Sequence[Predicate], captures: dict[str, list[Any]], source: bytes
    ) -> bool:
        def texts(name: str) -> list[str]:
            return [
                to_text(source[node.start_byte : node.end_byte])
                for node in captures.get(name, ())
            ]

        return all(predicate.holds(texts) for predicate in predicates)

    @method(pair=False, offload=LARGE)
    def matches(self, node: Node, source: bytes | None = None) -> list[dict[str, Any]]:
        """List the matches below a node; predicates ask the source, if it is given."""
        text = node._tree._source if source is None else source
        return [
            {
                "id": number,
                "pattern": pattern,
                "captures": [
                    {"node": Node(found, node._tree), "index": index, "name": name}
                    for found, index, name in flat
                ],
            }
            for number, (pattern, flat) in enumerate(self._found(node, text))
        ]

    @method(pair=False, offload=LARGE)
    def captures(self, node: Node, source: bytes | None = None) -> list[dict[str, Any]]:
        """List the captures below a node in the order of the text."""
        text = node._tree._source if source is None else source
        rows = [
            (found.start_byte, -found.end_byte, pattern, index, found, name)
            for pattern, flat in self._found(node, text)
            for found, index, name in flat
        ]
        rows.sort(key=lambda row: row[:4])
        return [
            {
                "node": Node(found, node._tree),
                "index": index,
                "name": name,
                "text": text[start:-end],
            }
            for start, end, _pattern, index, found, name in rows
        ]

    def _pattern(self, index: int) -> int:
        if not 0 <= index < self._open().pattern_count:
            raise MisuseError(f"bad argument (no pattern {index})")
        return index

    @method(pair=False)
    def pattern_count(self) -> int:
        """Count patterns."""
        return int(self._open().pattern_count)

    @method(pair=False)
    def capture_count(self) -> int:
        """Count names of captures."""
        return int(self._open().capture_count)

    @method(pair=False)
    def string_count(self) -> int:
        """Count texts."""
        return int(self._open().string_count)

    @method(pair=False)
    def start_byte_for_pattern(self, index: int) -> int:
        """Tell where a pattern begins."""
        return int(self._open().start_byte_for_pattern(self._pattern(index)))

    @method(pair=False)
    def end_byte_for_pattern(self, index: int) -> int:
        """Tell where a pattern ends."""
        return int(self._open().end_byte_for_pattern(self._pattern(index)))

    @method(pair=False)
    def set_byte_range(self, start: int, end: int) -> None:
        """Look only between two bytes."""
        self._open()
        first, last = clipped(start), clipped(end)
        if first > last:
            raise MisuseError("bad argument #2 to 'set_byte_range' (before its start)")
        self._bytes = first, last

    @method(pair=False, raises=True)
    def set_point_range(self, start: Any, end: Any) -> None:
        """Look only between two points."""
        self._open()
        first, last = point(start), point(end)
        if first > last:
            raise MisuseError("bad argument #2 to 'set_point_range' (before its start)")
        self._points = first, last

    @method(pair=False)
    def set_match_limit(self, limit: int) -> None:
        """Bound how many matches are under way at once."""
        self._open()
        self._match_limit = min(max(limit, 1), _MOST_LIMIT)

    @method(pair=False)
    def get_match_limit(self) -> int:
        """Give that bound."""
        self._open()
        return self._match_limit

    @method(pair=False)
    def did_exceed_match_limit(self) -> bool:
        """Tell whether the last search met it."""
        self._open()
        return self._exceeded

    @method(pair=False)
    def set_max_start_depth(self, depth: int) -> None:
        """Bound how deep matches begin."""
        self._open()
        self._depth = clipped(depth)

    @method(pair=False)
    def disable_pattern(self, index: int) -> None:
        """Match a pattern no more."""
        self._open().disable_pattern(self._pattern(index))

    @method(pair=False)
    def disable_capture(self, name: str) -> None:
        """Report a capture no more."""
        self._open().disable_capture(name)

    @method(pair=False)
    def is_pattern_rooted(self, index: int) -> bool:
        """Tell whether a pattern has one root."""
        return bool(self._open().is_pattern_rooted(self._pattern(index)))

    @method(pair=False)
    def is_pattern_non_local(self, index: int) -> bool:
        """Tell whether a pattern may match beyond one node."""
        return bool(self._open().is_pattern_non_local(self._pattern(index)))

    @method(pair=False)
    def is_pattern_guaranteed(self, offset: int) -> bool:
        """Tell whether a pattern that has got to a byte of the query will match."""
        query = self._open()
        return 0 <= offset <= MOST and bool(query.is_pattern_guaranteed_at_step(offset))

    @method(pair=False)
    def capture_quantifier(self, pattern: int, capture: int) -> str:
        """Tell how often a capture may come: ``?``, ``*``, ``+`` or nothing."""
        query = self._open()
        if not 0 <= capture < len(self._names):
            raise MisuseError(f"bad argument (no capture {capture})")
        return str(query.capture_quantifier(self._pattern(pattern), capture))

    @method(pair=False)
    def get_property_settings(self, index: int) -> list[dict[str, Any]]:
        """List what ``#set!`` says in a pattern."""
        found = self._open().pattern_settings(self._pattern(index))
        return [{"key": key, "value": value} for key, value in found.items()]

    @method(pair=False)
    def get_property_predicates(self, index: int) -> list[dict[str, Any]]:
        """List what ``#is?`` and ``#is-not?`` ask in a pattern."""
        found = self._open().pattern_assertions(self._pattern(index))
        return [
            {"key": key, "value": value, "positive": positive}
            for key, (value, positive) in found.items()
        ]

    @method(pair=False)
    def get_text_predicates(self, index: int) -> list[dict[str, Any]]:
        """List what a pattern asks about texts."""
        self._open()
        return [found.shown() for found in self._predicates[self._pattern(index)]]

    @method(pair=False)
    def set_timeout(self, limit: Any) -> None:
        """Bound the time of a search: nanoseconds, or text such as ``5s``."""
        self._open()
        self._timeout = nanoseconds(limit)

    @method(pair=False)
    def get_timeout(self) -> int:
        """Give that bound, 0 for none."""
        self._open()
        return self._timeout

    @method(pair=False)
    def capture_name_for_id(self, id: int) -> str | None:  # noqa: A002 - its name
        """Name a capture."""
        self._open()
        return self._names[id] if 0 <= id < len(self._names) else None

    @method(pair=False)
    def capture_index_for_name(self, name: str) -> int | None:
        """Number a capture."""
        self._open()
        return self._names.index(name) if name in self._names else None

    @method(pair=False)
    def close(self) -> None:
        """Close it; nothing happens the second time."""
        self._closed = True
