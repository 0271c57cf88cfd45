"""Entries, ids, kinds, paths and placeholders."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from wippy_trio import registry
from wippy_trio.errors import InvalidError
from wippy_trio.registry import (
    INTERNAL_KINDS,
    KINDS,
    Entry,
    EntryId,
    Placeholder,
    complete_id,
    known_kind,
    lua_kind,
    make_entry,
    parse_path,
    put,
    same_value,
    split_placeholders,
)


def test_an_id_splits_at_its_first_colon() -> None:
    assert EntryId.parse("a:b:c") == ("a", "b:c")  # apps 1.8.1
    assert EntryId.parse("plain") == ("", "plain")  # apps 1.8.1
    assert str(EntryId.parse("a:b:c")) == "a:b:c"
    assert str(EntryId.parse("plain")) == "plain"


def test_a_bare_name_takes_the_namespace_of_who_refers_to_it() -> None:
    assert complete_id("gateway", "app.api") == "app.api:gateway"  # apps 1.8.2
    assert complete_id("other:gateway", "app.api") == "other:gateway"
    assert complete_id("", "app") == ""


def test_an_entry_knows_its_namespace_and_name() -> None:
    entry = Entry("shop.api:ping:v1", "function.lua", {})
    assert (entry.ns, entry.name) == ("shop.api", "ping:v1")


def test_an_entry_is_made_from_text_or_from_a_map_of_ns_and_name() -> None:
    made = make_entry({"ns": "app", "name": "x"}, "registry.entry", {"a": 1, 2: 3}, [1])
    assert made == Entry("app:x", "registry.entry", {"a": 1}, [1])  # apps 7.2
    assert make_entry("app:x", "registry.entry", "no map").meta == {}


@pytest.mark.parametrize(
    "id_", [None, "", "bare", ":x", "app:", 5, {"ns": "app"}, {"ns": "", "name": "x"}]
)
def test_a_malformed_id_is_invalid(id_: object) -> None:
    with pytest.raises(InvalidError, match="wanted text"):  # apps 7.2
        make_entry(id_, "registry.entry")


@pytest.mark.parametrize("kind", [None, "", "  ", 5])
def test_an_entry_without_kind_is_invalid_and_named(kind: object) -> None:
    with pytest.raises(InvalidError, match="entry app:x: kind"):  # apps 7.2
        make_entry("app:x", kind)


def test_data_that_is_nested_too_deep_is_refused() -> None:
    """What contains itself is nested without end."""
    circle: list[Any] = []
    circle.append({"x": circle})
    with pytest.raises(InvalidError, match="app:x: data: nested deeper than 200"):
        make_entry("app:x", "k", {}, circle)
    with pytest.raises(InvalidError, match="app:x: meta: nested"):
        make_entry("app:x", "k", {"m": circle})


def test_values_are_the_same_only_with_their_types() -> None:
    assert same_value({"a": [1, "x", None]}, {"a": [1, "x", None]})
    assert not same_value(True, 1)
    assert not same_value(1, 1.0)
    assert not same_value({"a": 1}, {"a": True})
    assert not same_value([1], [1, 2])
    assert not same_value({"a": 1}, {"b": 1})


def test_every_kind_of_the_reference_is_known_and_no_other() -> None:
    assert {"http.router", "process.wasm", "security.policy.expr"} <= KINDS
    assert all(known_kind(kind) for kind in KINDS)
    assert known_kind("function.lua.bc")  # apps 2.0.3
    assert known_kind("workflow.lua.other.one")  # apps 2.0.3
    assert not known_kind("function.luax")
    assert not known_kind("http.gateway")  # apps 13.4
    assert INTERNAL_KINDS < KINDS  # apps 7.4.2
    assert lua_kind("process.lua.bc") == "process.lua"
    assert lua_kind("process.service") is None


@pytest.mark.parametrize(
    ("text", "part", "steps"),
    [
        (".host", "data", ("host",)),
        (" data.pool.size ", "data", ("pool", "size")),
        ("pool.size", "data", ("pool", "size")),
        ("meta.router", "meta", ("router",)),
        (".meta.router", "meta", ("router",)),
        ("meta", "data", ("meta",)),
        ("data", "data", ("data",)),
        ("kind", "data", ("kind",)),
    ],
)
def test_paths_choose_a_part_and_steps(
    text: str, part: str, steps: tuple[str, ...]
) -> None:
    assert parse_path(text) == (part, steps)  # apps 1.9, 1.10.4


def test_the_path_kind_means_the_kind_where_that_is_asked_for() -> None:
    assert parse_path("kind", kind=True) == ("kind", ())  # apps 1.9


@pytest.mark.parametrize("text", ["", ".", "a..b", "a.", "..a"])
def test_a_path_with_an_empty_step_is_invalid(text: str) -> None:
    with pytest.raises(InvalidError, match="empty one"):
        parse_path(text)


def test_a_value_is_put_without_touching_the_entry_it_came_from() -> None:
    data: dict[str, Any] = {"pool": {"size": 1}, "keep": {"x": 1}}
    old = Entry("app:x", "k", {"graph.rule": "a", "n": {"m": 1}}, data)

    new = put(old, parse_path("pool.size"), 9)

    assert old.data == {"pool": {"size": 1}, "keep": {"x": 1}}
    assert new.data == {"pool": {"size": 9}, "keep": {"x": 1}}
    assert new.data["keep"] is data["keep"]
    assert put(old, parse_path("a.b.c"), 1).data["a"] == {"b": {"c": 1}}  # apps 1.9
    assert put(Entry("a:x", "k", {}), parse_path("a.b"), 1).data == {"a": {"b": 1}}


def test_a_flat_meta_key_with_dots_is_found_under_its_whole_name() -> None:
    entry = Entry("app:x", "k", {"graph.rule": "a", "n": {"m": 1}})
    assert put(entry, parse_path("meta.graph.rule"), "b").meta["graph.rule"] == "b"
    assert put(entry, parse_path("meta.n.m"), 2).meta["n"] == {"m": 2}  # apps 1.5.4


def test_list_items_are_reached_by_index() -> None:
    entry = Entry("app:x", "k", {}, {"items": [{"a": 1}]})
    assert put(entry, parse_path("items.0.a"), 2).data == {"items": [{"a": 2}]}
    with pytest.raises(InvalidError, match=r"entry app:x.*wanted a map above '1'"):
        put(entry, parse_path("items.1.a"), 2)


def test_appending_makes_a_list_and_adds_nothing_twice() -> None:
    entry = Entry("app:x", "k", {}, {"l": ["a"], "s": "text"})
    path = parse_path("l")
    assert put(entry, path, "b", append=True).data["l"] == ["a", "b"]  # apps 1.10.4
    assert put(entry, path, "a", append=True).data["l"] == ["a"]
    assert put(entry, path, ["a", "c"], append=True).data["l"] == ["a", "c"]
    assert put(entry, parse_path("new"), "b", append=True).data["new"] == ["b"]
    with pytest.raises(InvalidError, match="wanted a list to append to, found str"):
        put(entry, parse_path("s"), "b", append=True)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain", ["plain"]),
        ("", []),
        ("${env:A}", [Placeholder("A", None)]),
        ("${env:app:a|x y}", [Placeholder("app:a", "x y")]),
        ("${env:A|}", [Placeholder("A", "")]),
        ("${A_1|x}", [Placeholder("A_1", "x")]),
        ("${A}", ["${A}"]),
        ("${A:-x}", ["${A:-x}"]),
        ("${a|x}", ["${a|x}"]),
        ("$${env:A}", ["${", "env:A}"]),
        ("a${env:B}c", ["a", Placeholder("B", None), "c"]),
    ],
)
def test_placeholders_are_told_from_text(text: str, pieces: list[object]) -> None:
    assert split_placeholders(text) == pieces  # apps 1.11


def test_the_door_knows_every_name_it_lists() -> None:
    for name in registry.__all__:
        assert getattr(registry, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = registry.nothing_like_it


def test_importing_the_room_imports_nothing_heavy() -> None:
    """The door is lazy, and what is behind it needs the standard library only."""
    script = (
        "import sys, wippy_trio.registry as r\n"
        "ours = [m for m in sys.modules if m.startswith('wippy_trio.')]\n"
        "assert ours == ['wippy_trio._version', 'wippy_trio.registry'], ours\n"
        "for name in r.__all__: getattr(r, name)\n"
        "bad = {'trio', 'lupa', 'structlog', 'attrs', 'attr', 'msgspec', 'yaml',\n"
        "       'asyncio', 'rich'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
