"""`loader`: definition files of a file system (modules-io 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.modules.application import run_application

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - {name: data, kind: fs.directory, directory: data}
  - {name: kept, kind: store.memory}
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(folder: Path, body: str) -> Any:
    return run_application(
        folder,
        'local loader, registry = require("loader"), require("registry")\n'
        "local function told(v, err)\n"
        '  return {v == nil and "nil" or v, tostring(err:kind()), err:message()}\nend\n'
        f"return {{main = function()\n{body}\nend}}",
        modules="loader, registry",
        entries=ENTRIES,
    )


def test_definitions_become_entries(tmp_path: Path) -> None:
    """As at the start of an application: order, texts of files, broken files."""
    write(
        tmp_path,
        {
            "b.yaml": "namespace: b\nmeta: {m: 1}\nentries:\n"
            "  - {name: x, kind: function.lua, source: file://x.lua, method: run}\n",
            "x.lua": "return 1",
            "a.json": '{"namespace": "a", "name": "one", "kind": "registry.entry",'
            ' "data": {"k": [1]}}',
            "other.yaml": "no: namespace",
            "broken.yaml": "namespace: c\nentries: [",
            "sub/deep.yml": "namespace: d\nentries:\n"
            "  - {name: y, kind: k, t: 'file:///x.lua'}\n",
            "node_modules/n.yaml": "namespace: n\nname: n\nkind: k\n",
            ".hidden/h.yaml": "namespace: h\nname: h\nkind: k\n",
        },
    )
    found = run(
        tmp_path,
        """
        local l = assert(loader.new("app:data"))
        local all, err = l:load_directory("/", "ignored")
        assert(err == nil)
        local one = l:load_file("sub/deep.yml")
        assert(#one == 1 and one[1].id == "d:y" and one[1].data.t == "return 1")
        local version = registry.snapshot():changes():create(all[1]):apply()
        assert(version and registry.get("a:one").data.k[1] == 1)
        return all
        """,
    )
    assert found == [
        {"id": "a:one", "kind": "registry.entry", "meta": [], "data": {"k": [1]}},
        {
            "id": "b:x",
            "kind": "function.lua",
            "meta": {"m": 1},
            "data": {"source": "return 1", "method": "run"},
        },
        {"id": "d:y", "kind": "k", "meta": [], "data": {"t": "return 1"}},
    ]


def test_refusals(tmp_path: Path) -> None:
    """What is wrong, and where."""
    write(
        tmp_path,
        {
            "bad.yaml": "namespace: x\nentries:\n  - {kind: k}\n",
            "lost.yaml": "namespace: x\nname: y\nkind: k\nsource: file://none\n",
            "out.yaml": "namespace: x\nname: y\nkind: k\nsource: file://../../etc\n",
        },
    )
    found = run(
        tmp_path,
        """
        local l = loader.new("app:data")
        assert(not pcall(loader.new, {}))
        return {told(loader.new("")), told(loader.new("app:none")),
          told(loader.new("app:kept")), told(l:load_directory("")),
          told(l:load_file("")), told(l:load_file("none.yaml")),
          told(l:load_directory("none")), told(l:load_file("bad.yaml")),
          told(l:load_file("lost.yaml")), told(l:load_file("out.yaml"))}
        """,
    )
    assert [row[:2] for row in found] == [
        ["nil", "Invalid"],
        ["nil", "NotFound"],
        ["nil", "NotFound"],
        ["nil", "Invalid"],
        ["nil", "Invalid"],
        *[["nil", "Internal"]] * 5,
    ]
    assert found[0][2] == "filesystem name required"
    assert found[1][2] == "filesystem 'app:none' not found"
    assert found[3][2] == "directory path required"
    assert found[4][2] == "file path required"
    assert "bad.yaml" in found[7][2]
    assert "file://none" in found[8][2]
    assert "file://../../etc" in found[9][2]
