"""The pages of the reference have the same heads, and their examples run.

Below stands for each page the world that its example speaks of: entries, lines before
it, and lines behind it that look at what it left. Each example is linted, too.
"""

from __future__ import annotations

import importlib.util
import re
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.cli.application import run_command
from tests.modules.application import run_application

from wippy_trio.cli.main import main
from wippy_trio.kernel import Context

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MODULE_HEADS = ["Purpose", "Functions", "Permissions", "Errors", "Example"]
KIND_HEADS = ["Purpose", "Kinds", "Life", "Errors", "Example"]


def pages(folder: str) -> list[str]:
    """Name the pages of a folder, without its table of contents."""
    found = sorted(path.stem for path in (REFERENCE / folder).glob("*.md"))
    return [name for name in found if name != "index"]


MODULES, KINDS = pages("modules"), pages("kinds")


class World(NamedTuple):
    """What an example takes for granted.

    Attributes:
      entries: Beside the function that is the example; ``PORT`` is a free one.
      before: Lines in front of it.
      checks: Lines behind it, or in place of it if it is the source of an entry.
      also: Modules that it declares beside its own.
      swap: Texts of the example that are replaced, such as foreign addresses.
      files: Written to the folder first; ``EXAMPLE`` in one stands for the example.
      context: Values of the call's context.
    """

    entries: str = ""
    before: str = ""
    checks: str = ""
    also: str = ""
    swap: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    context: Any = None


DATA = "  - {name: data, kind: fs.directory, directory: ./data, auto_init: true}\n"
HOST = "  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}\n"
GATEWAY = """
  - {name: gateway, kind: http.service, addr: "127.0.0.1:PORT",
     lifecycle: {auto_start: true}}
  - {name: api, kind: http.router, meta: {server: gateway}, prefix: /,
     post_middleware: [websocket_relay]}
"""


ONE = """
version: "1.0"
namespace: more
entries:
  - {name: one, kind: registry.entry, factor: 7}
"""
FEEDER = """
return { main = function()
  process.registry.register("feed")
  local said = process.listen("ws.message", { message = true })
  while true do
    local message, ok = said:receive()
    if not ok then return end
    process.send(message:from(), "echo", message:payload():data())
  end
end }
"""
SECRETS = """
  - {name: static, kind: env.storage.static,
     values: {DB_PASSWORD: secret, TOKEN_KEY: secret}}
  - {name: password, kind: env.variable, variable: DB_PASSWORD, storage: static}
  - {name: key, kind: env.variable, variable: TOKEN_KEY, storage: static}
"""


def function(name: str, body: str, modules: str = "") -> str:
    """Write the entry of a function."""
    text = body.replace('"', '\\"')
    return (
        f"  - {{name: {name}, kind: function.lua, method: main, modules: [{modules}],"
        f' source: "return {{ main = function(...) {text} end }}"}}\n'
    )


