"""YAML: types, keys, aliases, refusals, and what errors say."""

from __future__ import annotations

import inspect
import math
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.loading import yaml as module
from wippy_trio.loading.yaml import YamlError, load_document, load_yaml


def load(text: str | bytes) -> Any:
    return load_yaml(text, "src/_index.yaml")


@pytest.mark.parametrize("text", ["yes", "no", "on", "off", "y", "n", "Yes", "OFF"])
def test_words_of_agreement_are_text(text: str) -> None:
    assert load(f"a: {text}") == {"a": text}  # apps 1.7


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[(word, None) for word in ("~", "null", "Null", "NULL", "")],
        ("tRUE", "tRUE"),
        ("nUll", "nUll"),
        ("1:30", "1:30"),
        ("12:30:45", "12:30:45"),
        ("0600", 384),
        ("-0600", -384),
        ("0o600", 384),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("0", 0),
        ("-0", 0),
        ("+12", 12),
        ("0899", 899),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e-3", -0.0015),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        (":8080", ":8080"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("_1", "_1"),
        ("0x", "0x"),
        ("0b2", "0b2"),
        ("+", "+"),
        (".", "."),
        ("1e", "1e"),
        ("-x", "-x"),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 2.0**63),
        ("1" * 5000, math.inf),
        ("-" + "1" * 5000, -math.inf),
        ("-0x1" + "0" * 300, -math.inf),
        ("0_", 0),
        ("=", "="),
        ("<<", "<<"),
        ('"yes"', "yes"),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("!!float 1", 1.0),
        ("!!bool true", True),
        ("!!null ~", None),
        ("!!timestamp 2024-01-01", "2024-01-01"),
        ("!!map {}", {}),
        ("!!seq []", []),
    ],
)
def test_scalars_have_the_types_of_the_reference(text: str, value: Any) -> None:
    found = load(f"a: {text}")["a"]
    assert found == value  # apps 1.7
    assert type(found) is type(value)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(load("a: .nan")["a"])


def test_an_empty_value_and_an_empty_item_are_nil() -> None:
    assert load("a:\nb:\n  -\n  - x") == {"a": None, "b": [None, "x"]}  # apps 1.7


def test_an_empty_text_is_nil() -> None:
    assert load("") is None
    assert load("# a comment\n") is None


def test_keys_are_text_as_written() -> None:
    text = "1: a\ntrue: b\n~: c\n1.50: d\n0x1F: e\n'q': f\n2024-01-01: g"
    assert list(load(text)) == ["1", "true", "~", "1.50", "0x1F", "q", "2024-01-01"]


@pytest.mark.parametrize(
    "text", ["a: 1\nb: 2\na: 3", "x: {a: 1, 'a': 2}", "1: a\n'1': b"]
)
def test_a_duplicate_key_is_an_error(text: str) -> None:
    with pytest.raises(YamlError, match=r"duplicate key .* first on line 1"):
        load(text)  # apps 1.7


def test_anchors_aliases_and_merge_keys_work() -> None:
    text = """
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
one: {<<: *base, b: 9}
two: {b: 9, <<: [*base, *more]}
list: [&x v, *x]
key: {*x : 1}
"""
    found = load(text)
    assert found["one"] == {"a": 1, "b": 9}  # apps 1.7
    assert found["two"] == {"a": 1, "b": 9, "c": 4}
    assert found["list"] == ["v", "v"]
    assert found["key"] == {"v": 1}


def test_a_quoted_merge_sign_is_a_key() -> None:
    assert load("a: {'<<': 1}") == {"a": {"<<": 1}}


def test_an_alias_is_built_once() -> None:
    found = load("a: &a [1, 2]\nb: *a")
    assert found["a"] is found["b"]  # apps 1.7


@pytest.mark.parametrize("text", ["a: &a [*a]", "&a {x: *a}", "a: &a {b: {<<: *a}}"])
def test_an_alias_inside_itself_is_an_error(text: str) -> None:
    with pytest.raises(YamlError, match="alias inside the value it names"):
        load(text)  # apps 1.7


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, levels):
        items = ", ".join([f"*a{n - 1}"] * 10)
        lines.append(f"a{n}: &a{n} [{items}]")
    return "\n".join(lines)


def test_a_billion_laughs_are_refused_at_once() -> None:
    with pytest.raises(YamlError, match="more than 1000000 values"):
        load(laughs(9))  # apps 1.7
    assert len(load(laughs(5))) == 5


