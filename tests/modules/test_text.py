"""The module `text`: modules-data 10."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.modules.application import run_function
from wippy_trio.errors import Error, InvalidError
from wippy_trio.modules.text.diff import differ_of
from wippy_trio.modules.text.markdown import MarkdownSplitter
from wippy_trio.modules.text.regexp import compile_regexp
from wippy_trio.modules.text.splitter import RecursiveSplitter

if TYPE_CHECKING:
    from pathlib import Path

for _package in ("re2", "diff_match_patch", "markdown_it"):
    pytest.importorskip(_package)

# -- regexp


def test_each_method_of_an_expression(tmp_path: Path) -> None:
    """What each returns with and without a match (modules-data 10.1)."""
    source = r"""
    return { main = function()
      local re, err = text.regexp.compile("(\\w+)=(?P<v>\\d*)")
      local star = text.regexp.compile("a*")
      return {
        err == nil, re:match_string("x a=1"), re:match_string("x"),
        re:find_string("x a=1"), re:find_string("x") == nil,
        star:find_string("baaac") == nil,
        re:find_all_string("a=1 b="), re:find_all_string("x"),
        re:find_string_submatch("x a="), re:find_string_submatch("x") == nil,
        re:find_all_string_submatch("a=1 b="), re:find_all_string_submatch(""),
        re:find_string_index("x a=1"), re:find_string_index("x") == nil,
        re:find_all_string_index("a=1 b="), re:find_all_string_index("x") == nil,
        re:replace_all_string("a=1 b=2", "$v:$1"), re:num_subexp(), re:subexp_names(),
        re:string(), text.regexp.compile(","):split("a,b,c"),
        select("#", re:find_string("a=")), select("#", re:match_string("")),
      }
    end }
    """
    assert run_function(tmp_path, source, modules="text") == [
        True, True, False, "a=1", True, True,
        ["a=1", "b="], [], ["a=", "a", ""], True,
        [["a=1", "a", "1"], ["b=", "b", ""]], [],
        [3, 5], True, [[1, 3], [5, 6]], True,
        "1:a 2:b", 2, ["", "", "v"],
        r"(\w+)=(?P<v>\d*)", ["a", "b", "c"], 1, 1,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "text", "places"),
    [
        (b"a*", b"baaac", [[1, 0], [2, 4], [6, 5]]),
        (b"", "é".encode(), [[1, 0], [3, 2]]),
        (b"", b"", [[1, 0]]),
        (b"a|", b"aa", [[1, 1], [2, 2]]),
        (b"^", b"ab", [[1, 0]]),
        (rb"\b", b"ab c", [[1, 0], [3, 2], [4, 3], [5, 4]]),
        (b".", b"a\xff\xc3\xa9", [[1, 1], [2, 2], [3, 4]]),
        (b"[^a]", b"\xff\xfea\xf0\x9f", [[1, 1], [2, 2], [4, 4], [5, 5]]),
        (b"c", b"\xff\xff\xffc", [[4, 4]]),
    ],
)
def test_all_matches_are_counted_in_bytes(
    pattern: bytes, text: bytes, places: list[list[int]]
) -> None:
    """Empty matches go on by one character; a bad byte is one (modules-data 10.1)."""
    assert compile_regexp(pattern).find_all_string_index(text) == places


@pytest.mark.parametrize(
    ("template", "made"),
    [
        (b"$1", b"<k>"),
        (b"${1}x", b"<kx>"),
        (b"$1x", b"<>"),
        (b"$k-$v", b"<k-v>"),
        (b"$$1", b"<$1>"),
        (b"$", b"<$>"),
        (b"${1", b"<${1>"),
        (b"${a-b}", b"<${a-b}>"),
        (b"$0$9$01", b"<k=v>"),
        (b"$999999999999", b"<>"),
        (b"\xff$2", b"<\xffv>"),
    ],
)
def test_templates_name_groups(template: bytes, made: bytes) -> None:
    """A name runs as far as letters and digits go (modules-data 10.1)."""
    found = compile_regexp(b"(?P<k>k)=(?P<v>v)").replace_all_string(b"<k=v>", template)
    assert found == made


@pytest.mark.parametrize(
    ("text", "n", "pieces"),
    [
        (b"a,b,c", -1, [b"a", b"b", b"c"]),
        (b"a,b,c", 2, [b"a", b"b,c"]),
        (b"a,b,c", 1, [b"a,b,c"]),
        (b"a,b,c", 0, []),
        (b"", -1, [b""]),
        (b",a,", -1, [b"", b"a", b""]),
    ],
)
def test_splitting(text: bytes, n: int, pieces: list[bytes]) -> None:
    """The number of pieces is bounded by a positive n (modules-data 10.1)."""
    assert compile_regexp(b",").split(text, n) == pieces


def test_splitting_at_empty_matches_gives_characters() -> None:
    """An empty match at the beginning makes no piece."""
    assert compile_regexp(b"").split("aé".encode()) == [b"a", "é".encode()]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (b"[invalid", "missing closing ]: `[invalid`"),
        (b"(a", "missing closing ): `(a`"),
        (b"a)", "unexpected ): `a)`"),
        (b"*a", "missing argument to repetition operator: `*`"),
        (b"a**", "invalid nested repetition operator: `**`"),
        (b"a{1001}", "invalid repeat count: `{1001}`"),
        (b"(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        (b"(?P<>a)", "invalid named capture: `(?P<>`"),
        (b"[b-a]", "invalid character class range: `b-a`"),
        (rb"\y", r"invalid escape sequence: `\y`"),
        (rb"\C", r"invalid escape sequence: `\C`"),
        (rb"(a)\1", r"invalid escape sequence: `\1`"),
        (b"a\\", "trailing backslash at end of expression"),
        (b"\xff", "invalid UTF-8"),
    ],
)
def test_what_is_no_expression(pattern: bytes, reason: str) -> None:
    """The reason names the offending piece (modules-data 10.1)."""
    with pytest.raises(InvalidError) as caught:
        compile_regexp(pattern)
    assert caught.value.message.startswith(f"error parsing regexp: {reason}")


def test_nested_repeats_take_linear_time() -> None:
    """What takes a backtracking engine for ever is nothing here."""
    started = time.perf_counter()
    assert not compile_regexp(b"(a+)+(b|a)*[c]").match_string(b"a" * 200_000)
    assert time.perf_counter() - started < 5


@given(
    st.sampled_from(["a*", "(a|b)?", "[^b]", "", r"\b", "b+|(é)", "(?i)A", "$"]),
    st.lists(st.sampled_from([b"a", b"b", "é".encode(), b"\xff", b" "]), max_size=8),
)
def test_offsets_and_pieces_agree(pattern: str, parts: list[bytes]) -> None:
    """Cutting by the offsets gives the matches; ``$0`` for each changes nothing."""
    expression, text = compile_regexp(pattern.encode()), b"".join(parts)
    places = expression.find_all_string_index(text) or []
    cut = [text[first - 1 : last] for first, last in places]
    assert cut == expression.find_all_string(text)
    assert cut == [row[0] for row in expression.find_all_string_submatch(text)]
    assert expression.replace_all_string(text, b"$0") == text


def test_wrong_types_raise_and_bad_patterns_do_not(tmp_path: Path) -> None:
    """A pattern that is no text is a mistake of the program."""
    source = r"""
    return { main = function()
      local none, err = text.regexp.compile("(")
      local re = text.regexp.compile("a")
      return { none == nil, err:kind(), pcall(text.regexp.compile, {}),
        (pcall(re.match_string, re, {})), (pcall(re.match_string, {}, "a")),
        (pcall(re.split, re, "a", {})), (pcall(function() re.x = 1 end)),
        re:match_string(5), text.regexp.compile("5"):match_string(5) }
    end }
    """
    got = run_function(tmp_path, source, modules="text")
    assert got[:3] == [True, "Invalid", False]
    assert got[-6:] == [False, False, False, False, False, True]


# -- diff


def test_texts_are_compared_and_patched(tmp_path: Path) -> None:
    """Characters, not words; counts are bytes (modules-data 10.2)."""
    source = r"""
    return { main = function()
      local d, err = text.diff.new({ diff_timeout = 2, patch_margin = 2, unknown = {} })
      local diffs, none = d:compare("the cät", "the cät sat")
      local patches = d:patch_make("one two", "one three")
      return { err == nil, none == nil, diffs, d:summarize(diffs), d:pretty_text(diffs),
        d:pretty_html({ { operation = "delete", text = "<'\"&\n>" } }), #patches,
        { d:patch_apply(patches, "one two") }, { d:patch_apply({}, "x") },
        d:compare("", ""), d:compare("a", "a"), { d:patch_apply(patches, "unlike") },
        (pcall(d.compare, d, {}, "a")), (pcall(d.summarize, d, 5)) }
    end }
    """
    got = run_function(tmp_path, source, modules="text")
    assert got == [
        True, True,
        [{"operation": "equal", "text": "the cät"},
         {"operation": "insert", "text": " sat"}],
        {"insertions": 4, "deletions": 0, "equals": 8},
        "the cät\x1b[32m sat\x1b[0m",
        '<del style="background:#ffe6e6;">&lt;&#39;&#34;&amp;&para;<br>&gt;</del>', 1,
        ["one three", True], ["x", True],
        [], [{"operation": "equal", "text": "a"}], ["unlike", False], False, False,
    ]  # fmt: skip


def test_a_deletion_comes_before_an_insertion() -> None:
    """And what has nothing in common is one of each."""
    assert differ_of(None).compare(b"abc", b"xyz") == [
        {"operation": "delete", "text": "abc"},
        {"operation": "insert", "text": "xyz"},
    ]


def test_malformed_items_are_skipped() -> None:
    """In lists of differences and of patches (modules-data 10.2)."""
    differ = differ_of({})
    rows: list[Any] = [5, {}, {"operation": "x", "text": "a"}, {"operation": "equal"}]
    assert differ.summarize([*rows, {"operation": "insert", "text": b"\xff"}]) == {
        "insertions": 1,
        "deletions": 0,
        "equals": 0,
    }
    assert differ.pretty_text(rows) == ""
    patches: list[Any] = [5, {"text": 5}, {"text": "@@ nonsense"}, {}]
    assert differ.patch_apply(patches, "x") == ("x", True)


@pytest.mark.parametrize("margin", [0, 15, 16, 1e9, float("nan"), -1])
def test_no_margin_makes_patching_endless(margin: float) -> None:
    """A margin of half a match and more would never come to an end."""
    differ = differ_of({"patch_margin": margin, "diff_timeout": float("nan")})
    before, after = "x" * 200, "x" * 50 + "y" * 100 + "x" * 50
    assert differ.patch_apply(differ.patch_make(before, after), before)[1] is True


def test_a_comparison_ends_in_its_time() -> None:
    """Texts without likeness cost what the option says, also where it says 0."""
    first = "".join(chr(0x4E00 + i * 7 % 20_000) for i in range(20_000)).encode()
    second = "".join(chr(0x4E00 + i * 11 % 20_000) for i in range(20_000)).encode()
    started = time.perf_counter()
    differ_of({"diff_timeout": 0.2}).compare(first, second)
    assert time.perf_counter() - started < 20


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_difference_holds_both_texts(before: str, after: str) -> None:
    """Without insertions it is the one, without deletions the other."""
    rows = differ_of(None).compare(before.encode(), after.encode())
    texts = {
        left_out: "".join(r["text"] for r in rows if r["operation"] != left_out)
        for left_out in ("insert", "delete")
    }
    assert texts == {"insert": before, "delete": after}


# -- splitter


def recursive(text: str, **options: Any) -> list[Any]:
    return RecursiveSplitter.configured(options).split_text(text.encode())


@pytest.mark.parametrize(
    ("text", "options", "chunks"),
    [
        ("", {}, []),
        (" \n\t", {}, []),
        ("short", {}, ["short"]),
        (
            "the quick brown fox jumps",
            {"chunk_size": 10, "chunk_overlap": 3},
            ["the quick", "brown fox", "fox jumps"],
        ),
        ("aaaaaa", {"chunk_size": 4, "chunk_overlap": 0}, ["aaaa", "aa"]),
        ("a b", {"separators": {}}, ["a b"]),
        (
            "longword x",
            {"chunk_size": 4, "chunk_overlap": 0, "separators": [" "]},
            ["longword", "x"],
        ),
        (
            "one,two,three",
            {
                "chunk_size": 7,
                "chunk_overlap": 0,
                "separators": [","],
                "keep_separator": True,
            },
            ["one,two", ",three"],
        ),
        ("äöü äöü", {"chunk_size": 5.0, "chunk_overlap": 0.0}, ["äöü", "äöü"]),
        ("ab", {"chunk_size": -1, "chunk_overlap": "x"}, ["ab"]),
        ("ab", {"chunk_size": float("nan")}, ["ab"]),
    ],
)
def test_cutting_at_separators(
    text: str, options: dict[str, Any], chunks: list[str]
) -> None:
    """Coarse separators first; lengths are characters (modules-data 10.3)."""
    assert recursive(text, **options) == chunks


@example(text="a aaa", size=4, overlap=1, keep=False)
@given(
    st.text("ab \n", max_size=80), st.integers(1, 20), st.integers(0, 25), st.booleans()
)
def test_chunks_hold_the_text(text: str, size: int, overlap: int, keep: bool) -> None:
    """No chunk is too long, and without overlap no letter is lost."""
    chunks = recursive(
        text, chunk_size=size, chunk_overlap=overlap, keep_separator=keep
    )
    assert all(len(chunk) <= size for chunk in chunks)
    assert all(chunk.strip() or len(chunk) == size for chunk in chunks)
    letters = "".join(text.split())
    if overlap == 0:
        assert "".join("".join(chunks).split()) == letters
    assert set("".join(chunks).split()) or not letters


def test_an_overlap_cannot_fill_the_memory() -> None:
    """A megabyte in chunks that move on by one character is refused."""
    with pytest.raises(Error, match="chunk_overlap is too large"):
        recursive("x" * 1_000_000, chunk_size=1000, chunk_overlap=999)


def markdown(text: str, **options: Any) -> list[Any]:
    return MarkdownSplitter.configured(options).split_text(text.encode())


DOCUMENT = """\
# A
one *two*

