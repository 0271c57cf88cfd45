"""The routing table: which route serves a method and a path (modules-io 8.2).

A pattern is a list of segments: a text, one parameter ``{name}``, or the rest of the
path ``{name...}``. A pattern that ends in a slash stands for everything below it;
``{$}`` at its end stands for the slash alone. Of two patterns that match a path the
more specific one wins, whatever order they were added in; two that overlap with neither
the more specific are a conflict, and the table is not built.

A table is never changed: a new one is built and put in its place, so a request that
runs keeps the one it started with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from wippy_trio.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "Found",
    "Mount",
    "Pattern",
    "Route",
    "Table",
    "clean_path",
    "join_path",
    "parse_pattern",
    "refuse_conflicts",
]


class Segment(NamedTuple):
    """One segment: ``text``, ``param``, ``rest`` or ``end`` (the slash alone)."""

    kind: str
    value: str


class Pattern(NamedTuple):
    """A path with parameters, as it was written and taken apart."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def subtree(self) -> bool:
        """Whether it stands for everything below it."""
        return bool(self.segments) and self.segments[-1].kind == "rest"


class Route(NamedTuple):
    """One thing that is served."""

    method: str
    pattern: Pattern
    target: Any


class Mount(NamedTuple):
    """A prefix below which something else decides."""

    prefix: str
    target: Any


class Found(NamedTuple):
    """What the table says of a request.

    ``route`` with ``params``; or ``mount`` with the ``rest`` of the path; or a path to
    ``redirect`` to; or the methods that the path ``allowed``; or nothing.
    """

    route: Route | None = None
    params: Mapping[str, str] | None = None
    mount: Mount | None = None
    rest: str = ""
    redirect: str = ""
    allowed: tuple[str, ...] = ()


def parse_pattern(text: str) -> Pattern:
    """Read a pattern.

    Raises:
      InvalidError: It does not begin with a slash, a brace is not closed, a name is
        missing or comes twice, or something follows ``{name...}``.
    """
    if not text.startswith("/"):
        raise InvalidError(f"path {text!r}: wanted it to begin with /")
    parts = text[1:].split("/")
    segments: list[Segment] = []
    names: set[str] = set()
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if part == "" and last:
            segments.append(Segment("rest", ""))
        elif part == "{$}":
            if not last:
                raise InvalidError(f"path {text!r}: {{$}} stands at the end only")
            segments.append(Segment("end", ""))
        elif part.startswith(("{", ":")):
            segments.append(_wildcard(part, text, names, last=last))
        elif "{" in part or "}" in part:
            raise InvalidError(f"path {text!r}: a parameter is a whole segment")
        else:
            segments.append(Segment("text", unquote(part)))
    return Pattern(text, tuple(segments))


def _wildcard(part: str, text: str, names: set[str], *, last: bool) -> Segment:
    if part.startswith(":"):
        name, kind = part[1:], "param"
    elif not part.endswith("}"):
        raise InvalidError(f"path {text!r}: {part!r} is not closed")
    else:
        name, kind = part[1:-1], "param"
        if name.endswith("..."):
            name, kind = name[:-3], "rest"
    if not name.isidentifier() and not name.replace("-", "_").isidentifier():
        raise InvalidError(f"path {text!r}: {part!r}: wanted a name")
    if name in names:
        raise InvalidError(f"path {text!r}: {name} comes twice")
    if kind == "rest" and not last:
        raise InvalidError(f"path {text!r}: {part} must be the last segment")
    names.add(name)
    return Segment(kind, name)


def join_path(prefix: str, path: str) -> str:
    """Put a router's prefix before a path (modules-io 8.2)."""
    prefix = prefix.rstrip("/")
    if prefix and not prefix.startswith("/"):
        prefix = "/" + prefix
    return prefix + path


def clean_path(path: str) -> str:
    """Take double slashes and dot segments out of an encoded path."""
    if "//" not in path and "/." not in path:
        return path if path.startswith("/") else "/" + path
    out: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            if out:
                out.pop()
        elif part not in ("", "."):
            out.append(part)
    cleaned = "/" + "/".join(out)
    ends_in_slash = parts[-1] in ("", ".", "..")
    return cleaned + "/" if ends_in_slash and cleaned != "/" else cleaned


# -- which of two patterns is more specific -----------------------------------------

_EQUAL, _MORE, _LESS, _OVERLAP, _APART = "equal", "more", "less", "overlap", "apart"


def compare(a: Pattern, b: Pattern) -> str:
    """Relate the sets of paths of two patterns.

    Returns:
      ``equal``; ``more``: the first is more specific; ``less``; ``overlap``: neither
      is, and some path matches both; ``apart``: no path matches both.
    """
    so_far = _EQUAL
    for position in range(max(len(a.segments), len(b.segments))):
        left = a.segments[position] if position < len(a.segments) else None
        right = b.segments[position] if position < len(b.segments) else None
        relation = _compare(left, right)
        if relation == _APART:
            return _APART
        so_far = _both(so_far, relation)
        if (left and left.kind == "rest") or (right and right.kind == "rest"):
            break
    return so_far


def _compare(left: Segment | None, right: Segment | None) -> str:
    if left is None or right is None:
        return _APART
    a, b = left.kind, right.kind
    if a == b:
        return _EQUAL if a != "text" or left.value == right.value else _APART
    if b == "rest":
        return _MORE
    if a == "rest":
        return _LESS
    if "end" in (a, b):
        return _APART
    return _MORE if a == "text" else _LESS


