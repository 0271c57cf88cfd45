"""The module `compress`: modules-data 5."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.modules.application import run_function
from wippy_trio.errors import Error, InvalidError
from wippy_trio.modules import compress

pytest.importorskip("brotli")
pytest.importorskip(compress._ZSTD)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENCODE: dict[str, Callable[..., bytes]] = {
    row.name: next(f.fn for f in row.functions if f.name == "encode")
    for row in compress.MODULE.describe().tables.values()
}
DECODE: dict[str, Callable[..., bytes]] = {
    row.name: next(f.fn for f in row.functions if f.name == "decode")
    for row in compress.MODULE.describe().tables.values()
}
NAMES = ["gzip", "zlib", "deflate", "brotli", "zstd"]


def encode(name: str, data: Any, options: Any = None) -> bytes:
    return ENCODE[f"compress.{name}"](data, options)


def decode(name: str, data: Any, options: Any = None) -> bytes:
    return DECODE[f"compress.{name}"](data, options)


def failure(name: str, data: Any, options: Any = None) -> tuple[str, str]:
    with pytest.raises(Error) as caught:
        decode(name, data, options)
    return caught.value.kind, caught.value.message


@pytest.mark.parametrize("name", NAMES)
@given(st.binary(min_size=1, max_size=300), st.integers(1, 9))
def test_what_goes_in_comes_out(name: str, data: bytes, level: int) -> None:
    """At every level."""
    assert decode(name, encode(name, data, {"level": level})) == data


def test_others_read_what_is_written() -> None:
    """The three containers of the standard library (modules-data 5.3)."""
    assert gzip.decompress(encode("gzip", b"text")) == b"text"
    assert zlib.decompress(encode("zlib", b"text")) == b"text"
    assert zlib.decompress(encode("deflate", b"text"), -15) == b"text"


@pytest.mark.parametrize(
    ("name", "wrong", "damaged"),
    [
        ("gzip", "Invalid", "Internal"),
        ("zlib", "Invalid", "Internal"),
        ("deflate", "Invalid", "Invalid"),
        ("brotli", "Invalid", "Invalid"),
        ("zstd", "Internal", "Internal"),
    ],
)
def test_each_codec_has_its_kinds(name: str, wrong: str, damaged: str) -> None:
    """A wrong header, a damaged or cut body, too much (modules-data 5)."""
    packed = encode(name, b"text of some length " * 20)
    assert failure(name, b"\xff\xfe\xfd nonsense")[0] == wrong
    assert failure(name, b"\x1f")[0] == wrong
    assert failure(name, packed[:-3])[0] == damaged
    if name != "zstd":  # without a checksum damage may decode to other bytes
        assert failure(name, packed[:12] + b"\xff\xff\xff" + packed[15:])[0] == damaged
    assert failure(name, packed, {"max_size": 399}) == (
        damaged,
        "decompressed size exceeds limit",
    )
    assert len(decode(name, packed, {"max_size": 400})) == 400


def test_a_wrong_checksum_is_damage() -> None:
    """The last bytes of gzip and zlib say whether all is well."""
    for name, place in (("gzip", -8), ("zlib", -1)):
        packed = bytearray(encode(name, b"text"))
        packed[place] ^= 1
        assert failure(name, bytes(packed))[0] == "Internal"


def test_what_follows_the_end() -> None:
    """Members and frames go on; zlib and deflate ignore it, the others refuse."""
    for name in ("gzip", "zstd"):
        assert decode(name, encode(name, b"a") + encode(name, b"b")) == b"ab"
        assert failure(name, encode(name, b"a") + b"xyz")[0] == "Internal"
    for name in ("zlib", "deflate"):
        assert decode(name, encode(name, b"a") + b"xyz") == b"a"
    assert failure("brotli", encode("brotli", b"a") + b"xyz")[0] == "Invalid"


@pytest.mark.parametrize("name", NAMES)
def test_options_are_read_leniently(name: str) -> None:
    """A level that is no number is ignored, one out of range is not (5.1)."""
    low, high, text = {
        "brotli": (0, 11, "brotli quality must be between 0 and 11"),
        "zstd": (1, 22, "zstd level must be between 1 and 22"),
    }.get(name, (1, 9, "compression level must be between 1 and 9"))
    level: Any
    for level in (low, high, float(high), "x", True, {}, None):
        assert encode(name, b"x", {"level": level})
    for level in (low - 1, high + 1, 1e300, float("nan"), float("-inf")):
        with pytest.raises(Error, match=text):
            encode(name, b"x", {"level": level})
    packed = encode(name, b"x" * 1000)
    for size in (0, -1, 2**31, float("nan"), "1", True, 1000.0):
        assert len(decode(name, packed, {"max_size": size})) == 1000


def test_a_bomb_stops_at_its_limit() -> None:
    """A few kilobytes that stand for a gigabyte."""
    for name in ("gzip", "brotli", "zstd"):
        packed = encode(name, b"\0" * 50_000_000)
        assert failure(name, packed, {"max_size": 1_000_000})[1] == (
            "decompressed size exceeds limit"
        )


# -- dictionaries ----------------------------------------------------------------------

SAMPLES = [f"line {i}: user {i % 7} has said something again" for i in range(400)]


def test_dictionaries_help_and_are_needed() -> None:
    """Made of many samples or of one; the number is kept (modules-data 5)."""
    trained = compress.train_dict(SAMPLES, {"size": 2000.0, "id": 77})
    facts = compress.inspect_dict(trained)
    assert facts["id"] == 77
    assert 0 < facts["content_size"] < len(trained) <= 2000
    packed = encode("zstd", SAMPLES[3], {"dict": trained})
    assert len(packed) < len(encode("zstd", SAMPLES[3]))
    assert decode("zstd", packed, {"dict": trained}) == SAMPLES[3].encode()
    other = compress.train_dict(["12345678"])
    assert compress.inspect_dict(other)["content_size"] == 8
    assert compress.inspect_dict(other)["id"] > 0
    assert failure("zstd", packed)[0] == "Internal"
    assert failure("zstd", packed, {"dict": other})[0] == "Internal"


@given(st.binary(max_size=120))
def test_any_bytes_can_be_inspected(data: bytes) -> None:
    """What is no dictionary is refused, behind the magic number, too."""
    for content in (data, compress._DICT_MAGIC + data):
        with contextlib.suppress(InvalidError):
            assert compress.inspect_dict(content)["content_size"] >= 0


MISUSE = """
return { main = function(name)
  local z = compress.zstd
  local cases = {
    number = function() return compress.gzip.encode(5) end,
    empty = function() return compress.gzip.encode("") end,
    nothing = function() return compress.brotli.decode() end,
    hollow = function() return z.decode("") end,
    dict = function() return z.encode("x", { dict = "" }) end,
    dict_type = function() return z.decode("x", { dict = {} }) end,
    dict_bad = function() return z.encode("x", { dict = "nonsense" }) end,
    samples = function() return z.train_dict("x") end,
    none = function() return z.train_dict({}) end,
    mixed = function() return z.train_dict({ "12345678", 5 }) end,
    blank = function() return z.train_dict({ "12345678", "" }) end,
    short = function() return z.train_dict({ "1234567", "1" }) end,
    size = function() return z.train_dict({ "12345678" }, { size = 255 }) end,
    id = function() return z.train_dict({ "12345678" }, { id = -1 }) end,
    level = function() return z.train_dict({ "12345678" }, { level = 23 }) end,
    inspect = function() return z.inspect_dict({}) end,
    inspect_empty = function() return z.inspect_dict("") end,
    inspect_bad = function() return z.inspect_dict("nonsense") end,
  }
  local value, err = cases[name]()
  return { value == nil, err:kind(), err:message(), err:retryable() }
end }
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("number", "string expected"),
        ("empty", "input data cannot be empty"),
        ("nothing", "string expected"),
        ("hollow", "input data cannot be empty"),
        ("dict", "dict must be a non-empty string"),
        ("dict_type", "dict must be a non-empty string"),
        ("dict_bad", "invalid zstd dictionary"),
        ("samples", "samples must be a table of strings"),
        ("none", "samples table cannot be empty"),
        ("mixed", "samples entries must be strings"),
        ("blank", "samples entries cannot be empty"),
        ("short", "at least one sample must be 8 bytes or longer"),
        ("size", "dict size must be between 256 and 1048576"),
        ("id", "dict id must fit in uint32"),
        ("level", "level must be between 1 and 22"),
        ("inspect", "dictionary must be a string"),
        ("inspect_empty", "dictionary cannot be empty"),
        ("inspect_bad", "invalid zstd dictionary"),
    ],
)
def test_arguments_that_are_refused(tmp_path: Path, name: str, text: str) -> None:
    """All Invalid, with the texts of modules-data 5."""
    got = run_function(tmp_path, MISUSE, name, modules="compress")
    assert got == [True, "Invalid", text, False]


def test_large_work_leaves_the_others_alone(tmp_path: Path) -> None:
    """Small bombs move to a thread, too, and virtual time stands still meanwhile."""
    source = """
    return { main = function()
      local packed = compress.gzip.encode(string.rep("x", 20000000))
      local beats, done = 0, false
      coroutine.spawn(function()
        while not done do beats = beats + 1; coroutine.yield() end
      end)
      local before = time.now():unix_nano()
      local size = #compress.gzip.decode(packed)
      done = true
      local in_place
      ("x"):gsub("x", function() in_place = #compress.gzip.decode(packed) end)
      return { #packed < 65536, size, beats > 0, in_place,
        time.now():unix_nano() - before }
    end }
    """
    clock = MockClock(autojump_threshold=0)
    got = run_function(tmp_path, source, modules="compress, time", clock=clock)
    assert got == [True, 20_000_000, True, 20_000_000, 0]
