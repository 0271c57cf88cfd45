"""Token texts and token store configuration."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy_trio.errors import InvalidError
from wippy_trio.security import (
    create_token,
    parse_expiration,
    parse_token_store,
    verify_token,
)

HOUR = 3600 * 10**9


def test_a_token_is_url_safe_base64_and_a_signature() -> None:
    random = bytes(range(230, 256)) + b"\xff\xfe"
    body = base64.urlsafe_b64encode(random).decode()
    assert create_token(random) == body  # apps 8.5.1
    signature = hmac.new(b"key", body.encode(), hashlib.sha256).digest()
    wanted = f"{body}.{base64.urlsafe_b64encode(signature).decode()}"
    assert create_token(random, b"key") == wanted


@given(st.binary(min_size=1, max_size=40), st.none() | st.binary(max_size=8))
@settings(max_examples=50)
def test_a_created_token_verifies(random: bytes, key: bytes | None) -> None:
    verify_token(create_token(random, key), key)


@given(
    st.binary(min_size=1, max_size=20),
    st.integers(min_value=0),
    st.sampled_from("AZaz09-_.é"),
)
@settings(max_examples=150)
def test_a_changed_token_is_refused(random: bytes, at: int, letter: str) -> None:
    token = create_token(random, b"key")
    index = at % len(token)
    changed = token[:index] + letter + token[index + 1 :]
    if changed != token:
        with pytest.raises(InvalidError, match="invalid token"):  # apps 8.5.3
            verify_token(changed, b"key")


@pytest.mark.parametrize("token", ["", ".", "a", "ab$=", "YWJj.YWJj", "é", "YW+j"])
def test_a_bad_format_is_refused_without_a_key(token: str) -> None:
    with pytest.raises(InvalidError, match="invalid token format"):  # apps 8.5.3
        verify_token(token)


def test_an_unsigned_token_is_refused_where_a_key_is_set() -> None:
    with pytest.raises(InvalidError, match="invalid token format"):
        verify_token(create_token(b"abc"), b"key")
    with pytest.raises(InvalidError, match="invalid token signature"):
        verify_token(create_token(b"abc", b"other"), b"key")


def test_expirations_are_durations_or_milliseconds() -> None:
    assert parse_expiration("2h") == 2 * HOUR  # modules-data 16.1
    assert parse_expiration("7d") == 7 * 24 * HOUR  # apps 8.5.4
    assert parse_expiration(1500) == 1_500_000_000
    assert parse_expiration(0.5) == 500_000
    for bad in ("", "soon", "5", True, float("nan"), float("inf"), 1e300):
        with pytest.raises(InvalidError, match="invalid expiration format"):
            parse_expiration(bad)


def test_a_token_store_has_defaults() -> None:
    config = parse_token_store("app:tokens", {"store": "kv"})
    assert config.store == "app:kv"  # apps 8.5
    assert config.token_length == 32
    assert config.default_expiration == 24 * HOUR
    assert config.token_key is None


def test_a_token_store_reads_its_fields() -> None:
    data = {
        "store": "other:kv",
        "token_length": "16",
        "default_expiration": "7d",
        "token_key": "secret",
        "token_key_env": "KEY",
    }
    config = parse_token_store("app:tokens", data)
    assert config == ("other:kv", 16, 7 * 24 * HOUR, b"secret", "KEY")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"store": ""},
        {"store": 5},
        {"store": "kv", "token_length": 0},
        {"store": "kv", "token_length": "many"},
        {"store": "kv", "default_expiration": []},
    ],
)
def test_a_malformed_token_store_is_invalid(data: dict[str, object]) -> None:
    with pytest.raises(InvalidError, match="invalid token store config"):  # apps 8.5
        parse_token_store("app:tokens", data)