WORLDS = {
    "archive": World(
        DATA,
        checks='assert(#volume:readfile("out.zip") > 100)',
        also="fs",
    ),
    "base64": World(checks='assert(text == "AP8=" and data == "\\0\\255")'),
    "channel": World(checks="assert(sum >= 1 and sum <= 14)"),
    "compress": World(checks="assert(#packed < 100 and #text == 5000)"),
    "contract": World(
        """
  - {name: mailer, kind: contract.definition, methods: [{name: send}]}
  - name: smtp
    kind: contract.binding
    contracts:
      - {contract: app:mailer, default: true, methods: {send: app:send}}
"""
        + function("send", 'return "id of " .. ...'),
        checks='assert(id == "id of ada@example.org")',
    ),
    "coroutine": World(
        also="time", checks='assert(first ~= second and first .. second == "ab")'
    ),
    "crypto": World(checks='assert(opened == "secret" and #sealed > #opened)'),
    "ctx": World(checks='assert(tenant == "acme")', context={"tenant": "acme"}),
    "env": World(
        "  - {name: memory, kind: env.storage.memory}\n"
        "  - {name: region, kind: env.variable, variable: REGION, storage: memory,"
        " default: eu}\n",
        checks='assert(region == "eu")',
    ),
    "errors": World(checks="assert(not ok and missing and caught:details().id == 7)"),
    "eval_runner": World(checks="assert(sum == 3)"),
    "events": World(checks='assert(event.kind == "added" and event.data.sku == "A")'),
    "excel": World(
        DATA,
        also="fs",
        checks='assert(not err and #fs.get("app:data"):readfile("hello.xlsx") > 1000)',
    ),
    "exec": World(
        "  - {name: shell, kind: exec.native}\n",
        checks='assert(text == "a\\nb\\n" and code == 0)',
    ),
    "expr": World(checks="assert(ok == true)"),
    "fs": World(
        DATA,
        before='fs.get("app:data"):mkdir("notes")',
        checks='assert(v:readfile("notes/today.txt") == "Buy milk\\n")',
    ),
    "funcs": World(
        function("add", "local a, b = ... return a + b"), checks="assert(total == 7)"
    ),
    "hash": World(checks="assert(#digest == 64 and #tag == 32)"),
    "html": World(checks='assert(clean == "<b>hi</b>")'),
    "http": World(
        GATEWAY
        + "  - {name: hello, kind: function.lua, source: file://page.lua, method: main,"
        " modules: [http]}\n"
        "  - {name: hello.get, kind: http.endpoint, meta: {router: api}, method: GET,"
        " path: /hello, func: hello}\n",
        checks='local answer = assert(http_client.get("http://127.0.0.1:PORT/hello", '
        '{ query = { name = "Ann" } }))\n'
        """assert(answer.body == '{"message":"hello Ann"}')""",
        also="http_client",
        files=(("src/page.lua", "EXAMPLE"),),
    ),
    "http_client": World(
        GATEWAY
        + function("add", "return { added = http.request():body_json().name }", "http")
        + "  - {name: items.post, kind: http.endpoint, meta: {router: api},"
        " method: POST, path: /items, func: add}\n",
        checks="""assert(answer.body == '{"added":"lamp"}')""",
        also="json",
        swap=(("https://example.org", "http://127.0.0.1:PORT"),),
    ),
    "json": World(checks="assert(ok and value.tags[2] == 'b')"),
    "loader": World(
        "  - {name: definitions, kind: fs.directory, directory: ./definitions}\n",
        checks='assert(registry.get("more:one").data.factor == 7)',
        also="registry",
        files=(("definitions/one.yaml", ONE),),
    ),
    "logger": World(),
    "metrics": World(),
    "os": World(checks='assert(today:match("^%d%d%d%d%-%d%d%-%d%d$"))'),
    "payload": World(
        checks='assert(value.id == 1 and sent:get_format() == "json/plain")'
    ),
    "pg": World(
        "  - {name: groups, kind: pg.scope}\n",
        checks='assert(process.listen("config.changed"):receive().level == "debug")',
    ),
    "process": World(
        "  - {name: worker, kind: process.lua, method: main,"
        ' source: "return { main = function(a, b) return a + b end }"}\n',
        checks="assert(event.result.value == 42)",
    ),
    "queue": World(
        "  - {name: driver, kind: queue.driver.memory, lifecycle: {auto_start: true}}\n"
        "  - {name: mails, kind: queue.queue, driver: driver}\n",
        checks='assert(queue.info("app:mails").message_count == 1)',
    ),
    "registry": World(
        checks='assert(not err and registry.get("app:unit").data.factor == 1609)'
    ),
    "security": World(
        "  - {name: calls, kind: security.policy, groups: [users],"
        ' policy: {actions: "*", resources: "*", effect: allow}}\n'
        + function("report", "return assert(security.actor()):id()", "security"),
        checks='assert(result == "ann")',
        also="funcs",
    ),
    "sql": World(
        '  - {name: db, kind: db.sql.sqlite, file: ":memory:",'
        " lifecycle: {auto_start: true}}\n",
        before='assert(sql.get("app:db"):execute("CREATE TABLE notes'
        ' (id INTEGER PRIMARY KEY, text TEXT)"))',
        checks='assert(#db:query("SELECT * FROM notes") == 1)',
    ),
    "store": World(
        "  - {name: cache, kind: store.memory}\n",
        checks='assert(session.user == "ada")',
    ),
    "system": World(
        before="local ran = 0\nlocal function run() ran = ran + 1 end",
        checks='assert(ran == 1 and system.lock.acquire("nightly"))',
    ),
    "templates": World(
        "  - {name: views, kind: template.set}\n"
        "  - {name: hello, kind: template.jet, set: views,"
        ' source: "Hello {{name}}{{range items}} {{.}}{{end}}"}\n',
        checks='assert(page == "Hello World 1 2")',
    ),
    "text": World(checks='assert(line == "b <- a" and #chunks == 1)'),
    "time": World(checks="assert(lasted:milliseconds() >= 20)"),
    "treesitter": World(),
    "uuid": World(checks="assert(uuid.version(id) == 7 and made_at > 1.7e9)"),
    "websocket": World(
        GATEWAY
        + "  - {name: feed.get, kind: http.endpoint, meta: {router: api}, method: GET,"
        " path: /feed, func: feed}\n"
        + function(
            "feed",
            'http.response():set_header("X-WS-Relay", json.encode({ target_pid ='
            ' process.registry.lookup("feed") }))',
            "http, json",
        )
        + HOST.replace("processes", "feeds")
        + "  - {name: feeder, kind: process.lua, source: file://feeder.lua}\n"
        "  - {name: feeder.service, kind: process.service, process: feeder,"
        " host: feeds, lifecycle: {auto_start: true}}\n",
        checks="assert(ok and message.data:find('subscribe', 1, true))",
        swap=(("wss://example.org", "ws://127.0.0.1:PORT"),),
        files=(("src/feeder.lua", FEEDER),),
    ),
    "yaml": World(checks="assert(value.tags[2] == 'b' and text:find('name: unit'))"),
}

