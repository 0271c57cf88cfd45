"""`contract`: call by what something does, not by who does it (modules-io 14).

Python knows the contracts and their bindings; the Lua part beside this file makes the
objects and calls the functions, so that a call never leaves the VM.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from wippy_trio.modules.contract.table import table_of
from wippy_trio.sdk import (
    InvalidError,
    LuaModule,
    NotFoundError,
    current_process,
    current_runtime,
)

__all__ = ["MODULE"]

MODULE = LuaModule(
    "contract",
    classes=("process", "nondeterministic", "workflow"),
    declares="""
    type Contract = {
      id: (self: Contract) -> string,
      methods: (self: Contract) -> ({any}?, Error?),
      method: (self: Contract, name: string) -> (table?, Error?),
      implementations: (self: Contract) -> ({string}?, Error?),
      open: (self: Contract, binding: string?, scope: table?) -> (any, Error?),
      with_context: (self: Contract, values: table) -> Contract,
      with_actor: (self: Contract, actor: any) -> Contract,
      with_scope: (self: Contract, scope: any) -> Contract,
      with_options: (self: Contract, options: table) -> Contract
    }
    get: (id: string) -> (Contract?, Error?)
    open: (binding: string, scope: table?, options: table?) -> (any, Error?)
    find_implementations: (id: string) -> ({string}?, Error?)
    is: (instance: any, id: string) -> boolean
    """,
    source=Path(__file__).with_name("contract.lua").read_bytes(),
)


def _id(text: str, what: str) -> str:
    ns, colon, name = text.partition(":")
    if not (ns and colon and name):
        raise InvalidError(f"{what}: wanted namespace:name, got {text!r}")
    return text


@MODULE.export(name="_definition")
def definition(id: str) -> dict[str, Any]:  # noqa: A002 - its name
    """Describe a contract."""
    table = table_of(current_runtime())
    found = table.definition(_id(id, "contract"))
    return {"id": found.id, "methods": list(found.methods)}


@MODULE.export(name="_implementations")
def implementations(id: str) -> list[str]:  # noqa: A002
    """List the bindings of a contract."""
    table = table_of(current_runtime())
    return table.implementations(table.definition(_id(id, "contract")).id)


@MODULE.export(name="_default")
def default(id: str) -> str:  # noqa: A002
    """Find the default binding of a contract."""
    found = table_of(current_runtime()).default(id)
    if found is None:
        raise NotFoundError(f"contract {id} has no default binding", retryable=False)
    return found


@MODULE.export(name="_address")
def address(text: str) -> tuple[Any, ...]:
    """Take a binding id apart into id and context values: ``ns:name?k=v&…``."""
    id_, _, query = text.partition("?")
    try:
        _id(id_, "binding")
    except InvalidError as error:
        return None, error
    pairs = parse_qsl(query, keep_blank_values=True)
    return id_, {key: _value(value) for key, value in pairs}


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            if text.isascii() and not text.isspace():
                return read(text)
        except ValueError:
            continue
    return text


@MODULE.export(name="_binding")
def binding(
    id: str,  # noqa: A002
    contract: str | None,
    given: list[Any] | None,
) -> dict[str, Any]:
    """Describe a binding, if the context it needs is there.

    Args:
      id: Of the binding.
      contract: It must carry out this one.
      given: The context keys that the caller brings; those of its own context count.
    """
    found = table_of(current_runtime()).binding(id)
    if contract is not None and all(
        bound.contract != contract for bound in found.contracts
    ):
        raise InvalidError(f"binding {id} does not implement contract {contract}")
    known = {*current_process().context.values, *(given or ())}
    needed = [key for bound in found.contracts for key in bound.required]
    missing = [key for key in dict.fromkeys(needed) if key not in known]
    if missing:
        raise InvalidError(f"missing required context keys: [{', '.join(missing)}]")
    methods: dict[str, str] = {}
    for bound in found.contracts:
        methods.update(bound.methods)
    return {
        "contracts": [bound.contract for bound in found.contracts],
        "methods": methods,
    }
