"""Queries over entries."""

from __future__ import annotations

from typing import Any

import pytest

from wippy_trio.registry import Entry, find

ENTRIES = [
    Entry("app:b", "function.lua", {"type": "test", "order": 1, "tags": ["x", "y"]}),
    Entry("app:a", "function.lua.bc", {"type": "tool", "graph.rule": "r", "on": True}),
    Entry("app.sub:c", "registry.entry", {"type": "testing", "n": None}),
]


def ids(criteria: dict[str, Any]) -> list[str]:
    return [entry.id for entry in find(ENTRIES, criteria).entries]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({".kind": "function.lua"}, ["app:b"]),
        ({".kind": "function.*"}, ["app:a", "app:b"]),
        ({".kind": "*.entry"}, ["app.sub:c"]),
        ({".ns": "app"}, ["app:a", "app:b"]),
        ({".name": "b"}, ["app:b"]),
        ({".id": "app:*"}, ["app:a", "app:b"]),
        ({".id": ["app:a", "app:b"]}, ["app:a", "app:b"]),
        ({".kind": 5}, []),
        ({"meta.type": "test"}, ["app:b"]),
        ({"meta.order": 1}, ["app:b"]),
        ({"meta.order": 1.0}, ["app:b"]),
        ({"meta.order": True}, []),
        ({"meta.on": True}, ["app:a"]),
        ({"meta.on": 1}, []),
        ({"meta.graph.rule": "r"}, ["app:a"]),
        ({"meta.tags": ["y", "x"]}, ["app:b"]),
        ({"meta.tags": ["x", "z"]}, []),
        ({"meta.absent": "x"}, []),
        ({"~meta.type": "^test(ing)?$"}, ["app.sub:c", "app:b"]),
        ({"~meta.order": "1"}, []),
        ({"*meta.type": "oo"}, ["app:a"]),
        ({"*meta.tags": "y"}, ["app:b"]),
        ({"*meta.order": 1}, []),
        ({"^meta.type": "test"}, ["app.sub:c", "app:b"]),
        ({"$meta.type": "ing"}, ["app.sub:c"]),
        ({"^.name": "a"}, ["app:a"]),
        ({"meta": {"meta.type": "tool"}}, ["app:a"]),
        ({".ns": "app", "meta.type": "tool"}, ["app:a"]),
    ],
)
def test_conditions_hold_together_and_results_are_sorted(
    criteria: dict[str, Any], expected: list[str]
) -> None:
    found = find(ENTRIES, criteria)
    assert [entry.id for entry in found.entries] == expected  # apps 7.3, 13.11
    assert found.findings == []


def test_an_empty_filter_returns_everything() -> None:
    assert ids({}) == ["app.sub:c", "app:a", "app:b"]  # apps 7.3


@pytest.mark.parametrize(
    ("criteria", "field", "instead"),
    [
        ({"kind": "registry.entry"}, "kind", "meta.kind"),
        ({"*type": "x"}, "*type", "*meta.type"),
        ({".other": "x"}, ".other", "meta.other"),
        ({"meta": {"type": "x"}}, "type", "meta.type"),
    ],
)
def test_a_key_without_prefix_is_ignored_with_a_warning(
    criteria: dict[str, Any], field: str, instead: str
) -> None:
    found = find(ENTRIES, criteria)
    assert len(found.entries) == 3  # apps 7.3
    (finding,) = found.findings
    assert finding == (
        "warning",
        "metadata field must use 'meta.' prefix",
        {"field": field, "use_instead": instead},
        "finder",
    )  # apps 7.3


def test_a_regular_expression_that_repeats_repeats_is_not_slow() -> None:
    """A backtracking engine would need longer than the universe for this one."""
    entry = Entry("app:x", "k", {"text": "a" * 5000 + "!"})
    assert find([entry], {"~meta.text": "^(a+)+$"}).entries == []
    assert find([entry], {"~meta.text": "(?i)A!$"}).entries == [entry]  # modules-io 13


def test_a_bad_regular_expression_is_ignored_with_a_warning() -> None:
    found = find(ENTRIES, {"~meta.type": "("})
    assert len(found.entries) == 3  # modules-io 13
    assert found.findings[0].message == "invalid regular expression"
    assert find(ENTRIES, {"^meta.type": 5}).findings[0].fields["got"] == "int"
