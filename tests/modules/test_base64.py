"""The module `base64`: modules-data 4."""

from __future__ import annotations

import base64 as standard
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules.application import run_function
from wippy_trio.errors import InvalidError
from wippy_trio.modules.base64 import decode, encode

if TYPE_CHECKING:
    from pathlib import Path


@given(st.binary(max_size=60))
def test_what_is_written_is_read_back(data: bytes) -> None:
    """Encoding agrees with the standard, decoding undoes it."""
    assert encode(data) == standard.b64encode(data).decode()
    assert decode(encode(data)) == data


@given(st.text("QW+/=- \r\n", max_size=12))
def test_what_is_not_exact_is_refused_with_an_offset_inside(text: str) -> None:
    """A text is accepted exactly when it is whole groups with right padding."""
    kept = text.replace("\r", "").replace("\n", "")
    digits = kept.rstrip("=")
    exact = (
        len(kept) % 4 == 0
        and len(kept) - len(digits) <= 2
        and all(c in "QW+/" for c in digits)
    )
    if exact:
        assert decode(text) == standard.b64decode(kept)
        return
    with pytest.raises(InvalidError) as caught:
        decode(text)
    assert 0 <= int(caught.value.message.rsplit(" ", 1)[1]) < len(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("YW Jj", 2),  # a space
        ("YWJj_w==", 4),  # a letter of the other alphabet
        ("YW\r\nJ?", 5),  # counted in the original text
        ("YWJj\nYQ", 5),  # short: where the group starts
        ("YQ=", 0),
        ("YQ==YWJj", 4),  # the first byte after the padding
        ("YQ=a", 3),
        ("=", 0),
        ("YWJj====", 4),
    ],
)
def test_errors_name_the_first_bad_byte(text: str, at: int) -> None:
    """The offset is that of the original text."""
    with pytest.raises(InvalidError) as caught:
        decode(text)
    assert caught.value.message == f"illegal base64 data at input byte {at}"


def test_lua_sees_bytes_and_errors_as_values(tmp_path: Path) -> None:
    """Any bytes pass; numbers are not strings (modules-data 0.4 E-f)."""
    source = r"""
    return { main = function()
      local bytes = base64.decode("AP+A\r\n/w==")
      local _, number = base64.encode(5)
      local _, absent = base64.decode()
      local _, bad = base64.decode("YQ")
      return { base64.encode("\0\255"), bytes == "\0\255\128\255", base64.encode(""),
        base64.decode(""), base64.decode("YR==") == "a", number:kind(),
        number:message(), absent:message(), bad:kind(), bad:retryable() }
    end }
    """
    assert run_function(tmp_path, source, modules="base64") == [
        "AP8=",
        True,
        "",
        "",
        True,
        "Invalid",
        "string expected",
        "string expected",
        "Invalid",
        False,
    ]
