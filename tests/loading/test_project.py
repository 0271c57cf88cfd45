"""Whole applications: locks, modules, the pipeline, findings."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from wippy_trio.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from wippy_trio.loading import (
    Project,
    load_config,
    load_project,
    load_yaml,
    read_lock,
    read_manifest,
    write_directories,
)

if TYPE_CHECKING:
    from pathlib import Path

    from wippy_trio.registry import Finding

LOCK = "directories: {src: ./src, modules: .wippy}\n"


def write(root: Path, **files: str) -> None:
    """Write files; ``__`` in a name stands for a slash, ``_yaml`` for its ending."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def load(root: Path, **options: Any) -> Project:
    return load_project(root, environ=options.pop("environ", {}), **options)


def entries(ns: str, *items: str) -> str:
    return f"namespace: {ns}\nentries:\n" + "".join(f"  - {item}\n" for item in items)


def messages(project: Project, level: str | None = None) -> list[str]:
    return [f.message for f in project.findings if level in {None, f.level}]


def only(project: Project, message: str) -> Finding:
    (finding,) = [f for f in project.findings if f.message == message]
    return finding


def test_without_a_lock_the_folder_src_is_loaded(tmp_path: Path) -> None:
    write(tmp_path, src__x_yaml=entries("app", "{name: x, kind: registry.entry}"))
    project = load(tmp_path)
    assert list(project.entries) == ["app:x"]  # apps 13.1
    assert messages(project, "info") == [
        "no lock file found, loading entries from ./src"
    ]
    assert project.lock.path is None


def test_without_lock_and_sources_the_registry_is_empty(tmp_path: Path) -> None:
    write(tmp_path, x_yaml=entries("app", "{name: x, kind: registry.entry}"))
    project = load(tmp_path)
    assert project.entries == {}  # apps 1.2.3
    assert messages(project) == [
        "no lock file found, starting with empty registry"
    ]  # apps 1.2.3


def test_the_lock_is_looked_up_in_the_folder_only(tmp_path: Path) -> None:
    (tmp_path / "wippy.lock").write_text(LOCK)
    (tmp_path / "below").mkdir()
    assert read_lock(tmp_path / "below").path is None  # apps 1.2.1


def test_a_lock_is_read(tmp_path: Path) -> None:
    (tmp_path / "wippy.lock").write_text(
        """
directories: {src: app}
modules:
  - {name: org/mod, version: v1.2.3, hash: abc}
  - {name: org/two, version: 2}
replacements: [{from: org/mod, to: ../mod}]
options: {unpack_modules: true}
"""
    )
    lock = read_lock(tmp_path)
    assert lock.source == tmp_path / "app"  # apps 1.2.2
    assert lock.modules_dir == tmp_path / ".wippy"
    assert [tuple(module) for module in lock.modules] == [
        ("org/mod", "v1.2.3", "abc", ""),
        ("org/two", "2", "", ""),
    ]
    assert lock.replacements == (("org/mod", tmp_path / "../mod"),)
    assert lock.unpack_modules
    assert lock.findings[0].level == "warning"  # apps 1.2.2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "wippy.lock: wanted a map, got nothing"),
        ("directories: {}", "directories.src: wanted a path, got None"),
        ("directories: {src: ''}", "directories.src: wanted a path, got ''"),
        ("directories: {src: a, modules: ' '}", "directories.modules: wanted a path"),
        ("directories: x", "directories: wanted a map, got str"),
        (LOCK + "modules: x", "modules: wanted a list, got str"),
        (LOCK + "modules: [x]", "modules: wanted maps, got str"),
        (LOCK + "modules: [{name: x, version: '1'}]", 'wanted "organization/module"'),
        (LOCK + "modules: [{name: a/b/c, version: '1'}]", "got 'a/b/c'"),
        (LOCK + "modules: [{name: ../x, version: '1'}]", "got '../x'"),
        (LOCK + "modules: [{name: a/b}]", "module a/b: version: wanted text"),
        (LOCK + "replacements: [{from: a/b, to: ''}]", "replacement of a/b: to"),
        (LOCK + "replacements: [{from: a, to: b}]", "replacements: from: wanted"),
        (LOCK + "replacements: [x]", "replacements: wanted maps"),
        (LOCK + "options: {unpack_modules: 5}", "wanted true or false, got 5"),
        ("a: [", "wippy.lock:"),
    ],
)
def test_a_malformed_lock_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "wippy.lock").write_text(text)
    with pytest.raises(InvalidError) as caught:  # apps 1.2.2
        read_lock(tmp_path)
    assert str(caught.value).startswith("wippy.lock")
    assert message in str(caught.value)


