"""Tokens: what they are, where they stand, and that no source is slow to split."""

from __future__ import annotations

import time

import pytest

from wippy_trio.lang.lexer import complaint, tokenize
from wippy_trio.lang.strings import escape_fault, plain_escapes, string_value


def kinds(text: str) -> list[str]:
    tokens = tokenize(text)
    return tokens.kinds[: len(tokens.texts) - 1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b1 _c", ["name", "name", "name"]),
        ("a.b..c...", ["name", ".", "name", "..", "name", "..."]),
        ("1 2.5 .5 1e-3 0xFp-2 0x.8 3.", ["number"] * 7),
        ("3x 0x 1e 1..2 0x1g", ["bad"] * 5),
        (
            "a//b<<c>>d~=e==f",
            [
                "name",
                "//",
                "name",
                "<<",
                "name",
                ">>",
                "name",
                "~=",
                "name",
                "==",
                "name",
            ],
        ),
        (
            "a::b->c?d!e@f",
            ["name", "::", "name", "->", "name", "?", "name", "!", "name", "@", "name"],
        ),
        ("'a' \"b\" [[c]] [==[d]]]==]", ["string"] * 4),
        ("'a\\'b' \"\\\"\" 'a\\\nb' 'a\\z \n b'", ["string"] * 4),
        ("a --b\nc --[[d\ne]]f--", ["name", "name", "name"]),
        ("---[[ a\nb", ["name"]),
        ("--[==[ ]] ]==]x", ["name"]),
        ("- - --", ["-", "-"]),
        ("a-- b", ["name"]),
        ("end endx type fun", ["end", "name", "name", "fun"]),
        ("[[x]]=[=[y]=]", ["string", "=", "string"]),
        ("t[t[1]]", ["name", "[", "name", "[", "number", "]", "]"]),
        ("[======[ a ]======] b", ["string", "name"]),
        ("$ ` \\ \u00e9", ["bad"] * 4),
        ("'a\nb'", ["bad", "name", "bad"]),
        ("\x0b\x0ca\x1cb", ["name", "bad", "name"]),
        ("a\xa0b", ["name", "bad", "name"]),
        ("", []),
    ],
)
def test_text_is_split(text: str, found: list[str]) -> None:
    assert kinds(text) == found  # types 1.2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'abc", "unfinished string"),
        ('"abc\\"', "unfinished string"),
        ("[[abc", "unfinished long string"),
        ("[==[abc]]", "unfinished long string"),
        ("[=x", "invalid long string delimiter"),
        ("--[[abc", "unfinished long comment"),
        ("--[=[abc]]", "unfinished long comment"),
        ("$", "invalid token '$'"),
        ("\\", "invalid token '\\'"),
        ("\xe2\x86\x92x", "invalid token '\u2192'"),
        ("3x", "malformed number '3x'"),
        ("'\\256'", "decimal escape too large '\\256'"),
        ("'\\u{80000000}'", "UTF-8 value too large"),
    ],
)
def test_bad_token_says_what_is_wrong(text: str, message: str) -> None:
    tokens = tokenize(text)
    assert tokens.kinds[0] == "bad"
    assert complaint(tokens.texts[0])[0] == message  # types 1.12


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ('"abc"', b"abc"),
        (r'"a\tb\\\""', b'a\tb\\"'),
        (r"'\65\066\x43\u{44}\u{20AC}'", b"ABCD\xe2\x82\xac"),
        (r'"\d\.\-"', b"d.-"),
        ('"a\\\nb"', b"a\nb"),
        ('"a\\\r\nb"', b"a\nb"),
        ('"a\\z \n  b"', b"ab"),
        ("[[\nabc\n]]", b"abc\n"),
        ("[==[a]]b]==]", b"a]]b"),
        (r'"\u{7FFFFFFF}"', b"\xfd\xbf\xbf\xbf\xbf\xbf"),
        (r'"\u{7FF}\u{800}"', b"\xdf\xbf\xe0\xa0\x80"),
    ],
)
def test_literal_has_its_value(literal: str, value: bytes) -> None:
    assert string_value(literal) == value  # types 1.2
    assert escape_fault(literal) == ""


def test_only_unknown_escapes_lose_their_backslash() -> None:
    assert plain_escapes(r'"\.\n\\d\d"') == r'".\n\\dd"'  # types 1.2
    assert plain_escapes(r'"\xZZ\u20\q"') == '"xZZu20q"'


@pytest.mark.parametrize(
    "text",
    [
        '"\\z   ' * 60_000,
        "[[" * 200_000,
        "--[[" * 100_000,
        " " * 500_000 + "$",
        '"\\"' * 100_000,
        "'\\\n" * 100_000,
        "[=" * 100_000,
        "0x" * 100_000,
        "1e+" * 100_000,
        "-" * 300_000,
        "\xe9" * 300_000,
    ],
)
def test_hostile_text_is_split_in_linear_time(text: str) -> None:
    begin = time.process_time()
    tokenize(text)
    assert time.process_time() - begin < 3
