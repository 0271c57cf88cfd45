"""JSON schemas, on `jsonschema-rs`.

The library is an extra and is imported when the first schema is compiled. Formats are
annotations and never fail; remote references are never fetched; the expressions of
``pattern`` run on an engine of linear time.

An empty Lua table may be a list or a map. :func:`schema_from_lua` decides by the
keyword it stands under, :func:`data_from_lua` always for the map.

Source: modules-data 1.3.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, NoReturn

from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from types import ModuleType

    import jsonschema_rs

__all__ = ["Schema", "compile_schema", "data_from_lua", "schema_from_lua"]

_CACHED = 100
_MAX_DEPTH = 200
_MAX_REASON = 500

_SCHEMAS_BY_NAME = frozenset(
    {
        "$defs",
        "definitions",
        "dependencies",
        "dependentSchemas",
        "patternProperties",
        "properties",
    }
)
_SCHEMA = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_SCHEMA_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS = frozenset({"$vocabulary", "dependentRequired"})


class Schema:
    """A compiled schema."""

    __slots__ = ("_validator",)

    def __init__(self, validator: jsonschema_rs.Validator) -> None:
        self._validator = validator

    def validate(self, data: Any) -> None:
        """Hold a value against the schema.

        Args:
          data: What JSON can say: None, bool, int, float, str, list, dict.

        Raises:
          InvalidError: ``<json pointer>: <reason>`` of the first mistake in document
            order; ``details`` has ``path`` and ``keyword``. The root is shown as
            ``#``, and its path is empty.
        """
        try:
            if self._validator.is_valid(data):
                return
            mistakes = list(self._validator.iter_errors(data))
        except (ValueError, RecursionError) as error:
            raise InvalidError(f"#: not JSON: {_shortened(str(error))}") from error
        first = min(
            mistakes, key=lambda mistake: _position(data, mistake.instance_path)
        )
        path = "".join(f"/{_escaped(str(step))}" for step in first.instance_path)
        keywords = [step for step in first.schema_path if isinstance(step, str)]
        raise InvalidError(
            f"{path or '#'}: {_shortened(first.message)}",
            details={"path": path, "keyword": keywords[-1] if keywords else ""},
        )


def compile_schema(schema: dict[str, Any] | bool | str) -> Schema:
    """Compile a schema; the last 100 are kept, by content.

    Args:
      schema: The schema, or its JSON text. Without ``$schema`` it is of draft 2020-12.

    Raises:
      InvalidError: It is no schema: not JSON, against the metaschema, or with a
        reference that leads nowhere or outside.
      UnavailableError: The library is not installed.
    """
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except (ValueError, RecursionError) as error:
            raise InvalidError(f"schema is not JSON: {error}") from error
    try:
        return _compiled(json.dumps(schema, sort_keys=True))
    except (TypeError, RecursionError) as error:
        raise InvalidError(f"schema is not JSON: {error}") from error


@functools.lru_cache(maxsize=_CACHED)
def _compiled(text: str) -> Schema:
    library = _library()
    try:
        validator = library.validator_for(
            json.loads(text),
            validate_formats=False,
            retriever=_refuse,
            pattern_options=library.RegexOptions(),
        )
    except ValueError as error:
        mistake = error.message if hasattr(error, "message") else str(error)
        raise InvalidError(_shortened(mistake)) from error
    return Schema(validator)


def _library() -> ModuleType:
    import jsonschema_rs  # noqa: PLC0415 - only for those who validate

    return jsonschema_rs


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"remote references are not followed: {uri}")


def _position(data: Any, path: list[str | int]) -> list[int]:
    """Place a mistake in document order: the index of each step on the way to it."""
    order: list[int] = []
    for step in path:
        if isinstance(data, dict):
            order.append(list(data).index(step) if step in data else len(data))
            data = data.get(step)
        else:
            order.append(int(step))
            data = data[int(step)]
    return order


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 3] + "..."


# Lua tables


def data_from_lua(value: Any) -> Any:
    """Read a copied Lua value as JSON data: an empty table is an object.

    Raises:
      InvalidError: A string is not UTF-8, or it is nested more than 200 deep.

    Source: modules-data 1.3.3, 1.3.5.
    """
    return _data(value, _MAX_DEPTH)


def _data(value: Any, depth: int) -> Any:
    if isinstance(value, bytes):
        return _text(value)
    if not isinstance(value, (list, dict)):
        return value
    if not value:
        return {}
    _check(depth)
    if isinstance(value, list):
        return [_data(item, depth - 1) for item in value]
    return {_key(key): _data(item, depth - 1) for key, item in value.items()}


def schema_from_lua(value: Any) -> Any:
    """Read a copied Lua table as a schema.

    An empty table is ``{}`` where a keyword wants a schema or a map, and ``[]``
    elsewhere.

    Raises:
      InvalidError: A string is not UTF-8, or it is nested more than 200 deep.

    Source: modules-data 1.3.5.
    """
    return _schema(value, _MAX_DEPTH)


def _schema(value: Any, depth: int) -> Any:
    if isinstance(value, list):
        # A list of schemas: `items` of draft 7.
        return [_schema(item, depth - 1) for item in value] if value else {}
    if not isinstance(value, dict):
        return _plain(value, depth)
    _check(depth)
    return {
        (name := _key(key)): _under(name, item, depth - 1)
        for key, item in value.items()
    }


def _under(keyword: str, value: Any, depth: int) -> Any:
    _check(depth)
    if keyword in _SCHEMA:
        return _schema(value, depth)
    if keyword in _SCHEMA_LISTS and isinstance(value, list):
        return [_schema(item, depth - 1) for item in value]
    if keyword in _SCHEMAS_BY_NAME:
        if not isinstance(value, dict):
            return _schema(value, depth)
        # Under `dependencies` a list names properties, and an empty one stays a list.
        read = _dependency if keyword == "dependencies" else _schema
        return {_key(key): read(item, depth - 1) for key, item in value.items()}
    if keyword in _MAPS and value == []:
        return {}
    return _plain(value, depth)


def _dependency(value: Any, depth: int) -> Any:
    if isinstance(value, list):
        return _plain(value, depth)
    return _schema(value, depth)


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, bytes):
        return _text(value)
    if not isinstance(value, (list, dict)):
        return value
    _check(depth)
    if isinstance(value, list):
        return [_plain(item, depth - 1) for item in value]
    return {_key(key): _plain(item, depth - 1) for key, item in value.items()}


def _check(depth: int) -> None:
    if depth <= 0:
        raise InvalidError(f"value is nested more than {_MAX_DEPTH} deep")


def _key(key: Any) -> str:
    return _text(key) if isinstance(key, bytes) else str(key)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidError(f"string is not UTF-8: {data[:40]!r}") from error
