"""The three pattern languages."""

from __future__ import annotations

import pytest

from wippy_trio.errors import InvalidError
from wippy_trio.registry import (
    EntryPattern,
    match_glob,
    match_name,
    match_policy,
    match_subtree,
)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("app", "app", True),
        ("app", "app.x", False),
        ("app.*", "app.x", True),
        ("app.*", "app.x.y", False),
        ("app.*", "app", False),
        ("app.**", "app.x.y", True),
        ("app.**", "app", False),
        ("**", "anything.at.all", True),
        ("*.test", "app.test", True),
        ("*.test", "a.b.test", False),
        ("**.test", "a.b.test", True),
        ("app.(api|web)", "app.web", True),
        ("app.(api|web)", "app.cli", False),
        ("(a|b.*).c", "b.x.c", True),
        ("a+b", "aab", False),
        ("a|b", "a|b", True),
    ],
)
def test_namespace_patterns(pattern: str, text: str, matches: bool) -> None:
    assert match_name(pattern, text) is matches  # apps 1.9


@pytest.mark.parametrize("pattern", ["app.(a|b", "a)", "a)(b"])
def test_brackets_have_to_pair_up(pattern: str) -> None:
    with pytest.raises(InvalidError, match="do not pair up"):
        match_name(pattern, "x")


@pytest.mark.parametrize("pattern", ["app.*", "app.**"])
def test_a_subtree_contains_its_root(pattern: str) -> None:
    assert match_subtree(pattern, "app")  # apps 1.9, 10.4.2
    assert match_subtree(pattern, "app.a.b")
    assert not match_subtree(pattern, "apple")
    assert match_subtree("app", "app")
    assert not match_subtree("app", "app.a")


def test_an_entry_pattern_has_two_halves() -> None:
    pattern = EntryPattern.parse("app.**:test_*")
    assert pattern.matches("app.x", "test_one")  # apps 1.9
    assert not pattern.matches("app", "test_one")
    assert not pattern.matches("app.x", "one")
    for text in ("app", "app:", ":x"):
        with pytest.raises(InvalidError, match="wanted"):
            EntryPattern.parse(text)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("function.*", "function.lua", True),
        ("function.*", "function.lua.bc", True),
        ("*.lua", "process.lua", True),
        ("a*c", "abbbc", True),
        ("a*c", "abbb", False),
        ("a.c", "abc", False),
        ("exact", "exact", True),
        ("", "", True),
    ],
)
def test_query_globs(pattern: str, text: str, matches: bool) -> None:
    assert match_glob(pattern, text) is matches  # apps 7.3


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*", "anything", True),
        ("process.*", "process.spawn", True),
        ("process.*", "process", True),
        ("process.*", "processor", False),
        ("pro*", "processor", True),
        ("*.read", "files.read", True),
        ("a.*.z", "a.b.z", True),
        ("exact", "exact", True),
        ("exact", "other", False),
    ],
)
def test_policy_wildcards(pattern: str, text: str, matches: bool) -> None:
    assert match_policy(pattern, text) is matches  # apps 8.2, 13.12
