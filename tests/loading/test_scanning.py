"""Source roots: what is walked, what is read, what is skipped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from wippy_trio.errors import InvalidError
from wippy_trio.loading import read_definition, scan, skipped_folders
from wippy_trio.registry import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from wippy_trio.loading import Scanned


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)


def one(name: str) -> str:
    return f"namespace: app\nname: {name}\nkind: registry.entry\n"


def names(scanned: Scanned) -> list[str]:
    return [entry.name for entry, _ in scanned.entries]


def read(text: str, file: str = "src/_index.yaml") -> list[Entry]:
    def fail(target: str) -> str:
        raise AssertionError(target)

    return [entry for entry, _ in read_definition(text, file, fail)]


def test_files_come_before_sub_folders_both_by_byte(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b.yaml": one("b"),
            "Z.yml": one("Z"),
            "a/x.json": '{"namespace": "app", "name": "ax", "kind": "registry.entry"}',
            "a.b/x.yaml": one("abx"),
            "a/deep/er/y.yaml": one("ay"),
            "c.txt": one("c"),
            "c.YAML": one("c"),
        },
    )
    scanned = scan(tmp_path, base=tmp_path)
    assert names(scanned) == ["Z", "b", "ax", "ay", "abx"]  # apps 1.3.1, 1.3.2
    assert [str(origin) for _, origin in scanned.entries][:3] == [
        "Z.yml:1",
        "b.yaml:1",
        "a/x.json",
    ]
    assert scanned.findings == []


def test_some_folders_are_never_entered(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "node_modules/x.yaml": one("n"),
            "deep/node_modules/x.yaml": one("n"),
            ".hidden/x.yaml": one("h"),
            "store/vendor/x.yaml": one("s"),
            "kept/x.yaml": one("kept"),
            ".x.yaml": one("file"),
        },
    )
    scanned = scan(tmp_path, base=tmp_path, never=[tmp_path / "kept" / ".." / "store"])
    assert names(scanned) == ["file", "kept"]  # apps 1.3.1


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"src/a/x.yaml": one("x")})
    (tmp_path / "src" / "loop").symlink_to(tmp_path / "src")
    (tmp_path / "src" / "folder.yaml").symlink_to(tmp_path / "src" / "a")
    scanned = scan(tmp_path / "src", base=tmp_path)
    assert names(scanned) == ["x"]
    assert scanned.failures == []


def test_the_environment_says_which_folders_are_skipped(tmp_path: Path) -> None:
    assert skipped_folders({}) == frozenset()
    assert skipped_folders({"SKIP_SQS_TESTS": ""}) == frozenset()  # apps 1.3.7
    switches = ("TEMPORAL", "CLOUDSTORAGE", "SQS", "NETWORK")
    environ = {f"SKIP_{switch}_TESTS": "1" for switch in switches}
    skipped = skipped_folders({**environ, "SKIP_TEST_DIRS": "one, two,,"})
    assert skipped == {
        *("temporal", "_temporal", "cloudstorage", "sqs", "network", "one", "two")
    }  # apps 1.3.7
    write(tmp_path, {"a/sqs/b/x.yaml": one("no"), "a/b/x.yaml": one("yes")})
    assert names(scan(tmp_path, base=tmp_path, skip=skipped)) == ["yes"]  # apps 1.3.7


@pytest.mark.parametrize(
    "text",
    ["", "a: 1", "- a", "namespace: 5\nentries: []", "namespace: ''\nname: x", "text"],
)
def test_a_document_without_namespace_is_no_definition(text: str) -> None:
    assert read(text) == []  # apps 1.3.3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("namespace: app", "namespace app: wanted entries, or name and kind"),
        ("namespace: app\nname: x", "src/_index.yaml:1: entry app:x: kind: wanted"),
        ("namespace: app\nkind: k", "entry of app: name: wanted text, got nothing"),
        ("namespace: app\nentries: x", "entries: wanted a list, got 'x'"),
        ("namespace: app\nentries: {}", "entries: wanted a list, got dict"),
        (
            "namespace: app\nentries:\n- x",
            "_index.yaml:3: entry 1 of app: wanted a map",
        ),
        (
            "namespace: app\nentries:\n- {name: x, kind: k}\n- {name: 5, kind: k}",
            "src/_index.yaml:4: entry 2 of app: name: wanted text, got int",
        ),
        ("namespace: app\nentries:\n- {name: ' ', kind: k}", "got blank text"),
        ("namespace: app\nentries:\n- {name: x, kind: ''}", "app:x: kind"),
        ("namespace: a:b\nentries: []", "namespace: wanted text without a colon"),
    ],
)
def test_a_malformed_definition_names_file_entry_wanted_and_found(
    text: str, message: str
) -> None:
    with pytest.raises(InvalidError) as caught:  # apps 1.3.4, 1.5.1
        read(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("src/_index.yaml")


@pytest.mark.parametrize(
    "text", ["namespace: app\nentries:", "namespace: a\nentries: []"]
)
def test_an_empty_list_of_entries_is_fine(text: str) -> None:
    assert read(text) == []


def test_the_list_form_merges_the_meta_of_the_file_below_that_of_the_entry() -> None:
    text = """
