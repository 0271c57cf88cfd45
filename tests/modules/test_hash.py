"""The module `hash`: modules-data 14."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path

ALGORITHMS = ("md5", "sha1", "sha256", "sha512")


def test_digests_are_hexadecimal_or_raw(tmp_path: Path) -> None:
    """Four digests and their keyed forms; data comes before the secret."""
    source = r"""
    return { main = function(names)
      local out = {}
      for _, name in ipairs(names) do
        local keyed = "hmac_" .. name
        out[#out + 1] = hash[name]("a\255")
        out[#out + 1] = hash[keyed]("data", "secret")
        out[#out + 1] = hash[keyed]("data", "")
        out[#out + 1] = #hash[name]("", true)
        out[#out + 1] = #hash[name]("", 0)
        out[#out + 1] = #hash[keyed]("data", "k", true)
        out[#out + 1] = #hash[name]("", false)
      end
      return out
    end }
    """
    expected: list[object] = []
    for name in ALGORITHMS:
        size = hashlib.new(name, usedforsecurity=False).digest_size
        expected += [
            hashlib.new(name, b"a\xff", usedforsecurity=False).hexdigest(),
            hmac.new(b"secret", b"data", name).hexdigest(),
            hmac.new(b"", b"data", name).hexdigest(),
            size,
            size,
            size,
            size * 2,
        ]
    got = run_function(tmp_path, source, list(ALGORITHMS), modules="hash")
    assert got == expected


def test_fnv_multiplies_before_it_mixes(tmp_path: Path) -> None:
    """FNV-1; the wide one passes through a double."""
    source = """
    return { main = function()
      return { hash.fnv32("hello"), hash.fnv64("hello"), hash.fnv32(""),
        math.type(hash.fnv32("x")), math.type(hash.fnv64("x")) }
    end }
    """
    got = run_function(tmp_path, source, modules="hash")
    assert got[:2] == [3069866343, 8.883723591023973e18]
    assert got[2] == 2166136261
    assert got[3:] == ["integer", "float"]


def test_what_is_no_string_is_an_error_value(tmp_path: Path) -> None:
    """Numbers are not coerced (modules-data 0.4 E-f)."""
    source = """
    return { main = function()
      local _, data = hash.md5(5)
      local _, secret = hash.hmac_sha256("data")
      local _, fnv = hash.fnv64({})
      local value, none = hash.sha1("")
      return { data:kind(), data:message(), secret:message(), fnv:message(),
        data:retryable(), none == nil, #value }
    end }
    """
    assert run_function(tmp_path, source, modules="hash") == [
        "Invalid",
        "data must be a string",
        "secret must be a string",
        "data must be a string",
        False,
        True,
        40,
    ]
