"""The signature of the function whose arguments are being typed."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.lang.lexer import KEYWORDS, Tokens, tokenize
from wippy_trio.lang.members import members_of
from wippy_trio.lang.parser import read_source
from wippy_trio.lang.types import Function, Intersection, Type, expand
from wippy_trio.lang.typetext import show
from wippy_trio.lsp.places import KEY
from wippy_trio.lsp.types import type_before

if TYPE_CHECKING:
    from wippy_trio.lsp.workspace import View

__all__ = ["Signature", "signature"]

_BOUNDARY = KEYWORDS - {"and", "or", "not", "nil", "true", "false", "function", "end"}


class Signature(NamedTuple):
    """A signature as text, the parts that are parameters, the one being typed."""

    label: str
    parameters: list[str]
    active: int


def signature(view: View, offset: int) -> Signature | None:
    """Describe the function that is called around an offset."""
    tokens = tokenize(read_source(view.text.source))
    found = _call(tokens, offset)
    if found is None:
        return None
    opening, active = found
    if opening == 0 or tokens.kinds[opening - 1] not in (*KEY, ")", "]"):
        return None
    name = tokens.texts[opening - 1]
    type_ = _callee(view, tokens, opening)
    method = opening > 1 and tokens.kinds[opening - 2] == ":"
    shape = _function(type_)
    if shape is None:
        return None
    parameters = list(shape.parameters)
    if method and parameters:
        parameters = parameters[1:]
    shown: list[str] = []
    for each in parameters:
        mark = "?" if each.optional else ""
        shown.append(f"{each.name or '_'}{mark}: {show(each.type)}")
    if shape.variadic is not None:
        shown.append(f"...{show(shape.variadic)}")
    whole = show(shape)
    returned = whole[whole.rfind(" -> ") :] if " -> " in whole else ""
    label = f"{name if name != ')' else 'function'}({', '.join(shown)}){returned}"
    label = label.encode("latin-1", "replace").decode("utf-8", "replace")
    shown = [
        each.encode("latin-1", "replace").decode("utf-8", "replace") for each in shown
    ]
    return Signature(label, shown, min(active, max(len(shown) - 1, 0)))


def _call(tokens: Tokens, offset: int) -> tuple[int, int] | None:
    """Find the parenthesis of the call around an offset and count the commas."""
    kinds = tokens.kinds
    at = bisect_left(tokens.starts, offset) - 1
    if at >= 0 and kinds[at] == "string" and tokens.ends[at] > offset:
        at -= 1
    depth = commas = 0
    for here in range(at, max(at - 2000, -1), -1):
        kind = kinds[here]
        if kind in (")", "}", "]"):
            depth += 1
        elif kind in ("(", "{", "["):
            if depth == 0:
                return (here, commas) if kind == "(" else None
            depth -= 1
        elif depth == 0:
            if kind == ",":
                commas += 1
            elif kind in _BOUNDARY:
                return None
    return None


def _callee(view: View, tokens: Tokens, opening: int) -> Type | None:
    if opening > 1 and tokens.kinds[opening - 2] == ":":
        end = tokens.ends[opening - 3] if opening > 2 else 0
        base = type_before(view, end)
        if base is None:
            return None
        return members_of(base).get(tokens.texts[opening - 1])
    return type_before(view, tokens.ends[opening - 1])


def _function(type_: Type | None) -> Function | None:
    if type_ is None:
        return None
    shape = expand(type_)
    if isinstance(shape, Intersection):
        for each in shape.members:
            if isinstance(expand(each), Function):
                shape = expand(each)
                break
    return shape if isinstance(shape, Function) and not shape.untyped else None
