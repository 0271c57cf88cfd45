"""References, levels, the order of operations, the order of services."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.registry import (
    Entry,
    OperationKind,
    References,
    build_delta,
    levels,
    start_plan,
)


def entry(
    id_: str, data: Any = None, kind: str = "registry.entry", **meta: Any
) -> Entry:
    return Entry(id_, kind, meta, {} if data is None else data)


def state(*entries: Entry) -> dict[str, Entry]:
    return {item.id: item for item in entries}


def references(item: Entry, *others: str) -> set[str]:
    there = state(item, *(entry(other) for other in others))
    return set(References(there).of(item.id))


@pytest.mark.parametrize(
    ("meta", "data"),
    [
        ({"parent": "b"}, {}),
        ({"depends_on": ["b"]}, {}),
        ({"depends_on": ["group:g"]}, {}),
        ({"depends_on": "ns:app"}, {}),
        ({"server": "b"}, {}),
        ({"router": "app:b"}, {}),
        ({"token_env": "b"}, {}),
        ({"temporal": {"activity": {"worker": "b"}}}, {}),
        ({"temporal.workflow.worker": "b"}, {}),
        ({}, {"groups": ["b"]}),
        ({}, {"config": "b"}),
        ({}, {"imports": {"alias": "app:b"}}),
        ({}, {"lifecycle": {"requires": ["b"]}}),
        ({}, {"lifecycle": {"depends_on": ["app:b"]}}),
        ({}, {"anything": {"depends_on": "b"}}),
        ({}, {"lifecycle": {"security": {"policies": ["b"]}}}),
        ({}, {"security": {"groups": ["b"], "token_store": "b"}}),
        ({}, {"process": "b"}),
        ({}, {"host": "app:b"}),
        ({}, {"func": "b"}),
        ({}, {"middleware": ["b", "cors"]}),
        ({}, {"tls": {"cert_env": "b"}}),
        ({}, {"queue": "b"}),
        ({}, {"dead_letter": {"queue": "b"}}),
        ({}, {"database": "b"}),
        ({}, {"storages": ["b"]}),
        ({}, {"password_env": "b"}),
        ({}, {"set": "b"}),
        ({}, {"contracts": [{"contract": "b"}]}),
        ({}, {"contracts": [{"methods": {"m": "b"}}]}),
    ],
)
def test_ids_are_found_where_the_patterns_say(
    meta: dict[str, Any], data: dict[str, Any]
) -> None:
    item = Entry("app:a", "http.endpoint", meta, data)
    there = state(item, entry("app:b", groups=["g"]))
    assert References(there).of("app:a") == {"app:b"}  # apps 3.2


@pytest.mark.parametrize(
    "data",
    [
        {"host": "localhost"},
        {"host": {"workers": 4}},
        {"imports": {"b": "b"}},
        {"imports": {"b": ":b"}},
        {"other": "app:b"},
        {"process": "app:a"},
        None,
        [],
        "app:b",
    ],
)
def test_what_names_no_other_entry_adds_no_edge(data: Any) -> None:
    item = Entry("app:a", "function.lua", {}, data)
    assert references(item, "app:b") == set()  # apps 3.2, 2.1


def test_placeholders_refer_to_variables_by_public_name_and_by_id() -> None:
    item = entry(
        "app:db",
        {"user": "${env:DB_USER}", "deep": [{"x": "a ${env:app:pw|y}"}]},
        "db.sql.postgres",
    )
    user = entry("env:u", {"variable": "DB_USER", "storage": "env:s"}, "env.variable")
    there = state(item, user, entry("app:pw", {}, "env.variable"), entry("env:s"))
    found = References(there)
    assert found.of("app:db") == {"env:u", "app:pw"}  # apps 1.11.4
    assert found.of("env:u") == {"env:s"}  # apps 1.11.4


def test_program_text_and_plain_data_hold_no_placeholders() -> None:
    variable = entry("app:v", {"variable": "V"}, "env.variable")
    text = {"source": "${env:V}"}
    lua = entry("app:f", text, "function.lua")
    plain = entry("app:p", {"text": "${env:V}"}, "registry.entry")
    found = References(state(variable, lua, plain))
    assert found.of("app:f") == set()  # apps 1.11.5
    assert found.of("app:p") == set()


def test_legacy_env_fields_refer_by_public_name_too() -> None:
    variable = entry("app:v", {"variable": "KEY"}, "env.variable")
    item = entry("app:s", {"token_key_env": "KEY"}, "security.token_store")
    assert References(state(variable, item)).of("app:s") == {"app:v"}  # apps 3.2


def test_levels_put_what_is_referred_to_first_and_sort_within() -> None:
    edges = {"d": ["b", "a"], "b": ["a"], "c": ["unknown"]}
    assert levels("dcba", edges) == [["a", "c"], ["b"], ["d"]]  # apps 3.1


def test_the_members_of_a_cycle_share_a_level() -> None:
    edges = {"a": ["b"], "b": ["c"], "c": ["b"], "d": ["d"]}
    assert levels("abcd", edges) == [["b", "c", "d"], ["a"]]  # apps 3.1


NODES = "abcdefgh"
GRAPHS = st.dictionaries(
    st.sampled_from(NODES), st.sets(st.sampled_from(NODES), max_size=3)
)


def reachable(edges: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for target in edges.get(todo.pop(), ()):
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return seen


@given(GRAPHS)
def test_levels_keep_every_edge_that_is_in_no_cycle(edges: dict[str, set[str]]) -> None:
    result = levels(NODES, edges)
    place = {id_: n for n, level in enumerate(result) for id_ in level}
    assert sorted(place) == list(NODES)
    for source, targets in edges.items():
        for target in targets:
            if source in reachable(edges, target):
                assert place[source] == place[target]
            else:
                assert place[target] < place[source]
    assert all(level == sorted(level) and level for level in result)


def delta(old: dict[str, Entry], new: dict[str, Entry]) -> list[str]:
    operations = build_delta(old.values(), new.values())
    return [f"{op.kind.removeprefix('entry.')} {op.entry.id}" for op in operations]


LIB = entry("app:z_lib", kind="library.lua")
USER = entry("app:a_user", {"imports": {"l": "app:z_lib"}}, "function.lua")


def test_what_is_referred_to_is_created_first_and_deleted_last() -> None:
    both = state(LIB, USER)
    assert delta({}, both) == ["create app:z_lib", "create app:a_user"]  # apps 3.1
    assert delta(both, {}) == ["delete app:a_user", "delete app:z_lib"]  # apps 3.1


def test_an_entry_that_lets_go_is_updated_before_the_delete() -> None:
    free = entry("app:a_user", {}, "function.lua")
    assert delta(state(LIB, USER), state(free)) == [
        "update app:a_user",
        "delete app:z_lib",
    ]


def test_a_name_is_freed_before_it_is_taken_again() -> None:
    old = entry("app:z_old", {"variable": "PORT"}, "env.variable")
    new = entry("app:a_new", {"variable": "PORT"}, "env.variable")
    assert delta(state(old), state(new)) == ["delete app:z_old", "create app:a_new"]


def test_another_kind_is_delete_then_create() -> None:
    other = LIB._replace(kind="function.lua")
    assert delta(state(LIB), state(other)) == ["delete app:z_lib", "create app:z_lib"]


def test_deletes_and_writes_that_wait_for_each_other_are_deletes_first() -> None:
    """The user is updated because of the new kind of what it goes on using."""
    changed = LIB._replace(kind="function.lua")
    user = entry("app:a_user", {"imports": {"l": "app:z_lib"}, "v": 2}, "function.lua")
    assert delta(state(LIB, USER), state(changed, user)) == [
        "delete app:z_lib",
        "create app:z_lib",
        "update app:a_user",
    ]


def test_a_cycle_is_ordered_by_id() -> None:
    a = entry("app:a", {"process": "app:b"})
    b = entry("app:b", {"process": "app:a"})
    assert delta({}, state(b, a)) == ["create app:a", "create app:b"]  # apps 3.1
    assert delta(state(b, a), {}) == ["delete app:a", "delete app:b"]


def test_unchanged_entries_are_no_operation() -> None:
    assert delta(state(LIB), state(LIB)) == []


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Entry]:
    ids = draw(st.sets(st.sampled_from(NODES), min_size=0))
    return state(
        *(
            Entry(
                f"app:{id_}",
                draw(st.sampled_from(["library.lua", "function.lua"])),
                {},
                {
                    "imports": {
                        target: f"app:{target}"
                        for target in draw(st.sets(st.sampled_from(NODES), max_size=2))
                    }
                },
            )
            for id_ in sorted(ids)
        )
    )


@given(worlds(), worlds())
def test_playing_a_delta_leads_from_one_state_to_the_other(
    old: dict[str, Entry], new: dict[str, Entry]
) -> None:
    """Each operation fits the state it meets, and the last one reaches the goal."""
    there = dict(old)
    for kind, item in build_delta(old.values(), new.values()):
        assert (item.id in there) is (kind is not OperationKind.CREATE)
        if kind is OperationKind.DELETE:
            del there[item.id]
        else:
            there[item.id] = item
    assert there == new


SERVICES = {"app:db", "app:worker", "app:host", "app:driver", "app:consumer", "app:web"}


def plan(*entries: Entry, wanted: set[str] | None = None) -> Any:
    there = state(*entries)
    return start_plan(
        wanted or (SERVICES & there.keys()), there, lambda id_: id_ in SERVICES
    )


def service(id_: str, *requires: str, **data: Any) -> Entry:
    lifecycle = {"requires": list(requires)} if requires else {}
    return entry(id_, {**data, "lifecycle": lifecycle}, "process.service")


def test_services_start_after_what_they_require_and_refer_to() -> None:
    result = plan(
        service("app:worker", "app:db", process="app:p", host="app:host"),
        service("app:db"),
        service("app:host"),
        entry("app:p", {}, "process.lua"),
    )
    assert result.levels == (("app:db", "app:host"), ("app:worker",))  # apps 3.6
    assert result.needs["app:worker"] == {"app:db", "app:host"}
    assert result.stop_levels == (("app:worker",), ("app:db", "app:host"))  # apps 3.8
    assert result.blocked == {}


def test_both_lists_and_bare_names_count() -> None:
    worker = entry(
        "app:worker", {"lifecycle": {"requires": ["db"], "depends_on": ["host"]}}
    )
    result = plan(worker, service("app:db"), service("app:host"))
    assert result.needs["app:worker"] == {"app:db", "app:host"}  # apps 4.1


def test_entries_that_are_no_services_are_followed_through() -> None:
    result = plan(
        service("app:consumer", "queue", func="app:f"),
        entry("app:queue", {"driver": "app:driver"}, "queue.queue"),
        entry("app:f", {"imports": {"l": "app:l"}}, "function.lua"),
        entry("app:l", {"database": "app:db"}, "library.lua"),
        service("app:driver", "app:host"),
        service("app:db"),
        service("app:host"),
    )
    assert result.needs["app:consumer"] == {"app:driver", "app:db"}  # apps 3.6, 3.7
    assert result.levels == (
        ("app:db", "app:host"),
        ("app:driver",),
        ("app:consumer",),
    )


def test_a_needed_service_is_started_though_nobody_asked_for_it() -> None:
    result = plan(
        service("app:worker", "app:db"), service("app:db"), wanted={"app:worker"}
    )
    assert result.levels == (("app:db",), ("app:worker",))  # apps 4.1


@pytest.mark.parametrize("there", [(), (entry("app:nothing"),)])
def test_a_missing_requirement_blocks_what_needs_it_and_nothing_else(
    there: tuple[Entry, ...],
) -> None:
    result = plan(
        service("app:db", "app:nothing"),
        service("app:worker", "app:db"),
        service("app:host"),
        *there,
    )
    assert result.levels == (("app:host",),)  # apps 3.7
    assert {id_: str(error) for id_, error in result.blocked.items()} == {
        "app:db": "service startup blocked by missing dependencies: "
        "app:db requires app:nothing",
        "app:worker": "service startup blocked by missing dependencies: "
        "app:worker requires app:db",
    }  # apps 3.7


def test_services_in_a_cycle_start_together() -> None:
    result = plan(service("app:db", "app:host"), service("app:host", "app:db"))
    assert result.levels == (("app:db", "app:host"),)
