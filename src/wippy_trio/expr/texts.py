"""The built-in functions of text and of codecs.

Source: modules-data 11.3, groups strings and codecs.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any, NoReturn

from wippy_trio.expr.arguments import as_int, as_items, as_text, invalid
from wippy_trio.expr.dates import json_value
from wippy_trio.expr.failure import Fault
from wippy_trio.expr.frame import ANYTHING, INT, LIST, STRING, Builtin, Frame
from wippy_trio.expr.gotext import decimal_digits, go_text, plain_float_text
from wippy_trio.expr.values import decoded, encoded, type_name

__all__ = ["TEXT_FUNCTIONS"]

_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_MAX_DEPTH = 128


def _length(frame: Frame, value: object) -> int:
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise invalid("len", value)


def _upper(frame: Frame, text: object) -> str:
    text = as_text("upper", text)
    frame.budget.text(len(text))
    if text.isascii():
        return text.upper()
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text)


def _lower(frame: Frame, text: object) -> str:
    text = as_text("lower", text)
    frame.budget.text(len(text))
    if text.isascii():
        return text.lower()
    # Character by character, as Go does: no final sigma, one for one.
    return "".join(c.lower()[0] for c in text)


def _trim(frame: Frame, text: object, characters: object = _SPACES) -> str:
    text, characters = as_text("trim", text), as_text("trim", characters)
    frame.budget.text(len(text))
    return text.strip(characters) if characters else text


def _trim_prefix(frame: Frame, text: object, prefix: object = " ") -> str:
    text, prefix = as_text("trimPrefix", text), as_text("trimPrefix", prefix)
    frame.budget.text(len(text))
    return text.removeprefix(prefix)


def _trim_suffix(frame: Frame, text: object, suffix: object = " ") -> str:
    text, suffix = as_text("trimSuffix", text), as_text("trimSuffix", suffix)
    frame.budget.text(len(text))
    return text.removesuffix(suffix)


def _split(
    frame: Frame, text: object, separator: object, pieces: object = -1
) -> list[str]:
    text, separator = as_text("split", text), as_text("split", separator)
    return _pieces(frame, text, separator, as_int("split", pieces))


def _split_after(
    frame: Frame, text: object, separator: object, pieces: object = -1
) -> list[str]:
    text, separator = as_text("splitAfter", text), as_text("splitAfter", separator)
    parts = _pieces(frame, text, separator, as_int("splitAfter", pieces))
    return [part + separator for part in parts[:-1]] + parts[-1:]


def _pieces(frame: Frame, text: str, separator: str, count: int) -> list[str]:
    if count == 0:
        return []
    frame.budget.text(len(text))
    if separator:
        parts = text.split(separator, count - 1 if count > 0 else -1)
    elif 0 < count < len(text):
        parts = [*text[: count - 1], text[count - 1 :]]
    else:
        parts = list(text)
    frame.budget.items(len(parts))
    return parts


def _join(frame: Frame, items: object, glue: object = "") -> str:
    glue = as_text("join", glue)
    parts = [as_text("join", item) for item in as_items("join", items)]
    frame.budget.text(sum(map(len, parts)) + len(glue) * len(parts))
    return str(glue.join(parts))


def _replace(
    frame: Frame, text: object, old: object, new: object, times: object = -1
) -> str:
    text, old = as_text("replace", text), as_text("replace", old)
    new, times = as_text("replace", new), as_int("replace", times)
    hits = text.count(old) if times < 0 else min(text.count(old), times)
    frame.budget.text(len(text) + hits * len(new))
    return text.replace(old, new, hits)


def _repeat(frame: Frame, text: object, times: object) -> str:
    text, times = as_text("repeat", text), as_int("repeat", times)
    if times < 0:
        raise Fault(f"invalid argument for repeat: wanted 0 or more, got {times}")
    frame.budget.text(len(text) * times)
    return text * times


def _index_of(frame: Frame, text: object, part: object) -> int:
    text, part = as_text("indexOf", text), as_text("indexOf", part)
    frame.budget.work(len(text) // 64)
    return encoded(text).find(encoded(part))


def _last_index_of(frame: Frame, text: object, part: object) -> int:
    text, part = as_text("lastIndexOf", text), as_text("lastIndexOf", part)
    frame.budget.work(len(text) // 64)
    return encoded(text).rfind(encoded(part))


def _has_prefix(frame: Frame, text: object, prefix: object) -> bool:
    return as_text("hasPrefix", text).startswith(as_text("hasPrefix", prefix))


def _has_suffix(frame: Frame, text: object, suffix: object) -> bool:
    return as_text("hasSuffix", text).endswith(as_text("hasSuffix", suffix))


# Codecs


def _to_json(frame: Frame, value: object) -> str:
    out: list[str] = []
    _write_json(frame, value, out, "\n", _MAX_DEPTH)
    return "".join(out)


_JSON_ESCAPES = {
    **{code: f"\\u{code:04x}" for code in range(32)},
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    8: "\\b",
    12: "\\f",
    10: "\\n",
    13: "\\r",
    9: "\\t",
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
    **dict.fromkeys(range(0xD800, 0xE000), "\\ufffd"),
}


def _quote(text: str) -> str:
    return f'"{text.translate(_JSON_ESCAPES)}"'


def _write_json(
    frame: Frame, value: object, out: list[str], newline: str, depth: int
) -> None:
    if depth == 0:
        raise Fault("toJSON: value is nested too deeply")
    inner = newline + "  "
    if isinstance(value, list) and value:
        separator = "["
        for item in value:
            out.append(separator + inner)
            _write_json(frame, item, out, inner, depth - 1)
            separator = ","
        out.append(newline + "]")
    elif isinstance(value, dict) and value:
        separator = "{"
        pairs = sorted((go_text(key), item) for key, item in value.items())
        for key, item in pairs:
            out.append(f"{separator}{inner}{_quote(key)}: ")
            _write_json(frame, item, out, inner, depth - 1)
            separator = ","
        out.append(newline + "}")
    else:
        out.append(_json_scalar(value))
    frame.budget.text(sum(map(len, out[-2:])))


def _json_scalar(value: Any) -> str:
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _json_float(value)
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return "[]" if isinstance(value, list) else "{}"
    moment = json_value(value)
    if moment is None:
        raise Fault(f"json: unsupported type: {type_name(value)}")
    return _quote(moment) if isinstance(moment, str) else str(moment)


def _json_float(number: float) -> str:
    if not math.isfinite(number):
        raise Fault(f"json: unsupported value: {go_text(number)}")
    digits, exponent = decimal_digits(abs(number))
    if number == 0 or -6 <= exponent < 21:
        return plain_float_text(number)
    sign = "-" if number < 0 else ""
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    mark = "+" if exponent > 0 else "-"
    return f"{sign}{digits[0]}{tail}e{mark}{abs(exponent)}"


def _from_json(frame: Frame, text: object) -> Any:
    text = as_text("fromJSON", text)
    frame.budget.text(len(text) * 8)
    try:
        # Turning back and forth refuses bytes that are no UTF-8.
        value = json.loads(
            text.encode().decode(),
            parse_int=_json_number,
            parse_float=_json_number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        shown = "nested too deeply" if isinstance(error, RecursionError) else error
        raise Fault(f"fromJSON: {shown}") from error
    return _without_surrogates(value) if "\\u" in text else value


def _json_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"number {text[:40]} is out of range")
    return number


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"invalid value {text}")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {
            _without_surrogates(key): _without_surrogates(item)
            for key, item in value.items()
        }
    return value


def _to_base64(frame: Frame, text: object) -> str:
    data = encoded(as_text("toBase64", text))
    frame.budget.text(len(data) * 2)
    return base64.b64encode(data).decode()


def _from_base64(frame: Frame, text: object) -> str:
    text = as_text("fromBase64", text)
    frame.budget.text(len(text))
    try:
        return decoded(base64.b64decode(text.encode("ascii"), validate=True))
    except (binascii.Error, ValueError) as error:
        raise Fault(f"fromBase64: illegal base64 data: {error}") from error


_COUNTED = frozenset({"string", "array", "map"})

TEXT_FUNCTIONS: dict[str, Builtin] = {
    "len": Builtin(_length, 1, 1, (_COUNTED,), "int"),
    "upper": Builtin(_upper, 1, 1, (STRING,), "string"),
    "lower": Builtin(_lower, 1, 1, (STRING,), "string"),
    "trim": Builtin(_trim, 1, 2, (STRING, STRING), "string"),
    "trimPrefix": Builtin(_trim_prefix, 1, 2, (STRING, STRING), "string"),
    "trimSuffix": Builtin(_trim_suffix, 1, 2, (STRING, STRING), "string"),
    "split": Builtin(_split, 2, 3, (STRING, STRING, INT), "array"),
    "splitAfter": Builtin(_split_after, 2, 3, (STRING, STRING, INT), "array"),
    "join": Builtin(_join, 1, 2, (LIST, STRING), "string"),
    "replace": Builtin(_replace, 3, 4, (STRING, STRING, STRING, INT), "string"),
    "repeat": Builtin(_repeat, 2, 2, (STRING, INT), "string"),
    "indexOf": Builtin(_index_of, 2, 2, (STRING, STRING), "int"),
    "lastIndexOf": Builtin(_last_index_of, 2, 2, (STRING, STRING), "int"),
    "hasPrefix": Builtin(_has_prefix, 2, 2, (STRING, STRING), "bool"),
    "hasSuffix": Builtin(_has_suffix, 2, 2, (STRING, STRING), "bool"),
    "toJSON": Builtin(_to_json, 1, 1, (ANYTHING,), "string"),
    "fromJSON": Builtin(_from_json, 1, 1, (STRING,)),
    "toBase64": Builtin(_to_base64, 1, 1, (STRING,), "string"),
    "fromBase64": Builtin(_from_base64, 1, 1, (STRING,), "string"),
}
"""By name."""
