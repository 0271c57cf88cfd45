"""Policies: what HTML may stay, and the filter that applies them.

A filter of tokens, no builder of trees: tags are not balanced or moved. Everything is
written anew, nothing is copied, so a mistake of the tokenizer cannot open a hole as
long as text and values are escaped here.

Source: modules-data 8.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wippy_trio.expr import compile_matcher
from wippy_trio.modules._texts import to_text
from wippy_trio.modules.html import presets
from wippy_trio.modules.html.tokenizer import StartTag, Text, tokens
from wippy_trio.modules.html.urls import (
    Url,
    is_dangerous,
    is_data_image,
    read_url,
    scheme_of,
)
from wippy_trio.sdk import during, method

if TYPE_CHECKING:
    from wippy_trio.expr import Matcher

__all__ = ["AttrBuilder", "Policy"]

LARGE = 32 * 1024

_ALWAYS_GONE = frozenset({"script", "style"})
_CONTENT_GONE = frozenset(
    {
        "frame", "frameset", "iframe", "noembed", "noframes", "noscript", "nostyle",
        "object", "script", "style", "title",
    }
)  # fmt: skip
# Elements that say nothing without an attribute. All others may stand bare.
_USELESS_BARE = frozenset(
    {
        "a", "applet", "area", "base", "basefont", "bdo", "embed", "font", "form",
        "frame", "iframe", "img", "input", "label", "link", "map", "meta", "object",
        "output", "param", "source", "track",
    }
)  # fmt: skip
_VOID = frozenset(
    {
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta",
        "param", "source", "track", "wbr",
    }
)  # fmt: skip
_LINKS = frozenset({"a", "area", "base", "link"})
_URLS = {
    "href": _LINKS,
    "cite": frozenset({"blockquote", "del", "ins", "q"}),
    "src": frozenset(
        {"audio", "embed", "iframe", "img", "input", "script", "source", "track",
         "video"}
    ),
}  # fmt: skip
# What else a browser follows. Never checked against the schemes, but never dangerous.
_FOLLOWED = frozenset(
    {
        "action", "background", "cite", "data", "dynsrc", "formaction", "href",
        "longdesc", "lowsrc", "manifest", "ping", "poster", "src", "xlink:href",
    }
)  # fmt: skip
_ESCAPED = re.compile("[&<>\"']")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
_NAME = re.compile(r"[^\s\"'<>/=\x00-\x1f\x7f&]+")

Rules = dict[str, list["Matcher | None"]]


def escape(text: str) -> str:
    """Write text so that it is text for a browser, in an attribute too."""
    return _ESCAPED.sub(lambda match: _ENTITIES[match[0]], text)


class Policy:
    """What may stay. Each method changes it and gives it back."""

    lua_name = "html.Policy"

    def __init__(self) -> None:
        self._elements: dict[str, Rules] = {}
        self._everywhere: Rules = {}
        self._schemes: set[str] = set()
        self._check_urls = False
        self._relative = False
        self._nofollow = self._noreferrer = self._blank = False
        self._data_images = False

    # -- building ----------------------------------------------------------------------

    def _allow(
        self, element: str, names: tuple[str, ...] = (), pattern: str | None = None
    ) -> None:
        rules = self._elements.setdefault(element, {})
        self._add(rules, names, None if pattern is None else compile_matcher(pattern))

    @staticmethod
    def _add(rules: Rules, names: tuple[str, ...], matcher: Matcher | None) -> None:
        for name in names:
            known = rules.setdefault(name, [])
            if matcher not in known:
                known.append(matcher)

    @method()
    def allow_elements(self, *names: str) -> Policy:
        """Let elements stay."""
        for name in names:
            self._allow(name.lower())
        return self

    @method()
    def allow_attrs(self, *names: str) -> AttrBuilder:
        """Begin to let attributes stay: on which elements, with which values."""
        return AttrBuilder(self, tuple(name.lower() for name in names))

    @method()
    def allow_standard_urls(self) -> Policy:
        """Let readable relative, mail and web URLs stay; links get ``nofollow``."""
        self._standard_urls()
        return self

    def _standard_urls(self) -> None:
        self._check_urls = self._relative = self._nofollow = True
        self._schemes |= {"mailto", "http", "https"}

    @method()
    def allow_url_schemes(self, *schemes: str) -> Policy:
        """Let URLs of these schemes stay; URLs are checked from now on."""
        self._schemes |= {scheme.lower() for scheme in schemes}
        self._check_urls = True
        return self

    @method()
    def allow_relative_urls(self, allowed: bool) -> Policy:
        """Say whether URLs without a scheme stay; URLs are checked from now on."""
        self._relative = allowed
        self._check_urls = True
        return self

    @method()
    def require_parseable_urls(self, required: bool) -> Policy:
        """Say whether URLs are checked."""
        self._check_urls = required
        return self

    @method()
    def require_nofollow_on_links(self, required: bool) -> Policy:
        """Say whether links get ``rel="nofollow"``; URLs are checked from now on."""
        self._nofollow = required
        self._check_urls = True
        return self

    @method()
    def require_noreferrer_on_links(self, required: bool) -> Policy:
        """Say whether links get ``rel="noreferrer"``; URLs are checked from now on."""
        self._noreferrer = required
        self._check_urls = True
        return self

    @method()
    def add_target_blank_to_fully_qualified_links(
        self,
        required: bool,
    ) -> Policy:
        """Say whether links with a host open a new window."""
        self._blank = required
        self._check_urls = True
        return self

    @method()
    def allow_standard_attributes(self) -> Policy:
        """Let ``dir``, ``lang``, ``id`` and ``title`` stay everywhere."""
        self._standard_attributes()
        return self

    def _standard_attributes(self) -> None:
        for name, pattern in presets.STANDARD:
            self._add(self._everywhere, (name,), _matcher(pattern))

    def _preset(self, rows: presets.Preset) -> None:
        for elements, names, pattern in rows:
            for element in elements:
                self._allow(element, names, pattern)

    @method()
    def allow_images(self) -> Policy:
        """Let images stay, with standard URLs."""
        self._preset(presets.IMAGES)
        self._standard_urls()
        return self

    @method()
    def allow_data_uri_images(self) -> Policy:
        """Let images stay that stand in their URL, in ``src`` of ``img``."""
        self._data_images = self._check_urls = True
        return self

    @method()
    def allow_lists(self) -> Policy:
        """Let lists stay."""
        self._preset(presets.LISTS)
        return self

    @method()
    def allow_tables(self) -> Policy:
        """Let tables stay."""
        self._preset(presets.TABLES)
        return self

    @classmethod
    def for_users(cls) -> Policy:
        """Make the policy for what users write."""
        policy = cls()
        policy._standard_attributes()
        policy._standard_urls()
        for rows in (presets.USERS, presets.IMAGES, presets.LISTS, presets.TABLES):
            policy._preset(rows)
        return policy

    # -- filtering ---------------------------------------------------------------------

    @method(pair=False, offload=LARGE)
    def sanitize(self, text: bytes) -> str:
        """Give a text with nothing in it that the policy does not let stay."""
        return self._filtered(text.decode("utf-8", "replace"))

    def _filtered(self, source: str) -> str:
        out: list[str] = []
        hidden: dict[str, int] = {}  # open elements whose content is dropped
        opened: dict[str, list[bool]] = {}  # by name: was the start tag kept?
        for token in tokens(source):
            if isinstance(token, Text):
                if not hidden:
                    out.append(escape(token.text))
                continue
            name = token.name
            gone = name in _ALWAYS_GONE or name not in self._elements
            if gone and name in _CONTENT_GONE:
                if name == "frame":  # it has no content, and never an end
                    continue
                count = hidden.pop(name, 0) + (1 if isinstance(token, StartTag) else -1)
                if count > 0:
                    hidden[name] = count
                continue
            if hidden or gone:
                continue
            if isinstance(token, StartTag):
                written = self._start(token)
                if name not in _VOID:
                    opened.setdefault(name, []).append(written is not None)
                if written is not None:
                    out.append(written)
            else:
                known = opened.get(name)
                if not known or known.pop():
                    out.append(f"</{name}>")
        return "".join(out)

    def _start(self, tag: StartTag) -> str | None:
        """Write a start tag; ``None`` if nothing of it stays."""
        kept: dict[str, str] = {}
        host = ""
        for name, value in tag.attributes.items():
            if not self._may_stay(tag.name, name, value):
                continue
            if tag.name in _URLS.get(name, ()) and self._check_urls:
                url = read_url(value)
                if url is None or not self._url_may_stay(tag.name, name, url):
                    continue
                value = url.text
                if name == "href":
                    host = url.host
            elif self._is_refused(tag.name, name, value):
                continue
            kept[name] = value
        if tag.name in _LINKS and "href" in kept:
            self._mark_link(kept, host)
        if not kept and tag.name in _USELESS_BARE:
            return None
        inner = "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
        return f"<{tag.name}{inner}{'/' if tag.self_closing else ''}>"

    def _may_stay(self, element: str, name: str, value: str) -> bool:
        if not _NAME.fullmatch(name):
            return False
        rules = [
            *self._elements[element].get(name, ()),
            *self._everywhere.get(name, ()),
        ]
        if name == "style":  # only with a pattern: CSS is a language of its own
            rules = [rule for rule in rules if rule is not None]
        return any(rule is None or rule.search(value) for rule in rules)

    def _url_may_stay(self, element: str, name: str, url: Url) -> bool:
        if not url.scheme:
            return self._relative
        if url.scheme in self._schemes:
            return True
        image = element == "img" and name == "src" and self._data_images
        return image and url.scheme == "data" and is_data_image(url.text)

    def _is_refused(self, element: str, name: str, value: str) -> bool:
        """Tell whether an unchecked URL is one that runs a program."""
        if name not in _FOLLOWED:
            return False
        if not is_dangerous(value, image=element == "img" and name == "src"):
            return False
        return scheme_of(value) not in self._schemes

    def _mark_link(self, kept: dict[str, str], host: str) -> None:
        words: list[str] = []
        if self._nofollow:
            words.append("nofollow")
        if self._noreferrer:
            words.append("noreferrer")
        blank = self._blank and bool(host)
        if blank:
            words.append("noopener")
        if words:
            known = kept.get("rel", "").split()
            kept["rel"] = " ".join(
                [*known, *(word for word in words if word not in known)]
            )
        if blank:
            kept["target"] = "_blank"


def _matcher(pattern: str | None) -> Matcher | None:
    return None if pattern is None else compile_matcher(pattern)


class AttrBuilder:
    """Attributes that are about to be let stay."""

    lua_name = "html.AttrBuilder"

    def __init__(self, policy: Policy, names: tuple[str, ...]) -> None:
        self._policy = policy
        self._names = names
        self._matcher: Matcher | None = None

    @method()
    def matching(self, pattern: bytes) -> AttrBuilder:
        """Let only values stay that an RE2 expression matches somewhere."""
        with during("regex compile error"):
            self._matcher = compile_matcher(to_text(pattern))
        return self

    @method()
    def on_elements(self, *names: str) -> Policy:
        """Let the attributes stay on these elements, which stay themselves."""
        policy = self._policy
        for name in names:
            policy._allow(name.lower())
            policy._add(
                policy._elements[name.lower()],
                self._names,
                self._matcher,
            )
        return policy

    @method()
    def globally(self) -> Policy:
        """Let the attributes stay on every element."""
        policy = self._policy
        policy._add(policy._everywhere, self._names, self._matcher)
        return policy