version: "9.9"
namespace: app
meta: {team: core, deep: {a: 1}}
entries:
  - name: one
    kind: k
    meta: {team: own, graph.rule: "true", deep: {b: 2}}
  - name: two
    kind: k
    meta: no map
"""
    one_, two = read(text)  # apps 1.3.6
    assert one_.meta == {
        "team": "own",
        "deep": {"b": 2},
        "graph.rule": "true",
    }  # apps 1.5.2, 1.5.4
    assert two.meta == {"team": "core", "deep": {"a": 1}}  # apps 1.5.2
    text = "namespace: app\nmeta: [x]\nentries: [{name: x, kind: k}]"
    assert read(text)[0].meta == {}  # apps 1.5.2


def test_the_payload_is_data_or_else_all_other_fields() -> None:
    text = """
namespace: app
entries:
  - {name: a, kind: k, meta: {m: 1}, data: {race: elf}, sku: dropped}
  - {name: b, kind: k, sku: X, pool: {size: 1}}
  - {name: c, kind: k, meta: {m: 1}}
  - {name: d, kind: k, data: }
  - {name: e, kind: k, data: [1, 2]}
"""
    assert [entry.data for entry in read(text)] == [
        {"race": "elf"},
        {"sku": "X", "pool": {"size": 1}},
        {},
        None,
        [1, 2],
    ]  # apps 1.5.3


def test_the_single_form_has_its_fields_at_the_top() -> None:
    text = 'version: "1.0"\nnamespace: app\nname: x\nkind: k\nmeta: {m: 1}\nf: 1\n'
    assert read(text) == [Entry("app:x", "k", {"m": 1}, {"f": 1})]  # apps 1.4
    text = "namespace: app\nname: x\nkind: ns.dependency\nversion: ^1\n"
    assert read(text)[0].data == {"version": "^1"}


def test_file_values_become_the_text_of_the_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "src/a/_index.yaml": """
namespace: app
entries:
  - name: x
    kind: function.lua
    meta: {doc: "file://../doc.md"}
    source: file://x.lua
    deep: [{t: "file:///top.txt"}, "not file://x.lua"]
