"""What contracts and bindings an application has (apps 2.8). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from wippy_trio.registry import complete_id
from wippy_trio.sdk import AlreadyExistsError, InvalidError, NotFoundError
from wippy_trio.sdk.fields import Fields

if TYPE_CHECKING:
    from wippy_trio.registry import Entry

__all__ = [
    "Binding",
    "Bound",
    "ContractTable",
    "Definition",
    "read_binding",
    "read_definition",
    "table_of",
]


class Definition(NamedTuple):
    """A contract: its methods in the order of the entry."""

    id: str
    methods: tuple[dict[str, Any], ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of its methods."""
        return frozenset(str(row["name"]) for row in self.methods)


class Bound(NamedTuple):
    """How one binding carries out one contract."""

    contract: str
    methods: dict[str, str]
    required: tuple[str, ...]
    default: bool


class Binding(NamedTuple):
    """An implementation of one or more contracts by functions."""

    id: str
    contracts: tuple[Bound, ...]


def read_definition(entry: Entry) -> Definition:
    """Read a ``contract.definition``.

    Raises:
      InvalidError: A method without a name, twice the same, a schema without a format.
    """
    methods: list[dict[str, Any]] = []
    seen: set[str] = set()
    for row in Fields(entry).items("methods"):
        if not isinstance(row, dict):
            raise InvalidError(f"methods: wanted maps, got {row!r}")
        name = row.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidError("method name cannot be empty")
        if name in seen:
            raise InvalidError(f"duplicate method name: {name}")
        seen.add(name)
        methods.append(
            {
                "name": name,
                "description": str(row.get("description") or ""),
                "input_schemas": _schemas(row, "input"),
                "output_schemas": _schemas(row, "output"),
            }
        )
    return Definition(entry.id, tuple(methods))


def _schemas(row: dict[str, Any], side: str) -> list[dict[str, Any]]:
    schemas = row.get(f"{side}_schemas") or []
    if not isinstance(schemas, list):
        raise InvalidError(f"{side}_schemas: wanted a list, got {schemas!r}")
    found = []
    for schema in schemas:
        if not isinstance(schema, dict):
            raise InvalidError(f"{side}_schemas: wanted maps, got {schema!r}")
        if schema.get("definition") is not None and not schema.get("format"):
            raise InvalidError(
                f"{side} schema has a definition but no format specified"
            )
        found.append(
            {
                "format": str(schema.get("format") or ""),
                "definition": schema.get("definition"),
            }
        )
    return found


def read_binding(entry: Entry) -> Binding:
    """Read a ``contract.binding``; whether it fits its contracts is asked later.

    Raises:
      InvalidError: It binds nothing, or a field has the wrong shape.
    """
    rows = Fields(entry).items("contracts")
    if not rows:
        raise InvalidError("contracts: wanted at least one contract, found none")
    return Binding(entry.id, tuple(_bound(row, entry) for row in rows))


def _bound(row: Any, entry: Entry) -> Bound:
    if not isinstance(row, dict):
        raise InvalidError(f"contracts: wanted maps, got {row!r}")
    contract = row.get("contract")
    if not isinstance(contract, str) or not contract:
        raise InvalidError("contracts: contract is required")
    methods = row.get("methods") or {}
    if not isinstance(methods, dict):
        raise InvalidError(f"contracts.methods: wanted a map, got {methods!r}")
    functions: dict[str, str] = {}
    for name, function in methods.items():
        if not isinstance(function, str) or not function:
            raise InvalidError(
                f"contracts.methods.{name}: wanted a function, got {function!r}"
            )
        functions[str(name)] = complete_id(function, entry.ns)
    required = row.get("context_required") or []
    if not isinstance(required, list):
        raise InvalidError(f"context_required: wanted a list, got {required!r}")
    default = row.get("default", False)
    default = str(default).lower() == "true"
    if default and required:
        raise InvalidError(
            f"contracts: the default binding of {contract} cannot require context"
        )
    id_ = complete_id(contract, entry.ns)
    return Bound(id_, functions, tuple(map(str, required)), default)


class ContractTable:
    """Hold the contracts of one application and who carries them out."""

    def __init__(self) -> None:
        self._definitions: dict[str, Definition] = {}
        self._bindings: dict[str, Binding] = {}

    # -- changes -----------------------------------------------------------------------

    def define(self, definition: Definition) -> None:
        """Add a contract, or put another in its place.

        Raises:
          InvalidError: A binding of it would no longer fit.
        """
        for bound in self._bound_to(definition.id):
            _fit(definition, bound)
        self._definitions[definition.id] = definition

    def undefine(self, id: str) -> None:  # noqa: A002 - its name
        """Remove a contract.

        Raises:
          InvalidError: A binding uses it.
        """
        if self._bound_to(id):
            raise InvalidError(f"contract definition is in use by binding: {id}")
        self._definitions.pop(id, None)

    def bind(self, binding: Binding) -> None:
        """Add a binding, or put another in its place.

        Raises:
          InvalidError: An undefined contract, a method too few or too many.
          AlreadyExistsError: The contract has another default.
        """
        for bound in binding.contracts:
            definition = self._definitions.get(bound.contract)
            if definition is None:
                raise InvalidError(
                    f"binding references undefined contract: {bound.contract}"
                )
            _fit(definition, bound)
            other = self.default(bound.contract)
            if bound.default and other not in (None, binding.id):
                raise AlreadyExistsError(
                    f"contract {bound.contract} has a default binding already: {other}"
                )
        self._bindings[binding.id] = binding

    def unbind(self, id: str) -> None:  # noqa: A002
        """Remove a binding."""
        self._bindings.pop(id, None)

    # -- questions ---------------------------------------------------------------------

    def definition(self, id: str) -> Definition:  # noqa: A002
        """Find a contract.

        Raises:
          NotFoundError: There is none.
        """
        found = self._definitions.get(id)
        if found is None:
            raise NotFoundError(f"contract {id} not found", retryable=False)
        return found

    def binding(self, id: str) -> Binding:  # noqa: A002
        """Find a binding.

        Raises:
          NotFoundError: There is none.
        """
        found = self._bindings.get(id)
        if found is None:
            raise NotFoundError(f"binding {id} not found", retryable=False)
        return found

    def implementations(self, contract: str) -> list[str]:
        """List the bindings of a contract by id."""
        return sorted(
            binding.id
            for binding in self._bindings.values()
            if any(bound.contract == contract for bound in binding.contracts)
        )

    def default(self, contract: str) -> str | None:
        """Tell the default binding of a contract."""
        for binding in self._bindings.values():
            for bound in binding.contracts:
                if bound.contract == contract and bound.default:
                    return binding.id
        return None

    def _bound_to(self, contract: str) -> list[Bound]:
        return [
            bound
            for binding in self._bindings.values()
            for bound in binding.contracts
            if bound.contract == contract
        ]


def _fit(definition: Definition, bound: Bound) -> None:
    wanted, given = definition.names, frozenset(bound.methods)
    missing, extra = sorted(wanted - given), sorted(given - wanted)
    if missing:
        raise InvalidError(
            f"contract {definition.id}: method not bound: {', '.join(missing)}"
        )
    if extra:
        raise InvalidError(
            f"contract {definition.id}: no such method: {', '.join(extra)}"
        )


_tables: WeakKeyDictionary[Any, ContractTable] = WeakKeyDictionary()


def table_of(runtime: Any) -> ContractTable:
    """Give the contracts of a runtime."""
    found = _tables.get(runtime)
    if found is None:
        found = _tables[runtime] = ContractTable()
    return found
