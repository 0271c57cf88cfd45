"""Configuration: files, profiles, variables, flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.errors import Error, InvalidError, NotFoundError
from wippy_trio.loading import (
    Config,
    coerce_override,
    coerce_set,
    load_config,
    parse_override_flag,
    parse_set_flag,
)

HEAD = 'version: "1.0"\n'


def config(folder: Path, text: str | None = None, **options: Any) -> Config:
    if text is not None:
        (folder / ".wippy.yaml").write_text(HEAD + text)
    return load_config(folder, environ=options.pop("environ", {}), **options)


def test_the_default_file_may_be_absent(tmp_path: Path) -> None:
    found = config(tmp_path)
    assert found.files == ()  # apps 9.1.1
    assert found.base == tmp_path
    assert found.get("registry.history_type") == "memory"  # apps 9.2
    assert found.seconds("shutdown.timeout") == 30.0
    assert found.get("no.such", 5) == 5


def test_a_named_file_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"configuration file not found: .*x\.yaml"):
        config(tmp_path, files=["x.yaml"])  # apps 9.1.1


@pytest.mark.parametrize(
    "text", ["", "version: '2.0'", "version:", "a: 1", "version: 1"]
)
def test_the_version_is_mandatory(tmp_path: Path, text: str) -> None:
    (tmp_path / ".wippy.yaml").write_text(text)
    with pytest.raises(InvalidError, match=r'version: wanted "1\.0", found'):
        load_config(tmp_path, environ={})  # apps 9.1.2


def test_an_unquoted_version_says_the_same(tmp_path: Path) -> None:
    (tmp_path / ".wippy.yaml").write_text("version: 1.0\nlua: {cache: {mode: off}}")
    found = load_config(tmp_path, environ={})
    assert found.get("lua.cache.mode") == "off"  # apps 1.7: no boolean


def test_a_file_that_is_no_map_is_named(tmp_path: Path) -> None:
    (tmp_path / ".wippy.yaml").write_text("- x")
    with pytest.raises(InvalidError, match=r"\.wippy\.yaml: wanted a map, got list"):
        load_config(tmp_path, environ={})


def test_sections_are_flat_leaf_paths(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        "lua: {cache: {enabled: true}, cache.dir: x}\n"
        "supervisor: {host.buffer_size: 5}\n"
        "own: {a: {b: {c: 1}}}\nflat: 3\n",
    )
    assert found.flag("lua.cache.enabled")  # apps 9.1.3
    assert found.get("lua.cache.dir") == "x"
    assert found.integer("supervisor.host.buffer_size") == 5
    assert found.get("own.a.b.c") == 1  # apps 9.2: unknown sections are accepted
    assert found.get("flat") == 3
    assert found.section("supervisor") == {
        "host": {"buffer_size": 5, "worker_count": 16}
    }


def test_later_files_win_per_leaf_and_the_first_anchors_paths(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.yaml").write_text(HEAD + "lua: {cache: {dir: d, mode: off}}")
    (tmp_path / "two.yaml").write_text(HEAD + "lua: {cache: {mode: readonly}}")
    found = config(
        tmp_path, "shutdown: {timeout: 1s}", files=["a/one.yaml", "two.yaml"]
    )
    assert found.get("lua.cache.mode") == "readonly"  # apps 9.1.1
    assert found.get("lua.cache.dir") == "d"
    assert found.path("lua.cache.dir") == tmp_path / "a" / "d"  # apps 9.1.1
    assert found.path("prometheus.address") is None
    assert found.seconds("shutdown.timeout") == 30  # the default file is not read


def test_the_order_of_precedence(tmp_path: Path) -> None:
    text = """
a: {file: file, profile: file, later: file, set: file}
profiles:
  one: {a: {profile: one, later: one, set: one}}
  two: {a: {later: two, set: two}}
  never: {a: {file: never}}