def test_writing_a_lock_keeps_what_else_it_says(tmp_path: Path) -> None:
    path = tmp_path / "wippy.lock"
    write_directories(path)
    assert load_yaml(path.read_bytes(), "l") == {
        "directories": {"src": "./src", "modules": ".wippy"}
    }  # apps 1.2.2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # apps 10.2
    path.write_text("modules: [{name: a/b, version: '1'}]\n")
    path.chmod(0o644)
    write_directories(path, "app", "store")
    assert load_yaml(path.read_bytes(), "l") == {
        "directories": {"src": "app", "modules": "store"},
        "modules": [{"name": "a/b", "version": "1"}],
    }  # apps 10.2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["wippy.lock"]
    with pytest.raises(InvalidError, match=r"directories\.src: wanted a path"):
        write_directories(path, " ")
    with pytest.raises(InvalidError, match="No such file"):
        write_directories(tmp_path / "gone" / "wippy.lock")


MODULE = (
    entries(
        "org.mod",
        "{name: lib, kind: library.lua, meta: {module: fake}}",
        "{name: test, kind: function.lua, meta: {type: test}}",
    )
    + "\n"
)
MANIFEST = """
organization: org
module: mod
version: 1.5.0
exclude: ["app.**:*", "app:*", "**/*.md"]
exclude_meta: {type: [test]}
"""


def test_modules_come_after_the_sources_and_carry_their_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "wippy.lock": LOCK + "modules: [{name: org/mod, version: v1.2.3}]",
            "src__x_yaml": entries("app", "{name: x, kind: registry.entry}"),
            ".wippy__vendor__org__mod__x_yaml": MODULE,
            ".wippy__vendor__org__mod__app_yaml": entries("app", "{name: f, kind: k}"),
            ".wippy__vendor__org__mod__wippy_yaml": MANIFEST,
        },
    )
    project = load(tmp_path)
    assert list(project.entries) == ["app:x", "org.mod:lib"]  # apps 1.2.4
    assert project.entries["org.mod:lib"].meta == {
        "module": "org/mod",
        "module_version": "v1.2.3",
    }  # apps 1.10.5
    assert project.entries["app:x"].meta == {}
    mounted = project.modules["org/mod"]
    assert mounted.root == tmp_path / ".wippy/vendor/org/mod"
    origin = project.origins["org.mod:lib"]
    assert (str(origin), origin.module) == (
        ".wippy/vendor/org/mod/x.yaml:3",
        "org/mod",
    )


def test_the_store_is_looked_through_in_order(tmp_path: Path) -> None:
    lock = LOCK + "modules: [{name: org/mod, version: '1'}]"
    write(tmp_path, **{"wippy.lock": lock, "src__x.txt": ""})
    with pytest.raises(
        NotFoundError, match=r"module org/mod 1: not in the store"
    ) as caught:
        load(tmp_path)  # apps 1.2.5, 13.22
    assert str(tmp_path / ".wippy/vendor/org/mod-1.wapp") in str(caught.value)
    write(tmp_path, **{".wippy__vendor__org__mod-1__x_yaml": MODULE})
    assert "org.mod:lib" in load(tmp_path).entries  # apps 1.2.4
    write(tmp_path, **{".wippy__vendor__org__mod-1.wapp": "pack"})
    with pytest.raises(UnavailableError, match=r"found the pack .*mod-1\.wapp"):
        load(tmp_path)  # apps 1.2.4
    write(tmp_path, **{".wippy__vendor__org__mod__x_yaml": MODULE})
    assert load(tmp_path).modules["org/mod"].root.name == "mod"


def test_a_replacement_stands_for_its_module(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "app__wippy.lock": LOCK + "modules: [{name: org/mod, version: '1'}]\n"
            "replacements: [{from: org/mod, to: ../mod}]",
            "app__src__x_yaml": entries("app", "{name: x, kind: registry.entry}"),
            "mod__src__x_yaml": MODULE,
            "mod__outside_yaml": entries(
                "org.mod", "{name: out, kind: registry.entry}"
            ),
            "mod__wippy_yaml": MANIFEST,
        },
    )
    project = load(tmp_path / "app")
    assert list(project.entries) == ["app:x", "org.mod:lib"]  # apps 1.2.4
    assert project.modules["org/mod"].source.name == "src"
    assert project.modules["org/mod"].root.resolve() == tmp_path / "mod"
    assert str(project.origins["org.mod:lib"]) == "../mod/src/x.yaml:3"


def test_a_folder_without_manifest_is_not_filtered(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "test__wippy.lock": "directories: {src: .}\n"
            "replacements: [{from: org/mod, to: ../src}]",
            "src__x_yaml": MODULE,
            "wippy_yaml": MANIFEST,
        },
    )
    project = load(tmp_path / "test")
    assert set(project.entries) == {"org.mod:lib", "org.mod:test"}  # apps 1.2.4
    assert project.entries["org.mod:lib"].meta == {"module": "org/mod"}


