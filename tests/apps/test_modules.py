"""Mounted modules in a running application: ``ns.*``, filters, bare names (apps 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.apps.application import application, lua, settle, write
from tests.cli.application import run_command
from wippy_trio.errors import Error
from wippy_trio.loading import load_project
from wippy_trio.registry import Entry, Operation, OperationKind

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

MODULE = """
version: "1.0"
namespace: acme.mailer
meta: {team: post}
entries:
  - name: definition
    kind: ns.definition
    readme: A mailer.
  - name: host
    kind: ns.requirement
    targets:
      - {entry: worker.service, path: .host}
      - {entry: "acme.mailer:worker.service", path: ".lifecycle.requires +="}
  - name: greeting
    kind: ns.requirement
    default: hello
    targets: [{entry: settings, path: greeting}]
  - name: pages
    kind: ns.requirement
    default: 20
    targets: [{entry: queue, path: ".driver_options.memory.max_length"}]
  - name: settings
    kind: registry.entry
    data: {sender: post}
  - name: driver
    kind: queue.driver.memory
    lifecycle: {auto_start: true}
  - name: queue
    kind: queue.queue
    driver: driver
  - name: greet
    kind: function.lua
    source: file://greet.lua
    method: main
    modules: [registry]
  - name: worker
    kind: process.lua
    source: file:///workers/worker.lua
    method: main
    modules: [events]
  - name: worker.service
    kind: process.service
    process: worker
    lifecycle: {auto_start: true}
"""
TESTS = """
version: "1.0"
namespace: acme.mailer
meta: {type: test}
entries:
  - {name: greet_test, kind: function.lua, source: "return {}", method: main}
"""
FIXTURES = """
version: "1.0"
namespace: app
entries:
  - {name: fixture, kind: registry.entry}
"""
MANIFEST = """
organization: acme
module: mailer
version: 1.4.2
exclude: ["app:**", "*.md"]
exclude_meta: {type: [test]}
"""
GREET = """
return { main = function(name)
  local settings = registry.get("acme.mailer:settings")
  return settings.data.greeting .. " " .. name .. " from " .. settings.data.sender
end }
"""
WORKER = """
return { main = function()
  events.send("test", "worker", "/", process.pid())
  process.events():receive()
end }
"""
DEPENDENCY = """
  - name: mailer
    kind: ns.dependency
    component: acme/mailer
    version: {version}
    parameters:
      - {{name: {parameter}, value: "app:processes"}}
"""


def mailer(root: Path) -> Path:
    """Write the module as its author has it, tests and fixtures included."""
    src = root / "src"
    for folder in (src / "workers", src / "tests"):
        folder.mkdir(parents=True)
    (root / "wippy.yaml").write_text(MANIFEST)
    (src / "_index.yaml").write_text(MODULE)
    (src / "greet.lua").write_text(GREET)
    (src / "workers/worker.lua").write_text(WORKER)
    (src / "tests/_index.yaml").write_text(TESTS)
    (src / "tests/fixtures.yaml").write_text(FIXTURES)
    return root


def replace(folder: Path, module: Path) -> None:
    """Mount it by the configuration."""
    (folder / ".wippy.yaml").write_text(
        f'version: "1.0"\nworkspace: {{replacements: {{acme/mailer: "{module}"}}}}\n'
    )


def dependency(version: str = '"*"', parameter: str = "host") -> str:
    """Write the entry that mounts it."""
    return DEPENDENCY.format(version=version, parameter=parameter)


# -- mounting --------------------------------------------------------------------------


async def test_a_mounted_module_runs_with_its_holes_filled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A service on the application's host, a default, a number (apps 1.10.1-5)."""
    replace(tmp_path, mailer(tmp_path / "mailer"))
    async with application(tmp_path, dependency()) as app:
        await settle()
        assert len(app.said("worker")) == 1
        assert "app:processes" in app.said("worker")[0]
        assert await app.runtime.call("acme.mailer:greet", "Ann") == (
            "hello Ann from post"
        )
        entries = app.runtime.live.state.state
        worker = entries["acme.mailer:worker.service"]
        assert worker.data["host"] == "app:processes"
        assert worker.data["lifecycle"]["requires"] == ["app:processes"]
        # The YAML type is kept (apps 1.10.4).
        memory = entries["acme.mailer:queue"].data["driver_options"]["memory"]
        assert memory == {"max_length": 20}
        assert worker.meta == {
            "team": "post",
            "module": "acme/mailer",
            "module_version": "1.4.2",
        }
        # What stands in the registry is the text, rooted at the module's source.
        assert entries["acme.mailer:worker"].data["source"] == WORKER


