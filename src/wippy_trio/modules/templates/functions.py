"""The functions and writers that every template knows.

``isset``, ``exec`` and ``includeIfExists`` are the machine's, since they evaluate or
run templates themselves.

Source: modules-data 9.1.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

from wippy_trio.modules.templates.failure import Fault
from wippy_trio.modules.templates.values import (
    Function,
    RawText,
    Runner,
    Writer,
    escape_html,
    is_number,
    json_text,
    kind_name,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BUILTINS"]

_MAX_ITEMS = 1_000_000
_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_JS = {
    **{code: f"\\u{code:04X}" for code in range(32)},
    **{ord(mark): f"\\u{ord(mark):04X}" for mark in "<>&="},
    **{ord(mark): f"\\{mark}" for mark in "\\'\""},
}


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Fault(f"{name}: wanted a string, got {kind_name(value)}")


def _count(name: str, value: Any) -> int:
    if is_number(value) and abs(value) < 2**53:
        return int(value)
    raise Fault(f"{name}: wanted a number, got {kind_name(value)}")


def _lower(run: Runner, text: Any) -> str:
    text = _text("lower", text)
    return str("".join(character.lower()[0] for character in text))


def _upper(run: Runner, text: Any) -> str:
    text = _text("upper", text)
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in text)


def _has_prefix(run: Runner, text: Any, prefix: Any) -> bool:
    return _text("hasPrefix", text).startswith(_text("hasPrefix", prefix))


def _has_suffix(run: Runner, text: Any, suffix: Any) -> bool:
    return _text("hasSuffix", text).endswith(_text("hasSuffix", suffix))


def _trim_space(run: Runner, text: Any) -> str:
    return _text("trimSpace", text).strip(_SPACES)


def _repeat(run: Runner, text: Any, times: Any) -> str:
    body, count = _text("repeat", text), _count("repeat", times)
    if count < 0:
        raise Fault(f"repeat: negative count {count}")
    run.room(len(body) * count)
    return body * count


def _replace(run: Runner, text: Any, old: Any, new: Any, times: Any) -> str:
    body, part = _text("replace", text), _text("replace", old)
    other, count = _text("replace", new), _count("replace", times)
    hits = body.count(part) if count < 0 else min(body.count(part), count)
    run.room(len(body) + hits * len(other))
    return body.replace(part, other, hits)


def _split(run: Runner, text: Any, separator: Any) -> list[str]:
    body, mark = _text("split", text), _text("split", separator)
    run.room(len(body))
    return body.split(mark) if mark else list(body)


def _len(run: Runner, value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, (list, dict)):
        return len(value)
    raise Fault(f"len: {kind_name(value)} has no length")


def _html(run: Runner, value: Any) -> str:
    return escape_html(text_of(value))


def _url(run: Runner, value: Any) -> str:
    data = text_of(value).encode("utf-8", "surrogateescape")
    return urllib.parse.quote_plus(data, safe="")


def _json(run: Runner, value: Any) -> str:
    text = json_text(value)
    run.room(len(text))
    return text


def _write_json(run: Runner, value: Any) -> RawText:
    return RawText(_json(run, value) + "\n")


def _ints(run: Runner, first: Any, last: Any) -> list[int]:
    start, stop = _count("ints", first), _count("ints", last)
    if stop <= start:
        raise Fault(f"ints: wanted a < b, got {start} and {stop}")
    if stop - start > _MAX_ITEMS:
        raise Fault(f"ints: more than {_MAX_ITEMS} items")
    run.room((stop - start) * 8)
    return list(range(start, stop))


def _map(run: Runner, *pairs: Any) -> dict[str, Any]:
    if len(pairs) % 2:
        raise Fault("map: wanted pairs of keys and values")
    return {
        text_of(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)
    }


def _slice(run: Runner, *items: Any) -> list[Any]:
    return list(items)


def _dump(run: Runner, *names: Any) -> str:
    """Describe the context and the variables, for debugging."""
    context, known = run.visible()
    wanted = [text_of(name) for name in names] or sorted(known)
    lines = [] if names else [f"context: {text_of(context)}"]
    lines += [f"{name}: {text_of(known.get(name))}" for name in wanted]
    return "\n".join(lines)


def _functions() -> dict[str, Function]:
    table: dict[str, tuple[Callable[..., Any], int, int | None]] = {
        "lower": (_lower, 1, 1),
        "upper": (_upper, 1, 1),
        "hasPrefix": (_has_prefix, 2, 2),
        "hasSuffix": (_has_suffix, 2, 2),
        "trimSpace": (_trim_space, 1, 1),
        "repeat": (_repeat, 2, 2),
        "replace": (_replace, 4, 4),
        "split": (_split, 2, 2),
        "len": (_len, 1, 1),
        "html": (_html, 1, 1),
        "url": (_url, 1, 1),
        "json": (_json, 1, 1),
        "writeJson": (_write_json, 1, 1),
        "ints": (_ints, 2, 2),
        "map": (_map, 0, None),
        "slice": (_slice, 0, None),
        "array": (_slice, 0, None),
        "dump": (_dump, 0, None),
    }
    return {name: Function(name, *shape) for name, shape in table.items()}


def _as_it_is(text: str) -> str:
    return text


def _script(text: str) -> str:
    plain = text.translate(_JS)
    if plain.isprintable():
        return plain
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04X}"
        for character in plain
    )


BUILTINS: dict[str, Function | Writer] = {
    **_functions(),
    "raw": Writer("raw", _as_it_is),
    "unsafe": Writer("unsafe", _as_it_is),
    "safeHtml": Writer("safeHtml", escape_html),
    "safeJs": Writer("safeJs", _script),
}
"""By name."""
