"""Keys that mean something, with their help (modules-data 22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.sdk import MisuseError, method

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KeyBinding", "read_binding"]


class KeyBinding:
    """Tell whether an event is one of some keys."""

    lua_name = "tty.KeyBinding"

    def __init__(self, keys: list[str], help_key: str, help_text: str) -> None:
        self._keys = keys
        self._help = {"key": help_key, "desc": help_text}
        self._enabled = True

    def __str__(self) -> str:
        return f"tty.KeyBinding{{{', '.join(self._keys)}}}"

    @method(pair=False)
    def matches(self, event: dict[str, Any]) -> bool:
        """Compare an event by its key with modifiers, its bare key and its key type."""
        if not self._enabled or event.get("type", "key") != "key":
            return False
        key = event.get("key")
        if not isinstance(key, str):
            return False
        held = [name for name in ("ctrl", "alt", "shift") if event.get(name) is True]
        names = {"+".join([*held, key]), key, event.get("key_type")}
        return any(wanted in names for wanted in self._keys)

    @method(pair=False)
    def set_enabled(self, enabled: bool) -> KeyBinding:
        """Switch it on or off."""
        self._enabled = enabled
        return self

    @method(pair=False)
    def is_enabled(self) -> bool:
        """Tell whether it is on."""
        return self._enabled

    @method(pair=False, name="help")
    def explain(self) -> dict[str, str]:
        """Give what a help line shows."""
        return dict(self._help)


def read_binding(config: Mapping[str, Any]) -> KeyBinding:
    """Read the table that `tty.bind` takes.

    Raises:
      MisuseError: ``keys`` is no list of texts.
    """
    keys = config.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise MisuseError("bind: keys must be a list of strings")
    about = config.get("help")
    shown = about if isinstance(about, dict) else {}
    key, text = shown.get("key"), shown.get("desc")
    return KeyBinding(
        ["space" if name == " " else name for name in keys],
        key if isinstance(key, str) else "",
        text if isinstance(text, str) else "",
    )
