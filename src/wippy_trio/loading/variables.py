"""References in configuration files: ``${env:NAME}`` and ``${name}``.

Those to the environment are resolved as a file is read, those to ``vars`` when all
layers are known, so a later layer may change a variable. ``$${`` is a literal ``${``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InvalidError
from wippy_trio.registry import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Variables", "expand_environment"]

_ENVIRONMENT = re.compile(r"\$\$\{|\$\{env:([^}|]+)(?:\|([^}]*))?\}")
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


def expand_environment(value: Any, environ: Mapping[str, str], where: str) -> Any:
    """Return a value with ``${env:NAME}`` and ``${env:NAME|text}`` filled in.

    Raises:
      InvalidError: A variable is not set and there is no text to take instead.

    Source: apps 1.11.
    """

    def fill(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]  # the other pass turns it into "${"
        name = match[1].strip()
        found = environ.get(name, match[2])
        if found is None:
            raise InvalidError(
                f"{where}: wanted the environment variable {name}, it is not set"
            )
        return found

    return _mapped(value, lambda text: _ENVIRONMENT.sub(fill, text))


class Variables:
    """The ``vars`` of a configuration; they may refer to each other.

    A name that no variable has stays as it is, with a warning.
    """

    __slots__ = ("_open", "_values", "findings")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._open: list[str] = []
        self.findings: list[Finding] = []

    def expand(self, value: Any, where: str) -> Any:
        """Return a value with ``${name}`` filled in.

        Text that is one reference takes the type of the variable.

        Raises:
          InvalidError: Variables refer to each other in a circle.
        """
        return _mapped(value, lambda text: self._text(text, where))

    def _text(self, text: str, where: str) -> Any:
        whole = _VARIABLE.fullmatch(text)
        if whole is not None and whole[1] is not None:
            return self._value(whole[1], text, where)

        def fill(match: re.Match[str]) -> str:
            if match[1] is None:
                return "${"
            value = self._value(match[1], match[0], where)
            if isinstance(value, bool):
                return str(value).lower()
            return "" if value is None else str(value)

        return _VARIABLE.sub(fill, text)

    def _value(self, name: str, raw: str, where: str) -> Any:
        if name not in self._values:
            fields = {"path": where, "variable": name}
            self.findings.append(Finding("warning", "unknown variable", fields))
            return raw
        if name in self._open:
            circle = " -> ".join([*self._open, name])
            raise InvalidError(f"vars.{name}: a circle of references: {circle}")
        self._open.append(name)
        try:
            return self.expand(self._values[name], f"vars.{name}")
        finally:
            self._open.pop()


def _mapped(value: Any, change: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return change(value) if "${" in value else value
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    return value
