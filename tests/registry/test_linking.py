"""Overrides, disable rules, requirements, version constraints."""

from __future__ import annotations

from typing import Any

import pytest

from wippy_trio.errors import ConflictError, Error, InvalidError, NotFoundError
from wippy_trio.registry import (
    Constraint,
    DisableRules,
    Entry,
    ModuleVersion,
    Override,
    apply_overrides,
    choose_version,
    link,
)


def entry(
    id_: str, data: Any = None, kind: str = "registry.entry", **meta: Any
) -> Entry:
    return Entry(id_, kind, meta, data)


def state(*entries: Entry) -> dict[str, Entry]:
    return {item.id: item for item in entries}


DB = entry("app:db", {"host": "a", "pool": {"size": 1}}, "db.sql.sqlite", type="x")


@pytest.mark.parametrize(
    ("key", "value", "kind", "data", "meta"),
    [
        ("app:db:host", "b", None, {"host": "b", "pool": {"size": 1}}, None),
        ("app:db:.host", "b", None, {"host": "b", "pool": {"size": 1}}, None),
        ("app:db:data.pool.size", 5, None, {"host": "a", "pool": {"size": 5}}, None),
        ("app:db:meta.type", "y", None, None, {"type": "y"}),
        ("app:db:meta.new", [1], None, None, {"type": "x", "new": [1]}),
        ("app:db:kind", "db.sql.postgres", "db.sql.postgres", None, None),
    ],
)
def test_overrides_reach_kind_payload_and_meta(
    key: str, value: Any, kind: str | None, data: Any, meta: Any
) -> None:
    result = apply_overrides(state(DB), [Override.parse(key, value)])
    assert result["app:db"] == Entry(
        "app:db", kind or DB.kind, meta or DB.meta, data or DB.data
    )  # apps 1.9
    assert DB.data == {"host": "a", "pool": {"size": 1}}


def test_an_override_key_splits_at_the_first_two_colons() -> None:
    override = Override.parse("app:t:security.a:b", ["app:p"])
    assert override.id == "app:t"  # apps 1.9
    assert override.path.steps == ("security", "a:b")


@pytest.mark.parametrize("key", ["", "app", "app:db", "app:db:", ":db:x", "app::x"])
def test_an_override_lacking_a_part_is_invalid(key: str) -> None:
    with pytest.raises(InvalidError, match=r"wanted \"namespace:entry:path\""):
        Override.parse(key, 1)  # apps 1.9


def test_an_override_that_fits_nothing_names_itself_and_what_it_wanted() -> None:
    with pytest.raises(NotFoundError, match="'app:x:host': wanted the entry app:x"):
        apply_overrides(state(DB), [Override.parse("app:x:host", 1)])  # apps 1.9
    with pytest.raises(InvalidError, match="wanted a kind as text, got 5"):
        Override.parse("app:db:kind", 5)
    with pytest.raises(InvalidError, match=r"'app:db:host.x': entry app:db: path"):
        apply_overrides(state(DB), [Override.parse("app:db:host.x", 1)])
    with pytest.raises(InvalidError, match=r"'app:db:a..b'"):
        Override.parse("app:db:a..b", 1)


def test_disable_rules_match_namespace_id_and_meta() -> None:
    rules = DisableRules.read(
        ["app.test.**"], ["app:(x|y)"], {"type": ["test", True], "level": 1}
    )
    entries = state(
        entry("app.test:a"),
        entry("app.test.deep:a"),
        entry("app:x"),
        entry("app:b", type="test"),
        entry("app:c", type=True),
        entry("app:d", level=1),
        entry("app:e", type=1, level=True),
    )
    kept, gone = rules.apply(entries)
    assert set(kept) == {"app.test:a", "app:e"}  # apps 1.9
    assert gone == ("app.test.deep:a", "app:x", "app:b", "app:c", "app:d")
    assert DisableRules.read().apply(entries) == (entries, ())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([5],), "disable.namespaces: wanted a list of patterns, got 5"),
        ((["a("],), "disable: pattern 'a\\('"),
        ((None, ["bare"]), "disable: entry pattern 'bare'"),
        ((None, None, ["x"]), "disable.meta: wanted a map"),
    ],
)
def test_malformed_disable_rules_are_named(arguments: Any, text: str) -> None:
    with pytest.raises(InvalidError, match=text):
        DisableRules.read(*arguments)


def requirement(
    *targets: Any, ns: str = "org.mod", name: str = "r", **data: Any
) -> Entry:
    listed = [dict(zip(("entry", "path"), target, strict=True)) for target in targets]
    return entry(f"{ns}:{name}", {"targets": listed, **data}, "ns.requirement")


