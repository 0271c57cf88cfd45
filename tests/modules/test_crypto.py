"""The module `crypto`: modules-data 13."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.application import run_function
from wippy_trio.errors import Error
from wippy_trio.modules._jwt import sign, verify
from wippy_trio.sdk import Randomness

pytest.importorskip("cryptography")

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

if TYPE_CHECKING:
    from pathlib import Path

REFUSALS = """
return { main = function(name)
  local k16 = string.rep("k", 16)
  local cases = {
    zero = function() return crypto.random.bytes(0) end,
    negative = function() return crypto.random.string(-1) end,
    large = function() return crypto.random.bytes(1048577) end,
    charset = function() return crypto.random.string(3, "") end,
    hmac = function() return crypto.hmac.sha256("", "x") end,
    aes = function() return crypto.encrypt.aes("x", "short") end,
    chacha = function() return crypto.encrypt.chacha20("x", k16) end,
    short = function() return crypto.decrypt.aes("x", k16) end,
    list = function() return crypto.jwt.encode({ 1, 2 }, "k") end,
    rsa = function() return crypto.jwt.encode({}, "k", "RS256") end,
    nan = function() return crypto.jwt.encode({ n = 0 / 0 }, "k") end,
    password = function() return crypto.pbkdf2("", "s", 1, 1) end,
    salt = function() return crypto.pbkdf2("p", "", 1, 1) end,
    iterations = function() return crypto.pbkdf2("p", "s", 0, 1) end,
    many = function() return crypto.pbkdf2("p", "s", 10000001, 1) end,
    length = function() return crypto.pbkdf2("p", "s", 1, 0) end,
    hash = function() return crypto.pbkdf2("p", "s", 1, 1, "md5") end,
    tampered = function()
      local sealed = crypto.encrypt.aes("x", k16)
      return crypto.decrypt.aes(sealed:sub(1, -2) .. "\\0\\0", k16)
    end,
    aad = function()
      return crypto.decrypt.aes(crypto.encrypt.aes("x", k16, "a"), k16, "b")
    end,
  }
  local value, err = cases[name]()
  return { value == nil, err:kind(), err:message(), err:retryable() }
end }
"""


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("zero", "Invalid", "length must be a positive integer"),
        ("negative", "Invalid", "length must be a positive integer"),
        ("large", "Invalid", "length exceeds maximum allowed size (1MB)"),
        ("charset", "Invalid", "charset cannot be empty"),
        ("hmac", "Invalid", "key cannot be empty"),
        ("aes", "Invalid", "key must be 16, 24, or 32 bytes"),
        ("chacha", "Invalid", "key must be 32 bytes"),
        ("short", "Invalid", "encrypted data too short"),
        ("list", "Invalid", "failed to convert payload to map"),
        ("rsa", "Invalid", "invalid RSA private key: "),
        ("nan", "Invalid", "failed to write payload"),
        ("password", "Invalid", "password cannot be empty"),
        ("salt", "Invalid", "salt cannot be empty"),
        ("iterations", "Invalid", "iterations must be positive"),
        ("many", "Invalid", "iterations exceeds maximum (10000000)"),
        ("length", "Invalid", "key length must be positive"),
        ("hash", "Invalid", "unsupported hash function: md5"),
        ("tampered", "Internal", "message authentication failed"),
        ("aad", "Internal", "message authentication failed"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, kind: str, text: str) -> None:
    """Each check of the table, with its text (modules-data 13)."""
    absent, got, message, retryable = run_function(
        tmp_path, REFUSALS, name, modules="crypto"
    )
    assert (absent, got, retryable) == (True, kind, False)
    assert text in message


def test_wrong_types_raise(tmp_path: Path) -> None:
    """An argument of a wrong type is a mistake of the program (modules-data E-e)."""
    source = """
    return { main = function()
      local out = {}
      for _, f in ipairs({
        function() crypto.random.bytes({}) end,
        function() crypto.random.bytes() end,
        function() crypto.hmac.sha256({}, "x") end,
        function() crypto.encrypt.aes("x") end,
        function() crypto.jwt.encode("x", "k") end,
        function() crypto.jwt.verify({}, "k") end,
        function() crypto.pbkdf2("p", "s", {}, 1) end,
        function() crypto.constant_time_compare("a") end,
      }) do
        local ok, err = pcall(f)
        out[#out + 1] = not ok and tostring(err):find("bad argument #%d to") ~= nil
      end
      return out
    end }
    """
    assert run_function(tmp_path, source, modules="crypto") == [True] * 8


def test_random_values_have_their_length_and_set(tmp_path: Path) -> None:
    """Bytes, a set by bytes, and version 4; a charset that is no text is ignored."""
    source = """
    return { main = function()
      local all = crypto.random.string(2000, "ab\\255")
      return { #crypto.random.bytes(7), #all, (all:gsub("[ab\\255]", "")),
        all:find("a") ~= nil and all:find("b") ~= nil and all:find("\\255") ~= nil,
        crypto.random.string(500, 5):find("^%w+$") ~= nil, #crypto.random.bytes(2.9),
        crypto.random.uuid():find("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$") ~= nil,
        crypto.random.bytes(16) ~= crypto.random.bytes(16) }
    end }
    """
    assert run_function(tmp_path, source, modules="crypto") == [
        7, 2000, "", True, True, 2, True, True,
    ]  # fmt: skip


def test_letters_of_a_set_come_equally_often() -> None:
    """Ten letters in 100 000 draws: no letter is preferred by the remainder of 256."""
    from wippy_trio.modules.crypto import _drawn  # noqa: PLC0415

    made = _drawn(b"0123456789", 100_000, Randomness())
    counts = [made.count(letter) for letter in b"0123456789"]
    assert min(counts) > 9_300
    assert max(counts) < 10_700


def test_sealed_bytes_have_the_layout_that_others_read(tmp_path: Path) -> None:
    """Nonce, ciphertext, tag; empty data is allowed (modules-data 13.1)."""
    source = """
    return { main = function(key)
      local empty = crypto.encrypt.chacha20("", key)
      return { crypto.encrypt.aes("text", key, "aad"),
        crypto.encrypt.chacha20("text", key),
        #empty, crypto.decrypt.chacha20(empty, key),
        crypto.hmac.sha256("k", "data"), crypto.hmac.sha512("k", "data"),
        crypto.constant_time_compare("a", "a"), crypto.constant_time_compare("a", "ab"),
        (select("#", crypto.constant_time_compare("", ""))) }
    end }
    """
    key = b"0123456789abcdef0123456789abcdef"
    got = run_function(tmp_path, source, key.decode(), modules="crypto")
    aes, chacha = (
        text if isinstance(text, bytes) else text.encode() for text in got[:2]
    )
    assert AESGCM(key).decrypt(aes[:12], aes[12:], b"aad") == b"text"
    assert ChaCha20Poly1305(key).decrypt(chacha[:12], chacha[12:], None) == b"text"
    assert got[2:] == [
        28,
        "",
        hmac.digest(b"k", b"data", "sha256").hex(),
        hmac.digest(b"k", b"data", "sha512").hex(),
        True,
        False,
        1,
    ]


def test_keys_are_derived_in_a_thread_or_in_place(tmp_path: Path) -> None:
    """The same bytes either way; a callback that cannot wait gets them too."""
    source = """
    return { main = function()
      local in_place
      ("x"):gsub("x", function()
        in_place = crypto.pbkdf2("p", "s", 10, 20, "sha512")
      end)
      local threaded = crypto.pbkdf2("p", "s", 10, 20, "sha512")
      return { crypto.pbkdf2("p", "s", 10, 20), threaded, in_place == threaded }
    end }
    """
    first, second, same = run_function(tmp_path, source, modules="crypto")
    assert first == hashlib.pbkdf2_hmac("sha256", b"p", b"s", 10, 20)
    assert second == hashlib.pbkdf2_hmac("sha512", b"p", b"s", 10, 20)
    assert same is True


# -- tokens ----------------------------------------------------------------------------


def part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_a_token_is_compact_and_sorted(tmp_path: Path) -> None:
    """Header extras are merged, an unknown algorithm is HS256 (modules-data 13.2)."""
    source = """
    return { main = function()
      local token = crypto.jwt.encode(
        { sub = "me", n = 3.0, x = 1.5, list = {},
          _header = { kid = "1", alg = "none" } },
        "key", "nonsense")
      local claims, err = crypto.jwt.verify(token, "key", "HS256", false)
      return { token, claims, err == nil, math.type(claims.n) }
    end }
    """
    token, claims, no_error, kind = run_function(tmp_path, source, modules="crypto")
    header, body, signature = token.split(".")
    assert part(header) == {"alg": "HS256", "kid": "1", "typ": "JWT"}
    assert base64.urlsafe_b64decode(body + "==").startswith(b'{"list":{},"n":3,"sub"')
    made = hmac.digest(b"key", f"{header}.{body}".encode(), "sha256")
    assert signature == base64.urlsafe_b64encode(made).rstrip(b"=").decode()
    assert claims == {"sub": "me", "n": 3, "x": 1.5, "list": []}
    assert no_error
    assert kind == "float"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_keyed_algorithms(algorithm: str) -> None:
    """Each verifies what it signed, and nothing of another."""
    token = sign({"exp": 10}, b"k", algorithm).encode()
    assert verify(token, b"k", algorithm, now=9, require_exp=True) == {"exp": 10.0}
    for other in {"HS256", "HS384", "HS512", "none"} - {algorithm}:
        with pytest.raises(Error, match=f"signing method {algorithm} is invalid"):
            verify(token, b"k", other, now=9, require_exp=True)


def test_rsa_keys_in_all_their_forms() -> None:
    """PKCS#1 and PKCS#8 sign, a public key verifies; other keys are named."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    for form in (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
        private = key.private_bytes(Encoding.PEM, form, NoEncryption())
        token = sign({"a": 1}, private, "RS256").encode()
        found = verify(token, public, "RS256", now=0, require_exp=False)
        assert found == {"a": 1.0}
    with pytest.raises(Error, match="token signature is invalid"):
        verify(token[:-4] + b"AAAA", public, "RS256", now=0, require_exp=False)
    with pytest.raises(Error, match="invalid RSA public key"):
        verify(token, b"nonsense", "RS256", now=0, require_exp=False)
    # A token that claims HS256 and is signed with the public key as a secret.
    forged = sign({"a": 1}, public, "HS256").encode()
    with pytest.raises(Error, match="signing method HS256 is invalid"):
        verify(forged, public, "RS256", now=0, require_exp=False)
    curve = ec.generate_private_key(ec.SECP256R1())
    other = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(Error, match="invalid RSA private key"):
        sign({}, other, "RS256")


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({}, "exp claim is required"),
        ({"exp": 100}, "token is expired"),
        ({"exp": 200, "nbf": 101}, "token is not valid yet"),
        ({"exp": "soon"}, "exp is no number"),
        ({"exp": True}, "exp is no number"),
    ],
)
def test_times_are_checked(claims: dict[str, Any], text: str) -> None:
    """At 100: what has no end, has ended, or has not begun (modules-data 13.3)."""
    token = sign(claims, b"k", "HS256").encode()
    with pytest.raises(Error, match=text) as caught:
        verify(token, b"k", "HS256", now=100, require_exp=True)
    assert caught.value.kind == "Internal"


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"a.b",
        b"a.b.c.d",
        b"....",
        b"!.!.!",
        b"e30.e30.e30=",
        b"W10.e30.",
        b"\xff..",
    ],
)
def test_malformed_tokens(token: bytes) -> None:
    """None of them reaches the signature."""
    with pytest.raises(Error, match="token is malformed"):
        verify(token, b"k", "HS256", now=0, require_exp=False)


