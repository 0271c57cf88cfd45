"""What a program asks the hub for, checked before the network is used. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from wippy_trio.duration import parse_seconds
from wippy_trio.modules._arguments import named
from wippy_trio.sdk import InvalidError

__all__ = [
    "CallOptions",
    "list_message",
    "module_message",
    "read_call",
    "shown_module",
    "version_message",
]

DEFAULT_TIMEOUT = 30.0

VISIBILITIES = ("public", "private", "internal")
TYPES = ("library", "application", "agent", "plugin")
ORDERS = ("name_asc", "name_desc", "created_desc", "updated_desc", "downloads_desc")
_PREFIXES = {
    "visibility": ("MODULE_VISIBILITY_", VISIBILITIES),
    "type": ("MODULE_TYPE_", TYPES),
    "sort_order": ("MODULE_SORT_ORDER_", ORDERS),
}


class CallOptions(NamedTuple):
    """Where to ask, as whom, and for how long."""

    registry: str
    token: str
    timeout: float


def _wrong(text: str) -> InvalidError:
    return InvalidError(text, retryable=False)


def options_of(given: Any) -> dict[str, Any]:
    """Read a table of options.

    Raises:
      InvalidError: It is no table.
    """
    if given is None or given == []:
        return {}
    if not isinstance(given, dict):
        raise _wrong("options must be a table")
    return given


def read_call(options: dict[str, Any]) -> CallOptions:
    """Read the options that all functions have.

    Raises:
      InvalidError: One is of the wrong kind.
    """
    registry = _text(options, "registry")
    if registry and not registry.startswith(("http://", "https://")):
        raise _wrong(f"registry: wanted an http or https URL, got {registry!r}")
    timeout = options.get("timeout")
    seconds = DEFAULT_TIMEOUT
    if isinstance(timeout, str) and timeout:
        seconds = parse_seconds(timeout)
    elif timeout is not None and timeout != "":
        if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
            raise _wrong(f"timeout: wanted seconds or a duration, got {named(timeout)}")
        seconds = float(timeout)
    if not seconds > 0:
        raise _wrong(f"timeout: wanted more than 0, got {named(timeout)}")
    return CallOptions(registry.rstrip("/"), _text(options, "token"), seconds)


def _text(options: dict[str, Any], name: str) -> str:
    value = options.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(f"{name}: wanted a text, got {named(value)}")
    return value


def _count(options: dict[str, Any], name: str) -> int | None:
    value = options.get(name)
    if value is None:
        return None
    if (
        not isinstance(value, (int, float))
        or isinstance(value, bool)
        or value != value // 1
        or value < 1
    ):
        raise _wrong(f"{name}: wanted a whole number above 0, got {named(value)}")
    return int(value)


def _enumerated(options: dict[str, Any], name: str) -> str:
    value = _text(options, name)
    prefix, known = _PREFIXES[name]
    if value and value not in known:
        raise _wrong(f"{name}: wanted one of {', '.join(known)}, got {named(value)}")
    return prefix + value.upper() if value else ""


def module_message(given: Any) -> dict[str, Any]:
    """Read the reference of a module: ``org/name``, an id, or a table of these.

    Raises:
      InvalidError: It names no module.
    """
    if isinstance(given, str) and given:
        return _named(given)
    if isinstance(given, dict):
        if isinstance(given.get("id"), str) and given["id"]:
            return {"id": given["id"]}
        org, name = given.get("org"), given.get("name")
        full = given.get("full_name")
        if isinstance(full, str) and "/" in full and not name:
            return _named(full)
        if isinstance(org, str) and org and isinstance(name, str) and name:
            return {"org": org, "name": name}
    raise _wrong(
        "module: wanted org/name, an id or a table with org and name,"
        f" got {named(given)}"
    )


def _named(text: str) -> dict[str, Any]:
    if "/" not in text:
        return {"id": text}
    org, _, name = text.partition("/")
    if not org or not name or "/" in name:
        raise _wrong(f"module: wanted org/name, got {text!r}")
    return {"org": org, "name": name}


def shown_module(message: dict[str, Any]) -> str:
    """Write a reference as permissions name it."""
    if "id" in message:
        return str(message["id"])
    return f"{message['org']}/{message['name']}"


def version_message(given: Any, *, required: bool) -> dict[str, Any] | None:
    """Read the reference of a version: a text, or a table with one of three fields.

    Raises:
      InvalidError: It names no version, or there must be one.
    """
    if given is None or given == "":
        if required:
            raise _wrong("version is required")
        return None
    if isinstance(given, str):
        return {"version": given}
    if isinstance(given, dict):
        for field in ("id", "version", "label"):
            value = given.get(field)
            if isinstance(value, str) and value:
                return {field: value}
    raise _wrong(
        "version: wanted a text, or a table with id, version or label,"
        f" got {named(given)}"
    )


def list_message(options: dict[str, Any], *, search: bool = False) -> dict[str, Any]:
    """Read what a list of modules may be narrowed by.

    Raises:
      InvalidError: An unknown value, or one of the wrong kind.
    """
    found: dict[str, Any] = {
        "organizationId": _text(options, "organization_id"),
        "org": _text(options, "org"),
        "visibility": _enumerated(options, "visibility"),
        "type": _enumerated(options, "type"),
        "sortOrder": _enumerated(options, "sort_order"),
        **page_message(options),
    }
    if search:
        found["license"] = _text(options, "license")
        keywords = options.get("keywords")
        if keywords is not None and keywords != {}:
            if not isinstance(keywords, list) or not all(
                isinstance(word, str) for word in keywords
            ):
                raise _wrong(f"keywords: wanted a list of texts, got {keywords!r}")
            found["keywords"] = keywords
        found["includeDeprecated"] = flag(options, "include_deprecated")
    return {name: value for name, value in found.items() if value}


def page_message(options: dict[str, Any]) -> dict[str, Any]:
    """Read which page is wanted."""
    found = {"page": _count(options, "page"), "pageSize": _count(options, "page_size")}
    return {name: value for name, value in found.items() if value is not None}


def flag(options: dict[str, Any], name: str) -> bool:
    """Read a truth."""
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise _wrong(f"{name}: wanted true or false, got {named(value)}")
    return value
