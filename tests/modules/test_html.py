"""The module `html`: modules-data 8."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_function
from wippy_trio.errors import InvalidError
from wippy_trio.modules.html.policy import Policy

if TYPE_CHECKING:
    from pathlib import Path

UGC = Policy.for_users()


def ugc(text: str) -> str:
    return UGC.sanitize(text.encode())


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("", ""),
        ("<b><i>x", "<b><i>x"),  # 8.1.1
        ("</b>x</div>", "</b>x</div>"),
        ("a<!-- b -->c<!doctype html>d<?php e ?>f<![CDATA[g]]>h", "acdfh"),  # 8.1.2
        ("a<!--> b <!-- c --!> d", "a b  d"),
        ("<P CLASS=x ID=y>", '<p id="y">'),
        ("<script>alert(1)</script>x<style>b{}</style>", "x"),  # 8.1.3
        ("<SCRIPT SRC=x></SCRIPT >x", "x"),
        ("<script>x", ""),
        ("<blink>kept</blink>", "kept"),
        ("<title>gone</title><object>gone<b>x</b></object>y", "y"),
        ("<iframe><b>gone</b></iframe>x<noscript><img></noscript>", "x"),
        ("<object>a<object>b</object>c</object>d", "d"),
        ("<frameset>a<frame>b</frameset>c", "c"),
        ("<textarea><b>x</b></textarea>", "&lt;b&gt;x&lt;/b&gt;"),  # 8.1.4
        ("<script><!-- <script> </script> --></script>x", " --&gt;x"),
        ("&copy;&nbsp;&lt;\"'&amp", "©\xa0&lt;&#34;&#39;&amp;"),  # 8.1.5
        ("a < b << c <1 </ x", "a &lt; b &lt;&lt; c &lt;1 "),
        ("<details open>", '<details open="">'),  # 8.1.6
        ('<p title="a" title="b" onclick="x" style="c">', '<p title="a">'),
        ('<p title="&quot;<>&#39;">', '<p title="&#34;&lt;&gt;&#39;">'),
        ('<a href="javascript:x">t</a>', "t"),  # 8.1.7
        ("<a>t</a><img><img src>", "t"),
        ("<a>x<a href=/y>z</a>w</a>", 'x<a href="/y" rel="nofollow">z</a>w'),
        ("<br/><hr /><br></br>", "<br/><hr/><br></br>"),
        ("<img src=x alt=y", ""),
        ("<p title='unfinished>x", ""),
        ("<p/title=a/b=c>", '<p title="a/b=c">'),
        ("<p =x title =\n'y'z=1>", '<p title="y">'),
        ("x\0<p\0>y", "x\ufffdy"),
        ("<td colspan=2 align=LEFT height=x>", '<td colspan="2" align="LEFT">'),
        ("<img src=x width=50% height=9px>", '<img src="x" width="50%">'),
        ("<ol type=1 start=3><li value=x>", '<ol type="1" start="3"><li>'),
        ("<bdo dir=rtl>x</bdo><bdo>y</bdo>", '<bdo dir="rtl">x</bdo>y'),
        ("<meter value=.5 max=1>", '<meter max="1">'),
        ("<time datetime=2024-01-02>", '<time datetime="2024-01-02">'),
        ("<p lang=de-CH dir=sideways id='a b'>", '<p lang="de-CH">'),
    ],
)  # fmt: skip
def test_what_stays_of_what_users_write(text: str, clean: str) -> None:
    """The rules of modules-data 8.1, with the policy for users."""
    assert ugc(text) == clean


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("http://ex.com/", "http://ex.com/"),
        (" HTTP://Ex.com/a?b=1&amp;c#d ", "http://Ex.com/a?b=1&amp;c#d"),
        ("https://ex.com:8080", "https://ex.com:8080"),
        ("//ex.com/x", "//ex.com/x"),
        ("/a/./b", "/a/./b"),
        ("#x", "#x"),
        ("mailto:a@b.c", "mailto:a@b.c"),
        ("/ü?ö", "/%C3%BC?%C3%B6"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("", None),
        ("a b", None),
        ("ftp://ex.com", None),
        ("javascript:alert(1)", None),
        ("JaVa&#9;Script:x", None),
        ("java\nscript:x", None),
        ("\x01javascript:x", None),
        ("&#106;avascript&colon;x", None),
        ("vbscript:x", None),
        ("data:text/html,x", None),
        ("data:image/png;base64,AAAA", None),
        ("%zz", None),
        ("http://ex.com:port/", None),
        ("http://[x/", None),
        ("1a:b", None),
        (":x", None),
        ("http://a&lt;b/", None),
    ],
)
def test_urls_are_read_and_written_anew(url: str, written: str | None) -> None:
    """Readable, of a known scheme or relative; else the link goes (8.1.8)."""
    expected = "t" if written is None else f'<a href="{written}" rel="nofollow">t</a>'
    assert ugc(f'<a href="{url}">t</a>') == expected


def test_unchecked_urls_are_still_no_programs() -> None:
    """With the check off all passes but what runs, unless its scheme was named."""
    policy = Policy()
    policy.allow_attrs("href", "action", "src").on_elements("a", "form", "img")
    clean = policy.sanitize(
        b"<a href='ftp://x y'>1</a><a href='java\tscript:x'>2</a>"
        b"<form action='JAVASCRIPT:x'>3</form><a href='data:text/html,x'>4</a>"
        b"<img src='data:image/svg+xml,x'><a href='data:image/svg+xml,x'>5</a>"
    )
    assert clean == (
        '<a href="ftp://x y">1</a>23 4<img src="data:image/svg+xml,x">5'
    ).replace("3 4", "34")
    policy.allow_url_schemes("javascript").require_parseable_urls(False)
    assert policy.sanitize(b"<a href=javascript:x>") == '<a href="javascript:x">'


@pytest.mark.parametrize(
    ("methods", "text", "clean"),
    [
        (
            {"require_nofollow_on_links": True, "require_noreferrer_on_links": True},
            "<a href=/x rel=me>",
            '<a href="/x" rel="me nofollow noreferrer">',
        ),
        (
            {"add_target_blank_to_fully_qualified_links": True},
            "<a href=http://e.com/x><a href=/y>",
            '<a href="http://e.com/x" rel="noopener" target="_blank"><a href="/y">',
        ),
        (
            {
                "require_nofollow_on_links": True,
                "add_target_blank_to_fully_qualified_links": True,
            },
            "<a rel='nofollow x' href=//e.com target=y>",
            '<a rel="nofollow x noopener" href="//e.com" target="_blank">',
        ),
    ],
)
def test_links_are_marked(methods: dict[str, bool], text: str, clean: str) -> None:
    """Words are added to `rel` once; a new window only for a host (8.1.9)."""
    policy = Policy()
    policy.allow_attrs("href", "rel", "target").on_elements("a")
    policy.allow_relative_urls(True).allow_url_schemes("http")
    for name, value in methods.items():
        getattr(policy, name)(value)
    assert policy.sanitize(text.encode()) == clean


def test_images_in_urls() -> None:
    """Valid base64 of the five formats, in `src` of `img` and nowhere else."""
    policy = Policy().allow_images().allow_data_uri_images()
    policy.allow_attrs("href").on_elements("a")
    kept = '<img src="data:image/png;base64,AAAA">'
    assert policy.sanitize(kept.encode()) == kept
    for url in (
        "data:image/png;base64,A!",
        "data:image/bmp;base64,AAAA",
        "data:text/html;base64,AAAA",
    ):
        assert policy.sanitize(f'<img src="{url}">'.encode()) == ""
    assert policy.sanitize(b'<a href="data:image/png;base64,AAAA">x</a>') == "x"


def test_attributes_by_pattern() -> None:
    """A pattern that matches somewhere is enough; `style` needs one."""
    policy = Policy()
    policy.allow_attrs("class").matching(b"^[a-z]+$").on_elements("P")
    policy.allow_attrs("style").on_elements("p")
    policy.allow_attrs("data-x").globally()
    text = b"<p class=ok style=a data-x=1><p class=NO><b data-x>"
    assert policy.sanitize(text) == '<p class="ok" data-x="1"><p>'
    policy.allow_attrs("style").matching(b"^color:red$").on_elements("p")
    assert policy.sanitize(b"<p style=color:red>") == '<p style="color:red">'
    with pytest.raises(InvalidError, match="missing closing"):
        policy.allow_attrs("x").matching(b"(")


class Reader(HTMLParser):
    """What a second reader finds in a text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.odd: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_decl(self, decl: str) -> None:
        self.odd.append(decl)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