""",
            "src/a/x.lua": b"return '\xff\xfe' -- \xc3\xa9\r\n",
            "src/top.txt": "file://x.lua",
            "src/doc.md": "doc",
        },
    )
    ((entry, origin),) = scan(tmp_path / "src", base=tmp_path).entries
    source = entry.data["source"]
    assert source == "return '\udcff\udcfe' -- \xe9\r\n"  # apps 1.6.3, 1.6.4
    assert source.encode("utf-8", "surrogateescape").startswith(b"return '\xff\xfe'")
    assert entry.meta == {"doc": "doc"}  # apps 1.6.1, 1.6.2
    assert entry.data["deep"] == [{"t": "file://x.lua"}, "not file://x.lua"]
    assert str(origin) == "src/a/_index.yaml:4"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("gone.lua", "file://gone.lua: No such file or directory"),
        ("", "file://: wanted a path, found none"),
        ("/", "file:///: wanted a path, found none"),
        ("../outside.lua", "outside the source root"),
        ("a/../../outside.lua", "outside the source root"),
        ("/../outside.lua", "outside the source root"),
        ("link.lua", "a link that leads outside the source root"),
        ("linked/outside.lua", "outside the source root"),
        ("folder", "file://folder: "),
        ("pipe", "not a regular file"),
        ("circle", "file://circle: "),
        ("x\\0y", "zero byte"),
    ],
)
def test_a_file_value_that_cannot_be_read_skips_the_whole_definition(
    tmp_path: Path, target: str, reason: str
) -> None:
    write(
        tmp_path,
        {
            "outside.lua": "secret",
            "src/_index.yaml": "namespace: app\nentries:\n- {name: a, kind: k}\n"
            f'- {{name: b, kind: k, source: "file://{target}"}}\n',
            "src/fine.yaml": one("fine"),
            "src/folder/x.txt": "",
        },
    )
    (tmp_path / "src" / "link.lua").symlink_to(tmp_path / "outside.lua")
    (tmp_path / "src" / "linked").symlink_to(tmp_path)
    (tmp_path / "src" / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "src" / "pipe")
    scanned = scan(tmp_path / "src", base=tmp_path)
    assert names(scanned) == ["fine"]  # apps 1.3.5, 1.6.3
    ((file, error),) = scanned.failures
    assert file == "src/_index.yaml"
    assert str(error).startswith("src/_index.yaml:4: entry app:b: file://")
    assert reason in str(error)
    (finding,) = scanned.findings
    assert (finding.level, finding.message) == ("warning", "process file")  # apps 1.3.5
    assert finding.fields == {"path": file, "error": str(error)}


def test_the_meta_of_a_file_may_name_files_too(tmp_path: Path) -> None:
    text = "namespace: app\nmeta: {doc: 'file://%s'}\nentries: [{name: x, kind: k}]"
    write(tmp_path, {"a.yaml": text % "doc.md", "b.yaml": text % "no", "doc.md": "doc"})
    scanned = scan(tmp_path, base=tmp_path)
    assert [entry.meta for entry, _ in scanned.entries] == [
        {"doc": "doc"}
    ]  # apps 1.6.1
    assert str(scanned.failures[0].error).startswith("b.yaml: meta: file://no: ")


def test_links_within_the_root_are_read(tmp_path: Path) -> None:
    write(tmp_path, {"src/b/real.lua": "text", "src/b/_real.yaml": one("real")})
    (tmp_path / "src" / "x.lua").symlink_to(tmp_path / "src" / "b" / "real.lua")
    text = one("x") + "source: file://x.lua\n"
    write(tmp_path, {"src/_index.yaml": text})
    (tmp_path / "alias").symlink_to(tmp_path / "src")
    scanned = scan(tmp_path / "alias", base=tmp_path)
    assert scanned.failures == []
    assert scanned.entries[0].entry.data == {"source": "text"}


def test_broken_yaml_is_reported_with_its_place_and_the_rest_loads(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        {"a.yaml": "namespace: app\nentries:\n  - name: [", "b.yaml": one("b")},
    )
    scanned = scan(tmp_path, base=tmp_path.parent)
    assert names(scanned) == ["b"]  # apps 1.3.5, 13.2
    assert str(scanned.failures[0].error).startswith(f"{tmp_path.name}/a.yaml:4:1: ")


def test_an_unreadable_folder_or_file_is_reported(tmp_path: Path) -> None:
    scanned = scan(tmp_path / "gone", base=tmp_path)
    assert scanned.findings[0].message == "folder not readable, skipping"
    (tmp_path / "x.yaml").symlink_to(tmp_path / "nowhere.yaml")
    (failure,) = scan(tmp_path, base=tmp_path).failures
    assert failure.file == "x.yaml"
