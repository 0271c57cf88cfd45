"""JSON schemas."""

from __future__ import annotations

from typing import Any

import pytest

from wippy_trio.errors import InvalidError
from wippy_trio.modules.json.schema import (
    compile_schema,
    data_from_lua,
    schema_from_lua,
)

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string"}},
        "a/b~c": {"const": 1},
    },
    "required": ["name"],
}


def mistake(schema: Any, data: Any) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        compile_schema(schema).validate(data)
    return caught.value


def test_what_fits_passes() -> None:
    compile_schema(PERSON).validate({"name": "a", "age": 3, "tags": ["x"]})
    compile_schema('{"type": "integer"}').validate(3)
    compile_schema(True).validate(None)


def test_a_whole_float_is_an_integer() -> None:
    compile_schema(PERSON).validate({"name": "a", "age": 30.0})  # modules-data 1.3.2
    assert mistake(PERSON, {"name": "a", "age": 30.5}).details == {
        "path": "/age",
        "keyword": "type",
    }


def test_formats_never_fail() -> None:
    schema = {"type": "string", "format": "email"}
    compile_schema(schema).validate("not an address")  # modules-data 1.3.1


@pytest.mark.parametrize(
    ("data", "path", "keyword", "text"),
    [
        (
            {},
            "",
            "required",
            '#: "name" is a required property',
        ),
        ({"name": 5}, "/name", "type", "/name: 5 is not of type"),
        ({"name": ""}, "/name", "minLength", "/name: "),
        ({"name": "a", "tags": ["x", 1]}, "/tags/1", "type", "/tags/1: 1 is not"),
        ({"name": "a", "a/b~c": 2}, "/a~1b~0c", "const", "/a~1b~0c: 1 was expected"),
        ({"tags": [1], "name": 2}, "/tags/0", "type", "/tags/0: "),
        ({"name": 2, "tags": [1]}, "/name", "type", "/name: "),
        ({"tags": [1]}, "", "required", "#: "),
    ],
)
def test_the_first_mistake_in_document_order_is_named(
    data: Any, path: str, keyword: str, text: str
) -> None:
    found = mistake(PERSON, data)
    assert str(found).startswith(text)  # modules-data 1.3.3
    assert found.details == {"path": path, "keyword": keyword}


def test_older_keywords_work() -> None:
    schema = {
        "definitions": {"a": {"type": "string"}},
        "items": {"$ref": "#/definitions/a"},
    }
    compile_schema(schema).validate(["x"])  # modules-data 1.3.1
    assert mistake(schema, ["x", 1]).details == {"path": "/1", "keyword": "type"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nope"},
        {"properties": []},
        {"pattern": "("},
        {"$ref": "#/definitions/gone"},
        {"$ref": "http://localhost:1/remote"},
        {"$ref": "file:///etc/passwd"},
        {"$schema": "http://localhost:1/meta"},
        "{",
        "5",
        "[" * 100_000,
        {"const": object()},
    ],
)
def test_what_is_no_schema_is_invalid(schema: Any) -> None:
    with pytest.raises(InvalidError):  # modules-data 1.3.3, 1.3.6
        compile_schema(schema)


def test_patterns_take_linear_time() -> None:
    schema = {"type": "string", "pattern": "^(a*)*$"}
    assert mistake(schema, "a" * 20_000 + "b").details == {
        "path": "",
        "keyword": "pattern",
    }


def test_long_reasons_are_cut() -> None:
    assert len(str(mistake({"type": "string"}, ["x" * 50] * 100))) < 600


def test_equal_schemas_are_compiled_once() -> None:
    first = compile_schema({"type": "string", "minLength": 1})
    again = compile_schema('{"minLength": 1, "type": "string"}')
    assert first is again  # modules-data 1.3.6


def test_data_that_json_cannot_say_is_invalid() -> None:
    assert "not JSON" in str(mistake({"type": "object"}, "\ud800"))


def test_an_empty_table_as_data_is_an_object() -> None:
    assert data_from_lua({"a": [], "b": [[], b"x"]}) == {"a": {}, "b": [{}, "x"]}
    compile_schema({"type": "object"}).validate(data_from_lua([]))  # modules-data 1.3.5


def test_an_empty_table_in_a_schema_is_what_its_keyword_wants() -> None:
    schema = schema_from_lua(
        {
            b"type": b"object",
            "properties": {"a": [], "b": {"properties": [], "required": []}},
            "required": [],
            "items": [],
            "additionalProperties": [],
            "not": [],
            "$defs": [],
            "allOf": [[], {"items": []}],
            "enum": [[]],
            "const": [],
            "dependentRequired": [],
            "dependencies": {"a": [], "b": ["c"], "d": {"properties": []}},
            "default": {"x": []},
        }
    )
    assert schema == {
        "type": "object",
        "properties": {"a": {}, "b": {"properties": {}, "required": []}},
        "required": [],
        "items": {},
        "additionalProperties": {},
        "not": {},
        "$defs": {},
        "allOf": [{}, {"items": {}}],
        "enum": [[]],
        "const": [],
        "dependentRequired": {},
        "dependencies": {"a": [], "b": ["c"], "d": {"properties": {}}},
        "default": {"x": []},
    }  # modules-data 1.3.5
    assert schema_from_lua([]) == {}
    assert schema_from_lua({"items": [{"properties": []}]}) == {
        "items": [{"properties": {}}]
    }


def test_strings_must_be_utf_8_and_nesting_is_bounded() -> None:
    for read in (data_from_lua, schema_from_lua):
        with pytest.raises(InvalidError, match="not UTF-8"):  # modules-data 1.3.2
            read({"const": b"\xff"})
        deep: Any = 1
        for _ in range(300):
            deep = {"not": deep, "x": [deep]}
        with pytest.raises(InvalidError, match="nested more than 200 deep"):
            read(deep)
