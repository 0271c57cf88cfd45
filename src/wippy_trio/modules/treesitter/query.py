"""Queries over trees (modules-data 12)."""

from __future__ import annotations

import time
from typing import Any

from wippy_trio.modules.treesitter.nodes import Language, Node, nanoseconds, point
from wippy_trio.sdk import InvalidError, MisuseError, method

__all__ = ["Query"]

LARGE = 64 * 1024
_MOST_LIMIT = 65_536


class Query:
    """A compiled pattern."""

    lua_name = "treesitter.Query"

    def __init__(self, language: Language, pattern: str) -> None:
        import tree_sitter  # noqa: PLC0415 - an extra

        try:
            self._inner = tree_sitter.Query(language._inner, pattern)
        except (tree_sitter.QueryError, ValueError) as error:
            raise InvalidError(f"query: {error}", retryable=False) from None
        self._cursor = tree_sitter.QueryCursor(self._inner)
        self._closed = False
        self._timeout = 0
        self._names = [
            self._inner.capture_name(i) for i in range(self._inner.capture_count)
        ]

    def _open(self) -> Any:
        if self._closed:
            raise MisuseError("query already closed")
        return self._inner

    def _found(self, node: Node) -> list[tuple[int, list[tuple[Any, int, str]]]]:
        """Give pattern and captures of each match, in the order of the text."""
        self._open()
        rows: list[tuple[int, list[tuple[Any, int, str]]]] = []
        options: dict[str, Any] = {}
        if self._timeout:
            last = time.perf_counter_ns() + self._timeout

            def in_time(_state: Any) -> bool:
                return time.perf_counter_ns() < last

            options["progress_callback"] = in_time
        for pattern, captures in self._cursor.matches(node._open(), **options):
            flat = [
                (found, self._names.index(name), name)
                for name, nodes in captures.items()
                for found in nodes
            ]
            flat.sort(key=lambda row: (row[0].start_byte, -row[0].end_byte, row[1]))
            rows.append((pattern, flat))
        return rows

    @method(pair=False)
    def matches(self, node: Node, source: bytes | None = None) -> list[dict[str, Any]]:
        """List the matches below a node."""
        del source
        return [
            {
                "id": number,
                "pattern": pattern,
                "captures": [
                    {"node": Node(found, node._tree), "index": index, "name": name}
                    for found, index, name in flat
                ],
            }
            for number, (pattern, flat) in enumerate(self._found(node))
        ]

    @method(pair=False)
    def captures(self, node: Node, source: bytes | None = None) -> list[dict[str, Any]]:
        """List the captures below a node in the order of the text."""
        text = node._tree._source if source is None else source
        rows = [
            (found.start_byte, -found.end_byte, pattern, index, found, name)
            for pattern, flat in self._found(node)
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
        self._cursor.set_byte_range(max(start, 0), max(end, 0))

    @method(pair=False, raises=True)
    def set_point_range(self, start: Any, end: Any) -> None:
        """Look only between two points."""
        self._open()
        self._cursor.set_point_range(point(start), point(end))

    @method(pair=False)
    def set_match_limit(self, limit: int) -> None:
        """Bound how many matches are under way at once."""
        self._open()
        self._cursor.match_limit = min(max(limit, 1), _MOST_LIMIT)

    @method(pair=False)
    def get_match_limit(self) -> int:
        """Give that bound."""
        self._open()
        return int(self._cursor.match_limit)

    @method(pair=False)
    def did_exceed_match_limit(self) -> bool:
        """Tell whether it was met."""
        self._open()
        return bool(self._cursor.did_exceed_match_limit)

    @method(pair=False)
    def set_max_start_depth(self, depth: int) -> None:
        """Bound how deep matches begin."""
        self._open()
        self._cursor.set_max_start_depth(max(depth, 0))

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
        return offset >= 0 and bool(query.is_pattern_guaranteed_at_step(offset))

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
