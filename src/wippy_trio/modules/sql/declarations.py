"""What the checker knows of the module: handles, builders, functions."""

from __future__ import annotations

__all__ = ["DECLARES"]

_WHERE = "(self: {0}, condition: any, ...any) -> {0}"
_TEXT = "(self: {0}, text: string) -> {0}"
_TEXTS = "(self: {0}, ...string) -> {0}"
_PIECE = "(self: {0}, sql: string, ...any) -> {0}"
_WHOLE = "(self: {0}, n: integer) -> {0}"
_MAP = "(self: {0}, values: {{[string]: any}}) -> {0}"

_SHARED = {
    "suffix": _PIECE,
    "placeholder_format": "(self: {0}, format: PlaceholderFormat) -> {0}",
    "to_sql": "(self: {0}) -> (string?, any)",
    "run_with": "(self: {0}, target: DB | Transaction) -> (QueryExecutor?, Error?)",
}
_BUILDERS: dict[str, dict[str, str]] = {
    "SelectBuilder": {
        "from": _TEXT,
        "join": _PIECE,
        "left_join": _PIECE,
        "right_join": _PIECE,
        "inner_join": _PIECE,
        "where": _WHERE,
        "order_by": _TEXTS,
        "group_by": _TEXTS,
        "having": _WHERE,
        "limit": _WHOLE,
        "offset": _WHOLE,
        "columns": _TEXTS,
        "distinct": "(self: {0}) -> {0}",
    },
    "InsertBuilder": {
        "into": _TEXT,
        "columns": _TEXTS,
        "values": "(self: {0}, ...any) -> {0}",
        "set_map": _MAP,
        "select": "(self: {0}, query: SelectBuilder) -> {0}",
        "prefix": _PIECE,
        "options": _TEXTS,
    },
    "UpdateBuilder": {
        "table": _TEXT,
        "set": "(self: {0}, column: string, value: any) -> {0}",
        "set_map": _MAP,
        "where": _WHERE,
        "order_by": _TEXTS,
        "limit": _WHOLE,
        "offset": _WHOLE,
        "from": _TEXT,
        "from_select": "(self: {0}, query: SelectBuilder, alias: string) -> {0}",
    },
    "DeleteBuilder": {
        "from": _TEXT,
        "where": _WHERE,
        "order_by": _TEXTS,
        "limit": _WHOLE,
        "offset": _WHOLE,
    },
}

_COMPARISONS = ("eq", "not_eq", "lt", "lte", "gt", "gte", "like", "not_like")
_FORMATS = ("question", "dollar", "at", "colon", "default_placeholder")


def _record(fields: dict[str, str], name: str = "") -> str:
    rows = (f"{field}: {text.format(name)}" for field, text in fields.items())
    return "{\n      " + ",\n      ".join(rows) + "\n    }"


_RUN = {
    "query": "(self: {0}, sql: string, params: any) -> ({{any}}?, Error?)",
    "execute": "(self: {0}, sql: string, params: any) -> (ExecuteResult?, Error?)",
    "prepare": "(self: {0}, sql: string) -> (Statement?, Error?)",
}
_DONE = "(self: {0}) -> (boolean?, Error?)"
_POINT = "(self: {0}, name: string) -> (boolean?, Error?)"

_HANDLES: dict[str, dict[str, str]] = {
    "ExecuteResult": {"last_insert_id": "integer", "rows_affected": "integer"},
    "DBStats": {
        **dict.fromkeys(
            (
                "max_open_connections",
                "open_connections",
                "in_use",
                "idle",
                "wait_count",
                "max_idle_closed",
                "max_idle_time_closed",
                "max_lifetime_closed",
            ),
            "integer",
        ),
        "wait_duration": "string",
    },
    "Statement": {
        "query": "(self: {0}, params: any) -> ({{any}}?, Error?)",
        "execute": "(self: {0}, params: any) -> (ExecuteResult?, Error?)",
        "close": _DONE,
    },
    "Transaction": {
        **_RUN,
        "db_type": "(self: {0}) -> (string?, Error?)",
        "commit": _DONE,
        "rollback": _DONE,
        "savepoint": _POINT,
        "rollback_to": _POINT,
        "release": _POINT,
    },
    "DB": {
        **_RUN,
        "type": "(self: {0}) -> (string, Error?)",
        "begin": "(self: {0}, options: any) -> (Transaction?, Error?)",
        "stats": "(self: {0}) -> (DBStats, Error?)",
        "release": _DONE,
    },
    "QueryExecutor": {
        "query": "(self: {0}) -> ({{any}}?, Error?)",
        "exec": "(self: {0}) -> (ExecuteResult?, Error?)",
        "to_sql": "(self: {0}) -> (string, {{any}})",
    },
    "Sqlizer": {"to_sql": "(self: {0}) -> (string?, any)"},
}

_BUILDER = {
    "select": "(...string) -> SelectBuilder",
    "insert": "(name: string?) -> InsertBuilder",
    "update": "(name: string?) -> UpdateBuilder",
    "delete": "(name: string?) -> DeleteBuilder",
    "expr": "(sql: string, ...any) -> Sqlizer",
    **dict.fromkeys(_COMPARISONS, "(values: {{[string]: any}}) -> Sqlizer"),
    **dict.fromkeys(("and_", "or_"), "(conditions: {{any}}) -> Sqlizer"),
    **dict.fromkeys(_FORMATS, "PlaceholderFormat"),
}

_AS = {
    **dict.fromkeys(("int", "float", "text", "binary"), "(value: any) -> Value"),
    "null": "() -> Value",
}

DECLARES = "\n".join(
    [
        "    type Value = {}",
        "    type PlaceholderFormat = {}",
        *(
            f"    type {name} = {_record(fields, name)}"
            for name, fields in {
                **_HANDLES,
                **{name: own | _SHARED for name, own in _BUILDERS.items()},
            }.items()
        ),
        "    get: (id: string) -> (DB?, Error?)",
        "    NULL: Value",
        "    type: {[string]: string}",
        "    isolation: {[string]: string}",
        f"    as: {_record(_AS)}",
        f"    builder: {_record(_BUILDER)}",
    ]
)
"""One declaration a name, as `LuaModule` takes them."""