## B
- x
  - y
- z

1. first
2. second

> said
> so

***

```lua
return 1
```

| a | b |
|---|---|
| 1 | 2 |
| 3 | 4 |

# C
"""


def test_markdown_under_its_headings() -> None:
    """Each chunk repeats its heading; rows stand alone under the header."""
    assert markdown(DOCUMENT) == [
        "# A\none *two*",
        "## B\n- x\n  - y\n- z\n1. first\n2. second\n> said\n> so\n---",
        "## B\n| a | b |\n| --- | --- |\n| 1 | 2 |",
        "## B\n| a | b |\n| --- | --- |\n| 3 | 4 |",
        "# C",
    ]


def test_markdown_options() -> None:
    """Code, all headings above, and tables in one piece (modules-data 10.3)."""
    chunks = markdown(
        DOCUMENT, code_blocks=True, heading_hierarchy=True, join_table_rows=True
    )
    assert chunks[0] == "# A\none *two*"
    assert chunks[1].startswith("# A\n## B\n- x\n")
    assert chunks[1].endswith(
        "---\n```lua\nreturn 1\n```\n| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"
    )
    text = "See [it][1] and `code` and **bold**.\n\n[1]: http://x.example 'T'\n"
    assert markdown(text) == ["See [it][1] and `code` and **bold**."]
    assert markdown(text, reference_links=True) == [
        'See [it](http://x.example "T") and `code` and **bold**.'
    ]


def test_long_markdown_is_cut_again() -> None:
    """What is above size and overlap together is cut, each piece with its heading."""
    text = "# T\n" + " ".join(["word"] * 20)
    chunks = markdown(text, chunk_size=20, chunk_overlap=0)
    assert len(chunks) > 3
    assert all(c.startswith("# T\nword") and len(c) <= 24 for c in chunks)
    assert markdown("a\n\nb\n\nc", chunk_size=3) == ["a\nb", "c"]


@given(st.text("# \n-*>|`[]()1.ab!<&\t", max_size=60))
def test_any_text_can_be_cut_as_markdown(text: str) -> None:
    """No input fails, and chunks are never blank."""
    chunks = markdown(text, chunk_size=10, chunk_overlap=2, code_blocks=True)
    assert all(chunk.strip() for chunk in chunks)


def test_deep_markdown_is_bounded() -> None:
    """What is nested deeper than a hundred levels is left out, no more."""
    assert markdown("> " * 40 + "x") == ["> " * 40 + "x"]
    assert markdown("kept\n\n" + "> " * 5000 + "x") == ["kept"]
    assert markdown("\n".join("  " * i + "- x" for i in range(300)))
    assert markdown("*" * 20_000)


def test_programs_cut_pages(tmp_path: Path) -> None:
    """Chunks have their page's metadata; pages without text are skipped."""
    source = """
    return { main = function()
      local s, err = text.splitter.recursive({ chunk_size = 5, chunk_overlap = 0 })
      local chunks, none = s:split_batch({
        { content = "aaa bbb", metadata = { page = 1 } }, { content = 5 }, "x",
        { content = "ccc" } })
      local m = text.splitter.markdown()
      return { err == nil, none == nil, chunks, m:split_text("# T\\n\\nx"),
        s:split_text("bad \\255"), (pcall(s.split_text, s, {})),
        (pcall(s.split_batch, s, "x")) }
    end }
    """
    assert run_function(tmp_path, source, modules="text") == [
        True,
        True,
        [
            {"content": "aaa", "metadata": {"page": 1}},
            {"content": "bbb", "metadata": {"page": 1}},
            {"content": "ccc", "metadata": []},
        ],
        ["# T\nx"],
        [b"bad \xff"],
        False,
        False,
    ]