def dependency(name: str = "mod", component: str = "org/mod", **values: Any) -> Entry:
    parameters = [{"name": key, "value": value} for key, value in values.items()]
    data = {"component": component, "parameters": parameters}
    return entry(f"app:{name}", data, "ns.dependency")


TARGET = entry("org.mod:t", {"host": "old", "list": ["a"]}, router="none")


def test_a_parameter_beats_the_default() -> None:
    needs = requirement(("t", ".host"), default="d")
    with_default = link(state(needs, TARGET))
    assert with_default.entries["org.mod:t"].data["host"] == "d"  # apps 1.10.1
    given = link(state(needs, TARGET, dependency(r="p")))
    assert given.entries["org.mod:t"].data["host"] == "p"  # apps 1.10.1
    assert given.findings == []
    assert TARGET.data == {"host": "old", "list": ["a"]}


def test_an_empty_default_counts_and_numbers_keep_their_type() -> None:
    needs = requirement(("t", ".host"), default="")
    assert link(state(needs, TARGET)).entries["org.mod:t"].data["host"] == ""
    needs = requirement(("t", ".host"), default=20)
    assert link(state(needs, TARGET)).entries["org.mod:t"].data["host"] == 20


def test_an_unresolved_requirement_warns_and_is_an_error_in_strict_mode() -> None:
    entries = state(requirement(("t", ".host")), TARGET)
    result = link(entries)
    assert result.entries == entries  # apps 1.10.1
    assert result.findings == [
        ("warning", "unresolved requirement", {"requirement": "org.mod:r"}, "")
    ]
    with pytest.raises(NotFoundError, match=r"org.mod:r"):  # apps 1.10.1
        link(entries, strict=True)


def test_a_parameter_that_matches_nothing_is_a_debug_line() -> None:
    result = link(state(dependency(nope="x")))
    assert [(f.level, f.fields["parameter"]) for f in result.findings] == [
        ("debug", "nope")
    ]  # apps 1.10.1


def test_bare_parameters_match_by_namespace_or_by_module() -> None:
    other = entry("deep.ns:t", {})
    needs = requirement(("t", "v"), ns="deep.ns")
    needs = needs._replace(meta={"module": "org/mod"})
    stranger = requirement(("deep.ns:t", "w"), ns="stranger")
    result = link(state(needs, stranger, other, dependency(r="x")))
    assert result.entries["deep.ns:t"].data == {"v": "x"}  # apps 1.10.2


def test_a_full_parameter_name_is_exactly_one_requirement() -> None:
    needs = requirement(("t", ".host"))
    mount = dependency(component="other/mod", **{"org.mod:r": "x"})
    result = link(state(needs, TARGET, mount))
    assert result.entries["org.mod:t"].data["host"] == "x"  # apps 1.10.2


def test_different_values_conflict_and_equal_ones_do_not() -> None:
    needs = requirement(("t", ".host"))
    entries = state(needs, TARGET, dependency("one", r="x"), dependency("two", r="y"))
    with pytest.raises(ConflictError, match="app:one gives 'x', app:two gives 'y'"):
        link(entries)  # apps 1.10.3
    same = state(needs, TARGET, dependency("one", r="x"), dependency("two", r="x"))
    assert link(same).entries["org.mod:t"].data["host"] == "x"  # apps 1.10.3


@pytest.mark.parametrize(
    ("path", "part", "expected"),
    [
        (".host", "data", {"host": "v", "list": ["a"]}),
        (" data.host ", "data", {"host": "v", "list": ["a"]}),
        ("meta.router", "meta", {"router": "v"}),
        (".a.b", "data", {"host": "old", "list": ["a"], "a": {"b": "v"}}),
        (".list +=", "data", {"host": "old", "list": ["a", "v"]}),
        (".list+=", "data", {"host": "old", "list": ["a", "v"]}),
        (
            ".l.depends_on +=",
            "data",
            {"host": "old", "list": ["a"], "l": {"depends_on": ["v"]}},
        ),
    ],
)
def test_values_are_written_where_the_path_says(
    path: str, part: str, expected: Any
) -> None:
    result = link(state(requirement(("t", path)), TARGET, dependency(r="v")))
    assert getattr(result.entries["org.mod:t"], part) == expected  # apps 1.10.4


def test_appending_adds_nothing_twice_and_wants_a_list() -> None:
    entries = state(requirement(("t", ".list +=")), TARGET, dependency(r="a"))
    assert link(entries).entries["org.mod:t"].data["list"] == ["a"]  # apps 1.10.4
    entries = state(requirement(("t", ".host +=")), TARGET, dependency(r="a"))
    with pytest.raises(InvalidError, match=r"requirement org\.mod:r: entry org\.mod:t"):
        link(entries)  # apps 1.10.4


