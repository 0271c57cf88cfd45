"""Every permission of apps 8.7 is asked for where its table says, and can be denied.

A row names the action, the resource that must be asked for, what a program does, and
what it sees when that is denied. Each row runs twice in a called function with an actor
and a scope: once under a policy that denies exactly this action on this resource, and
once under one that denies the action on every other resource, which must not matter.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.modules.application import run_application
from tests.pages.transcript import HEAD, matches
from wippy_trio.runtime.catalogue import module_names

ROOT = Path(__file__).parents[2]


class Row(NamedTuple):
    """One place where an action is asked for.

    Attributes:
      action: What is asked.
      resource: Of what; ``{`` stands for any pid.
      lua: What the program does; its last expression is looked at.
      denied: What it sees then.
      facts: What the metadata must say, as an expression of policies.
      safe: Whether it may be carried out in earnest.
    """

    action: str
    resource: str
    lua: str
    denied: str
    facts: str = "true"
    safe: bool = True


CHILD = 'local pid = assert(process.spawn("app:child", "app:processes")) '
HUB = 'local hub = require("hub")'
RAISED = "! PermissionDenied-: *"
PAIR = "nil, PermissionDenied-: *"
INVALID = "nil, Invalid-: *"


def _pids() -> list[Row]:
    rows = []
    for call in ("terminate", "cancel", "monitor", "unmonitor", "link", "unlink"):
        told = f"nil, PermissionDenied-: not allowed to {call}: {{*"
        rows.append(
            Row(f"process.{call}", "{", f"{CHILD} return process.{call}(pid)", told)
        )
    send = 'return process.send(pid, "t", 1)'
    told = "nil, PermissionDenied-: not allowed to send: {*"
    return [*rows, Row("process.send", "{", CHILD + send, told)]


def _names() -> list[Row]:
    rows = []
    for suffix, scope in (
        ("", "LOCAL"),
        (".eventual", "EVENTUAL"),
        (".consistent", "CONSISTENT"),
        (".strong", "STRONG"),
    ):
        shown = f" ({scope.lower()})" if suffix else ""
        rows.append(
            Row(
                f"process.registry.register{suffix}",
                "boss",
                f'return process.registry.register("boss", nil,'
                f" process.registry.{scope})",
                f"nil, PermissionDenied-: not allowed to register name{shown}: boss",
            )
        )
        rows.append(
            Row(
                f"process.registry.unregister{suffix}",
                "boss",
                f'return process.registry.unregister("boss", process.registry.{scope})',
                "nil, PermissionDenied-: not allowed to unregister name: boss",
            )
        )
    return rows


def _groups() -> list[Row]:
    head = 'local pg = require("pg") local g = assert(pg.open("app:groups")) '
    rows = [
        Row(f"pg.{call}", "team", f'{head} return g:{call}("team")', PAIR)
        for call in ("join", "leave", "get_members", "get_local_members")
    ]
    rows += [
        Row(f"pg.{call}", "team", f'{head} return g:{call}("team", "t", 1)', PAIR)
        for call in ("broadcast", "broadcast_local")
    ]
    rows.append(
        Row("pg.join", "team", f'{head} return g:join({{"a", "team"}})', PAIR)._replace(
            safe=False
        )
    )
    rows += [
        Row(f"pg.{call}", "", f"{head} return g:{call}()", PAIR)
        for call in ("which_groups", "which_local_groups")
    ]
    for call, group in (("monitor", '"team"'), ("events", "")):
        lua = f"{head} return g:{call}({group})"
        rows.append(Row(f"pg.{call}", group.strip('"'), lua, f"nil, {PAIR}"))
    return rows


def _keys() -> list[Row]:
    head = 'local s = assert(require("store").get("app:cache")) '
    fact = 'meta.key == "n:k"'
    rows = []
    for call, action, given, word in (
        ("get", "get", '"n:k"', "read key"),
        ("set", "set", '"n:k", 1', "write key"),
        ("has", "has", '"n:k"', "check key existence"),
        ("delete", "delete", '"n:k"', "delete key"),
        ("entry", "get", '"n:k"', "read key"),
        ("put", "set", '"n:k", 1', "write key"),
    ):
        raised = "nil, " if call in ("entry", "put") else "! "
        rows.append(
            Row(
                f"store.key.{action}",
                "app:cache",
                f"{head} return s:{call}({given})",
                f"{raised}PermissionDenied-: not allowed to {word}: n:k",
                fact,
            )
        )
    rows.append(
        Row(
            "store.key.list",
            "app:cache",
            f'{head} return s:list({{prefix = "n:"}})',
            "nil, PermissionDenied-: not allowed to list store: app:cache",
            'meta.prefix == "n:"',
        )
    )
    return rows


def _tokens() -> list[Row]:
    head = (
        'local sec = require("security") local actor = sec.actor() '
        'local t = assert(sec.token_store("app:tokens")) '
        "local token = t:create(actor, sec.scope()) "
    )
    rows = [
        Row(
            "security.token.create",
            "app:tokens",
            f"{head} return t:create(actor, sec.scope())",
            "nil, Invalid-: not allowed to create token",
            'meta.actor == "ann"',
        )
    ]
    for call, shown in (("validate", "nil, nil"), ("revoke", "nil")):
        rows.append(
            Row(
                f"security.token.{call}",
                "app:tokens",
                f"{head} return t:{call}(token)",
                f"{shown}, Invalid-: not allowed to {call} token",
                "len(meta.token) > 10",
            )
        )
    return rows


def _system() -> list[Row]:
    head = 'local system = require("system") return system.'
    rows = []
    for resource, calls in {
        "memory": "memory.stats() memory.allocated() memory.heap_objects()",
        "memory_limit": "memory.get_limit()",
        "gc_percent": "gc.get_percent()",
        "goroutines": "runtime.goroutines()",
        "gomaxprocs": "runtime.max_procs()",
        "cpu": "runtime.cpu_count()",
        "pid": "process.pid()",
        "hostname": "process.hostname()",
        "cwd": "process.cwd()",
        "hosts": 'hosts.list() hosts.processes("app:processes")',
        "modules": "modules()",
        "supervisor": 'supervisor.states() supervisor.state("app:driver")',
        "node": "node.id() node.addr() node.role()",
        "cluster": "cluster.members() cluster.leader() cluster.size()",
        "raft": "raft.is_leader() raft.is_member() raft.role() raft.term()"
        " raft.commit_index()",
        "raft_stats": "raft.stats()",
    }.items():
        told = f"nil, Invalid-: permission denied: system.read on {resource}"
        rows += [
            Row("system.read", resource, head + call, told) for call in calls.split()
        ]
    for action, resource, call in (
        ("control", "memory_limit", "memory.set_limit(-1)"),
        ("control", "gomaxprocs", "runtime.max_procs(4)"),
        ("gc", "gc", "gc.collect()"),
        ("gc", "gc_percent", "gc.set_percent(100)"),
    ):
        told = f"nil, Invalid-: permission denied: system.{action} on {resource}"
        rows.append(Row(f"system.{action}", resource, head + call, told))
    for call in ("acquire", "release"):
        rows.append(Row("system.lock", "l", f'{head}lock.{call}("l")', PAIR))
    exit_told = "nil, Invalid-: permission denied: system.exit"
    rows.append(Row("system.exit", "", f"{head}exit(3)", exit_told, safe=False))
    return rows


def _spawns() -> list[Row]:
    rows = []
    to = '("app:child", "app:processes")'
    host = "not allowed to spawn on host: app:processes"
    for call, actions in {
        "spawn": {"spawn": "spawn process: app:child"},
        "spawn_monitored": {
            "spawn": "spawn process: app:child",
            "spawn.monitored": "spawn monitored process: app:child",
        },
        "spawn_linked": {
            "spawn": "spawn process: app:child",
            "spawn.linked": "spawn linked process: app:child",
        },
        "spawn_linked_monitored": {
            "spawn": "spawn process: app:child",
            "spawn.monitored": "spawn monitored process: app:child",
            "spawn.linked": "spawn linked process: app:child",
        },
    }.items():
        for shown, maker in (("nil, ", "process"), ("! ", "process.with_options({})")):
            sign = ":" if shown == "! " else "."
            lua = f"return {maker}{sign}{call}{to}"
            for action, text in actions.items():
                told = f"{shown}PermissionDenied-: not allowed to {text}"
                rows.append(Row(f"process.{action}", "app:child", lua, told))
            told = f"{shown}PermissionDenied-: {host}"
            rows.append(Row("process.host", "app:processes", lua, told))
    quick = '("app:quick", "app:processes")'
    for shown, maker in (("nil, ", "process."), ("! ", "process.with_options({}):")):
        lua = f"return {maker}exec{quick}"
        told = f"{shown}PermissionDenied-: not allowed to exec process: app:quick"
        rows.append(Row("process.exec", "app:quick", lua, told))
        told = f"{shown}PermissionDenied-: not allowed to exec on host: app:processes"
        rows.append(Row("process.host", "app:processes", lua, told))
    return rows


ACTOR = 'local sec = require("security") local ann = sec.actor() '
FUNCS = 'local f = require("funcs") '
CONTRACT = 'local c = require("contract") local k = assert(c.get("app:greeter")) '
HTTP = 'local h = require("http_client") '
URL = "http://127.0.0.1:9/"

ROWS = [
    *_spawns(),
    *_pids(),
    *_names(),
    *_groups(),
    *_keys(),
    *_tokens(),
    *_system(),
    Row(
        "process.registry.foreign",
        "{",
        f'{CHILD} return process.registry.register("boss", pid)',
        "nil, PermissionDenied-: not allowed to register foreign pid {*} under name *",
    ),
    Row("process.context", "context", "return process.with_context({})", RAISED),
    Row("process.context", "context", "return process.with_options({})", RAISED),
    Row(
        "process.security",
        "security",
        f"{ACTOR} return process.with_options({{}}):with_actor(ann)",
        RAISED,
    ),
    Row(
        "process.security",
        "security",
        f"{ACTOR} return process.with_options({{}}):with_scope(sec.scope())",
        RAISED,
    ),
    Row(
        "process.security",
        "security",
        "return process.with_options({}):with_context({})",
        RAISED,
    ),
    Row(
        "network.select",
        "app:net",
        'return process.with_options({network = "app:net"})',
        "! PermissionDenied-: not allowed: network app:net",
    ),
    Row(
        "network.select",
        "app:net",
        f'{HTTP} return h.get("{URL}", {{overlay_network = "app:net"}})',
        PAIR,
    ),
    Row("pg.open", "app:groups", 'return require("pg").open("app:groups")', PAIR),
    Row(
        "funcs.call",
        "app:greet",
        f'{FUNCS} return f.call("app:greet")',
        "nil, PermissionDenied-: not allowed: app:greet",
    ),
    Row("funcs.call", "app:greet", f'{FUNCS} return f.async("app:greet")', PAIR),
    Row("funcs.call", "app:greet", f'{FUNCS} return f.new():call("app:greet")', PAIR),
    Row("funcs.call", "app:greet", f'{FUNCS} return f.new():async("app:greet")', PAIR),
    Row(
        "funcs.context",
        "context",
        f"{FUNCS} return f.new():with_context({{}})",
        "nil, PermissionDenied-: not allowed to call functions with custom context",
    ),
    Row(
        "funcs.security",
        "security",
        f"{FUNCS} {ACTOR} return f.new():with_actor(ann)",
        "nil, PermissionDenied-: not allowed to call functions with custom security"
        " context",
    ),
    Row(
        "funcs.security",
        "security",
        f"{FUNCS} {ACTOR} return f.new():with_scope(sec.scope())",
        PAIR,
    ),
    Row(
        "contract.get",
        "app:greeter",
        "return require('contract').get('app:greeter')",
        PAIR,
    ),
    Row(
        "contract.implementations",
        "app:greeter",
        "return require('contract').find_implementations('app:greeter')",
        PAIR,
    ),
    Row(
        "contract.implementations",
        "app:greeter",
        f"{CONTRACT} return k:implementations()",
        PAIR,
    ),
    Row("contract.open", "app:english", f"{CONTRACT} return k:open()", PAIR),
    Row(
        "contract.open",
        "app:english",
        f"{CONTRACT} return c.open('app:english?a=1')",
        PAIR,
    ),
    Row("contract.call", "greet", f"{CONTRACT} return k:open():greet()", PAIR),
    Row("contract.call", "greet", f"{CONTRACT} return k:open():greet_async()", PAIR),
    Row("contract.context", "context", f"{CONTRACT} return k:with_context({{}})", PAIR),
    Row(
        "contract.security",
        "security",
        f"{CONTRACT} {ACTOR} return k:with_actor(ann)",
        PAIR,
    ),
    Row(
        "contract.security",
        "security",
        f"{CONTRACT} {ACTOR} return k:with_scope(sec.scope())",
        PAIR,
    ),
    Row(
        "events.send",
        "bus",
        'return require("events").send("bus", "k", "/p")',
        "nil, Invalid-: not allowed to send events to system: bus",
    ),
    Row(
        "events.subscribe",
        "bus",
        'return require("events").subscribe("bus")',
        "nil, Invalid-: not allowed to subscribe to events from system: bus",
    ),
    Row("queue.publish", "", 'return require("queue").publish("app:jobs", 1)', INVALID),
    Row(
        "queue.publish.queue",
        "app:jobs",
        'return require("queue").publish("app:jobs", 1)',
        INVALID,
    ),
    Row(
        "registry.get", "app:greet", 'return require("registry").get("app:greet")', PAIR
    ),
    Row(
        "registry.get",
        "app:greet",
        'return require("registry").snapshot():get("app:greet")',
        PAIR,
    ),
    Row(
        "registry.get",
        "app:greet",
        'return #require("registry").find({[".id"] = "app:greet"})',
        "0",
    ),
    Row(
        "registry.get",
        "app:greet",
        'return #require("registry").snapshot():find({[".id"] = "app:greet"})',
        "0",
    ),
    Row(
        "registry.apply",
        "",
        'return require("registry").snapshot():changes()'
        ':create({id = "n:a", kind = "registry.entry"}):apply()',
        PAIR,
    ),
    Row(
        "registry.apply_version",
        "",
        'local r = require("registry") return r.apply_version(r.current_version())',
        "*, PermissionDenied-: *",
    ),
    Row(
        "env.get",
        "NAME",
        'return require("env").get("NAME")',
        "nil, PermissionDenied-: not allowed to access environment variable: NAME",
    ),
    Row(
        "env.get",
        "NAME",
        'local e = require("env") e.set("NAME", "x") return e.get_all().NAME',
        "nil",
    ),
    Row(
        "env.set",
        "NAME",
        'return require("env").set("NAME", "x")',
        "nil, PermissionDenied-: not allowed to set environment variable: NAME",
    ),
    Row("db.get", "app:db", 'return require("sql").get("app:db")', PAIR),
    Row(
        "store.get",
        "app:cache",
        'return require("store").get("app:cache")',
        "! PermissionDenied-: not allowed to access store: app:cache",
    ),
    Row(
        "store.info",
        "app:cache",
        'return require("store").get("app:cache"):info()',
        "nil, PermissionDenied-: not allowed to inspect store: app:cache",
    ),
    Row("fs.get", "app:files", 'return require("fs").get("app:files")', PAIR),
    Row(
        "template.get",
        "app:pages",
        'return require("templates").get("app:pages")',
        PAIR,
    ),
    Row("exec.get", "app:shell", 'return require("exec").get("app:shell")', INVALID),
    Row(
        "exec.run",
        "echo 1",
        'return require("exec").get("app:shell"):exec("echo 1")',
        INVALID,
    ),
    Row(
        "eval.compile",
        "",
        'return require("eval_runner").compile("return 1")',
        "nil, PermissionDenied-: permission denied: eval.compile*",
    ),
    Row(
        "eval.run",
        "",
        'return require("eval_runner").run({source = "return 1"})',
        "nil, PermissionDenied-: permission denied: eval.run*",
    ),
    Row(
        "eval.module",
        "json",
        'return require("eval_runner").run({source = "return 1", modules = {"json"}})',
        "nil, PermissionDenied-: permission denied: eval.module json",
    ),
    Row(
        "eval.import",
        "app:lib",
        'return require("eval_runner").run({source = "return 1",'
        ' imports = {lib = "app:lib"}})',
        "nil, PermissionDenied-: permission denied: eval.import app:lib",
    ),
    Row(
        "eval.class",
        "storage",
        'return require("eval_runner").run({source = "return 1",'
        ' modules = {"store"}, allow_classes = {"storage"}})',
        "nil, PermissionDenied-: permission denied: eval.class storage",
    ),
    Row("http_client.request", URL, f'{HTTP} return h.get("{URL}")', PAIR),
    Row(
        "http_client.request",
        URL,
        f'{HTTP} return h.request_batch({{{{"GET", "{URL}"}}}})',
        PAIR,
    ),
    Row(
        "http_client.insecure_tls",
        "https://127.0.0.1:9/",
        f'{HTTP} return h.get("https://127.0.0.1:9/",'
        " {tls = {insecure_skip_verify = true}})",
        PAIR,
    ),
    Row("http_client.private_ip", "127.0.0.1", f'{HTTP} return h.get("{URL}")', PAIR),
    Row(
        "http_client.unix_socket",
        "/none",
        f'{HTTP} return h.get("http://x/", {{unix_socket = "/none"}})',
        PAIR,
    ),
    Row(
        "websocket.connect",
        "",
        'return require("websocket").connect("ws://127.0.0.1:9/")',
        PAIR,
    ),
    Row(
        "websocket.connect.url",
        "ws://127.0.0.1:9/",
        'return require("websocket").connect("ws://127.0.0.1:9/")',
        PAIR,
    ),
    Row(
        "security.policy.get",
        "app:allow",
        'return require("security").policy("app:allow")',
        "nil, Invalid-: permission denied: access policy",
    ),
    Row(
        "security.policy_group.get",
        "app:all",
        'return require("security").named_scope("app:all")',
        "nil, Invalid-: permission denied: access policy group",
    ),
    Row(
        "security.token_store.get",
        "app:tokens",
        'return require("security").token_store("app:tokens")',
        "! PermissionDenied-: not allowed to access token store: app:tokens",
    ),
    Row(
        "security.scope.create",
        "custom",
        'return require("security").new_scope()',
        "! PermissionDenied-: not allowed to create custom scopes",
    ),
    Row(
        "security.scope.create",
        "with",
        f'{ACTOR} return sec.scope():with(sec.policy("app:allow"))',
        RAISED,
    ),
    Row(
        "security.scope.create",
        "without",
        f'{ACTOR} return sec.scope():without("app:allow")',
        RAISED,
    ),
    Row(
        "security.actor.create",
        "bob",
        'return require("security").new_actor("bob")',
        "! PermissionDenied-: not allowed to create actor with ID: bob",
    ),
    Row(
        "cloudstorage.get",
        "app:bucket",
        'return require("cloudstorage").get("app:bucket")',
        "! PermissionDenied-: not allowed to access cloud storage: app:bucket",
    ),
    Row(
        "hub.modules.list",
        "",
        f'{HUB} return hub.modules.list({{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.modules.search",
        "web",
        f'{HUB} return hub.modules.search("web", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.modules.get",
        "o/m",
        f'{HUB} return hub.modules.get("o/m", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.modules.readme",
        "o/m",
        f'{HUB} return hub.modules.readme("o/m", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.versions.list",
        "o/m",
        f'{HUB} return hub.versions.list("o/m", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.versions.get",
        "o/m",
        f'{HUB} return hub.versions.get("o/m", "1", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.versions.inspect",
        "o/m",
        f'{HUB} return hub.versions.inspect("o/m", "1", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.versions.open",
        "o/m",
        f'{HUB} return hub.versions.open("o/m", "1", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.dependencies.get",
        "o/m",
        f'{HUB} return hub.dependencies.get("o/m", "1", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.dependents.get",
        "o/m",
        f'{HUB} return hub.dependents.get("o/m", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.files.list",
        "o/m",
        f'{HUB} return hub.files.list("o/m", "1", {{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.auth.authenticate",
        "",
        f'{HUB} return hub.auth.authenticate("t", "http://127.0.0.1:9")',
        PAIR,
    ),
    Row(
        "hub.auth.status",
        "",
        f'{HUB} return hub.auth.status({{registry = "http://127.0.0.1:9"}})',
        PAIR,
    ),
    Row(
        "hub.auth.logout",
        "",
        f'{HUB} return hub.auth.logout({{registry = "http://127.0.0.1:9"}})',
        PAIR,
        safe=False,
    ),
    Row("archive.read", "", 'return require("archive").open("x", "zip")', PAIR),
    Row("archive.write", "", 'return require("archive").create("x")', PAIR),
]

TABLE = """
process.spawn process.spawn.monitored process.spawn.linked process.exec process.host
process.send process.terminate process.cancel process.monitor process.unmonitor
process.link process.unlink process.context process.security process.registry.register
process.registry.register.eventual process.registry.register.consistent
process.registry.register.strong process.registry.unregister
process.registry.unregister.eventual process.registry.unregister.consistent
process.registry.unregister.strong process.registry.foreign pg.open pg.join pg.leave
pg.get_members pg.get_local_members pg.broadcast pg.broadcast_local pg.monitor
pg.which_groups pg.which_local_groups pg.events funcs.call funcs.context funcs.security
contract.get contract.implementations contract.open contract.call contract.context
contract.security workflow.exec events.send events.subscribe queue.publish
queue.publish.queue registry.get registry.apply registry.apply_version env.get env.set
db.get store.get store.info store.key.get store.key.set store.key.delete store.key.has
store.key.list fs.get template.get cloudstorage.get exec.get exec.run eval.compile
eval.run eval.module eval.import eval.class http_client.request http_client.insecure_tls
http_client.private_ip http_client.unix_socket websocket.connect websocket.connect.url
socket.connect socket.listen socket.resolve socket.private_ip network.select
network.bind security.policy.get security.policy_group.get security.token_store.get
security.scope.create security.actor.create security.token.create
security.token.validate security.token.revoke system.read system.control system.gc
system.lock system.exit hub.modules.list hub.modules.search hub.modules.get
hub.modules.readme hub.versions.list hub.versions.get hub.versions.inspect
hub.dependencies.get hub.dependents.get hub.files.list access
"""
"""The actions of apps 8.7."""

ELSEWHERE = {
    "access": ("tests/services/http/test_middleware.py", "test_identity_and_firewall"),
    "network.bind": (
        "tests/security/test_permissions.py",
        "test_a_service_may_not_listen",
    ),
}
"""Where an action is denied that no module function asks for."""

UNBUILT = {"workflow": "workflow", "socket": "socket"}
"""Modules that this version does not have, by the first word of their actions."""

ENTRIES = """
  - {name: allow, kind: security.policy, groups: [all],
     policy: {actions: "*", resources: "*", effect: allow}}
  - {name: cache, kind: store.memory}
  - {name: tokens, kind: security.token_store, store: cache}
  - {name: groups, kind: pg.scope, lifecycle: {auto_start: true}}
  - {name: files, kind: fs.directory, directory: data, auto_init: true}
  - {name: pages, kind: template.set}
  - {name: shell, kind: exec.native}
  - {name: db, kind: db.sql.sqlite, file: ":memory:", lifecycle: {auto_start: true}}
  - {name: vars, kind: env.storage.memory}
  - {name: NAME, kind: env.variable, variable: NAME, storage: app:vars, default: d}
  - {name: driver, kind: queue.driver.memory, lifecycle: {auto_start: true}}
  - {name: jobs, kind: queue.queue, driver: driver}
  - {name: greeter, kind: contract.definition, methods: [{name: greet}]}
  - name: english
    kind: contract.binding
    contracts: [{contract: greeter, default: true, methods: {greet: greet}}]
  - name: greet
    kind: function.lua
    source: "return {main = function() return 1 end}"
    method: main
  - {name: lib, kind: library.lua, source: "return {}"}
  - name: child
    kind: process.lua
    source: "return {main = function() process.events():receive() end}"
    method: main
  - name: quick
    kind: process.lua
    source: "return {main = function() return 1 end}"
    method: main
  - name: probe
    kind: function.lua
    source: file://probe.lua
    method: main
    modules: [MODULES]
"""
MODULES = (
    "archive cloudstorage contract env eval_runner events exec fs funcs http_client"
    " hub pg queue registry security sql store system templates websocket"
)
PROBE = """
%s
local rows = {
%s
}
return {main = function(n) return __told(pcall(rows[n])) end}
"""
DRIVER = """
local funcs, security = require("funcs"), require("security")
return {main = function(numbers, kind)
  local ann, allow = security.new_actor("ann"), security.policy("app:allow")
  local out = {}
  for _, n in ipairs(numbers) do
    local deny = assert(security.policy("app:" .. kind .. n))
    local f = funcs.new():with_actor(ann):with_scope(security.new_scope({allow, deny}))
    local answer, err = f:call("app:probe", n)
    out[#out + 1] = {n, answer or tostring(err)}
  end
  return out
end}
"""


def _policies(kind: str, number: int, row: Row) -> str:
    resource = (
        'resource startsWith "{"'
        if row.resource == "{"
        else f'resource == "{row.resource}"'
    )
    wanted = f"({resource} and {row.facts})"
    if row.action.startswith("process."):  # core PERM-0: who asks
        wanted = f'({resource} and meta.pid startsWith "{{")'
    condition = wanted if kind == "deny" else f"not {wanted}"
    expression = f'action == "{row.action}" and {condition}'
    return (
        f"  - name: {kind}{number}\n    kind: security.policy.expr\n    policy:\n"
        f'      actions: "*"\n      resources: "*"\n      effect: deny\n'
        f"      expression: '{expression}'\n"
    )


def _outcomes(folder: Path, kind: str, numbers: list[int]) -> dict[int, str]:
    source = ",\n".join(f"function() {row.lua} end" for row in ROWS)
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src/probe.lua").write_text(PROBE % (HEAD, source))
    entries = ENTRIES.replace("MODULES", MODULES.replace(" ", ", "))
    entries += "".join(_policies(kind, n, ROWS[n - 1]) for n in numbers)
    found = run_application(
        folder, DRIVER, numbers, kind, modules="funcs, security", entries=entries
    )
    return dict(found)


def test_each_action_can_be_denied(tmp_path: Path) -> None:
    """The denial comes for this resource, in the form that the pages give it."""
    found = _outcomes(tmp_path, "deny", list(range(1, len(ROWS) + 1)))
    problems = [
        f"{row.action} on {row.resource!r}: {row.lua}\n  wanted {row.denied}\n"
        f"  got    {found[n]}"
        for n, row in enumerate(ROWS, 1)
        if not matches(row.denied, found[n])
    ]
    assert not problems, "\n".join(problems)


def test_a_denial_of_another_resource_does_not_matter(tmp_path: Path) -> None:
    """The resource that is asked for is the one of the table, and so are the facts."""
    numbers = [n for n, row in enumerate(ROWS, 1) if row.safe]
    found = _outcomes(tmp_path, "other", numbers)
    problems = [
        f"{ROWS[n - 1].action} on {ROWS[n - 1].resource!r}: {ROWS[n - 1].lua}\n"
        f"  got {found[n]}"
        for n in numbers
        if matches(ROWS[n - 1].denied, found[n]) or "PermissionDenied" in found[n]
    ]
    assert not problems, "\n".join(problems)


def test_a_strict_runtime_denies_everything_without_an_identity(tmp_path: Path) -> None:
    """PERM-0b: no gate has a way around the decision."""
    (tmp_path / ".wippy.yaml").write_text(
        'version: "1.0"\nsecurity: {strict_mode: true}\n'
    )
    rows = ",\n".join(f"function() {row.lua} end" for row in ROWS)
    source = (
        f"{HEAD}\nlocal rows = {{\n{rows}\n}}\n"
        "return {main = function(numbers) local out = {} for _, n in ipairs(numbers) do"
        " out[n] = __told(pcall(rows[n])) end return out end}"
    )
    found = run_application(
        tmp_path,
        source,
        list(range(1, len(ROWS) + 1)),
        modules=MODULES.replace(" ", ", "),
        entries=ENTRIES.partition("  - name: probe")[0],
    )
    problems = [
        f"{row.action}: {row.lua}\n  got {outcome}"
        for row, outcome in zip(ROWS, found, strict=True)
        if not matches(row.denied, outcome)
        and not re.search("not allowed|permission denied|PermissionDenied", outcome)
        and not re.search("got no value|a nil value", outcome)  # no identity to give
    ]
    assert not problems, "\n".join(problems)


def test_a_service_may_not_listen_on_a_network_that_is_denied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`network.bind` is asked for the identity of the service."""
    entries = """
  - name: no
    kind: security.policy
    policy: {actions: network.bind, resources: "app:net", effect: deny}
  - name: web
    kind: http.service
    addr: ":0"
    network: app:net
    lifecycle:
      auto_start: true
      startup: optional
      restart: {max_attempts: 1}
      security: {actor: {id: web}, policies: [app:no]}
"""
    source = """
    local system = require("system")
    return {main = function() return system.supervisor.state("app:web").status end}
    """
    told = run_application(tmp_path, source, modules="system", entries=entries)
    assert told == "exited"
    assert "not allowed: network.bind app:net" in "".join(capsys.readouterr())


@pytest.mark.parametrize("action", TABLE.split())
def test_each_action_of_the_table_has_a_row(action: str) -> None:
    """An action that nothing denies is not checked by anybody."""
    if any(row.action == action for row in ROWS):
        return
    if action in ELSEWHERE:
        file, text = ELSEWHERE[action]
        assert text in (ROOT / file).read_text("utf-8")
        return
    module = UNBUILT[action.partition(".")[0]]
    assert module not in module_names(), f"{module} is built: {action} needs a row"


def test_no_action_is_asked_for_that_the_table_does_not_know() -> None:
    """What the sources ask for is in the table, or is ours and has a row."""
    known = {*TABLE.split(), *(row.action for row in ROWS)}
    asked = set()
    for path in (ROOT / "src/wippy_trio").rglob("*"):
        if path.suffix not in (".py", ".lua"):
            continue
        for found in re.finditer(
            r"(?:check_permission|_gate|allowed|_allow|denied|guard_raise)\(\s*"
            r'(?:me\.n, |n, |process, )?"([a-z_]+\.[a-z_.]+)"',
            path.read_text("utf-8"),
        ):
            asked.add(found[1].rstrip("."))
    assert len(asked) > 30
    assert sorted(asked - known) == []
