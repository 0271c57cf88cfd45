"""What a process is called: a host, a number that is never used again, a node."""

from __future__ import annotations

import attrs

from wippy_trio.errors import InvalidError

__all__ = ["NOBODY", "Pid"]


@attrs.frozen(slots=True, order=True, repr=False)
class Pid:
    """Name one process for ever.

    ``str()`` gives the text that Lua programs see, ``{host|0x00001}``, with the node
    in front of the host where there is more than one node.

    Source: core PID-1 to PID-5.
    """

    host: str
    number: int
    node: str = ""

    def __str__(self) -> str:
        if not self.number and not self.host:
            return "{|}"
        place = f"{self.node}@{self.host}" if self.node else self.host
        return f"{{{place}|0x{self.number:05x}}}"

    def __repr__(self) -> str:
        return f"<Pid {self}>"

    @staticmethod
    def parse(text: str) -> Pid:
        """Read the text form.

        Raises:
          InvalidError: The braces or the pipe are missing, or the number is none.

        Source: core PID-4.
        """
        if len(text) < 2 or text[0] != "{" or text[-1] != "}":
            raise InvalidError("invalid pid format: missing braces")
        parts = text[1:-1].split("|")
        if len(parts) == 1:
            raise InvalidError("invalid pid format: missing pipe")
        place, unique = parts[0], parts[2] if len(parts) > 2 else parts[1]
        node, at, host = place.rpartition("@")
        if not unique and not host:
            return NOBODY
        try:
            number = int(unique, 16)
        except ValueError:
            number = -1  # a well-formed text that names no process of ours
        return Pid(host if at else place, number, node if at else "")


NOBODY = Pid("", 0)
"""The sender of what the runtime itself sends; its text is ``{|}`` (core PID-6)."""