"""
    found = config(
        tmp_path,
        text,
        profiles=["one", "two"],
        sets=["a.set=set"],
        packed={"a": {"packed": "packed", "file": "packed"}},
    )
    wanted = {"packed": "packed", "file": "file", "profile": "one", "later": "two"}
    assert found.section("a") == {**wanted, "set": "set"}  # apps 9.1.3
    assert found.section("profiles") == {}  # apps 9.1.4


def test_profiles_of_several_files_are_one(tmp_path: Path) -> None:
    for name, leaf in (("one", "x: 1, y: 1"), ("two", "y: 2")):
        text = f"{HEAD}profiles: {{p: {{a: {{{leaf}}}}}}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    found = config(tmp_path, files=["one.yaml", "two.yaml"], profiles=["p"])
    assert found.section("a") == {"x": 1, "y": 2}


def test_an_unknown_profile_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="profile 'x': wanted one of: dev"):
        config(tmp_path, "profiles: {dev: {}}", profiles=["x"])  # apps 9.1.3


def test_a_leaf_without_value_goes_back_to_its_default(tmp_path: Path) -> None:
    found = config(tmp_path, "shutdown: {timeout: 1s}", sets=["otel.http=5"])
    assert found.section("otel")["http"] == 5
    text = "shutdown: {timeout: }\nsecurity: {strict_mode: {x: 1}}"
    found = config(tmp_path, text)
    assert found.seconds("shutdown.timeout") == 30
    assert found.section("shutdown") == {"timeout": "30s"}
    assert found.section("security") == {"strict_mode": {"x": 1}}


def test_a_leaf_replaces_what_stood_above_or_below_it(tmp_path: Path) -> None:
    text = "a: {b: {c: 1, d: 2}, e: 5}"
    assert config(tmp_path, text, sets=["a.b=x"]).section("a") == {"b": "x", "e": 5}
    found = config(tmp_path, text, sets=["a.e.f=1"])
    assert found.section("a")["e"] == {"f": 1}


def test_typed_reading_takes_text_and_names_what_does_not_fit(tmp_path: Path) -> None:
    text = "a: {t: 'true', n: '5', d: 1m, z: 0, l: [1], b: true, x: what, f: 1.5}"
    found = config(tmp_path, text)
    assert found.flag("a.t") is True  # apps 2.0.1
    assert found.integer("a.n") == 5
    assert found.seconds("a.d") == 60
    assert found.seconds("a.z") == 0
    assert (found.text("a.b"), found.text("a.f")) == ("true", "1.5")
    readers: list[tuple[Any, str, str]] = [
        (found.flag, "a.x", "true or false, got 'what'"),
        (found.integer, "a.b", "a whole number, got True"),
        (found.integer, "a.x", "a whole number, got 'what'"),
        (found.seconds, "a.n", "no unit after"),
        (found.seconds, "a.b", "a duration, got True"),
        (found.text, "a.l", "text, got"),
    ]
    for reader, path, message in readers:
        with pytest.raises(InvalidError, match=message) as caught:
            reader(path)
        assert f".wippy.yaml: {path}: " in str(caught.value)


def test_overrides_take_any_value_and_are_not_flattened(tmp_path: Path) -> None:
    text = """
override:
  "app:t:security.policies": [app:p]
  "app:db:kind": db.sql.postgres
  "app:db:options": {a: {b: 1}}
profiles:
  p: {override: {"app:db:kind": db.sql.mysql}}
"""
    found = config(tmp_path, text, profiles=["p"], sets=["override.app:x:a.b=5"])
    assert {item.key: item.value for item in found.overrides} == {
        "app:t:security.policies": ["app:p"],
        "app:db:kind": "db.sql.mysql",
        "app:db:options": {"a": {"b": 1}},
        "app:x:a.b": 5,
    }  # apps 1.9
    with pytest.raises(InvalidError, match="override 'app:x'"):
        config(tmp_path, "override: {'app:x': 1}")  # apps 1.9


def test_profiles_add_to_and_remove_from_what_is_disabled(tmp_path: Path) -> None:
    text = """