def test_the_version_of_a_replacement_comes_from_its_manifest(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            ".wippy_yaml": 'version: "1.0"\nworkspace: {replacements: {org/mod: m}}',
            "m__x_yaml": MODULE,
            "m__wippy_yaml": MANIFEST,
        },
    )
    project = load(tmp_path)
    meta = project.entries["org.mod:lib"].meta
    assert meta["module_version"] == "1.5.0"  # apps 1.10.5, 9.2
    manifest = read_manifest(tmp_path / "m")
    assert manifest is not None
    assert (manifest.name, manifest.version) == ("org/mod", "1.5.0")


def test_the_configuration_may_drop_a_replacement_of_the_lock(tmp_path: Path) -> None:
    text = LOCK + "replacements: [{from: org/mod, to: gone}]"
    write(tmp_path, **{"wippy.lock": text, "src__x.txt": ""})
    with pytest.raises(NotFoundError, match="replacement of org/mod: wanted a folder"):
        load(tmp_path)  # apps 1.2.2
    text = 'version: "1.0"\nworkspace: {replacements: {org/mod: null}}'
    write(tmp_path, **{".wippy_yaml": text})
    assert load(tmp_path).entries == {}  # apps 9.2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- x", "wanted a map"),
        ("version: [1]", r"version: wanted text, got \[1\]"),
        ("exclude: {a: b}", "exclude: wanted a list"),
        ("exclude: ['a(:b']", "brackets do not pair up"),
        ("exclude_meta: [x]", "wanted a map"),
    ],
)
def test_a_malformed_manifest_is_named(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, wippy_yaml=text)
    with pytest.raises(InvalidError, match=rf"wippy\.yaml: .*{message}"):
        read_manifest(tmp_path)


def test_a_store_within_the_sources_is_not_read_twice(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "test__wippy.lock": "directories: {src: .., modules: store}\n"
            "modules: [{name: org/mod, version: '1'}]",
            "test__store__vendor__org__mod__x_yaml": MODULE,
            "src__x_yaml": entries("app", "{name: x, kind: registry.entry}"),
        },
    )
    project = load(tmp_path / "test")
    assert list(project.entries) == ["app:x", "org.mod:lib", "org.mod:test"]
    assert messages(project) == []  # apps 1.3.1


def test_a_missing_source_folder_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, **{"wippy.lock": LOCK})
    finding = only(load(tmp_path), "path not found, skipping")
    assert finding.level == "warning"  # apps 1.2.4
    assert finding.fields == {"path": str(tmp_path / "src")}


def test_of_two_definitions_the_last_counts_and_both_are_named(tmp_path: Path) -> None:
    item = "{name: x, kind: registry.entry, v: %d}"
    write(
        tmp_path,
        src__a_yaml=entries("app", item % 1, item % 2),
        src__b__a_yaml=entries("app", item % 3),
    )
    project = load(tmp_path)
    assert project.entries["app:x"].data == {"v": 3}  # apps 1.5.5
    message = "duplicate entries detected (will use last definition)"
    finding = only(project, message)
    assert finding.level == "warning"  # apps 1.5.5, 13.17
    assert finding.fields == {
        "entries": {"app:x": ["src/a.yaml:3", "src/a.yaml:4", "src/b/a.yaml:3"]}
    }
    assert str(project.origins["app:x"]) == "src/b/a.yaml:3"


PIPELINE = """
version: "1.0"
override:
  "app:d:component": org/mod
  "org.mod:t:host": overridden
  "app:gone:x": 1
disable: {entries: ["app:gone"]}
"""


def test_the_pipeline_is_override_disable_link_override(tmp_path: Path) -> None:
    """Overrides reach parameters before linking and win over what linking wrote."""
    write(
        tmp_path,
        **{
            ".wippy_yaml": PIPELINE,
            "src__m_yaml": entries(
                "org.mod",
                "{name: r, kind: ns.requirement, targets: [{entry: t, path: host}]}",
                "{name: s, kind: ns.requirement, targets: [{entry: t, path: port}]}",
                "{name: t, kind: registry.entry}",
            ),
            "src__x_yaml": entries(
                "app",
                "{name: d, kind: ns.dependency, component: x/y, parameters: "
                "[{name: r, value: linked}, {name: s, value: 5}]}",
                "{name: gone, kind: registry.entry}",
            ),
        },
    )
    project = load(tmp_path, overrides=["app:d:parameters.1.value=6"])
    data = project.entries["org.mod:t"].data
    assert data == {"host": "overridden", "port": 6}  # apps 1.9
    assert project.disabled == ("app:gone",)  # apps 1.9
    with pytest.raises(NotFoundError, match="override 'app:nope:x'"):
        load(tmp_path, overrides=["app:nope:x=1"])  # apps 1.9


