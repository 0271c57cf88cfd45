"""The routing table: modules-io 8.2, apps 2.3."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.errors import ConflictError, InvalidError
from wippy_trio.services.http.routing import (
    Mount,
    Route,
    Table,
    clean_path,
    compare,
    join_path,
    parse_pattern,
    refuse_conflicts,
)


def table(*routes: str, mounts: tuple[str, ...] = ()) -> Table:
    """Build a table; each route is ``METHOD /path`` and its own target."""
    made: list[Route] = []
    for text in routes:
        method, path = text.split(" ")
        route = Route(method, parse_pattern(path), text)
        refuse_conflicts(route, made)
        made.append(route)
    return Table(made, [Mount(prefix, prefix) for prefix in mounts])


def target(found: Table, method: str, path: str) -> str | None:
    route = found.find(method, path).route
    return None if route is None else str(route.target)


def test_the_most_specific_pattern_wins_in_any_order() -> None:
    """A text beats a parameter, which beats the rest (modules-io 8.2)."""
    routes = ["GET /a/b", "GET /a/{x}", "GET /a/{x...}", "GET /{x...}"]
    for order in itertools.permutations(routes):
        found = table(*order)
        assert target(found, "GET", "/a/b") == "GET /a/b"
        assert target(found, "GET", "/a/c") == "GET /a/{x}"
        assert target(found, "GET", "/a/c/d") == "GET /a/{x...}"
        assert target(found, "GET", "/z") == "GET /{x...}"


def test_parameters_are_decoded_and_slashes_in_them_are_no_slashes() -> None:
    """``%2F`` stays inside a segment; the rest is matched and not shown."""
    found = table("GET /u/{id}/f/{name...}", "GET /old/:id")
    result = found.find("GET", "/u/a%2Fb%20c/f/x/y")
    assert result.params == {"id": "a/b c"}  # apps 2.3: the rest gives nil
    assert found.find("GET", "/old/7").params == {"id": "7"}  # :name is {name}
    assert found.find("GET", "/old/").route is None


def test_a_path_that_ends_in_a_slash_is_a_subtree() -> None:
    """``/`` below ``/api`` matches all below ``/api/``; ``{$}`` anchors it."""
    found = table("GET /api/", "GET /only/{$}")
    assert target(found, "GET", "/api/") == "GET /api/"
    assert target(found, "GET", "/api/x/y") == "GET /api/"
    assert found.find("GET", "/api").redirect == "/api/"  # apps 2.3
    assert target(found, "GET", "/only/") == "GET /only/{$}"
    assert found.find("GET", "/only/x").route is None
    assert found.find("GET", "/only").redirect == "/only/"


def test_methods() -> None:
    """GET serves HEAD; a known path with another method says what it has."""
    found = table("GET /a", "POST /a", "HEAD /h", "GET /h", "DELETE /{x}")
    assert target(found, "HEAD", "/a") == "GET /a"
    assert target(found, "HEAD", "/h") == "HEAD /h"
    allowed = found.find("PUT", "/a").allowed
    assert allowed == ("DELETE", "GET", "HEAD", "OPTIONS", "POST")
    assert found.find("OPTIONS", "/a").allowed == allowed
    assert found.find("GET", "/b/c") == (None, None, None, "", "", ())
    assert target(found, "DELETE", "/a") == "DELETE /{x}"


def test_mounts_come_last() -> None:
    """A prefix is a whole segment, the longest one wins, routes beat them all."""
    found = table("GET /static/app.js", mounts=("/", "/static", "/static/deep/"))
    assert target(found, "GET", "/static/app.js") == "GET /static/app.js"
    assert found.find("GET", "/static/x").mount == Mount("/static", "/static")
    assert found.find("GET", "/static/x").rest == "/x"
    assert found.find("GET", "/static/deep/y").rest == "/y"
    assert found.find("GET", "/staticx").mount == Mount("", "/")
    assert found.find("PUT", "/static").rest == ""


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/a//b", "/a/b"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../a", "/a"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a/b/", "/a/b/"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a/...", "/a/..."),
    ],
)
def test_unclean_paths_are_redirected(path: str, clean: str) -> None:
    """Duplicate slashes and dot segments go (modules-io 8.2)."""
    assert clean_path(path) == clean
    assert clean_path(clean) == clean
    assert table().find("GET", path).redirect == ("" if path == clean else clean)


@pytest.mark.parametrize(
    ("one", "two", "relation"),
    [
        ("/a", "/a", "equal"),
        ("/{x}", "/{y}", "equal"),
        ("/a", "/b", "apart"),
        ("/a", "/a/b", "apart"),
        ("/a", "/{x}", "more"),
        ("/{x...}", "/{x}", "less"),
        ("/a/{x}", "/{y}/b", "overlap"),
        ("/a/", "/a/{$}", "less"),
        ("/a/", "/a/{x}", "less"),
        ("/{x}/", "/a/{y}", "less"),
        ("/{x}/b", "/a/{y...}", "overlap"),
        ("/a/{$}", "/a/{x}", "apart"),
    ],
)
def test_patterns_are_compared(one: str, two: str, relation: str) -> None:
    """Both ways round."""
    mirrored = {"more": "less", "less": "more"}.get(relation, relation)
    assert compare(parse_pattern(one), parse_pattern(two)) == relation
    assert compare(parse_pattern(two), parse_pattern(one)) == mirrored


def test_conflicts_are_refused_with_all_their_names() -> None:
    """Same method, overlapping, neither more specific (modules-io 8.2)."""
    with pytest.raises(ConflictError, match=r"GET /a/\{x\} and /\{y\}/b"):
        table("GET /a/{x}", "GET /{y}/b")
    table("GET /a/{x}", "POST /{y}/b")


@pytest.mark.parametrize(
    "path",
    ["a", "", "/{", "/{}", "/{a", "/a{b}", "/{a}/{a}", "/{a...}/b", "/{$}/a", "/{a b}"],
)
def test_bad_patterns_are_refused(path: str) -> None:
    """The text names the path."""
    with pytest.raises(InvalidError, match="path"):
        parse_pattern(path)


def test_prefix_and_path() -> None:
    """The prefix loses its trailing slash (modules-io 8.2)."""
    assert join_path("/", "/hello") == "/hello"
    assert join_path("/api/", "/") == "/api/"
    assert join_path("api", "/x") == "/api/x"
    assert join_path("", "/x") == "/x"


SEGMENT = st.sampled_from(["a", "b", "{p}", "{q}"])
PATTERN = st.builds(
    lambda parts, end: "/" + "/".join([*_renamed(parts), *end]),
    st.lists(SEGMENT, min_size=0, max_size=3),
    st.sampled_from([[], [""], ["{r...}"], ["{$}"]]),
)


def _renamed(parts: list[str]) -> list[str]:
    return [
        f"{{p{i}}}" if part.startswith("{") else part for i, part in enumerate(parts)
    ]


def matches(pattern: str, path: str) -> bool:
    """The naive model: one pattern against one path."""
    want, have = pattern[1:].split("/"), path[1:].split("/")
    for i, part in enumerate(want):
        last = i == len(want) - 1
        if last and (part == "" or part.endswith("...}")):
            return len(have) > i
        if i >= len(have):
            return False
        if last and part == "{$}":
            return have[i:] == [""]
        if part.startswith("{"):
            if have[i] == "":
                return False
        elif part != have[i]:
            return False
    return len(want) == len(have)


PATHS = [
    "/" + "/".join(parts) + end
    for size in range(4)
    for parts in itertools.product("abc", repeat=size)
    for end in ("", "/")
    if parts or not end
]


@given(st.lists(PATTERN, max_size=6, unique=True))
def test_the_table_finds_what_a_naive_search_finds(patterns: list[str]) -> None:
    """What is found matches, and nothing that matches is more specific."""
    routes: list[Route] = []
    for text in patterns:
        route = Route("GET", parse_pattern(text), text)
        try:
            refuse_conflicts(route, routes)
        except ConflictError:
            continue
        routes.append(route)
    found = Table(routes)
    for path in PATHS:
        if clean_path(path) != path:
            continue
        candidates = [r for r in routes if matches(r.target, path)]
        got = found.find("GET", path).route
        if not candidates:
            assert got is None
            continue
        assert got in candidates
        for other in candidates:
            assert compare(got.pattern, other.pattern) in ("equal", "more")