disable:
  namespaces: [a, b]
  entries: ["x:y"]
  meta: {type: [test], level: 1}
profiles:
  p:
    disable:
      namespaces: {add: [c, b], remove: [a]}
      entries: {remove: "x:y"}
      meta: {type: [demo]}
"""
    rules = config(tmp_path, text, profiles=["p"]).disable
    assert rules.namespaces == ("b", "c")  # apps 9.1.4
    assert rules.entries == ()
    assert dict(rules.meta) == {"type": ("demo",), "level": (1,)}
    assert config(tmp_path, text).disable.namespaces == ("a", "b")
    with pytest.raises(InvalidError, match=r"disable\.entries: wanted add or remove"):
        config(tmp_path, "disable: {entries: {also: []}}")
    with pytest.raises(InvalidError, match="disable: wanted a map, got list"):
        config(tmp_path, "disable: [x]")


def test_the_environment_is_read_with_the_file(tmp_path: Path) -> None:
    text = "a: {x: 'p-${env:X}', y: '${env:Y|dflt}', z: '$${env:Z}'}"
    found = config(tmp_path, text, environ={"X": "1"})
    assert found.section("a") == {"x": "p-1", "y": "dflt", "z": "${env:Z}"}  # apps 1.11
    with pytest.raises(InvalidError, match="a: wanted the environment variable X"):
        config(tmp_path, text)  # apps 1.11


def test_the_environment_of_an_unused_profile_is_not_wanted(tmp_path: Path) -> None:
    text = "profiles: {p: {a: {x: '${env:X}'}}}"
    assert config(tmp_path, text).section("a") == {}
    with pytest.raises(InvalidError, match=r"profiles\.p: a: .* variable X"):
        config(tmp_path, text, profiles=["p"])


def test_variables_are_filled_in_after_all_layers(tmp_path: Path) -> None:
    text = """
