"""Core section 8: permissions."""

from __future__ import annotations

import pytest

from tests.core.chapter import Chapter


def policy(name: str, actions: str, effect: str = "deny", more: str = "") -> str:
    """Write a policy entry."""
    return f"""
  - name: {name}
    kind: security.policy
    policy:
      actions: [{actions}]
      resources: "*"
      effect: {effect}
{more}"""


ENTRIES = "".join(
    [
        policy("allow_all", '"*"', "allow"),
        policy("deny_send", "process.send"),
        policy("deny_spawn", "process.spawn"),
        policy("deny_host", "process.host"),
        policy("deny_monitored", "process.spawn.monitored"),
        policy("deny_linked", "process.spawn.linked"),
        policy("deny_exec", "process.exec"),
        policy(
            "deny_verbs",
            "process.send, process.terminate, process.cancel, process.monitor,"
            " process.unmonitor, process.link, process.unlink",
        ),
        policy(
            "deny_register",
            "process.registry.register, process.registry.register.eventual,"
            " process.registry.register.consistent, process.registry.register.strong",
        ),
        policy("deny_foreign", "process.registry.foreign"),
        policy("deny_unregister", "process.registry.unregister"),
        policy("deny_context", "process.context"),
        policy("deny_process_security", "process.security"),
        policy("deny_network", "network.select"),
        policy("deny_call", "funcs.call"),
        policy("deny_funcs_context", "funcs.context"),
        policy("deny_funcs_security", "funcs.security"),
        policy("deny_events", "events.subscribe, events.send"),
        policy(
            "pid_needed",
            '"*"',
            "allow",
            "      conditions: [{field: meta.pid, operator: exists}]\n",
        ),
    ]
)
CHAPTER = Chapter(
    "permissions", modules="time, funcs, ctx, security, events", entries=ENTRIES
)


@pytest.mark.parametrize("name", CHAPTER.names)
def test_rule(name: str) -> None:
    """Each check of the chapter holds."""
    CHAPTER.hold(name)
