"""Environment variables and storages of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wippy_trio.errors import (
    AlreadyExistsError,
    Error,
    NotFoundError,
    PermissionDeniedError,
)

if TYPE_CHECKING:
    from wippy_trio.runtime.boot import RunningRuntime
    from wippy_trio.services.env import Variable
    from wippy_trio.services.env_storages import Storage

__all__ = ["Environment"]


class Environment:
    """Find variables by public name or entry id (apps 2.7)."""

    def __init__(self, runtime: RunningRuntime) -> None:
        self.runtime = runtime
        self._storages: dict[str, Storage] = {}
        self._variables: dict[str, Variable] = {}
        self._names: dict[str, str] = {}

    # -- what the kinds register -------------------------------------------------------

    def add_storage(self, id: str, storage: Storage) -> None:  # noqa: A002 - its name
        """Make a storage known.

        Raises:
          AlreadyExistsError: The id is taken.
        """
        if id in self._storages:
            raise AlreadyExistsError(f"env storage {id} already exists")
        self._storages[id] = storage

    def remove_storage(self, id: str) -> None:  # noqa: A002
        """Forget a storage; its variables then have their defaults only.

        Raises:
          NotFoundError: There is none.
        """
        if self._storages.pop(id, None) is None:
            raise NotFoundError(f"env storage {id} not found")

    def find_storage(self, id: str) -> Storage | None:  # noqa: A002
        """Give a storage, or ``None``."""
        return self._storages.get(id)

    def add_variable(self, variable: Variable) -> None:
        """Make a variable known.

        Raises:
          AlreadyExistsError: Its id or its public name is taken.
        """
        if variable.id in self._variables:
            raise AlreadyExistsError(f"env variable {variable.id} already exists")
        self._put(variable)

    def replace_variable(self, variable: Variable) -> None:
        """Put a variable in the place of the one with its id.

        Raises:
          NotFoundError: There is none.
          AlreadyExistsError: Its public name is another one's.
        """
        old = self._variables.get(variable.id)
        if old is None:
            raise NotFoundError(f"env variable {variable.id} not found")
        self._put(variable)
        if old.name is not None and old.name != variable.name:
            del self._names[old.name]

    def remove_variable(self, id: str) -> None:  # noqa: A002
        """Forget a variable.

        Raises:
          NotFoundError: There is none.
        """
        variable = self._variables.pop(id, None)
        if variable is None:
            raise NotFoundError(f"env variable {id} not found")
        if variable.name is not None:
            del self._names[variable.name]

    def _put(self, variable: Variable) -> None:
        name = variable.name
        if name is not None:
            owner = self._names.setdefault(name, variable.id)
            if owner != variable.id:
                raise AlreadyExistsError(f"env variable {name} is already {owner}")
        self._variables[variable.id] = variable

    # -- values ------------------------------------------------------------------------

    def find(self, name: str, namespace: str = "") -> Variable | None:
        """Find a variable: public name, entry id, name in a namespace (apps 2.7.2)."""
        id_ = self._names.get(name)
        if id_ is not None:
            return self._variables[id_]
        found = self._variables.get(name)
        if found is None and namespace and ":" not in name:
            found = self._variables.get(f"{namespace}:{name}")
        return found

    def lookup(self, name: str) -> str | None:
        """Give the value of a variable for a placeholder, or ``None``."""
        variable = self.find(name)
        if variable is None:
            return None
        try:
            return self._value(variable) or None
        except Error:
            return None

    def get(self, name: str, namespace: str = "") -> str:
        """Give the value of a variable, or its default.

        Raises:
          NotFoundError: There is no such variable, or it has neither.
        """
        variable = self.find(name, namespace)
        value = "" if variable is None else self._value(variable)
        if not value:
            raise NotFoundError("environment variable not found")
        return value

    def _value(self, variable: Variable) -> str:
        storage = self._storages.get(variable.storage)
        stored = None if storage is None else storage.get(variable.key)
        return stored or variable.default

    def set(self, name: str, value: str, namespace: str = "") -> None:
        """Keep a value for a variable.

        Raises:
          NotFoundError: There is no such variable, or its storage is gone.
          PermissionDeniedError: The variable or the storage is read-only.
        """
        variable = self.find(name, namespace)
        if variable is None:
            raise NotFoundError("environment variable not found")
        if variable.readonly:
            raise PermissionDeniedError("environment variable is read-only")
        storage = self._storages.get(variable.storage)
        if storage is None:
            raise NotFoundError(f"env storage {variable.storage} not found")
        storage.set(variable.key, value)

    def all(self) -> dict[str, str]:
        """List the content of every storage, without defaults (apps 2.7.4)."""
        found: dict[str, str] = {}
        for storage in self._storages.values():
            for key, value in storage.all().items():
                found.setdefault(key, value)
        return found

    async def close(self) -> None:
        """Forget the storages."""
        self._storages.clear()
        await trio.lowlevel.checkpoint()