def test_a_program_sees_why_a_token_is_refused(tmp_path: Path) -> None:
    """All failures are Internal; ``require_exp`` false is the only way around."""
    source = """
    return { main = function()
      local token = crypto.jwt.encode({ sub = "x" }, "k")
      local _, missing = crypto.jwt.verify(token, "k")
      local _, explicit = crypto.jwt.verify(token, "k", nil, nil)
      local _, signature = crypto.jwt.verify(token, "other", "HS256", false)
      local _, text = crypto.jwt.verify("nonsense", "k")
      return { missing:kind(), missing:message(), explicit:kind(), signature:message(),
        text:message(), crypto.jwt.verify(token, "k", "HS256", false).sub }
    end }
    """
    assert run_function(tmp_path, source, modules="crypto") == [
        "Internal",
        "token is missing required claim: exp claim is required",
        "Internal",
        "token signature is invalid",
        "token is malformed: wanted three parts",
        "x",
    ]


def test_without_the_package_the_entry_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the line that installs it (modules-data L-5)."""
    from wippy_trio.modules.crypto import MODULE  # noqa: PLC0415

    monkeypatch.setattr(MODULE, "extra", ("crypto", ("no_such_package_here",)))
    source = "return { main = function() return 1 end }"
    with pytest.raises(Error, match=r"pip install 'wippy-trio\[crypto\]'") as caught:
        run_function(tmp_path, source, modules="crypto")
    assert caught.value.kind == "Unavailable"
