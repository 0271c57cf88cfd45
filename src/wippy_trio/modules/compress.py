"""`compress`: gzip, zlib, deflate, Brotli and Zstandard (modules-data 5).

A small text can stand for a very large one, so decoding is bounded by ``max_size``, and
what grows moves to a thread.
"""

from __future__ import annotations

import sys
import zlib
from importlib import import_module
from typing import Any

from wippy_trio.modules._arguments import octets
from wippy_trio.modules._texts import whole_number
from wippy_trio.sdk import InternalError, InvalidError, LuaModule, move_to_thread

__all__ = ["MODULE", "Room"]

_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"

MODULE = LuaModule(
    "compress",
    classes=("encoding", "deterministic"),
    extra=("compress", ("brotli", _ZSTD)),
    declares="""
    gzip: {
      encode: (data: string, options: table?) -> (string?, Error?),
      decode: (data: string, options: table?) -> (string?, Error?)
    }
    zlib: {
      encode: (data: string, options: table?) -> (string?, Error?),
      decode: (data: string, options: table?) -> (string?, Error?)
    }
    deflate: {
      encode: (data: string, options: table?) -> (string?, Error?),
      decode: (data: string, options: table?) -> (string?, Error?)
    }
    brotli: {
      encode: (data: string, options: table?) -> (string?, Error?),
      decode: (data: string, options: table?) -> (string?, Error?)
    }
    zstd: {
      encode: (data: string, options: table?) -> (string?, Error?),
      decode: (data: string, options: table?) -> (string?, Error?),
      train_dict: (samples: {string}, options: table?) -> (string?, Error?),
      inspect_dict: (dict: string) -> (table?, Error?)
    }
    """,
)
GZIP = MODULE.table("gzip")
ZLIB = MODULE.table("zlib")
DEFLATE = MODULE.table("deflate")
BROTLI = MODULE.table("brotli")
ZSTD = MODULE.table("zstd")

LARGE = 64 * 1024
_CHUNK = 256 * 1024
_DEFAULT_SIZE = 128 * 1024 * 1024
_MOST_SIZE = 1024 * 1024 * 1024
_TOO_LARGE = "decompressed size exceeds limit"
_GZIP_MAGIC = b"\x1f\x8b\x08"


# -- arguments -------------------------------------------------------------------------


def _data(value: Any) -> bytes:
    data = octets(value, "string expected")
    if not data:
        raise InvalidError("input data cannot be empty", retryable=False)
    return data


