"""Queries: which entries a filter means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InvalidError
from wippy_trio.registry.entry import Entry, EntryId, same_value
from wippy_trio.registry.finding import Finding
from wippy_trio.registry.patterns import match_glob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Found", "find"]

_OPERATORS = "~*^$"
_FIELDS: dict[str, Callable[[Entry], str]] = {
    ".kind": lambda entry: entry.kind,
    ".id": lambda entry: entry.id,
    ".ns": lambda entry: EntryId.parse(entry.id).ns,
    ".name": lambda entry: EntryId.parse(entry.id).name,
}


class Found(NamedTuple):
    """The entries a filter matched, sorted by id, and what was wrong with it."""

    entries: list[Entry]
    findings: list[Finding]


def find(entries: Iterable[Entry], criteria: Mapping[str, Any]) -> Found:
    """Find the entries for which all conditions of a filter hold.

    A key that is neither ``.field`` nor ``meta.…`` is ignored with a warning, and so is
    a bad regular expression; a filter of which nothing is left matches everything.

    Args:
      entries: Where to look.
      criteria: Conditions by key: ``.kind``, ``meta.x``, ``~meta.x`` and so on.

    Raises:
      InvalidError: A large regular expression met a long text that was made for it.

    Source: apps 7.3, 13.11.
    """
    findings: list[Finding] = []
    conditions = [
        condition
        for key, wanted in _flatten(criteria)
        if (condition := _condition(key, wanted, findings)) is not None
    ]
    matched = [
        entry for entry in entries if all(condition(entry) for condition in conditions)
    ]
    matched.sort(key=lambda entry: entry.id)
    return Found(matched, findings)


def _flatten(criteria: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, wanted in criteria.items():
        if key == "meta" and isinstance(wanted, dict):
            yield from _flatten(wanted)
        elif isinstance(key, str):
            yield key, wanted


def _condition(
    key: str, wanted: Any, findings: list[Finding]
) -> Callable[[Entry], bool] | None:
    operator = key[:1] if key[:1] in _OPERATORS else ""
    path = key[len(operator) :]
    read: Callable[[Entry], Any]
    if path in _FIELDS:
        read = _FIELDS[path]
    elif path.startswith("meta.") and len(path) > len("meta."):
        name = path[len("meta.") :]

        def read(entry: Entry) -> Any:
            return entry.meta.get(name)
    else:
        findings.append(
            _warning(
                "metadata field must use 'meta.' prefix",
                field=key,
                use_instead=f"{operator}meta.{path.lstrip('.')}",
            )
        )
        return None
    if operator:
        return _operation(operator, key, read, wanted, findings)
    if path in _FIELDS:
        patterns = wanted if isinstance(wanted, list) else [wanted]
        return lambda entry: any(
            isinstance(pattern, str) and match_glob(pattern, read(entry))
            for pattern in patterns
        )
    if isinstance(wanted, list):
        return lambda entry: _has_all(read(entry), wanted)
    return lambda entry: _equal(read(entry), wanted)


def _operation(
    operator: str,
    key: str,
    read: Callable[[Entry], Any],
    wanted: Any,
    findings: list[Finding],
) -> Callable[[Entry], bool] | None:
    if operator == "*":
        return lambda entry: _contains(read(entry), wanted)
    if not isinstance(wanted, str):
        findings.append(
            _warning("condition must be text", field=key, got=type(wanted).__name__)
        )
        return None
    if operator == "~":
        try:
            from wippy_trio.expr import compile_matcher  # noqa: PLC0415 - few need it

            search = compile_matcher(wanted).search
        except InvalidError as error:
            findings.append(
                _warning("invalid regular expression", field=key, error=str(error))
            )
            return None
        return lambda entry: isinstance(found := read(entry), str) and search(found)
    if operator == "^":
        return lambda entry: (
            isinstance(found := read(entry), str) and found.startswith(wanted)
        )
    return lambda entry: (
        isinstance(found := read(entry), str) and found.endswith(wanted)
    )


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return isinstance(wanted, str) and wanted in found
    if isinstance(found, list):
        return any(_equal(item, wanted) for item in found)
    return False


def _has_all(found: Any, wanted: list[Any]) -> bool:
    return isinstance(found, list) and all(_contains(found, item) for item in wanted)


def _equal(found: Any, wanted: Any) -> bool:
    """Compare as a program would: numbers by value, all else by type and value."""
    numbers = (int, float)
    if (
        isinstance(found, numbers)
        and isinstance(wanted, numbers)
        and not isinstance(found, bool)
        and not isinstance(wanted, bool)
    ):
        return found == wanted
    return found is not None and same_value(found, wanted)


def _warning(message: str, **fields: Any) -> Finding:
    return Finding("warning", message, fields, "finder")