ELSEWHERE = {
    "cdc": "needs a database that tells of changes; tests/services/cdc have one",
    "hub": "needs a hub; tests/modules have one",
    "cloudstorage": "needs a server of objects; tests/modules have one",
    "io": "the next test types into it",
    "tty": "needs a terminal; tests/modules/tty have one",
}
"""Examples that are not run below, and why."""
NEEDS = {"treesitter": ("tree_sitter", "tree_sitter_go")}
"""Packages that the plain test environment need not have."""


def heads(name: str) -> list[str]:
    """List the heads of a page."""
    text = (REFERENCE / f"{name}.md").read_text("utf-8")
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def example(name: str, language: str) -> str:
    """Find the example of a page."""
    text = (REFERENCE / f"{name}.md").read_text("utf-8").partition("\n## Example\n")[2]
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{name}: no {language} below its head Example"
    return found[1]


@pytest.fixture
def port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@pytest.mark.parametrize("name", MODULES)
def test_the_page_of_a_module_has_its_heads(name: str) -> None:
    """Whoever knows one page finds his way on all of them."""
    found = heads(f"modules/{name}")
    assert [head for head in found if head in MODULE_HEADS] == MODULE_HEADS


@pytest.mark.parametrize("name", KINDS)
def test_the_page_of_kinds_has_its_heads(name: str) -> None:
    """The same; some have more, such as permissions, in between."""
    found = heads(f"kinds/{name}")
    assert [head for head in found if head in KIND_HEADS] == KIND_HEADS


def test_each_page_of_a_module_has_a_world() -> None:
    """A page without one is named here, with the reason."""
    assert sorted(WORLDS.keys() | ELSEWHERE.keys()) == MODULES
    assert not WORLDS.keys() & ELSEWHERE.keys()


