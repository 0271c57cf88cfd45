"""The mapping of letters is one to one and leaves alone what is no text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.lua.unicode import lower, upper


@pytest.mark.parametrize(
    ("text", "capitals", "small"),
    [
        ("abc", "ABC", "abc"),
        ("Straße", "STRAßE", "straße"),
        ("Éé", "ÉÉ", "éé"),
        ("ΑΣ", "ΑΣ", "ας".replace("ς", "σ")),
        ("İ", "İ", "i"),
        ("ᾳ", "ᾼ", "ᾳ"),
        ("дом 日本", "ДОМ 日本", "дом 日本"),
        ("ﬁ", "ﬁ", "ﬁ"),
    ],
)
def test_letters(text: str, capitals: str, small: str) -> None:
    assert upper(text.encode()).decode() == capitals  # types 4.9
    assert lower(text.encode()).decode() == small


@given(st.binary(max_size=20))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_text_stay(data: bytes) -> None:
    for convert in (upper, lower):
        result = convert(data)
        before = data.decode("utf-8", "surrogateescape")
        after = result.decode("utf-8", "surrogateescape")
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            assert old == new or old.isalpha() or not old.isascii()
        kept = [c for c in before if "\udc80" <= c <= "\udcff"]
        assert [c for c in after if "\udc80" <= c <= "\udcff"] == kept
