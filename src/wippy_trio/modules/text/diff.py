"""Differences of texts and patches, on diff-match-patch.

Texts are compared by characters. The library stops to refine a difference after
``diff_timeout`` seconds of real time and gives what it has.

Source: modules-data 10.2.
"""

from __future__ import annotations

import html
from typing import Any

from wippy_trio.modules._texts import from_text, to_text
from wippy_trio.sdk import InvalidError, method

__all__ = ["Differ", "differ_of"]

LARGE = 4 * 1024
"""A few kilobytes that have nothing in common already take a second."""

_NAMES = {-1: "delete", 0: "equal", 1: "insert"}
_SHOWN = {"insert": ("\x1b[32m", "\x1b[0m"), "delete": ("\x1b[31m", "\x1b[0m")}
_MARKED = {
    "insert": ('<ins style="background:#e6ffe6;">', "</ins>"),
    "delete": ('<del style="background:#ffe6e6;">', "</del>"),
    "equal": ("<span>", "</span>"),
}
_LONGEST = 60.0
# Option: attribute of the library, smallest and greatest value. A margin of half a
# match would make the library cut a patch without end.
_OPTIONS = {
    "diff_timeout": ("Diff_Timeout", 0.0, _LONGEST),
    "diff_edit_cost": ("Diff_EditCost", 0.0, 1e6),
    "match_threshold": ("Match_Threshold", 0.0, 1.0),
    "match_distance": ("Match_Distance", 0.0, 1e9),
    "patch_delete_threshold": ("Patch_DeleteThreshold", 0.0, 1.0),
    "patch_margin": ("Patch_Margin", 0.0, 15.0),
}
_WHOLE = {"diff_edit_cost", "match_distance", "patch_margin"}


class Differ:
    """Compare texts with one set of options."""

    lua_name = "text.Differ"

    def __init__(self, library: Any) -> None:
        self._library = library

    @method(offload=LARGE)
    def compare(self, a: bytes, b: bytes) -> list[dict[str, Any]]:
        """List what is equal, deleted and inserted, character by character."""
        found = self._library.diff_main(to_text(a), to_text(b), False)
        return [
            {"operation": _NAMES[operation], "text": from_text(text)}
            for operation, text in found
        ]

    @method(pair=False)
    def summarize(self, diffs: list[Any]) -> dict[str, int]:
        """Count the bytes inserted, deleted and kept."""
        counts = {"insertions": 0, "deletions": 0, "equals": 0}
        names = {"insert": "insertions", "delete": "deletions", "equal": "equals"}
        for operation, text in _items(diffs):
            counts[names[operation]] += len(text.encode("utf-8", "surrogateescape"))
        return counts

    @method()
    def pretty_text(self, diffs: list[Any]) -> str | bytes:
        """Show a difference in the colours of a terminal."""
        pieces: list[str] = []
        for operation, text in _items(diffs):
            before, after = _SHOWN.get(operation, ("", ""))
            pieces += (before, text, after)
        return from_text("".join(pieces))

    @method()
    def pretty_html(self, diffs: list[Any]) -> str | bytes:
        """Show a difference as HTML."""
        pieces: list[str] = []
        for operation, text in _items(diffs):
            before, after = _MARKED[operation]
            shown = html.escape(text, quote=False)
            shown = shown.replace('"', "&#34;").replace("'", "&#39;")
            pieces += (before, shown.replace("\n", "&para;<br>"), after)
        return from_text("".join(pieces))

    @method(offload=LARGE)
    def patch_make(self, a: str, b: str) -> list[dict[str, str]]:
        """List the patches that make one text of another."""
        return [{"text": str(patch)} for patch in self._library.patch_make(a, b)]

    @method(offload=LARGE)
    def patch_apply(self, patches: list[Any], text: str) -> tuple[str, bool]:
        """Apply patches as far as they fit, also near their place."""
        read: list[Any] = []
        for item in patches if isinstance(patches, list) else ():
            source = item.get("text") if isinstance(item, dict) else None
            if not isinstance(source, str):
                continue
            try:
                read += self._library.patch_fromText(source)
            except ValueError:
                continue
        try:
            made, applied = self._library.patch_apply(read, text)
        except (ValueError, IndexError, RecursionError) as error:
            raise InvalidError(f"patches do not fit together: {error}") from None
        return made, all(applied)


def _items(diffs: Any) -> list[tuple[str, str]]:
    """Read a list of differences; malformed items are skipped."""
    found: list[tuple[str, str]] = []
    for item in diffs if isinstance(diffs, list) else ():
        if not isinstance(item, dict):
            continue
        operation, text = item.get("operation"), item.get("text")
        if operation in _MARKED and isinstance(text, (str, bytes)):
            found.append((operation, to_text(text)))
    return found


def differ_of(options: Any) -> Differ:
    """Make one; unknown options and those that are no numbers are ignored.

    A timeout of 0 means as long as it takes, here at most a minute.
    """
    import diff_match_patch  # noqa: PLC0415 - an extra

    library = diff_match_patch.diff_match_patch()
    given = options if isinstance(options, dict) else {}
    for name, (attribute, low, high) in _OPTIONS.items():
        value = given.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if value != value or value < low:
            continue
        bounded = min(float(value), high)
        setattr(library, attribute, int(bounded) if name in _WHOLE else bounded)
    if library.Diff_Timeout <= 0:
        library.Diff_Timeout = _LONGEST
    return Differ(library)