vars: {port: 1, host: h, url: "http://${host}:${port}", on: true, none: }
a: {port: "${port}", url: "${url}/x", list: ["${host}"], on: "is ${on}"}
b: {none: "[${none}]"}
override: {"app:db:port": "${port}"}
profiles: {p: {vars: {host: other}}}
"""
    found = config(tmp_path, text, profiles=["p"], sets=["vars.port=99"])
    assert found.section("a") == {
        "port": 99,
        "url": "http://other:99/x",
        "list": ["other"],
        "on": "is true",
    }  # apps 1.11, 9.1.4
    assert found.section("b") == {"none": "[]"}
    assert found.overrides[0].value == 99  # apps 1.11
    assert found.findings == ()


def test_an_unknown_variable_stays_and_warns(tmp_path: Path) -> None:
    found = config(tmp_path, "a: {x: '${nope} $${x}', y: '${K:-d}', z: '${A|d}'}")
    assert found.section("a") == {"x": "${nope} ${x}", "y": "${K:-d}", "z": "${A|d}"}
    assert [dict(item.fields) for item in found.findings] == [
        {"path": "a.x", "variable": "nope"}
    ]


def test_a_circle_of_variables_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="a circle of references: a -> b -> a"):
        config(tmp_path, "vars: {a: '${b}', b: '${a}'}\ns: {x: '${a}'}")


def test_variables_of_a_profile_may_not_read_the_environment(tmp_path: Path) -> None:
    text = "profiles: {p: {vars: {a: '${env:X}'}}}"
    with pytest.raises(InvalidError, match=r"profiles\.p: vars: references to the env"):
        config(tmp_path, text, profiles=["p"], environ={"X": "1"})  # apps 9.1.4


def test_replacements_are_folders_and_null_takes_one_away(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    text = """
workspace: {replacements: {org/a: ./m, org/b: ./m}, other: 1}
profiles: {p: {workspace: {replacements: {org/b: null}}}}
"""
    found = config(tmp_path, text, profiles=["p"])
    assert found.replacements == {"org/a": tmp_path / "m"}  # apps 9.2
    assert found.dropped_replacements == {"org/b"}
    assert found.get("workspace.other") == 1
    changed = config(tmp_path, text, sets=["workspace.replacements.org/a=m/../m"])
    assert changed.replacements["org/a"] == tmp_path / "m/../m"
    with pytest.raises(NotFoundError, match=r"org/a: wanted a folder, found none at"):
        config(tmp_path, "workspace: {replacements: {org/a: gone}}")  # apps 9.2
    with pytest.raises(InvalidError, match="org/a: wanted a folder, got 5"):
        config(tmp_path, "workspace: {replacements: {org/a: 5}}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("5", 5),
        ("-5", -5),
        ("0", 0),
        ("007", "007"),
        ("+5", "+5"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("e", "e"),
        ("", ""),
        ("text", "text"),
        ("nan", "nan"),
        ("9223372036854775808", 2.0**63),
    ],
)
def test_values_of_o_have_a_type(text: str, value: Any) -> None:
    found = coerce_override(text)
    assert found == value  # apps 10.2
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("TRUE", "TRUE"),
        ("5", 5),
        ("1.5", 1.5),
        ("007", 7),
        ("+5", 5),
        ("30s", "30s"),
        ("inf", "inf"),
        ("9" * 30, 1e30),
    ],
)
def test_values_of_set_have_a_type(text: str, value: Any) -> None:
    found = coerce_set(text)
    assert found == value  # apps 10.2
    assert type(found) is type(value)


def test_the_flags_split_at_the_first_sign() -> None:
    assert parse_set_flag("a.b=c=d") == ("a.b", "c=d")
    assert parse_override_flag("app:x:a.b=c=d") == [("app:x:a.b", "c=d")]
    assert parse_override_flag("a:b:c=1,d:e:f=2") == [("a:b:c", 1), ("d:e:f", 2)]
    assert parse_override_flag("a:b:c=1,2,x") == [("a:b:c", "1,2,x")]  # apps 10.2


@pytest.mark.parametrize("text", ["a=1", "a.=1", ".a=1", "=1", "", "a"])
def test_a_set_key_needs_a_section(text: str) -> None:
    with pytest.raises(
        InvalidError, match=r"invalid --set .* key must be section\.path"
    ):
        parse_set_flag(text)  # apps 10.2


def test_malformed_flags_are_named() -> None:
    with pytest.raises(InvalidError, match=r'invalid --set "a\.b": wanted'):
        parse_set_flag("a.b")
    for text in ("a:b=1", "a:b:c", "a::c=1", "x", "a:b:c=1,d:e:=2"[12:]):
        with pytest.raises(InvalidError, match="invalid --override"):
            parse_override_flag(text)


LEAVES = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple),
    st.integers(0, 9),
    max_size=5,
)


@given(LEAVES)
def test_setting_leaves_one_by_one_equals_the_naive_way(
    leaves: dict[tuple[str, ...], int],
) -> None:
    """The last of two leaves that cannot both be stands, whatever the shape."""
    model: dict[str, Any] = {}
    for steps, value in leaves.items():
        below = model
        for step in steps[:-1]:
            if not isinstance(below.get(step), dict):
                below[step] = {}
            below = below[step]
        below[steps[-1]] = value
    sets = [f"s.{'.'.join(steps)}={value}" for steps, value in leaves.items()]
    assert load_config(Path("/nowhere"), sets=sets, environ={}).section("s") == model


@given(st.text(max_size=40))
def test_any_text_is_a_configuration_or_a_named_error(text: str) -> None:
    for parse in (parse_set_flag, parse_override_flag):
        try:
            parse(text)
        except Error as error:
            assert "invalid --" in str(error)  # noqa: PT017 - most texts are refused
