"""The Lua code of the running application, as the engine asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.errors import AlreadyExistsError, NotFoundError

if TYPE_CHECKING:
    from wippy_trio.lua import Code

__all__ = ["CodeTable"]


class CodeTable:
    """Hold the code of every Lua entry, with its kind; note what changed."""

    __slots__ = ("_by_id", "changed")

    def __init__(self) -> None:
        self._by_id: dict[str, tuple[Code, str, int]] = {}
        self.changed: set[str] = set()

    def add(self, code: Code, kind: str, chunk: int) -> None:
        """Make an entry's code known.

        Raises:
          AlreadyExistsError: There is code of that id.
        """
        if code.id in self._by_id:
            raise AlreadyExistsError(f"code of {code.id} exists already")
        self.replace(code, kind, chunk)

    def replace(self, code: Code, kind: str, chunk: int) -> None:
        """Make new code of an entry known."""
        self._by_id[code.id] = (code, kind, chunk)
        self.changed.add(code.id)

    def remove(self, id: str) -> None:  # noqa: A002 - its name
        """Forget an entry's code."""
        if self._by_id.pop(id, None) is not None:
            self.changed.add(id)

    def get(self, id: str) -> Code | None:  # noqa: A002
        """Give the code of an entry."""
        found = self._by_id.get(id)
        return None if found is None else found[0]

    def kind(self, id: str) -> str:  # noqa: A002
        """Tell the kind of an entry with code.

        Raises:
          NotFoundError: There is no such code.
        """
        found = self._by_id.get(id)
        if found is None:
            raise NotFoundError(f"no Lua code of {id}")
        return found[1]

    def importers(self, id: str) -> list[str]:  # noqa: A002
        """Tell which entries import one."""
        return sorted(
            other
            for other, (code, _, _) in self._by_id.items()
            if not code.evaluated and id in code.imports.values()
        )

    def evaluated(self) -> list[str]:
        """Name the code that came as data and is kept."""
        return [id_ for id_, (code, _, _) in self._by_id.items() if code.evaluated]

    def cycle(self, code: Code) -> list[str] | None:
        """Give the path of imports from an entry back to itself, if there is one."""
        path = [code.id]
        seen: set[str] = set()

        def visit(each: Code) -> bool:
            for target in each.imports.values():
                if target == code.id:
                    path.append(target)
                    return True
                found = self._by_id.get(target)
                if found is None or target in seen:
                    continue
                seen.add(target)
                path.append(target)
                if visit(found[0]):
                    return True
                path.pop()
            return False

        return path if visit(code) else None

    def is_function(self, id: str) -> bool:  # noqa: A002
        """Tell whether it is the code of a function."""
        found = self._by_id.get(id)
        return found is not None and found[1] == "function.lua"

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._by_id

    def take_changed(self) -> frozenset[str]:
        """Give the ids that changed since the last time."""
        changed = frozenset(self.changed)
        self.changed.clear()
        return changed