@pytest.mark.parametrize("name", MODULES)
def test_the_example_of_a_module_runs(
    name: str, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does what it says, in a world that has what it speaks of."""
    if name in ELSEWHERE:
        pytest.skip(ELSEWHERE[name])
    for package in NEEDS.get(name, ()):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    world = WORLDS[name]
    text = example(f"modules/{name}", "lua")
    for old, new in world.swap:
        assert old in text
        text = text.replace(old, new)
    inside = text
    for file, content in world.files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.replace("EXAMPLE", text))
        if "EXAMPLE" in content:
            inside = ""
    lines = (f"return {{ main = function()\n{world.before}\n{inside}", world.checks)
    source = "\n".join((*lines, "end }\n")).replace("PORT", str(port))
    modules = ", ".join(filter(None, (name, world.also)))
    monkeypatch.chdir(tmp_path)
    run_application(
        tmp_path,
        source,
        modules=modules,
        entries=world.entries.replace("PORT", str(port)),
        context=Context(values=world.context) if world.context else None,
    )
    assert main(["lint", "--level", "error"]) == 0


def test_the_example_of_io_asks_and_greets(tmp_path: Path) -> None:
    """It reads a line and answers."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(
        "namespace: app\nentries:\n"
        "  - {name: terminal, kind: terminal.host, lifecycle: {auto_start: true}}\n"
        "  - {name: main, kind: process.lua, source: file://f.lua, modules: [io]}\n"
    )
    text = example("modules/io", "lua")
    (tmp_path / "src/f.lua").write_text(f"return {{ main = function()\n{text}\nend }}")
    outcome = run_command(tmp_path, "run", "-x", "app:main", stdin="Ann\n")
    assert outcome == (0, "name? Hello, Ann\n", "")


KIND_WORLDS = {
    "contracts": World(function("send_by_smtp", "return 1")),
    "db.cdc": World(SECRETS, swap=(("lifecycle: {auto_start: true}", ""),)),
    "db.sql": World(SECRETS),
    "security": World(SECRETS),
    "functions": World(
        checks='assert(funcs.call("app:greet", "Ann") == "hello Ann")', also="funcs"
    ),
    "http": World(
        function("get_user", "return 1")
        + "  - {name: files, kind: fs.directory, directory: .}\n"
        "  - {name: sessions, kind: store.memory}\n"
        "  - {name: tokens, kind: security.token_store, store: sessions,"
        " token_key: secret}\n",
        swap=((":8080", "127.0.0.1:PORT"),),
    ),
    "queues": World(function("send_mail", "return true")),
}
"""What the examples of kinds refer to."""


@pytest.mark.parametrize("name", KINDS)
def test_the_example_of_kinds_starts(
    name: str, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every entry is accepted, and what starts by itself starts."""
    world = KIND_WORLDS.get(name, World())
    text = example(f"kinds/{name}", "yaml")
    for old, new in world.swap:
        assert old in text
        text = text.replace(old, new)
    listed = text.partition("entries:\n")[2] or re.sub("^(?=.)", "  ", text, flags=re.M)
    if "name: processes" in listed:  # the world has one already
        listed = listed.replace("name: processes", "name: others")
    monkeypatch.chdir(tmp_path)
    source = f"return {{ main = function() {world.checks} end }}"

    def inspect(runtime: Any) -> None:
        states = runtime.supervisor.states()
        assert {str(state.status) for state in states.values()} <= {
            "running",
            "unknown",
        }
        names = re.findall(r"^  - (?:\{)?name: ([\w.]+)", listed, re.MULTILINE)
        assert names
        assert {f"app:{each}" for each in names} <= runtime.live.state.state.keys()

    run_application(
        tmp_path,
        source,
        modules=world.also,
        entries="\n" + (listed + world.entries).replace("PORT", str(port)),
        inspect=inspect,
    )


def test_the_page_of_the_configuration_names_what_has_an_effect() -> None:
    """Each key that any file asks for, and no other."""
    sources = (REFERENCE.parents[1] / "src").rglob("*.py")
    asked = re.compile(r"""config\.\w+\(\s*"([a-z_]+\.[a-z_.]+)\"""")
    read = {key for path in sources for key in asked.findall(path.read_text("utf-8"))}
    text = (REFERENCE / "configuration.md").read_text("utf-8")
    part = text.partition("## What has an effect")[2].partition("\n## ")[0]
    named: set[str] = set()
    for row in re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE):
        keys = re.findall(r"`([a-z_.]+)`", row)
        named |= {keys[0].rpartition(".")[0] + key for key in keys if key[0] == "."}
        named |= {key for key in keys if key[0] != "."}
    read = {key for key in read if not key.startswith("otel.")}  # a row of their own
    assert named - {"otel"} | {"registry.history_path"} == read