def _options(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _level(
    options: dict[Any, Any], low: int, high: int, default: int, what: str
) -> int:
    """Read the level; what is no number means the default."""
    value = options.get("level")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    level = whole_number(value, low - 1, low, high)
    if level < low:
        raise InvalidError(f"{what} must be between {low} and {high}", retryable=False)
    return level


# -- what comes out --------------------------------------------------------------------


class Room:
    """Collect what a decoder gives, up to a limit."""

    __slots__ = ("_left", "_pieces")

    def __init__(self, options: dict[Any, Any]) -> None:
        self._left = whole_number(options.get("max_size"), _DEFAULT_SIZE, 1, _MOST_SIZE)
        self._pieces: list[bytes] = []

    @property
    def chunk(self) -> int:
        """How much to ask for: one byte more than fits tells that it does not."""
        return min(_CHUNK, self._left + 1)

    def put(self, piece: bytes) -> None:
        """Take a piece.

        Raises:
          OverflowError: It is more than there is room for.
        """
        self._left -= len(piece)
        if self._left < 0:
            raise OverflowError(_TOO_LARGE)
        self._pieces.append(piece)
        if len(self._pieces) == 4:  # a megabyte or so
            move_to_thread()

    def joined(self) -> bytes:
        """Give all that came."""
        return b"".join(self._pieces)


# -- gzip, zlib, deflate ---------------------------------------------------------------


def _encoder(table: LuaModule, window: int) -> None:
    @table.export(name="encode", offload=LARGE)
    def encode(data: Any, options: Any = None) -> bytes:
        source = _data(data)
        level = _level(_options(options), 1, 9, 6, "compression level")
        packer = zlib.compressobj(level, zlib.DEFLATED, window)
        return packer.compress(source) + packer.flush()


def _refused(format_: str, reason: str) -> InvalidError:
    return InvalidError(reason, retryable=False, context=f"invalid {format_} data")


_encoder(GZIP, 31)
_encoder(ZLIB, 15)
_encoder(DEFLATE, -15)


def _inflate(data: bytes, window: int, room: Room) -> bytes:
    """Decode one stream into the room; what follows it comes back.

    Raises:
      ValueError: It is damaged or not complete.
      OverflowError: There is not enough room.
    """
    unpacker = zlib.decompressobj(window)
    rest = data
    while not unpacker.eof:
        try:
            piece = unpacker.decompress(rest, room.chunk)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        rest = unpacker.unconsumed_tail
        if piece:
            room.put(piece)
        elif not rest and not unpacker.eof:
            raise ValueError("unexpected end of data")
    return unpacker.unused_data


@GZIP.export(name="decode", offload=LARGE)
def gzip_decode(data: Any, options: Any = None) -> bytes:
    """Decode members one after the other."""
    rest = _data(data)
    room = Room(_options(options))
    if not rest.startswith(_GZIP_MAGIC) or len(rest) < 10:
        raise _refused("gzip", "no gzip header")
    try:
        while rest.startswith(_GZIP_MAGIC):
            rest = _inflate(rest, 31, room)
    except OverflowError as error:
        raise InternalError(str(error)) from None
    except ValueError as error:
        raise InternalError(str(error), context="gzip decode failed") from None
    if rest:
        raise InternalError(
            "something follows the last member", context="gzip decode failed"
        )
    return room.joined()


@ZLIB.export(name="decode", offload=LARGE)
def zlib_decode(data: Any, options: Any = None) -> bytes:
    """Decode a stream; what follows it is ignored."""
    source = _data(data)
    room = Room(_options(options))
    head = int.from_bytes(source[:2], "big")
    named = head & 0x20
    if len(source) < 2 or head >> 8 & 15 != 8 or head >> 12 > 7 or head % 31 or named:
        raise _refused("zlib", "no zlib header")
    try:
        _inflate(source, 15, room)
    except OverflowError as error:
        raise InternalError(str(error)) from None
    except ValueError as error:
        raise InternalError(str(error), context="zlib decode failed") from None
    return room.joined()


@DEFLATE.export(name="decode", offload=LARGE)
def deflate_decode(data: Any, options: Any = None) -> bytes:
    """Decode a bare stream; what follows it is ignored."""
    source = _data(data)
    room = Room(_options(options))
    try:
        _inflate(source, -15, room)
    except OverflowError as error:
        raise InvalidError(str(error), retryable=False) from None
    except ValueError as error:
        raise _refused("deflate", str(error)) from None
    return room.joined()


# -- Brotli ----------------------------------------------------------------------------


@BROTLI.export(name="encode", offload=LARGE)
def brotli_encode(data: Any, options: Any = None) -> bytes:
    """Encode a text."""
    import brotli  # noqa: PLC0415 - an extra

    source = _data(data)
    quality = _level(_options(options), 0, 11, 6, "brotli quality")
    made: bytes = brotli.compress(source, quality=quality)
    return made


@BROTLI.export(name="decode", offload=LARGE)
def brotli_decode(data: Any, options: Any = None) -> bytes:
    """Decode a text; nothing may follow it."""
    import brotli  # noqa: PLC0415 - an extra

    source = _data(data)
    room = Room(_options(options))
    unpacker = brotli.Decompressor()
    try:
        room.put(unpacker.process(source, output_buffer_limit=room.chunk))
        while not unpacker.is_finished():
            piece = unpacker.process(b"", output_buffer_limit=room.chunk)
            if not piece and not unpacker.is_finished():
                raise _refused("brotli", "unexpected end of data")
            room.put(piece)
    except OverflowError as error:
        raise InvalidError(str(error), retryable=False) from None
    except brotli.error:
        raise _refused("brotli", "damaged") from None
    return room.joined()


# -- Zstandard -------------------------------------------------------------------------

_DICT_MAGIC = (0xEC30A437).to_bytes(4, "little")


def _library() -> Any:
    return import_module(_ZSTD)


def _dictionary(options: dict[Any, Any]) -> Any:
    """Read the dictionary of the options, if there is one."""
    given = options.get("dict")
    if given is None:
        return None
    if not isinstance(given, (str, bytes)) or not given:
        raise InvalidError("dict must be a non-empty string", retryable=False)
    content = octets(given, "")
    library = _library()
    try:
        return library.ZstdDict(content)
    except (library.ZstdError, ValueError):
        raise InvalidError("invalid zstd dictionary", retryable=False) from None


@ZSTD.export(name="encode", offload=LARGE)
def zstd_encode(data: Any, options: Any = None) -> bytes:
    """Encode a text, with the help of a dictionary if one is given."""
    source, given = _data(data), _options(options)
    level = _level(given, 1, 22, 3, "zstd level")
    dictionary = _dictionary(given)
    made: bytes = _library().compress(source, level, zstd_dict=dictionary)
    return made


@ZSTD.export(name="decode", offload=LARGE)
def zstd_decode(data: Any, options: Any = None) -> bytes:
    """Decode frames one after the other."""
    rest, given = _data(data), _options(options)
    room, dictionary = Room(given), _dictionary(given)
    library = _library()
    try:
        while rest:
            unpacker = library.ZstdDecompressor(zstd_dict=dictionary)
            room.put(unpacker.decompress(rest, max_length=room.chunk))
            while not unpacker.eof:
                if unpacker.needs_input:
                    raise InternalError(
                        "unexpected end of data", context="zstd decode failed"
                    )
                room.put(unpacker.decompress(b"", max_length=room.chunk))
            rest = unpacker.unused_data
    except OverflowError as error:
        raise InternalError(str(error)) from None
    except library.ZstdError as error:
        raise InternalError(_reason(error), context="zstd decode failed") from None
    return room.joined()


def _reason(error: Exception) -> str:
    return str(error).rstrip(".").rpartition(": ")[2] or "damaged"


@ZSTD.export(offload=0)
def train_dict(samples: Any, options: Any = None) -> bytes:
    """Make a dictionary of samples: what they have in common."""
    texts, given = _samples(samples), _options(options)
    size = whole_number(given.get("size", 114688), 0, 256, 1048576)
    if not size:
        raise InvalidError("dict size must be between 256 and 1048576", retryable=False)
    number = whole_number(given.get("id", 0), -1, 0, 2**32 - 1)
    if number < 0:
        raise InvalidError("dict id must fit in uint32", retryable=False)
    level = _level(given, 1, 22, 3, "level")
    made = _trained(texts, size, level)
    if number:
        made = made[:4] + number.to_bytes(4, "little") + made[8:]
    return made


def _samples(samples: Any) -> list[bytes]:
    if samples == {} or samples == []:
        raise InvalidError("samples table cannot be empty", retryable=False)
    if not isinstance(samples, list):
        raise InvalidError("samples must be a table of strings", retryable=False)
    texts = [octets(item, "samples entries must be strings") for item in samples]
    if not all(texts):
        raise InvalidError("samples entries cannot be empty", retryable=False)
    if max(map(len, texts)) < 8:
        raise InvalidError(
            "at least one sample must be 8 bytes or longer", retryable=False
        )
    return texts


def _trained(texts: list[bytes], size: int, level: int) -> bytes:
    """Train, or where the library wants more samples, take them as they are."""
    library = _library()
    made: bytes
    try:
        made = library.train_dict(texts, size).dict_content
        return made
    except (library.ZstdError, ValueError):
        pass
    raw = library.ZstdDict(b"".join(texts)[-size:], is_raw=True)
    try:
        made = library.finalize_dict(raw, texts, size, level).dict_content
    except (library.ZstdError, ValueError) as error:
        raise InternalError(
            _reason(error), context="zstd dict training failed"
        ) from None
    return made


@ZSTD.export
def inspect_dict(dictionary: Any) -> dict[str, int]:
    """Tell the number of a dictionary and the size of its content."""
    content = octets(dictionary, "dictionary must be a string")
    if not content:
        raise InvalidError("dictionary cannot be empty", retryable=False)
    number = int.from_bytes(content[4:8], "little")
    try:
        start = _content_start(content)
    except (ValueError, IndexError):
        start = sys.maxsize
    if not content.startswith(_DICT_MAGIC) or not number or start > len(content):
        raise InvalidError("invalid zstd dictionary", retryable=False)
    return {"id": number, "content_size": len(content) - start}


def _content_start(data: bytes) -> int:
    """Find where the content begins, behind four tables and three offsets.

    Source: RFC 8878, sections 4.1.1, 4.2.1 and 5.
    """
    weights = data[8]
    place = 9 + (weights if weights < 128 else (weights - 126) // 2)
    for _ in range(3):
        place += _table_size(data, place)
    return place + 12


def _table_size(data: bytes, start: int) -> int:
    """Measure a table of probabilities in bytes."""
    bits = _Bits(data, start)
    left = 1 << (bits.take(4) + 5)
    for _ in range(256):
        if left <= 0:
            return -(-bits.place // 8) - start
        width = (left + 1).bit_length()
        short = (1 << width) - 2 - left
        value = bits.look(width - 1)
        if value < short:
            bits.take(width - 1)
        else:
            value = bits.take(width)
            if value >= 1 << (width - 1):
                value -= short
        left -= abs(value - 1)
        if value == 1:
            while bits.take(2) == 3:  # so many further ones, and again
                pass
    raise ValueError("no table")


class _Bits:
    """Bits of bytes, the lowest first."""

    __slots__ = ("data", "place")

    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.place = start * 8

    def look(self, width: int) -> int:
        first = self.place // 8
        if self.place + width > len(self.data) * 8:
            raise ValueError("it ends too early")
        value = int.from_bytes(self.data[first : first + 8], "little")
        return value >> self.place % 8 & (1 << width) - 1

    def take(self, width: int) -> int:
        value = self.look(width)
        self.place += width
        return value