def test_a_missing_target_warns_and_skips_the_rest_of_that_requirement() -> None:
    needs = requirement(("gone", "x"), ("t", ".host"), default="v")
    other = requirement(("t", ".other"), name="s", default="w")
    result = link(state(needs, other, TARGET))
    assert result.entries["org.mod:t"].data == {
        "host": "old",
        "list": ["a"],
        "other": "w",
    }  # apps 1.10.4
    assert result.findings[0].fields == {
        "requirement": "org.mod:r",
        "target": "org.mod:gone",
    }


def test_a_requirement_may_fill_the_parameter_of_a_further_mount() -> None:
    """The host fills A, A passes it on to B, B appends it to a list, once."""
    inner = dependency("b", "org/b", r="default")
    inner = inner._replace(id="org.a:b")
    result = link(
        state(
            requirement(("t", ".list +="), ns="org.b", default="unused"),
            entry("org.b:t", {}),
            requirement(("b", ".parameters.0.value"), ns="org.a"),
            inner,
            dependency("a", "org/a", r="chosen"),
        )
    )
    assert result.entries["org.b:t"].data == {"list": ["chosen"]}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, "wanted at least one target"),
        ({"targets": []}, "wanted at least one target"),
        ({"targets": ["x"]}, "wanted a map of entry and path, got 'x'"),
        ({"targets": [{"path": "x"}]}, "wanted the id of an entry, got None"),
        ({"targets": [{"entry": "t"}]}, "t: wanted a path, got None"),
        ({"targets": [{"entry": "t", "path": "a..b"}]}, "empty one"),
    ],
)
def test_malformed_requirements_are_named(data: Any, text: str) -> None:
    with pytest.raises(InvalidError, match=f"requirement org.mod:r.*{text}"):
        link(state(entry("org.mod:r", data, "ns.requirement")))  # apps 1.10


@pytest.mark.parametrize("parameters", ["x", [{"value": 1}], ["x"]])
def test_malformed_parameters_are_named(parameters: Any) -> None:
    data = {"component": "org/mod", "parameters": parameters}
    with pytest.raises(InvalidError, match="dependency app:d"):
        link(state(entry("app:d", data, "ns.dependency")))


@pytest.mark.parametrize(
    ("constraint", "fits", "fails"),
    [
        ("1.2.3", ["1.2.3", "v1.2.3"], ["1.2.4", "1.2.3-rc.1"]),
        ("=1.2.3", ["1.2.3"], ["1.2.4"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["2.0.0", "1.2.2", "1.5.0-rc.1", "2.0.0-rc.1"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0", ["0.9.0"], ["1.0.0"]),
        ("~1.2.3", ["1.2.9"], ["1.3.0"]),
        ("~1", ["1.9.0"], ["2.0.0"]),
        (">=1.0 <2", ["1.0.0", "1.9.9"], ["2.0.0", "0.9.0"]),
        (">= 1.0, != 1.5.0", ["1.4.0"], ["1.5.0"]),
        (">1.0.0 <=1.2.0", ["1.2.0"], ["1.0.0"]),
        ("*", ["0.0.1", "9.0.0"], ["1.0.0-rc.1"]),
        ("", ["0.0.1"], []),
        ("1.*", ["1.9.0"], ["2.0.0"]),
        ("1.2.x", ["1.2.9"], ["1.3.0"]),
        (">=1.0.0-rc.1", ["1.0.0-rc.2", "1.0.0"], ["1.0.0-beta"]),
    ],
)
def test_constraints(constraint: str, fits: list[str], fails: list[str]) -> None:
    parsed = Constraint.parse(constraint)  # apps 1.10.6
    assert all(parsed.allows(ModuleVersion.parse(text)) for text in fits)
    assert not any(parsed.allows(ModuleVersion.parse(text)) for text in fails)


def test_the_highest_version_in_all_ranges_wins() -> None:
    available = ["1.2.0", "1.10.0", "1.9.0", "2.0.0"]
    wanted = {"app:a": "^1.0", "app:b": "<1.10"}
    assert choose_version("org/mod", available, wanted) == "1.9.0"  # apps 1.10.6


def test_ranges_without_common_version_conflict() -> None:
    with pytest.raises(ConflictError) as caught:
        choose_version("org/mod", ["1.0.0"], {"app:a": "^1.0", "app:b": "^2.0"})
    assert caught.value.details == {
        "count": 2,
        "summary": "module org/mod: no version fits app:a wants ^1.0; "
        "app:b wants ^2.0; there is 1.0.0",
        "errors": ["app:a wants ^1.0", "app:b wants ^2.0"],
    }  # apps 1.10.6


@pytest.mark.parametrize("text", ["^", "x.y", ">*", "1.2.3.4", "^latest"])
def test_malformed_constraints_are_invalid(text: str) -> None:
    with pytest.raises(Error, match="constraint"):
        Constraint.parse(text)
