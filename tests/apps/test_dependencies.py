"""Which entry comes first, and what waits for what. apps 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.apps.application import application, lua, service, settle
from wippy_trio.errors import InvalidError, NotFoundError
from wippy_trio.registry import Entry, Operation, OperationKind

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

STEADY = """
return { main = function(name)
  note("start", name)
  process.events():receive()
end }
"""


async def test_forward_references_are_legal(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """An entry may name what stands behind it in the file (apps 3.3)."""
    entries = """
  - name: a
    kind: process.lua
    source: file://a.lua
    imports: {z: app:z, say: app:say}
  - name: z
    kind: library.lua
    source: file://z.lua
"""
    sources = {
        "a": "return { main = function() return z.value end }",
        "z": "return { value = 'behind' }",
    }
    async with application(tmp_path, entries, sources) as app:
        assert (await app.run("a")).value == "behind"


async def test_what_is_never_found_is_named_with_its_reason(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Every unresolved id, and why, in the error's text (apps 3.3, 13.23)."""
    entries = """
  - {name: v, kind: env.variable, variable: A, storage: app:nowhere}
  - {name: w, kind: env.variable, variable: B, storage: app:elsewhere}
"""
    with pytest.raises(BaseExceptionGroup) as caught:
        async with application(tmp_path, entries):
            pass
    text = "unresolved dependencies after retry: app:v,app:w"
    assert caught.group_contains(NotFoundError, match=text)
    assert caught.group_contains(NotFoundError, match="app:nowhere")
    assert caught.group_contains(NotFoundError, match="app:elsewhere")


async def test_a_refused_change_leaves_everything_as_it_was(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The version does not change, what was applied is taken back (apps 3.5)."""
    entries = lua("p")
    async with application(
        tmp_path, entries, {"p": "return { main = function() return 1 end }"}
    ) as app:
        live = app.runtime.live
        before = live.state.version.number
        good = Entry("app:new", "library.lua", {}, {"source": "return 1"})
        bad = Entry("app:zbad", "process.lua", {}, {"source": ""})
        with pytest.raises(InvalidError, match="source is required"):
            await live.apply(
                [
                    Operation(OperationKind.CREATE, good),
                    Operation(OperationKind.CREATE, bad),
                ]
            )
        assert live.state.version.number == before
        assert "app:new" not in live.state.state
        assert "app:new" not in app.runtime.code
        assert (await app.run("p")).value == 1


async def test_services_are_found_through_other_entries(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A requirement that is no service is followed to those it names (apps 3.7)."""
    entries = lua("steady")
    entries += service("driver", "steady", more="    input: [driver]")
    entries += """
  - name: between
    kind: registry.entry
    meta: {depends_on: [app:driver]}
"""
    entries += service(
        "user", "steady", "      requires: [app:between]", "    input: [user]"
    )
    async with application(tmp_path, entries, {"steady": STEADY}) as app:
        await settle()
        assert app.said("start") == ["driver", "user"]


async def test_services_of_one_level_start_beside_each_other(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Who needs nobody waits for nobody (apps 3.6)."""
    entries = lua("steady")
    for name in "abc":
        entries += service(name, "steady", more=f"    input: [{name}]")
    async with application(tmp_path, entries, {"steady": STEADY}) as app:
        await settle()
        assert sorted(app.said("start")) == ["a", "b", "c"]
        assert set(app.times("start")) == {0}


async def test_an_entry_that_others_import_is_not_removed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Conflict; together with its importers it goes (apps 2.1.9)."""
    entries = """
  - {name: lib, kind: library.lua, source: "return 1"}
  - name: p
    kind: process.lua
    source: "return function() return lib end"
    imports: {lib: app:lib}
"""
    async with application(tmp_path, entries) as app:
        live = app.runtime.live
        lib = Operation(OperationKind.DELETE, live.state.state["app:lib"])
        program = Operation(OperationKind.DELETE, live.state.state["app:p"])
        with pytest.raises(Exception, match="cannot remove"):
            await live.apply([lib])
        assert (await app.run("p")).value == 1
        await live.apply([lib, program])
        assert "app:lib" not in live.state.state


async def test_an_id_exists_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Creating it again, changing or removing what is not there (apps 2.0.2)."""
    async with application(
        tmp_path, lua("p"), {"p": "return { main = function() end }"}
    ) as app:
        live = app.runtime.live
        entry = live.state.state["app:p"]
        with pytest.raises(Exception, match="app:p"):
            await live.apply([Operation(OperationKind.CREATE, entry)])
        other = entry._replace(id="app:none")
        for kind in (OperationKind.UPDATE, OperationKind.DELETE):
            with pytest.raises(NotFoundError, match="app:none"):
                await live.apply([Operation(kind, other)])
