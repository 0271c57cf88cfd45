"""RE2 expressions: the language, the translation and the automaton."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.errors import InvalidError
from wippy_trio.expr import Matcher, compile_matcher, compile_pattern, parse_regex
from wippy_trio.expr.re2 import translate
from wippy_trio.expr.re2_automaton import Automaton


@pytest.mark.parametrize(
    ("pattern", "subject", "hit"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("c$", "abc", True),
        ("c$", "abc\n", False),
        ("(?m)c$", "abc\n", True),
        ("(?m)^d", "abc\nd", True),
        (r"c\z", "abc\n", False),
        (r"\Aa", "abc", True),
        (r"^\d$", "٣", False),
        (r"^\w$", "é", False),
        (r"^\s$", "\v", False),
        (r"^\s$", "\f", True),
        (r"^[[:space:]]$", "\v", True),
        (r"^[^[:alpha:]]$", "1", True),
        (r"^[[:^alpha:]]$", "1", True),
        (r"^[\d.]+$", "1.2", True),
        (r"^[]a]+$", "]a", True),
        (r"^[a\]]+$", "]a", True),
        (r"^[-a]+$", "-a", True),
        (r"^[a-]+$", "-a", True),
        (r"^\pN$", "٣", True),
        (r"^\p{Lu}$", "É", True),
        (r"^\PN$", "a", True),
        (r"^\p{^N}$", "a", True),
        (r"^[\pL\d]+$", "é1", True),
        (r"^\x41\x{1F600}\101$", "A\U0001f600A", True),
        (r"^\Qa.b\E$", "a.b", True),
        (r"^\Qa.b\E$", "axb", False),
        ("(?i)straSSe", "STRASSE", True),
        ("(?i)k", "\u212a", True),
        ("(?i)É", "é", True),
        ("(?i)[a-c]+x", "ABCX", True),
        ("(?i:a)b", "AB", False),
        ("(?-i:a)", "A", False),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("[^a]", "\n", True),
        ("^a{2,3}$", "aaaa", False),
        ("^a{2,}$", "aaaa", True),
        ("^a{,2}$", "a{,2}", True),
        ("^a{x}$", "a{x}", True),
        ("^(?P<n>a)(?P<n>b)$", "ab", True),
        ("^(?<n>a)$", "a", True),
        ("(?U)a+?b", "aab", True),
        (r"\bfoo\b", "a foo b", True),
        (r"\bfoo\b", "afoo", False),
        (r"\bé", "é", False),
        (r"^\B$", "", True),
        ("", "", True),
        ("a||b", "", True),
        ("()", "x", True),
        ("^.$", "\udcff", True),
        ("^[^a]$", "\udcff", True),
        ("(a*)*b", "aab", True),
        (r"^(\w+\.)*\w+@x$", "a.b.c@x", True),
        (r"^.+@.+$", "a@b", True),
    ],
)
def test_matching(pattern: str, subject: str, hit: bool) -> None:
    """Both engines agree with what the language says."""
    assert Matcher(pattern).search(subject) is hit  # types 4.4
    assert Automaton(parse_regex(pattern)).search(subject) is hit
    found = re.compile(translate(pattern), re.DOTALL).search(subject)
    assert (found is not None) is hit


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("[invalid", "missing closing ]: `[invalid`"),
        ("a(b", "missing closing ): `a(b`"),
        ("a)b", "unexpected ): `a)b`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a|*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+*?", "invalid nested repetition operator: `+*?`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?<=a)", "invalid or unsupported Perl syntax: `(?<`"),
        ("(?<!a)", "invalid or unsupported Perl syntax: `(?<`"),
        ("(?P=a)", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?>a)", "invalid or unsupported Perl syntax: `(?>`"),
        ("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`"),
        (r"(a)\1", r"invalid escape sequence: `\1`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"[\b]", r"invalid escape sequence: `\b`"),
        (r"\xZZ", r"invalid escape sequence: `\xZZ`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000}`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
        (r"\p{Nope}", r"invalid character class range: `\p{Nope}`"),
        ("a\\", "trailing backslash at end of expression"),
        ("[a\\", "trailing backslash at end of expression"),
        ("\udcff", "invalid UTF-8"),
        ("(" * 200 + ")" * 200, "expression nests too deeply"),
        ("a" * 20_001, "expression too large"),
    ],
)
def test_errors_quote_the_offending_piece(pattern: str, text: str) -> None:
    with pytest.raises(InvalidError) as caught:  # modules-data 10.1
        compile_matcher(pattern)
    assert str(caught.value).startswith(f"error parsing regexp: {text}")
    with pytest.raises(InvalidError):
        compile_pattern(pattern)


def test_groups_carry_over() -> None:
    pattern = compile_pattern(r"(?P<year>\d{4})-(\d\d)")
    found = pattern.search("on 2024-05-06")
    assert found is not None
    assert found["year"] == "2024"  # types 4.4
    assert found.groups() == ("2024", "05")
    assert compile_pattern(r"(?P<1x>a)(?P<n>b)(?P<n>c)").groups == 3


@pytest.mark.parametrize("pattern", ["(a*)*", "(a|b)+", "(a?){5}", "((ab)*c)*"])
def test_patterns_for_the_backtracking_engine_have_no_nested_repeats(
    pattern: str,
) -> None:
    with pytest.raises(InvalidError, match="repeats are nested"):  # types 4.4
        compile_pattern(pattern)
    assert compile_matcher(pattern).search("") in {True, False}


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "a*a*a*a*a*b", "(a|aa)+b", "(.*)(.*)(.*)(.*)=b", "(a?){30}b"]
)
def test_matching_takes_linear_time(pattern: str) -> None:
    began = time.process_time()
    assert not compile_matcher(pattern).search("a" * 65_536)  # types 4.4: 64 KiB
    assert time.process_time() - began < 5


def test_work_on_an_expression_made_for_it_is_bounded() -> None:
    pattern = "(a|b)*a" + "(a|b)" * 900 + "c"
    subject = "".join(random.Random(1).choices("ab", k=60_000))
    with pytest.raises(InvalidError, match="too much work"):
        compile_matcher(pattern).search(subject)
    with pytest.raises(InvalidError, match="expression too large"):
        compile_matcher("(?:a|(b?)){1000}" * 50)


PIECES = st.sampled_from(
    [
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        r"\b",
        "^",
        "$",
        r"\w",
        "(?m:^)",
        "(?m:$)",
        "(?i:A)",
    ]
)
PATTERNS = st.recursive(
    PIECES,
    lambda inner: (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map("|".join)
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        )
        | inner.map(lambda text: f"({text})")
    ),
    max_leaves=6,
)


@given(PATTERNS, st.text("ab \nA", max_size=6))
@settings(max_examples=400)
def test_the_engines_agree(pattern: str, subject: str) -> None:
    found = re.compile(translate(pattern), re.DOTALL).search(subject) is not None
    assert Automaton(parse_regex(pattern)).search(subject) is found
    assert Matcher(pattern).search(subject) is found


@given(st.text(r"ab()[]{}*+?|\^$.:-,0123<>PQEdwx&i=!", max_size=12))
@settings(max_examples=500)
def test_any_text_compiles_or_is_invalid(pattern: str) -> None:
    try:
        tree = parse_regex(pattern)
    except InvalidError:
        return
    assert isinstance(Automaton(tree).search("ab0"), bool)
    re.compile(translate(pattern), re.DOTALL)
