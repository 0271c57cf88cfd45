"""Sets of elements and attributes that belong together.

Source: modules-data 8, 8.1.
"""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["IMAGES", "LISTS", "STANDARD", "TABLES", "USERS", "Preset"]

Preset: TypeAlias = tuple[tuple[tuple[str, ...], tuple[str, ...], str | None], ...]
"""Elements, attributes on them, the pattern of their values."""

_LENGTH = r"^[0-9]+%?$"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?$"
_INTEGER = r"^[0-9]+$"
_ALIGN = r"^(?i)(center|justify|left|right|char|top|middle|bottom|baseline)$"
_TIME = r"^[0-9A-Za-z:.+ -]+$"

STANDARD: tuple[tuple[str, str | None], ...] = (
    ("dir", r"^(?i)(rtl|ltr|auto)$"),
    ("lang", r"^[a-zA-Z]{2,20}(-[a-zA-Z0-9]+)*$"),
    ("id", r"^[a-zA-Z0-9:_.-]+$"),
    ("title", None),
)
"""``class`` is not among them: it would let users borrow the looks of the page."""

IMAGES: Preset = (
    (
        ("img",),
        ("align",),
        r"^(?i)(left|right|top|texttop|middle|absmiddle|baseline|bottom|absbottom)$",
    ),
    (("img",), ("alt", "src"), None),
    (("img",), ("height", "width"), _LENGTH),
)

LISTS: Preset = (
    (("dl", "dt", "dd", "ol", "ul", "li"), (), None),
    (("ol", "ul", "li"), ("type",), r"^(?i)(circle|disc|square|a|i|1)$"),
    (("li",), ("value",), _INTEGER),
    (("ol",), ("start",), r"^-?[0-9]+$"),
)

TABLES: Preset = (
    (("table", "caption"), (), None),
    (("table",), ("height", "width"), _LENGTH),
    (("table",), ("summary",), None),
    (("col", "colgroup"), ("align", "valign"), _ALIGN),
    (("col", "colgroup"), ("span",), _INTEGER),
    (("col", "colgroup"), ("height", "width"), _LENGTH),
    (("thead", "tbody", "tfoot", "tr"), ("align", "valign"), _ALIGN),
    (("td", "th"), ("align", "valign"), _ALIGN),
    (("td", "th"), ("colspan", "rowspan"), _INTEGER),
    (("td", "th"), ("height", "width"), _LENGTH),
    (("td", "th"), ("abbr", "headers"), r"^[\p{L}\p{N}\s_.-]*$"),
    (("td", "th"), ("scope",), r"^(?i)(row|col|rowgroup|colgroup)$"),
    (("td", "th"), ("nowrap",), r"^(?i)(nowrap)?$"),
)

_BARE = (
    "article aside figure section summary hgroup h1 h2 h3 h4 h5 h6 br div hr p span wbr"
    " abbr acronym cite code dfn em figcaption mark s samp strong sub sup var b i pre"
    " small strike tt u bdi rp rt ruby"
)

USERS: Preset = (
    (tuple(_BARE.split()), (), None),
    (("details",), ("open",), r"^(?i)(open)?$"),
    (("blockquote", "q", "del", "ins"), ("cite",), None),
    (("del", "ins", "time"), ("datetime",), _TIME),
    (("a", "area"), ("href",), None),
    (("map",), ("name",), r"^[\p{L}\p{N}_-]+$"),
    (("area",), ("alt",), None),
    (("area",), ("coords",), r"^([0-9]+,)+[0-9]+$"),
    (("area",), ("shape",), r"^(?i)(default|circle|rect|poly)$"),
    (("img",), ("usemap",), r"^#[\p{L}\p{N}_-]+$"),
    (("bdo",), ("dir",), r"^(?i)(rtl|ltr)$"),
    (("meter",), ("value", "min", "max", "low", "high", "optimum"), _NUMBER),
    (("progress",), ("value", "max"), _NUMBER),
)