def test_merges_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUES", 50)
    text = "a: &a {k: [1, 2, 3, 4, 5, 6, 7, 8]}\nb: [{<<: *a}, {<<: *a}, {<<: *a}]\n"
    assert len(load(text)["b"]) == 3
    with pytest.raises(YamlError, match="more than 50"):
        load(text + "c: [{<<: *a}, {<<: *a}]")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!binary aGk=", "unsupported tag !!binary"),
        ("a: !!python/object:x {}", "unsupported tag !!python/object:x"),
        ("a: !mine x", "unsupported tag !mine"),
        ("a: !mine [x]", "unsupported tag !mine"),
        ("a: !!set {x}", "unsupported tag !!set"),
        ("a: !!map x", "unsupported tag !!map"),
        ("a: !!seq {x: 1}", "unsupported tag !!seq"),
        ("a: !!int x", "'x' is no int"),
        ("a: !!int 1.5", "'1.5' is no int"),
        ("a: !!bool yes", "'yes' is no bool"),
        ("!mine x: 1", "unsupported tag !mine"),
        ("? [a]\n: b", "wanted text as a key, found a sequence"),
        ("? {a: b}\n: c", "wanted text as a key, found a mapping"),
        ("a: {<<: 5}", "wanted a mapping"),
        ("a: *nobody", "undefined alias"),
        ("--- a\n--- b\n", "expected a single document"),
        ("a: [1, 2", "expected ',' or ']'"),
        ("a: b: c", "mapping values are not allowed"),
        ("\ta: b", "found a tab, wanted spaces"),
        ("a: 'x", "unexpected end of stream"),
        ("a: \x00", "control characters are not allowed"),
        (b"a: \xff", "invalid"),
        ("[" * 300 + "]" * 300, "nested deeper than 200 levels"),
        ("[" * 5000, "nesting depth"),
        ("- " * 5000 + "x", "nesting depth"),
    ],
)
def test_what_is_refused_is_named_with_its_place(
    text: str | bytes, problem: str
) -> None:
    with pytest.raises(YamlError) as caught:  # apps 1.7
        load(text)
    message = str(caught.value)
    assert message.startswith("src/_index.yaml:")
    assert problem in message


def test_an_error_knows_its_line_and_column() -> None:
    with pytest.raises(YamlError) as caught:
        load("a: 1\nb:\n  c: !mine x\n")
    error = caught.value
    assert (error.file, error.line, error.column) == ("src/_index.yaml", 3, 6)
    assert str(error) == "src/_index.yaml:3:6: unsupported tag !mine"


def test_an_error_at_the_end_says_where_the_trouble_began() -> None:
    with pytest.raises(
        YamlError, match=r"7:1: .*scalar from line 2 on: .*unexpected end"
    ):
        load("a: 1\nb: 'x\nc: 1\nd: 2\ne: 3\nf: 4\n")


def test_a_document_knows_where_its_entries_begin() -> None:
    text = "namespace: a\nentries:\n  - name: x\n    kind: k\n\n  - name: y\n"
    assert load_document(text, "f.yaml").lines == (3, 6)
    assert load_document("\nnamespace: a\nname: x\n", "f.yaml").lines == (2,)


def test_a_caller_near_the_end_of_its_stack_gets_an_error() -> None:
    def below(depth: int) -> Any:
        if depth:
            return below(depth - 1)
        return load("a: " + "[" * 150 + "]" * 150)

    deep = sys.getrecursionlimit() - 150
    with pytest.raises(YamlError, match="nested deeper"):
        below(deep - len(inspect.stack(0)))


def test_json_is_read_as_json() -> None:
    text = b'\xef\xbb\xbf{"a": [1, 1.5, "\\ud83d\\ude00", null, true, 1%s]}' % (
        b"0" * 30
    )
    value = load_document(text, "f.json").value
    assert value == {"a": [1, 1.5, "\U0001f600", None, True, 1e30]}
    assert type(value["a"][5]) is float


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', 'f.json: duplicate key "a"'),
        ('{"a": NaN}', "f.json: NaN is no JSON"),
        ('{"a":\n  x}', "f.json:2:3: Expecting value"),
        (b'{"a": "\xff"}', "f.json:1:8: not UTF-8: invalid start byte"),
        ("[" * 300 + "]" * 300, "f.json: nested deeper than 200 levels"),
        ("[" * 100_000, "f.json: nested deeper than 200 levels"),
    ],
)
def test_broken_json_is_named_with_its_place(text: str | bytes, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        load_document(text, "f.json")
    assert str(caught.value) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_named_error(raw: bytes) -> None:
    with suppress(YamlError):
        load_yaml(raw, "f.yaml")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_what_python_writes_as_yaml_reads_back(value: Any) -> None:
    import yaml  # noqa: PLC0415 - the other side of the trip

    class Dumper(yaml.SafeDumper):
        pass

    text = yaml.dump(value, Dumper=Dumper, default_style='"', allow_unicode=False)
    assert load_yaml(text.replace("!!null", ""), "f.yaml") == expected(value)


def expected(value: Any) -> Any:
    """PyYAML writes nulls as the quoted text ``null`` once its tag is gone."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return [expected(item) for item in value]
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    return value
