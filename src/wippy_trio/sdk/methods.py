"""How a method of a handle shows its results to Lua."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
    waiting: Callable[..., Awaitable[Any]] | None = None,
    flat: bool = False,
) -> Callable[[F], F]:
    """Tune one method of a handle class; see `LuaModule.export` for the arguments.

    Args:
      name: Another name.
      pair: Success gives ``value, nil``.
      raises: Errors are raised in Lua.
      offload: From how many bytes of arguments on a plain method runs in a thread.
      opaque: What becomes of functions and the like inside the arguments.
      waiting: Runs instead of the method in a thread, where ``offload`` says so.
      flat: It is for the Lua part of its module; see `HostFunction`.
    """

    def mark(function: F) -> F:
        function.__lua_options__ = {  # type: ignore[attr-defined]
            "name": name,
            "pair": pair,
            "raises": raises,
            "offload": offload,
            "opaque": opaque,
            "waiting": waiting,
            "flat": flat,
        }
        return function

    return mark
