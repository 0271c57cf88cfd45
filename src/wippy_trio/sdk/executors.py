"""What runs the commands of a program: configuration, checks, command lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.errors import InvalidError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Executor", "split_command"]


class Executor(NamedTuple):
    """Runs commands of the machine.

    Attributes:
      id: Of its entry.
      work_dir: Where commands run unless told otherwise; a full path.
      env: Their environment; nothing else is inherited.
      whitelist: The command lines that may run; none means all.
    """

    id: str
    work_dir: str
    env: Mapping[str, str]
    whitelist: tuple[str, ...]

    def check(self, command: str) -> None:
        """Refuse a command line that is not listed.

        Raises:
          PermissionDeniedError: It is none of the whitelist.
        """
        if self.whitelist and command not in self.whitelist:
            raise PermissionDeniedError(
                f"command not allowed: {command}", retryable=False
            )


def split_command(command: str) -> list[str]:
    """Split a command line at blanks; quotes group and go away (modules-io 12.2).

    There is no shell: nothing is expanded, and a backslash is a backslash.

    Raises:
      InvalidError: It is empty, has a NUL byte, or a quote is not closed.
    """
    words: list[str] = []
    word: str | None = None
    quote = ""
    for char in command:
        if char == "\0":
            raise InvalidError("command: wanted no NUL byte", retryable=False)
        if quote:
            if char == quote:
                quote = ""
            else:
                word = (word or "") + char
        elif char in "\"'":
            quote, word = char, word or ""
        elif char.isspace():
            if word is not None:
                words.append(word)
                word = None
        else:
            word = (word or "") + char
    if quote:
        raise InvalidError(
            f"command: the quote {quote} is not closed: {command}", retryable=False
        )
    if word is not None:
        words.append(word)
    if not words or not words[0]:
        raise InvalidError("command is required", retryable=False)
    return words
