"""Placeholders, resolved at decoding."""

from __future__ import annotations

from typing import Any

import pytest

from wippy_trio.errors import InvalidError
from wippy_trio.loading import find_placeholders, interpolate

VARIABLES = {
    "HOST": "db.local",
    "PORT": "9000",
    "ON": "TRUE",
    "EMPTY": "",
    "app:id": "v",
}


def fill(value: Any, **options: Any) -> Any:
    return interpolate(value, VARIABLES.get, **options)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:HOST}", "db.local"),
        ("${env:app:id}", "v"),
        ("${env:NOPE|x}", "x"),
        ("${env:EMPTY|x}", "x"),
        ("${env:NOPE|}", ""),
        ("${HOST|x}", "db.local"),
        ("${NOPE|x}", "x"),
        ("${HOST}", "${HOST}"),
        ("${HOST:-x}", "${HOST:-x}"),
        ("$${env:HOST}", "${env:HOST}"),
        ("a $${b", "a ${b"),
        ("http://${env:HOST}:${PORT|80}/", "http://db.local:9000/"),
        ("plain", "plain"),
        ("${env:PORT}", "9000"),
        ("${env:PORT|80}", 9000),
        ("${PORT|80}", 9000),
        ("${NOPE|80}", 80),
        ("${NOPE|1.5}", 1.5),
        ("${PORT|1.5}", 9000.0),
        ("${ON|false}", True),
        ("${NOPE|false}", False),
        ("${HOST|80}", "db.local"),
        ("${HOST|true}", "db.local"),
        (" ${PORT|80}", " 9000"),
    ],
)
def test_each_form_is_resolved(text: str, value: Any) -> None:
    found = fill({"a": [text]})["a"][0]
    assert found == value  # apps 1.11, 1.11.1
    assert type(found) is type(value)


def test_nothing_to_put_in_is_an_error_that_names_the_place() -> None:
    with pytest.raises(InvalidError) as caught:  # apps 1.11.2
        fill({"auth": [{"password": "${env:NOPE}"}]}, where="entry app:db")
    assert str(caught.value) == (
        "entry app:db: auth.0.password: wanted a value for NOPE, "
        "found neither a variable nor a default"
    )


def test_the_payload_itself_is_not_changed() -> None:
    payload = {"a": "${env:HOST}", "b": [1, None]}
    assert fill(payload) == {"a": "db.local", "b": [1, None]}
    assert payload["a"] == "${env:HOST}"  # apps 1.11.3


def test_program_text_can_be_left_alone() -> None:
    payload = {"source": "${env:NOPE}", "host": "${env:HOST}"}
    filled = fill(payload, skip=("source",))
    assert filled == {"source": "${env:NOPE}", "host": "db.local"}  # apps 1.11.5


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"host_env": "HOST"}, "db.local"),
        ({"host": "inline", "host_env": "HOST"}, "db.local"),
        ({"host": "inline", "host_env": "NOPE"}, "inline"),
        ({"host": "inline", "host_env": "EMPTY"}, "inline"),
        ({"host": "${PORT|x}", "host_env": "HOST"}, "9000"),
        ({"host_env": "NOPE"}, None),
        ({"host_env": 5}, None),
        ({"host_env": {"HOST": "x"}}, None),
    ],
)
def test_legacy_sibling_keys(payload: dict[str, Any], field: Any) -> None:
    filled = fill({"deep": payload})["deep"]
    assert filled.get("host") == field  # apps 1.11, 13.14
    assert filled["host_env"] == payload["host_env"]


def test_placeholders_are_found_with_their_paths() -> None:
    payload = {"a": {"b": ["x", "${env:A} ${B|c}"]}, "d": "$${env:E}", "f": 5}
    found = [
        (path, item.name, item.default) for path, item in find_placeholders(payload)
    ]
    assert found == [("a.b.1", "A", None), ("a.b.1", "B", "c")]
    assert [path for path, _ in find_placeholders("${env:A}")] == [""]
