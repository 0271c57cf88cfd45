"""Fields that look like a slip of the pen: nearly a known one, which is missing.

Unknown fields are kept and ignored (apps 1.5.6), so a misspelled one has no effect at
all and nobody says so. Data of the application's own must not be warned of: a field is
reported only if it is close to one that the kind has and the entry has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy_trio.registry import Finding, lua_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wippy_trio.loading.definitions import Origin
    from wippy_trio.registry import Entry

__all__ = ["check_fields"]

CLOSE = 0.8
"""How alike two names have to be, from 0 to 1."""

_CODE = "source method modules imports pool security"
_SERVER = "host port database username password options pool lifecycle"
_KINDS: dict[str, str] = {
    "function.lua": _CODE,
    "process.lua": _CODE,
    "workflow.lua": _CODE,
    "library.lua": "source modules imports",
    "module.lua": _CODE,
    "process.host": "host lifecycle",
    "process.service": "process host input lifecycle",
    "terminal.host": "hide_logs lifecycle",
    "http.service": "addr timeouts host tls network lifecycle",
    "http.router": "prefix middleware post_middleware options post_options",
    "http.endpoint": "method path func",
    "http.static": "path fs static_options middleware options",
    "db.sql.sqlite": "file options pool lifecycle",
    "db.sql.postgres": _SERVER,
    "db.sql.mysql": _SERVER,
    "store.memory": "max_size cleanup_interval lifecycle",
    "store.sql": "database table_name table id_column_name payload_column_name "
    "expire_column_name cleanup_interval lifecycle",
    "queue.queue": "driver queue_name codec driver_options dead_letter",
    "queue.consumer": "queue func concurrency prefetch auto_ack driver_options "
    "lifecycle",
    "fs.directory": "directory auto_init mode base",
    "template.set": "engine",
    "template.jet": "source set",
    "exec.native": "default_work_dir default_env command_whitelist",
    "env.storage.file": "file_path auto_create file_mode dir_mode",
    "env.storage.static": "values",
    "env.storage.router": "storages",
    "env.variable": "variable storage default readonly",
    "security.policy": "policy groups",
    "security.policy.expr": "policy groups",
    "security.token_store": "store token_length default_expiration token_key",
    "contract.definition": "methods",
    "contract.binding": "contracts",
    "ns.dependency": "component version parameters",
    "ns.requirement": "default targets",
}
_LIFECYCLE = (
    "auto_start startup start_timeout stop_timeout stable_threshold requires "
    "depends_on restart security"
)
_RESTART = "initial_delay max_delay backoff_factor jitter max_attempts"
_META: dict[str, str] = {
    "http.router": "server",
    "http.static": "server",
    "http.endpoint": "router",
}


def check_fields(
    entries: Mapping[str, Entry], origins: Mapping[str, Origin]
) -> Iterator[Finding]:
    """Find fields that are nearly one that the kind knows.

    Source: apps 1.5.6, 13.7.
    """
    for entry in entries.values():
        data = entry.data if isinstance(entry.data, dict) else {}
        kind = lua_kind(entry.kind) or entry.kind
        known = _KINDS.get(kind)
        if known is None:
            continue
        found = [
            *_slips(data, known, ""),
            *_slips(entry.meta, _META.get(kind), "meta."),
        ]
        lifecycle = data.get("lifecycle")
        if isinstance(lifecycle, dict) and "lifecycle" in known:
            found += _slips(lifecycle, _LIFECYCLE, "lifecycle.")
            restart = lifecycle.get("restart")
            if isinstance(restart, dict):
                found += _slips(restart, _RESTART, "lifecycle.restart.")
        for field, instead in found:
            origin = origins.get(entry.id)
            fields = {
                "entry": entry.id,
                "file": str(origin) if origin else "",
                "kind": entry.kind,
                "field": field,
                "use_instead": instead,
            }
            yield Finding("warning", "unknown field", fields)


def _slips(body: Mapping[str, Any], known: str | None, where: str) -> list[Any]:
    """Pair unknown names with the missing ones that they are close to."""
    if known is None:
        return []
    names = known.split()
    odd = [name for name in body if name not in names]
    missing = [name for name in names if name not in body]
    if not odd or not missing:
        return []
    return [
        (f"{where}{name}", f"{where}{close[0]}")
        for name in odd
        if (close := _close(name, missing))
    ]


def _close(name: str, missing: list[str]) -> list[str]:
    # What cannot be alike is told apart without the slow comparison.
    candidates = [
        each
        for each in missing
        if abs(len(each) - len(name)) <= 2 and set(each[:3]) & set(name[:3])
    ]
    if not candidates:
        return []
    from difflib import get_close_matches  # noqa: PLC0415 - wanted only here

    return get_close_matches(name, candidates, 1, CLOSE)
