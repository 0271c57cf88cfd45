r"""Regular expressions in RE2's syntax, on Python's engine.

What RE2 refuses is refused here too (back-references, looking around, possessive
repeats), so an expression means the same in both or is an error. What both have but
write differently is rewritten: ``(?<name>``, ``\z``, ``\Q...\E``, ``[[:alpha:]]``.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

from wippy_trio.errors import InvalidError

__all__ = ["compile_regex"]

_TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)"
    r"|\\(?P<escape>.)"
    r"|\[(?P<negated>\^?)(?P<set>\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*)\]"
    r"|\(\?(?P<group>P?<[=!]?|P=|P>|[=!#>(]|[-a-zA-Z]*[:)])?"
    r"|(?P<possessive>[*+?}]\+)"
    r"|(?P<end>\$)"
    r"|.",
    re.DOTALL,
)
_MEMBER = re.compile(r"\[:(?P<posix>\^?[a-z]+):\]|\\(?P<escape>.)|.", re.DOTALL)
_MULTILINE = re.compile(r"\(\?[is]*m")
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPES = set("dDwWsSbBAafnrtvx") | set(".^$*+?()[]{}|\\/-_ \"'`~!@#%&=:;,<>")


@lru_cache(maxsize=256)
def compile_regex(pattern: str) -> re.Pattern[str]:
    """Compile an expression in RE2's syntax.

    Raises:
      InvalidError: The expression is malformed, or asks for what RE2 does not have.

    Source: apps 7.3; modules-io 13.
    """
    parts = [_translate(match, pattern) for match in _TOKEN.finditer(pattern)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile("".join(parts), re.ASCII)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise _invalid(pattern, str(error)) from error


def _translate(match: re.Match[str], pattern: str) -> str:
    if match["quoted"] is not None:
        return re.escape(match["quoted"])
    if match["escape"] is not None:
        escape = match["escape"]
        if escape == "z":
            return r"\Z"
        if escape not in _ESCAPES:
            raise _invalid(pattern, f"unknown escape \\{escape}")
        return match[0]
    if match["set"] is not None:
        members = _MEMBER.finditer(match["set"])
        inside = "".join(_member(member, pattern) for member in members)
        return f"[{match['negated']}{inside}]"
    if match["end"] and not _MULTILINE.search(pattern):
        return r"\Z"  # Python's $ also matches before a newline at the end
    if match[0].startswith("(?"):
        return _group(match["group"], pattern)
    if match["possessive"] is not None:
        raise _invalid(pattern, f"bad repeat {match['possessive']}")
    return match[0]


def _member(match: re.Match[str], pattern: str) -> str:
    name, escape = match["posix"], match["escape"]
    if name is not None:
        if name not in _CLASSES:
            raise _invalid(pattern, f"unknown class [:{name}:]")
        return _CLASSES[name]
    if escape is not None:
        if escape not in _ESCAPES:
            raise _invalid(pattern, f"unknown escape \\{escape}")
        return match[0]
    # Python reserves these inside a set for operations RE2 does not have.
    return "\\" + match[0] if match[0] in "[]&|~" else match[0]


def _group(group: str | None, pattern: str) -> str:
    if group in {"<", "P<"}:
        return "(?P<"
    if group is not None and re.fullmatch(r"(?:[ims]*(?:-[ims]+)?):", group):
        return f"(?{group}"
    if group is not None and re.fullmatch(r"[ims]+\)", group):
        return f"(?{group}"
    raise _invalid(pattern, f"unknown group (?{group or ''}")


def _invalid(pattern: str, why: str) -> InvalidError:
    return InvalidError(f"regular expression {pattern!r}: {why}")
