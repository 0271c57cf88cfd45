"""The module `registry`: apps 7.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.modules.application import run_function

if TYPE_CHECKING:
    from pathlib import Path


def test_a_changeset_makes_a_version_and_can_be_gone_back_from(tmp_path: Path) -> None:
    """Create, find, refuse a second create, go back (apps 7.2)."""
    source = """
    return { main = function()
      local before = registry.current_version()
      local changes = registry.snapshot():changes()
      changes:create({ id = "app:x", kind = "registry.entry", meta = { type = "unit" },
        data = { n = 1 } })
      local version, err = changes:apply()
      assert(version, tostring(err))
      local found = registry.find({ ["meta.type"] = "unit" })
      local again, refused = registry.snapshot():changes():create(
        { id = "app:x", kind = "registry.entry" }):apply()
      local texts = { before:string(), version:string(), #found, found[1].data.n,
        again == nil, refused:kind(), tostring(version), version:previous():id() }
      registry.apply_version(before)
      local gone, missing = registry.get("app:x")
      texts[#texts + 1] = missing:kind()
      texts[#texts + 1] = registry.parse_id("a:b").name
      return texts
    end }
    """
    got = run_function(tmp_path, source, modules="registry")
    assert got == [
        "v0",
        "v1",
        1,
        1,
        True,
        "Internal",
        "registry.Version{v1}",
        0,
        "NotFound",
        "b",
    ]