PIECES = st.lists(
    st.sampled_from(
        [
            "<", ">", "</", "/>", "<!--", "-->", "<!", "<?", '"', "'", "=", " ", "\n",
            "a", "b", "img", "script", "style", "textarea", "title", "p", "svg", "math",
            "xmp", "plaintext", "noscript", "href", "src", "onerror", "title", "style",
            "javascript:", "data:text/html,", "http://x/", "&lt;", "&#60;", "&", ";",
            "\0", "\x0b", "\u00a0", "x", "/", "iframe", "srcdoc", "\xff",
            "<a href=", "<img src=x onerror=", "<p title='", '<p title="',
        ]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(PIECES)
def test_nothing_survives_that_is_not_allowed(text: str) -> None:
    """A second reader finds only what the policy lets stay, whatever comes in."""
    clean = ugc(text)
    reader = Reader()
    reader.feed(clean)
    reader.close()
    assert reader.odd == []
    for tag, attributes in reader.found:
        assert tag not in {"script", "style", "iframe", "svg", "math", "title", "xmp"}
        for name, value in attributes:
            assert name in {"href", "src", "title", "rel"}
            if name in {"href", "src"}:
                assert re.match(r"(?:https?:|mailto:|[^:]*(?:[/?#]|$))", value or "")
    assert ugc(clean) == clean or "&" in text or "<" in clean


@given(PIECES)
def test_another_cleaner_takes_nothing_more_away(text: str) -> None:
    """What nh3 with the same list removes never survives here."""
    nh3 = pytest.importorskip("nh3")
    clean = ugc(text)
    rows = UGC._elements
    allowed = {
        tag: (set(rules) | set(UGC._everywhere)) - {"rel"}
        for tag, rules in rows.items()
    }
    again = nh3.clean(
        clean, tags=set(rows), attributes=allowed, link_rel="nofollow",
        url_schemes={"http", "https", "mailto"},
    )  # fmt: skip

    def count(source: str) -> list[tuple[str, int]]:
        reader = Reader()
        reader.feed(source)
        reader.close()
        return sorted((tag, len(attributes)) for tag, attributes in reader.found)

    ours, theirs = count(clean), count(again)
    # nh3 works on a tree: it may repeat a formatting element, or move one it cannot
    # place; what it may not find is something to take away.
    for tag, size in ours:
        if tag not in {"td", "th", "tr", "tbody", "thead", "tfoot", "col", "caption"}:
            assert any(t == tag and n >= size for t, n in theirs), (clean, again)


@pytest.mark.parametrize(
    "text",
    [
        "<" * 100_000,
        "<a " * 50_000,
        "<b>" * 100_000,
        "</b>" * 100_000,
        "<!--" * 50_000,
        "&" * 100_000,
        "<p title='" + "&lt" * 50_000,
        "<p " + "a=b " * 50_000 + ">",
        "<textarea>" * 20_000,
        "<object>" * 50_000 + "</object>" * 50_000,
        "<a href='" + "x" * 200_000 + "'>",
    ],
)
def test_hostile_input_takes_little_time(text: str) -> None:
    """Work grows with the length of the text, no faster."""
    started = time.perf_counter()
    ugc(text)
    assert time.perf_counter() - started < 5


def test_programs_build_policies(tmp_path: Path) -> None:
    """Builders give the policy back; a bad pattern is an error, a wrong type raises."""
    source = """
    return { main = function()
      local p, none = html.sanitize.new_policy()
      local built = p:allow_elements("B", "i"):allow_lists():allow_tables()
        :allow_standard_attributes():allow_standard_urls():allow_images()
        :allow_data_uri_images():allow_url_schemes("ftp"):allow_relative_urls(false)
        :require_parseable_urls(true):require_nofollow_on_links(false)
        :require_noreferrer_on_links(true)
        :add_target_blank_to_fully_qualified_links(true)
      local builder, bad = p:allow_attrs("x"):matching("(")
      built:allow_attrs("href"):on_elements("a")
      built:allow_attrs("class"):matching("^x$"):globally()
      local out = { none == nil, tostring(p), builder == nil, bad:kind(),
        built:sanitize("<b class=x>1</b><a href=ftp://e>2</a><a href=/r>3</a><u>4</u>"),
        p:sanitize("<ul><li>"), select("#", p:sanitize("")), p:sanitize(5),
        html.sanitize.strict_policy():sanitize("<b>x</b>"),
        html.sanitize.ugc_policy():sanitize("<b>\\255</b>") }
      for _, f in ipairs({
        function() p:sanitize({}) end, function() p:sanitize() end,
        function() p:allow_elements({}) end, function() p:allow_relative_urls("x") end,
        function() p:allow_attrs({}) end, function() p.sanitize({}, "x") end,
        function() p:allow_relative_urls() end,
      }) do
        out[#out + 1] = (pcall(f))
      end
      return out
    end }
    """
    got: list[Any] = run_function(tmp_path, source, modules="html")
    assert got == [
        True, "html.Policy{}", True, "Invalid",
        (
            '<b class="x">1</b>'
            '<a href="ftp://e" rel="noreferrer noopener" target="_blank">2</a>34'
        ),
        "<ul><li>", 1, "5", "x", "<b>\ufffd</b>",
        *[False] * 7,
    ]  # fmt: skip