def test_a_conflict_of_requirements_ends_the_load(tmp_path: Path) -> None:
    dependency = (
        "{name: %s, kind: ns.dependency, component: org/mod, "
        "parameters: [{name: r, value: %s}]}"
    )
    write(
        tmp_path,
        src__m_yaml=entries(
            "org.mod",
            "{name: r, kind: ns.requirement, targets: [{entry: t, path: host}]}",
        ),
        src__x_yaml=entries("app", dependency % ("a", 1), dependency % ("b", 2)),
    )
    with pytest.raises(ConflictError, match=r"org\.mod:r"):
        load(tmp_path)  # apps 1.10.3


def test_bad_input_is_named_with_file_entry_wanted_and_found(tmp_path: Path) -> None:
    """Five ways to be wrong; each finding says where, and what came instead."""
    write(
        tmp_path,
        src__broken_yaml="namespace: app\nentries: [",
        src__missing_yaml=entries(
            "app.m", "{name: f, kind: function.lua, source: file://gone.lua}"
        ),
        src__x_yaml=entries(
            "app",
            "{name: s, kind: process.service, process: app.other:p, host: hst}",
            "{name: host, kind: process.host}",
            "{name: e, kind: http.endpont}",
            "{name: d, kind: ns.dependency, component: org/none, version: ^1}",
            "{name: d2, kind: ns.dependency, component: none}",
        ),
    )
    project = load(tmp_path)
    broken, missing = project.failures
    assert str(broken.error).startswith("src/broken.yaml:3:1: ")
    assert str(missing.error).startswith(
        "src/missing.yaml:3: entry app.m:f: file://gone.lua: No such file"
    )
    assert only(project, "unsupported entry kind").fields == {
        "entry": "app:e",
        "file": "src/x.yaml:5",
        "kind": "http.endpont",
        "use_instead": "http.endpoint",
    }  # apps 13.4
    dangling = [f for f in project.findings if "missing entry" in f.message]
    assert [dict(finding.fields) for finding in dangling] == [
        {
            "entry": "app:s",
            "file": "src/x.yaml:3",
            "kind": "process.service",
            "field": "data.process",
            "wanted": "app.other:p",
        },
        {
            "entry": "app:s",
            "file": "src/x.yaml:3",
            "kind": "process.service",
            "field": "data.host",
            "wanted": "app:hst",
        },
    ]
    gone = only(project, "module of dependency not found")
    assert gone.level == "warning"  # apps 13.22
    assert (gone.fields["module"], gone.fields["version"]) == ("org/none", "^1")
    wrong = only(project, "dependency: wanted organization/module as component")
    assert wrong.fields["got"] == "none"


def test_references_are_checked_where_an_id_has_to_stand(tmp_path: Path) -> None:
    write(
        tmp_path,
        src__x_yaml=entries(
            "app",
            "{name: f, kind: function.lua, imports: {a: 'x:gone', b: ':time', c: y}}",
            "{name: r, kind: env.storage.router, storages: [os, 'app:no']}",
            "{name: os, kind: env.storage.os}",
            "{name: db, kind: db.sql.postgres, host: localhost}",
            "{name: e, kind: http.endpoint, meta: {router: api}, func: 'other:f'}",
            "{name: api, kind: http.router, meta: {server: '${env:X}'}}",
        ),
    )
    project = load(tmp_path)
    found = [
        (f.fields["field"], f.fields["wanted"], f.fields.get("found_instead"))
        for f in project.findings
        if "missing entry" in f.message
    ]
    assert found == [
        ("data.imports.a", "x:gone", None),
        ("data.storages", "app:no", None),
        ("data.func", "other:f", ["app:f"]),
    ]


def test_a_configuration_read_before_is_used(tmp_path: Path) -> None:
    write(tmp_path, src__x_yaml=entries("app", "{name: x, kind: registry.entry}"))
    config = load_config(tmp_path, sets=["override.app:x:v=5"], environ={})
    assert load(tmp_path, config=config).entries["app:x"].data == {"v": 5}


def test_folders_that_the_environment_skips_are_not_loaded(tmp_path: Path) -> None:
    item = entries("app", "{name: x, kind: registry.entry}")
    write(tmp_path, src__sqs__x_yaml=item)
    assert load(tmp_path, environ={"SKIP_SQS_TESTS": "1"}).entries == {}  # apps 1.3.7
