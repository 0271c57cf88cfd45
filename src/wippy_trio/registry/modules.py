"""Every ``require`` name of the reference, whether this version has it or not."""

from __future__ import annotations

__all__ = ["MODULES", "known_module"]

MODULES = frozenset(
    [
        "archive",
        "base64",
        "cdc",
        "channel",
        "cloudstorage",
        "compress",
        "contract",
        "coroutine",
        "crypto",
        "ctx",
        "errors",
        "eval",
        "eval_runner",
        "events",
        "excel",
        "exec",
        "expr",
        "fs",
        "funcs",
        "hash",
        "html",
        "http",
        "http_client",
        "hub",
        "io",
        "json",
        "loader",
        "logger",
        "math",
        "metrics",
        "network",
        "os",
        "otel",
        "payload",
        "pg",
        "print",
        "process",
        "prometheus",
        "queue",
        "registry",
        "security",
        "socket",
        "sql",
        "store",
        "stream",
        "string",
        "subscribe",
        "system",
        "table",
        "template",
        "templates",
        "text",
        "time",
        "treesitter",
        "tty",
        "unsubscribe",
        "uuid",
        "websocket",
        "workflow",
        "yaml",
    ]
)


def known_module(name: str) -> bool:
    """Tell whether the reference has a module of that name (design 7)."""
    return name in MODULES
