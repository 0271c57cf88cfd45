"""How templates fail.

A :class:`Fault` is what ``try`` can catch; a :class:`LimitError` passes through it. At
the edge both become a :class:`TemplateError` that names template and line.
"""

from __future__ import annotations

from wippy_trio.errors import InternalError

__all__ = ["Fault", "LimitError", "TemplateError"]


class Fault(Exception):  # noqa: N818 - a signal inside this package, never seen outside
    """Report what a template did wrong; the machine knows where."""


class LimitError(Exception):
    """Report a bound that a template ran into; nothing in it can catch that."""


class TemplateError(InternalError):
    """A template cannot be parsed or rendered.

    The message is ``template name:line: reason``.
    """

    def __init__(self, reason: str, template: str, line: int) -> None:
        super().__init__(
            f"template {template}:{line}: {reason}",
            details={"template": template, "line": line},
        )
        self.reason = reason
        self.template = template
        self.line = line
