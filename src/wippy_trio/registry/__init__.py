"""What exists, and how it changes: entries, changesets, versions, order.

Everything here is pure: values in, values out, findings for the caller to log. The
runtime takes a :class:`Plan` from the :class:`Registry`, drives it through handlers
with a :class:`Transaction` and commits it. Names are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wippy_trio.registry.changeset import (
        Change,
        Changeset,
        Operation,
        OperationKind,
        diff,
        inverse,
        resolve,
    )
    from wippy_trio.registry.disable import DisableRules
    from wippy_trio.registry.entry import (
        Entry,
        EntryId,
        complete_id,
        make_entry,
        same_value,
    )
    from wippy_trio.registry.finding import Finding
    from wippy_trio.registry.graph import References, levels, order_changes
    from wippy_trio.registry.history import (
        History,
        MemoryHistory,
        NilHistory,
        open_history,
    )
    from wippy_trio.registry.kinds import INTERNAL_KINDS, KINDS, known_kind, lua_kind
    from wippy_trio.registry.linking import Linked, link
    from wippy_trio.registry.modules import MODULES, known_module
    from wippy_trio.registry.override import Override, apply_overrides
    from wippy_trio.registry.paths import EntryPath, parse_path, put, set_at
    from wippy_trio.registry.patterns import (
        EntryPattern,
        match_glob,
        match_name,
        match_policy,
        match_subtree,
    )
    from wippy_trio.registry.placeholders import Placeholder, split_placeholders
    from wippy_trio.registry.query import Found, find
    from wippy_trio.registry.semver import Constraint, ModuleVersion, choose_version
    from wippy_trio.registry.services import StartPlan, start_plan
    from wippy_trio.registry.sqlite_history import SqliteHistory
    from wippy_trio.registry.state import Plan, Registry, Snapshot, build_delta
    from wippy_trio.registry.transaction import Step, Transaction, TransactionState
    from wippy_trio.registry.version import BASELINE, Version, VersionTree

_HOMES = {
    "changeset": (
        "Change",
        "Changeset",
        "Operation",
        "OperationKind",
        "diff",
        "inverse",
        "resolve",
    ),
    "disable": ("DisableRules",),
    "entry": ("Entry", "EntryId", "complete_id", "make_entry", "same_value"),
    "finding": ("Finding",),
    "graph": ("References", "levels", "order_changes"),
    "history": ("History", "MemoryHistory", "NilHistory", "open_history"),
    "kinds": ("INTERNAL_KINDS", "KINDS", "known_kind", "lua_kind"),
    "linking": ("Linked", "link"),
    "modules": ("MODULES", "known_module"),
    "override": ("Override", "apply_overrides"),
    "paths": ("EntryPath", "parse_path", "put", "set_at"),
    "patterns": (
        "EntryPattern",
        "match_glob",
        "match_name",
        "match_policy",
        "match_subtree",
    ),
    "placeholders": ("Placeholder", "split_placeholders"),
    "query": ("Found", "find"),
    "semver": ("Constraint", "ModuleVersion", "choose_version"),
    "sqlite_history": ("SqliteHistory",),
    "services": ("StartPlan", "start_plan"),
    "state": ("Plan", "Registry", "Snapshot", "build_delta"),
    "transaction": ("Step", "Transaction", "TransactionState"),
    "version": ("BASELINE", "Version", "VersionTree"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BASELINE",
    "INTERNAL_KINDS",
    "KINDS",
    "MODULES",
    "Change",
    "Changeset",
    "Constraint",
    "DisableRules",
    "Entry",
    "EntryId",
    "EntryPath",
    "EntryPattern",
    "Finding",
    "Found",
    "History",
    "Linked",
    "MemoryHistory",
    "ModuleVersion",
    "NilHistory",
    "Operation",
    "OperationKind",
    "Override",
    "Placeholder",
    "Plan",
    "References",
    "Registry",
    "Snapshot",
    "SqliteHistory",
    "StartPlan",
    "Step",
    "Transaction",
    "TransactionState",
    "Version",
    "VersionTree",
    "apply_overrides",
    "build_delta",
    "choose_version",
    "complete_id",
    "diff",
    "find",
    "inverse",
    "known_kind",
    "known_module",
    "levels",
    "link",
    "lua_kind",
    "make_entry",
    "match_glob",
    "match_name",
    "match_policy",
    "match_subtree",
    "open_history",
    "order_changes",
    "parse_path",
    "put",
    "resolve",
    "same_value",
    "set_at",
    "split_placeholders",
    "start_plan",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
