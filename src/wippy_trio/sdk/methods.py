"""How a method of a handle shows its results to Lua."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.errors import Error

__all__ = ["method"]

F = TypeVar("F", bound="Callable[..., Any]")


def method(
    *,
    name: str | None = None,
    pair: bool = True,
    raises: bool | type[Error] = False,
    offload: int | None = None,
    opaque: str | None = None,
) -> Callable[[F], F]:
    """Tune one method of a handle class; see `LuaModule.export` for the arguments."""

    def mark(function: F) -> F:
        function.__lua_options__ = {  # type: ignore[attr-defined]
            "name": name,
            "pair": pair,
            "raises": raises,
            "offload": offload,
            "opaque": opaque,
        }
        return function

    return mark
