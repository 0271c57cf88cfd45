"""Reading YAML."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.errors import InternalError
from wippy_trio.modules.yaml.codec import (
    YamlConversionError,
    YamlSyntaxError,
    decode,
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("~", None),
        ("Null", None),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 15),
        ("0b101", 5),
        ("1_000", 1000),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-.inf", -math.inf),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551616", float(2**64)),
        ("-9223372036854775809", -float(2**63)),
        ("9" * 5000, "9" * 5000),
        ("1e400", "1e400"),
        ("1:30", "1:30"),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
        ("2024-01-02", 1704153600),
        ("2024-01-02T03:04:05Z", 1704164645),
        ("2024-01-02T03:04:05.5+01:00", 1704161045),
        ("2024-01-02 03:04:05", 1704164645),
        ("2024-13-01", "2024-13-01"),
        ('"2024-01-02"', "2024-01-02"),
        ("'12'", "12"),
        ("a b", "a b"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars(text: str, wanted: object) -> None:
    found = decode(f"- {text}")[0]
    assert type(found) is type(wanted)  # modules-data 2.2
    assert found == wanted


def test_not_a_number() -> None:
    assert math.isnan(decode(".nan"))


@pytest.mark.parametrize("text", ["", "  \n", "# only\n", "---\n", "~"])
def test_nothing_is_nil(text: str) -> None:
    assert decode(text) is None  # modules-data 2.2


def test_only_the_first_document_is_read() -> None:
    assert decode("a: 1\n---\nb: 2\n") == {"a": 1}  # modules-data 2.2
    assert decode("a: 1\n---\n: [") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!float 3", 3.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("!!binary aGk=", b"hi"),
        ("!!binary |\n  aG\n  k=\n", b"hi"),
        ("!!timestamp '2024-01-02'", 1704153600),
        ("!custom text", "text"),
        ("!custom 12", "12"),
        ("!custom [1]", [1]),
        ("!!omap [a: 1]", [{"a": 1}]),
        ("!!set {a, b}", {"a": None, "b": None}),
        ("!<tag:x.org,2000:y> {a: 1}", {"a": 1}),
    ],
)
def test_tags(text: str, wanted: object) -> None:
    assert decode(text) == wanted  # modules-data 2.2


def test_keys_are_texts() -> None:
    text = "1: a\ntrue: b\n1.50: c\n~: d\n'x': e\n!!binary aGk=: f\n? g\n: h\n"
    wanted = {"1": "a", "true": "b", "1.50": "c", "~": "d", "x": "e", "hi": "f"}
    assert decode(text) == {**wanted, "g": "h"}  # modules-data 2.2


def test_anchors_aliases_and_merges() -> None:
    text = """
base: &b {x: 1, y: 2}
other: &o {y: 3, z: 4}
one: {<<: *b, y: 9}
two: {<<: [*o, *b], w: 0}
again: *b
"""
    found = decode(text)
    assert found["one"] == {"x": 1, "y": 9}
    assert found["two"] == {"y": 3, "z": 4, "x": 1, "w": 0}
    assert found["again"] == {"x": 1, "y": 2}


def failure(text: str | bytes) -> str:
    with pytest.raises(YamlSyntaxError) as caught:
        decode(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", 'yaml: line 3: key "a" already defined at line 1'),
        ("a: [1, 2", "yaml: line 2: while parsing a flow sequence: "),
        ("a: *nope", "yaml: line 1: "),
        ("? [a]\n: 1", "yaml: line 1: invalid map key: a sequence"),
        ("? {a: 1}\n: 1", "yaml: line 1: invalid map key: a mapping"),
        ("a:\n\t- b", "yaml: line 2: "),
        ("a: &x [*x]", "yaml: line 1: anchor value contains itself"),
        ("<<: 5", "yaml: line 1: map merge requires map"),
        ("!!int x", "yaml: line 1: cannot decode 'x' as !!int"),
        ("!!binary '!'", "yaml: line 1: cannot decode '!' as !!binary"),
        ("!!timestamp x", "yaml: line 1: cannot decode 'x' as !!timestamp"),
        (b"a: \xff", "yaml: not UTF-8"),
        ("a: \x01", "yaml: "),
        ("[" * 100_000, "yaml: "),
        ("- " * 700 + "x", "yaml: line 1: nested too deeply"),
        ("@", "yaml: line 1: "),
    ],
)
def test_malformed_texts_say_where(text: str | bytes, reason: str) -> None:
    assert failure(text).startswith(reason)  # modules-data 2.2


def test_an_integer_of_all_64_bits_cannot_be_carried() -> None:
    for text in ("9223372036854775808", "0xffffffffffffffff"):
        with pytest.raises(YamlConversionError, match="overflows lua integer"):
            decode(f"a: {text}")  # modules-data 2.2


def test_alias_bombs_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "excessive aliasing" in failure("\n".join(lines))  # modules-data 2.2
    merges = ["m0: &m0 {a: 1}"]
    merges += [f"m{n}: &m{n} {{<<: *m{n - 1}, b{n}: *m{n - 1}}}" for n in range(1, 60)]
    assert "excessive aliasing" in failure("\n".join(merges))


def test_a_large_text_without_aliases_is_no_bomb() -> None:
    assert len(decode("[" + "1, " * 150_000 + "1]")) == 150_001


@given(st.text(max_size=30) | st.text("-: \n[]{}&*!|>'\"a1#?,%@~", max_size=20))
@settings(max_examples=400)
def test_any_text_is_read_or_an_error_of_ours(text: str) -> None:
    try:
        value: Any = decode(text)
    except InternalError:
        return
    assert isinstance(value, (type(None), bool, int, float, str, bytes, list, dict))