def _both(one: str, two: str) -> str:
    if one == _EQUAL:
        return two
    if two in (_EQUAL, one):
        return one
    return _OVERLAP


class _Node:
    """One level of the tree of a method's patterns."""

    __slots__ = ("end", "here", "param", "rest", "texts")

    def __init__(self) -> None:
        self.texts: dict[str, _Node] = {}
        self.param: _Node | None = None
        self.rest: Route | None = None
        self.end: Route | None = None
        self.here: Route | None = None

    def add(self, route: Route) -> None:
        node = self
        for segment in route.pattern.segments:
            if segment.kind == "text":
                node = node.texts.setdefault(segment.value, _Node())
            elif segment.kind == "param":
                if node.param is None:
                    node.param = _Node()
                node = node.param
            elif segment.kind == "rest":
                node.rest = route
                return
            else:
                node.end = route
                return
        node.here = route

    def find(
        self, parts: Sequence[str], at: int, values: list[str]
    ) -> tuple[Route, int] | None:
        """Find the most specific route; texts beat parameters, these beat rests."""
        if at == len(parts):
            return None if self.here is None else (self.here, at)
        part = parts[at]
        if part == "" and at == len(parts) - 1:
            if self.end is not None:
                return self.end, at
        else:
            below = self.texts.get(part)
            if below is not None:
                found = below.find(parts, at + 1, values)
                if found is not None:
                    return found
            if self.param is not None and part:
                mark = len(values)
                values.append(part)
                found = self.param.find(parts, at + 1, values)
                if found is not None:
                    return found
                del values[mark:]
        return None if self.rest is None else (self.rest, at)


def refuse_conflicts(route: Route, others: Iterable[Route]) -> None:
    """Refuse a route that overlaps others with neither the more specific.

    Raises:
      ConflictError: The text lists them all.
    """
    conflicts = sorted(
        f"{route.method} {other.pattern.text} and {route.pattern.text}"
        for other in others
        if other.method == route.method
        and compare(route.pattern, other.pattern) in (_EQUAL, _OVERLAP)
    )
    if conflicts:
        raise ConflictError(
            "routes conflict: " + "; ".join(conflicts),
            retryable=False,
            details={"conflicts": conflicts},
        )


class Table:
    """Find routes and mounts; built once, never changed.

    Whoever adds a route asks `refuse_conflicts` first.
    """

    def __init__(
        self, routes: Iterable[Route] = (), mounts: Iterable[Mount] = ()
    ) -> None:
        self.routes = tuple(routes)
        self.mounts = tuple(
            sorted(
                (Mount(m.prefix.rstrip("/"), m.target) for m in mounts),
                key=lambda mount: -len(mount.prefix),
            )
        )
        self._trees: dict[str, _Node] = {}
        self._plain: dict[tuple[str, str], Route] = {}
        for route in self.routes:
            self._trees.setdefault(route.method, _Node()).add(route)
        for route in self.routes:  # texts alone: one look-up finds them
            if all(segment.kind == "text" for segment in route.pattern.segments):
                self._plain[route.method, route.pattern.text] = route

    def find(self, method: str, path: str) -> Found:
        """Tell what serves a request.

        Args:
          method: Of the request.
          path: Still percent-encoded, so that ``%2F`` is no slash.
        """
        plain = self._plain.get((method, path))
        if plain is not None and "%" not in path:
            return Found(plain, {})
        cleaned = clean_path(path)
        if cleaned != path:
            return Found(redirect=cleaned)
        parts = path[1:].split("/")
        if "%" in path:
            parts = [unquote(part) for part in parts]
        found = self._route(method, parts)
        if found is None and method == "HEAD":
            found = self._route("GET", parts)
        if found is not None:
            route, values = found
            names = [s.value for s in route.pattern.segments if s.kind == "param"]
            return Found(route, dict(zip(names, values, strict=True)))
        allowed = self._allowed(parts)
        if allowed:
            return Found(allowed=allowed)
        if not path.endswith("/") and self._allowed([*parts, ""], exact=True):
            return Found(redirect=path + "/")
        for mount in self.mounts:
            if path == mount.prefix or path.startswith(mount.prefix + "/"):
                return Found(mount=mount, rest=path[len(mount.prefix) :])
        return Found()

    def _route(self, method: str, parts: list[str]) -> tuple[Route, list[str]] | None:
        tree = self._trees.get(method)
        if tree is None:
            return None
        values: list[str] = []
        found = tree.find(parts, 0, values)
        return None if found is None else (found[0], values)

    def _allowed(self, parts: list[str], *, exact: bool = False) -> tuple[str, ...]:
        """List the methods that a path has, with what they bring along."""
        found: set[str] = set()
        for method in self._trees:
            route = self._route(method, parts)
            if route is None or (exact and not _ends_here(route[0], parts)):
                continue
            found.add(method)
            if method == "GET":
                found.add("HEAD")
        if found:
            found.add("OPTIONS")
        return tuple(sorted(found))

    def route_for_options(self, path: str) -> Route | None:
        """Find a route of a path in any method, for its automatic OPTIONS."""
        parts = [unquote(part) for part in path[1:].split("/")]
        for method in sorted(self._trees):
            found = self._route(method, parts)
            if found is not None:
                return found[0]
        return None


def _ends_here(route: Route, parts: list[str]) -> bool:
    """Tell whether a subtree begins at this path, not somewhere above it."""
    return len(route.pattern.segments) == len(parts)
