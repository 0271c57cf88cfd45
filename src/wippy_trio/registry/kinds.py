"""Every kind of entry there is, whether this version can run it or not."""

from __future__ import annotations

__all__ = ["INTERNAL_KINDS", "KINDS", "LUA_KINDS", "known_kind", "lua_kind"]

INTERNAL_KINDS = frozenset(
    {"registry.entry", "ns.dependency", "ns.requirement", "ns.definition"}
)
"""Kinds that change state without being handed to a handler (apps 7.4.2)."""

LUA_KINDS = (
    "function.lua",
    "library.lua",
    "process.lua",
    "workflow.lua",
    "module.lua",
)
"""The families of Lua code; ``function.lua.bc`` belongs to ``function.lua``."""

KINDS = frozenset(
    {
        *INTERNAL_KINDS,
        *LUA_KINDS,
        "function.lua.bc",
        "library.lua.bc",
        "process.lua.bc",
        "workflow.lua.bc",
        "module.lua.bc",
        # hosts and services (apps 2.2)
        "process.host",
        "process.service",
        "terminal.host",
        "pg.scope",
        # HTTP (2.3)
        "http.service",
        "http.router",
        "http.endpoint",
        "http.static",
        "http.asgi",  # ours
        # data stores (2.4)
        "db.sql.sqlite",
        "db.sql.postgres",
        "db.sql.mysql",
        "db.cdc.postgres",
        "store.memory",
        "store.sql",
        "store.kv.raft",
        "store.kv.crdt",
        # queues (2.5)
        "queue.driver.memory",
        "queue.driver.amqp",
        "queue.driver.sqs",
        "queue.queue",
        "queue.consumer",
        # files, templates, executors (2.6)
        "fs.directory",
        "fs.embed",
        "template.set",
        "template.jet",
        "exec.native",
        "exec.docker",
        # environment (2.7)
        "env.storage.memory",
        "env.storage.file",
        "env.storage.os",
        "env.storage.static",
        "env.storage.router",
        "env.variable",
        # security, contracts, networks (2.8, 8)
        "security.policy",
        "security.policy.expr",
        "security.token_store",
        "contract.definition",
        "contract.binding",
        "network.socks5",
        "network.tailscale",
        "network.i2p",
        # temporal, cloud, WebAssembly (2.9)
        "temporal.client",
        "temporal.worker",
        "config.aws",
        "cloudstorage.s3",
        "function.wat",
        "function.wasm",
        "process.wasm",
    }
)
"""The kinds that apps.md names in section 2."""


def lua_kind(kind: str) -> str | None:
    """Name the family of Lua code a kind belongs to, None if it is no Lua code."""
    for family in LUA_KINDS:
        if kind == family or kind.startswith(family + "."):
            return family
    return None


def known_kind(kind: str) -> bool:
    """Tell whether a kind exists at all; being known is not yet being built.

    Source: apps 2.0.3, 13.4, 13.24.
    """
    return kind in KINDS or lua_kind(kind) is not None
