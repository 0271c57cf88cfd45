"""Writing YAML."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.errors import InternalError
from wippy_trio.modules.yaml.codec import Options, decode, encode

NESTED: dict[str, Any] = {
    "name": "x",
    "list": [1, {"a": 1, "b": {"c": [2]}}, [1, [2]], [], {}],
    "map": {"deep": {"er": True}},
    "none": None,
}


def test_layout_without_options() -> None:
    assert encode(NESTED, empty_list_is_map=False) == (
        "list:\n"
        "    - 1\n"
        "    - a: 1\n"
        "      b:\n"
        "        c:\n"
        "            - 2\n"
        "    - - 1\n"
        "      - - 2\n"
        "    - []\n"
        "    - {}\n"
        "map:\n"
        "    deep:\n"
        "        er: true\n"
        "name: x\n"
        "none: null\n"
    )  # modules-data 2.1


def test_layout_with_options() -> None:
    text = encode(NESTED, Options(field_order=("none", "map", "b", "gone")))
    assert text == (
        "none: null\n"
        "map:\n"
        "  deep:\n"
        "    er: true\n"
        "list:\n"
        "  - 1\n"
        "  - b:\n"
        "      c:\n"
        "        - 2\n"
        "    a: 1\n"
        "  - - 1\n"
        "    - - 2\n"
        "  - {}\n"
        "  - {}\n"
        "name: x\n"
    )  # modules-data 2.1


def test_empty_collections() -> None:
    assert encode({}) == "{}\n"
    assert encode([]) == "{}\n"  # modules-data 2.1: an empty Lua table is a map
    assert encode([], empty_list_is_map=False) == "[]\n"
    assert encode([None, 1]) == "- null\n- 1\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (12, "12"),
        (3.0, "3"),
        (0.5, "0.5"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (1e-5, "1e-05"),
        (math.inf, ".inf"),
        (-math.inf, "-.inf"),
        (math.nan, ".nan"),
        ("", '""'),
        ("plain", "plain"),
        ("two words", "two words"),
        ("é ☃", "é ☃"),
        ("true", '"true"'),
        ("null", '"null"'),
        ("~", '"~"'),
        ("12", '"12"'),
        ("1e3", '"1e3"'),
        (".5", '".5"'),
        ("yes", '"yes"'),
        ("No", '"No"'),
        ("on", '"on"'),
        ("y", '"y"'),
        ("yEs", "yEs"),
        ("2024-01-02", '"2024-01-02"'),
        ("12:30", '"12:30"'),
        ("0x1f", '"0x1f"'),
        ("0o17", '"0o17"'),
        ("1_000", '"1_000"'),
        ("18446744073709551615", '"18446744073709551615"'),
        ("<<", '"<<"'),
        ("1.2.3", "1.2.3"),
        ("- a", "'- a'"),
        ("-", "'-'"),
        ("-a", "-a"),
        ("? a", "'? a'"),
        ("?a", "?a"),
        (":a", ":a"),
        (": a", "': a'"),
        ("a: b", "'a: b'"),
        ("a:b", "a:b"),
        ("a:", "'a:'"),
        ("a #b", "'a #b'"),
        ("a#b", "a#b"),
        ("[a", "'[a'"),
        ("a]", "a]"),
        ("{a", "'{a'"),
        ("#a", "'#a'"),
        ("&a", "'&a'"),
        ("*a", "'*a'"),
        ("!a", "'!a'"),
        ("|", "'|'"),
        (">", "'>'"),
        ("'a", "'''a'"),
        ('"a', "'\"a'"),
        ("it's", "it's"),
        ("%a", "'%a'"),
        ("@a", "'@a'"),
        ("`a", "'`a'"),
        (",a", "',a'"),
        (" a", "' a'"),
        ("a ", "'a '"),
        ("---", "'---'"),
        ("a\tb", '"a\\tb"'),
        ("a\rb", '"a\\rb"'),
        ("\x01", '"\\x01"'),
        ("\x7f", '"\\x7F"'),
        ("\x85", '"\\N"'),
        ("\ufeffa", '"\\uFEFFa"'),
        ("\U0001f600", '"\\U0001F600"'),
        ('a\t"\\', '"a\\t\\"\\\\"'),
        ("a \nb", '"a \\nb"'),
        ("a\nb ", '"a\\nb "'),
        (b"text", "text"),
        (b"\xff\xfe", "!!binary //4="),
        ("\udcff", "!!binary /w=="),
    ],
)
def test_scalars(value: object, text: str) -> None:
    assert encode([value]) == f"- {text}\n"  # modules-data 2.1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", "k: |-\n    a\n    b\n"),
        ("a\nb\n", "k: |\n    a\n    b\n"),
        ("a\n\n", "k: |+\n    a\n\n"),
        ("a\n\nb\n", "k: |\n    a\n\n    b\n"),
        ("  a\nb", "k: |4-\n      a\n    b\n"),
        ("\na", "k: |4-\n\n    a\n"),
        ("a: b\n#c\n", "k: |\n    a: b\n    #c\n"),
    ],
)
def test_texts_of_several_lines_are_literal_blocks(value: str, text: str) -> None:
    assert encode({"k": value}) == text  # modules-data 2.1
    assert decode(text) == {"k": value}


def test_blocks_below_a_dash_and_below_maps_in_lists() -> None:
    value = [" a\nb", {"k": " a\nb\n", "l": [" x\n\n"]}]
    text = encode(value)
    assert text == (
        "- |2-\n   a\n  b\n- k: |2\n     a\n    b\n  l:\n    - |2+\n       x\n\n"
    )
    assert decode(text) == value


def test_long_lines_are_not_folded() -> None:
    assert encode({"k": "word " * 100 + "end"}).count("\n") == 1


def test_keys_that_are_no_simple_keys() -> None:
    long = "k" * 129
    text = encode({long: 1, "a\nb": [1], "m": {"x\ny\n": {"z": 1}}})
    assert text == (
        "? |-\n    a\n    b\n:\n    - 1\n"
        f"? {long}\n: 1\n"
        "m:\n    ? |\n        x\n        y\n    :\n        z: 1\n"
    )  # modules-data 2.1
    assert decode(text) == {long: 1, "a\nb": [1], "m": {"x\ny\n": {"z": 1}}}
    assert encode({"k" * 128: 1}) == f"{'k' * 128}: 1\n"


def test_keys_of_other_types_are_texts() -> None:
    text = encode({0: "a", -1: "b", True: "c", 1.5: "d", b"k": "e"})
    assert text == '"-1": b\n"0": a\n"1.5": d\nk: e\n"true": c\n'


def test_keys_go_in_natural_order() -> None:
    wanted = ["_x", "1", "2", "10", "B", "a", "a1b", "a01", "a2", "a10", "ab"]
    wanted += ["b1", "b9", "b10"]
    found = decode(encode(dict.fromkeys(reversed(wanted), 1)))
    assert list(found) == wanted  # modules-data 2.1


def test_other_keys_may_go_in_text_order() -> None:
    keys = dict.fromkeys(["b10", "b9", "b1"], 1)
    assert list(decode(encode(keys, Options(sort_unordered=True)))) == [
        "b1",
        "b10",
        "b9",
    ]  # modules-data 2.1


def test_a_table_inside_itself_is_refused() -> None:
    loop: list[Any] = [1]
    loop.append({"x": loop})
    with pytest.raises(InternalError, match="recursive table"):  # modules-data 2.1
        encode(loop)
    twice = [1]
    assert encode([twice, twice]) == "- - 1\n- - 1\n"
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(InternalError, match="nested more than 200 deep"):
        encode(deep)


TEXTS = st.text(max_size=12) | st.text(
    " \n:#-?'\"a1[]{}&*!|>%@,.~\t0eE+_T", max_size=10
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=6)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)
OPTIONS = st.none() | st.builds(
    Options, st.lists(TEXTS, max_size=3).map(tuple), st.booleans()
)


def as_read(value: Any) -> Any:
    """Turn what is written into what comes back: whole floats and bytes."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, list):
        return [as_read(item) for item in value]
    if isinstance(value, dict):
        return {key: as_read(item) for key, item in value.items()}
    return value


@given(
    st.lists(VALUES, max_size=4) | st.dictionaries(TEXTS, VALUES, max_size=4), OPTIONS
)
@settings(max_examples=400)
def test_what_is_written_reads_back(value: Any, options: Options | None) -> None:
    text = encode(value, options, empty_list_is_map=False)
    assert text.endswith("\n")
    assert decode(text) == as_read(value)


@given(TEXTS)
@settings(max_examples=300)
def test_texts_read_back_as_texts_by_another_reader(value: str) -> None:
    """PyYAML knows the words of YAML 1.1; none of them is left bare."""
    assert yaml.safe_load(encode({"k": value})) == {"k": value}