async def test_tests_and_fixtures_of_a_module_stay_at_home(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """``exclude`` with a colon and ``exclude_meta`` take entries out (apps 1.2.4)."""
    replace(tmp_path, mailer(tmp_path / "mailer"))
    async with application(tmp_path, dependency()) as app:
        ids = app.runtime.live.state.state.keys()
        assert "acme.mailer:greet" in ids
        assert "acme.mailer:greet_test" not in ids
        assert "app:fixture" not in ids


async def test_a_harness_mounts_the_module_with_its_tests(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """``to: ../src`` has no manifest, so nothing is removed (apps 1.2.4)."""
    replace(tmp_path, mailer(tmp_path / "mailer") / "src")
    async with application(tmp_path, dependency()) as app:
        ids = app.runtime.live.state.state.keys()
        assert {"acme.mailer:greet_test", "app:fixture"} <= set(ids)
        fixture = app.runtime.live.state.state["app:fixture"]
        assert fixture.meta == {"module": "acme/mailer"}


async def test_the_own_sources_are_never_filtered(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A manifest beside the application is for publishing it (apps 1.2.4)."""
    (tmp_path / "wippy.yaml").write_text(MANIFEST)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/wippy.yaml").write_text(MANIFEST)
    entries = "  - {name: t, kind: registry.entry, meta: {type: test}}\n"
    async with application(tmp_path, entries) as app:
        assert "app:t" in app.runtime.live.state.state


async def test_a_vendored_module_is_mounted_by_the_lock(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A folder of the store, filtered too; its version is the lock's (apps 1.2.4)."""
    mailer(tmp_path / ".wippy/vendor/acme/mailer")
    (tmp_path / "wippy.lock").write_text(
        "directories: {src: ./src, modules: .wippy}\n"
        "modules: [{name: acme/mailer, version: v1.4.0}]\n"
    )
    async with application(tmp_path, dependency()) as app:
        state = app.runtime.live.state.state
        assert "acme.mailer:greet_test" not in state
        assert state["acme.mailer:greet"].meta["module_version"] == "v1.4.0"


def parameters(*rows: str) -> str:
    """Write dependencies with these parameters."""
    listed = "".join(f"      - {row}\n" for row in rows)
    return (
        "\n  - name: mailer\n    kind: ns.dependency\n    component: acme/mailer\n"
        f'    version: "*"\n    parameters:\n{listed}'
    )


@pytest.mark.parametrize(
    ("row", "greeting"),
    [
        ('{name: greeting, value: "good day"}', "good day"),
        ('{name: "acme.mailer:greeting", value: hey}', "hey"),
        ('{name: greeting, value: ""}', ""),
        ("{name: nothing, value: x}", "hello"),
        ('{name: "other:greeting", value: x}', "hello"),
    ],
    ids=["bare", "full", "empty", "unknown", "of another"],
)
def test_parameters_fill_what_they_name(
    tmp_path: Path, row: str, greeting: str
) -> None:
    """Bare names by module, full ones exactly, others nothing (apps 1.10.1, 1.10.2)."""
    replace(tmp_path, mailer(tmp_path / "mailer"))
    host = '{name: host, value: "app:processes"}'
    write(tmp_path, parameters(host, row), {})
    project = load_project(tmp_path, environ={})
    assert project.entries["acme.mailer:settings"].data["greeting"] == greeting
    unmatched = "parameter matches no requirement"
    debug = [f for f in project.findings if f.message == unmatched]
    assert len(debug) == (greeting == "hello")
    assert all(finding.level == "debug" for finding in debug)


def test_an_unresolved_requirement_does_not_stop_the_start(tmp_path: Path) -> None:
    """It warns, with its name; the rest runs (apps 1.10.1)."""
    replace(tmp_path, mailer(tmp_path / "mailer"))
    module = tmp_path / "mailer/src/_index.yaml"
    module.write_text(
        module.read_text()
        + "  - {name: color, kind: ns.requirement,"
        + " targets: [{entry: settings, path: color}]}\n"
    )
    main = "return { main = function() return 7 end }"
    terminal = "\n  - {name: t, kind: terminal.host, lifecycle: {auto_start: true}}"
    write(tmp_path, dependency() + lua("main") + terminal, {"main": main})
    outcome = run_command(tmp_path, "run", "-c", "-x", "app:main")
    assert outcome.code == 7
    assert "unresolved requirement" in outcome.out
    assert "acme.mailer:color" in outcome.out


async def test_two_values_for_one_hole_conflict(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Equal ones do not (apps 1.10.3)."""
    replace(tmp_path, mailer(tmp_path / "mailer"))
    second = dependency().replace("name: mailer", "name: again")
    async with application(tmp_path, dependency() + second) as app:
        assert "app:again" in app.runtime.live.state.state
    other = second.replace("app:processes", "app:others")
    write(tmp_path, dependency() + other, {})
    with pytest.raises(Error, match=r"acme\.mailer:host") as caught:
        load_project(tmp_path, environ={})
    assert caught.value.kind == "Conflict"
    assert caught.value.details is not None
    assert {"app:mailer", "app:again"} <= set(caught.value.details["dependencies"])


# -- versions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ('"*"', True),
        ("1.4.2", True),
        ("^1.0", True),
        ("~1.4", True),
        ('">=1.2 <2"', True),
        ("^2.0", False),
        ('"<1.4.2"', False),
    ],
)
def test_a_mounted_version_that_does_not_fit_is_told(
    tmp_path: Path, version: str, *, fits: bool
) -> None:
    """A folder is what it is: a warning, and the application starts (apps 1.10.6)."""
    replace(tmp_path, mailer(tmp_path / "mailer"))
    write(tmp_path, dependency(version), {})
    found = [
        finding
        for finding in load_project(tmp_path, environ={}).findings
        if "version of module" in finding.message
    ]
    assert (not found) is fits
    for finding in found:
        assert finding.level == "warning"
        assert finding.fields["module"] == "acme/mailer"
        assert finding.fields["found"] == "1.4.2"
        assert finding.fields["entry"] == "app:mailer"


def test_a_malformed_constraint_is_told(tmp_path: Path) -> None:
    """With the entry and what was wanted."""
    replace(tmp_path, mailer(tmp_path / "mailer"))
    write(tmp_path, dependency("nonsense"), {})
    (finding,) = (
        finding
        for finding in load_project(tmp_path, environ={}).findings
        if "constraint" in finding.message
    )
    assert finding.fields["entry"] == "app:mailer"
    assert finding.fields["got"] == "nonsense"


# -- what never reaches a handler ------------------------------------------------------


async def test_ns_entries_and_plain_data_only_change_state(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """They are read back, and nobody is asked about them (apps 1.10.7, 7.4.2)."""
    entries = """
  - {name: card, kind: ns.definition, module: acme/app}
  - {name: hole, kind: ns.requirement, default: 1, targets: [{entry: d, path: x}]}
  - {name: d, kind: registry.entry}
"""
    async with application(tmp_path, entries) as app:
        told: list[str] = []
        app.runtime.bus.subscribe("registry", None, lambda e: told.append(e["path"]))
        state = app.runtime.live.state.state
        assert state["app:d"].data == {"x": 1}
        assert state["app:card"].data == {"module": "acme/app"}
        await app.runtime.live.apply(
            [
                Operation(
                    OperationKind.CREATE,
                    Entry("app:more", "ns.requirement", {}, {"targets": []}),
                )
            ]
        )
        assert "app:more" in app.runtime.live.state.state
        assert "app:more" not in told


# -- dependencies at run time ----------------------------------------------------------

MOUNT = """
return { main = function(component, version)
  local changes = registry.snapshot():changes()
  changes:create({
    id = "app:late", kind = "ns.dependency",
    data = { component = component, version = version },
  })
  local before = registry.current_version():id()
  local done, err = changes:apply()
  local found = registry.get("app:late")
  return {
    done = done ~= nil, kind = err and err:kind(), text = err and err:message(),
    details = err and err:details(), found = found ~= nil,
    moved = registry.current_version():id() ~= before,
  }
end }
"""


async def mount(app: Any, component: str, version: str) -> dict[str, Any]:
    """Create a dependency from Lua and tell what came of it."""
    told: dict[str, Any] = await app.call("mount", component, version)
    return told


async def test_a_dependency_that_cannot_be_resolved_is_refused(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Internal, with the words and details of apps 1.10.8; nothing has changed."""
    entries = lua("mount", kind="function.lua", modules="registry")
    async with application(tmp_path, entries, {"mount": MOUNT}) as app:
        told = await mount(app, "acme/nowhere", "^1.0")
        assert told["done"] is False
        assert told["kind"] == "Internal"
        assert "dependency resolution failed" in told["text"]
        assert "acme/nowhere" in told["text"]
        assert told["details"]["cause"]
        assert told["found"] is False
        assert told["moved"] is False
        for component in ("nonsense", ""):
            told = await mount(app, component, "^1.0")
            assert told["kind"] == "Internal"
            assert told["found"] is False


CHANGE = """
return { main = function(what, entry)
  local changes = registry.snapshot():changes()
  if what == "delete" then
    changes:delete(entry)
  else
    changes[what](changes, entry)
  end
  local version, err = changes:apply()
  return { version = version and version:id(), error = err and err:message(),
    details = err and err:details() }
end }
"""
LATE: dict[str, Any] = {
    "id": "app:late",
    "kind": "ns.dependency",
    "data": {
        "component": "acme/mailer",
        "version": "^1.0",
        "parameters": [{"name": "host", "value": "app:processes"}],
    },
}


def late(**data: Any) -> dict[str, Any]:
    """Write the dependency with other data."""
    return {**LATE, "data": {**LATE["data"], **data}}


async def test_a_dependency_comes_changes_and_goes_at_run_time(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Its module with it, each time in one version (apps 1.10.8)."""
    mailer(tmp_path / ".wippy/vendor/acme/mailer-v1.4.2")
    entries = lua("change", kind="function.lua", modules="registry")
    async with application(tmp_path, entries, {"change": CHANGE}) as app:
        before = set(app.runtime.live.state.state)
        assert await app.call("change", "create", LATE) == {"version": 1}
        await settle()
        assert len(app.said("worker")) == 1
        call = app.runtime.call
        assert await call("acme.mailer:greet", "Ann") == "hello Ann from post"
        assert "acme.mailer:greet_test" not in app.runtime.live.state.state

        greeting = [{"name": "greeting", "value": "hey"}]
        changed = late(parameters=[*LATE["data"]["parameters"], *greeting])
        assert await app.call("change", "update", changed) == {"version": 2}
        assert await call("acme.mailer:greet", "Ann") == "hey Ann from post"

        second = {**LATE, "id": "app:second"}
        assert await app.call("change", "create", second) == {"version": 3}
        assert await app.call("change", "delete", "app:late") == {"version": 4}
        assert "acme.mailer:greet" in app.runtime.live.state.state
        assert await app.call("change", "delete", "app:second") == {"version": 5}
        assert set(app.runtime.live.state.state) == before
        with pytest.raises(Error, match="no handler registered"):
            await call("acme.mailer:greet", "Ann")

        await app.runtime.live.apply_version(1)
        assert await call("acme.mailer:greet", "Ann") == "hello Ann from post"
        await app.runtime.live.apply_version(0)
        assert set(app.runtime.live.state.state) == before


async def test_the_highest_version_that_fits_all_is_taken(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Ranges meet; where they do not, nothing changes (apps 1.10.6, 1.10.8)."""
    for version in ("1.2.0", "1.3.5", "2.0.0"):
        mailer(tmp_path / f".wippy/vendor/acme/mailer-{version}")
    (tmp_path / ".wippy/vendor/acme/mailer-extra-1.9.0").mkdir()
    entries = lua("change", kind="function.lua", modules="registry")
    async with application(tmp_path, entries, {"change": CHANGE}) as app:
        state = app.runtime.live.state

        def mounted() -> Any:
            return state.state["acme.mailer:greet"].meta["module_version"]

        await app.call("change", "create", late(version="^1.0"))
        assert mounted() == "1.3.5"
        await app.call("change", "update", late(version="~1.2.0"))
        assert mounted() == "1.2.0"
        other = {**late(version="^2.0"), "id": "app:other"}
        told = await app.call("change", "create", other)
        assert "dependency resolution failed" in told["error"]
        assert told["details"]["count"] == 2
        assert "app:other wants ^2.0" in told["details"]["summary"]
        assert mounted() == "1.2.0"
        assert "app:other" not in state.state


async def test_what_comes_with_us_can_be_mounted_at_run_time(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Without a store and without a network."""
    entries = lua("change", kind="function.lua", modules="registry")
    async with application(tmp_path, entries, {"change": CHANGE}) as app:
        wanted = late(component="wippy/test", parameters=[])
        assert await app.call("change", "create", wanted) == {"version": 1}
        assert "wippy.test:runner" in app.runtime.live.state.state


# -- bare names ------------------------------------------------------------------------

BARE = """
version: "1.0"
namespace: shop
entries:
  - {name: hosts, kind: process.host, lifecycle: {auto_start: true}}
  - {name: memory, kind: store.memory}
  - {name: tokens, kind: security.token_store, store: memory}
  - {name: may, kind: security.policy, groups: [all],
     policy: {actions: "*", resources: "*", effect: allow}}
  - {name: os, kind: env.storage.static, values: {A: from static}}
  - {name: both, kind: env.storage.router, storages: [os]}
  - {name: a, kind: env.variable, variable: A, storage: both}
  - {name: set, kind: template.set}
  - {name: page, kind: template.jet, set: set, source: "hi {{ name }}"}
  - {name: driver, kind: queue.driver.memory, lifecycle: {auto_start: true}}
  - {name: mail, kind: queue.queue, driver: driver}
  - {name: handle, kind: function.lua, method: main, source: file://handle.lua,
     modules: [events]}
  - {name: consumer, kind: queue.consumer, queue: mail, func: handle,
     lifecycle: {auto_start: true}}
  - {name: worker, kind: process.lua, source: file://worker.lua,
     modules: [events, env, queue, security, templates]}
  - {name: service, kind: process.service, process: worker, host: hosts,
     lifecycle: {auto_start: true, security: {actor: {id: w}, groups: [all]}}}
  - {name: contract, kind: contract.definition, methods: [{name: greet}]}
  - {name: binding, kind: contract.binding,
     contracts: [{contract: contract, methods: {greet: handle}}]}
"""
HANDLE = """
return { main = function(body)
  events.send("test", "mail", "/", body)
end }
"""
BARE_WORKER = """
return { main = function()
  local set = templates.get("shop:set")
  events.send("test", "seen", "/", {
    env = env.get("A"),
    page = set:render("page", { name = "Ann" }),
    actor = security.actor():id(),
    may = security.can("anything", "at all"),
    tokens = security.token_store("shop:tokens") ~= nil,
  })
  queue.publish("shop:mail", { letter = 1 })
  process.events():receive()
end }
"""


async def test_bare_names_are_of_the_entry_s_namespace(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Wherever an id is expected (apps 1.8.2, 13.3)."""
    write(tmp_path, "", {})
    shop = tmp_path / "src/shop"
    shop.mkdir()
    (shop / "_index.yaml").write_text(BARE)
    (shop / "handle.lua").write_text(HANDLE)
    (shop / "worker.lua").write_text(BARE_WORKER)
    async with application(tmp_path, "") as app:
        await settle(0.1)
        assert app.said("seen") == [
            {
                "env": "from static",
                "page": "hi Ann",
                "actor": "w",
                "may": True,
                "tokens": True,
            }
        ]
        assert app.said("mail") == [{"letter": 1}]


def test_ids_split_at_their_first_colon(tmp_path: Path) -> None:
    """What follows is the name, colons and all (apps 1.8.1)."""
    write(tmp_path, '  - {name: "b:c", kind: registry.entry}\n', {})
    entry = load_project(tmp_path, environ={}).entries["app:b:c"]
    assert (entry.ns, entry.name) == ("app", "b:c")


def test_a_dependency_on_what_is_not_there_warns(tmp_path: Path) -> None:
    """And whoever imports from it names what it is missing (apps 13.22)."""
    entries = (
        dependency()
        + """
  - name: main
    kind: process.lua
    source: "return { main = function() end }"
    imports: {mail: "acme.mailer:library"}
  - {name: t, kind: terminal.host, lifecycle: {auto_start: true}}
"""
    )
    write(tmp_path, entries, {})
    (finding,) = (
        finding
        for finding in load_project(tmp_path, environ={}).findings
        if finding.message == "module of dependency not found"
    )
    assert finding.level == "warning"
    assert finding.fields["module"] == "acme/mailer"
    outcome = run_command(tmp_path, "run", "-x", "app:main")
    assert outcome.code == 1
    assert "app:main" in outcome.err
    assert "acme.mailer:library" in outcome.err


def test_a_locked_module_that_is_missing_ends_the_start(tmp_path: Path) -> None:
    """The error names module and version; exit 1 (apps 1.2.5, 13.22)."""
    write(tmp_path, dependency(), {})
    (tmp_path / "wippy.lock").write_text(
        "directories: {src: ./src, modules: .wippy}\n"
        "modules: [{name: acme/mailer, version: v1.4.0}]\n"
    )
    outcome = run_command(tmp_path, "run")
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ")
    assert "acme/mailer v1.4.0" in outcome.err
