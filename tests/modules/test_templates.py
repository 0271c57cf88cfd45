"""The module `templates` and its kinds: modules-data 9, apps 2.6.

The language is tested in `templates/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.application import run_application
from wippy_trio.errors import Error

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = """
  - {name: views, kind: template.set}
  - name: base
    kind: template.jet
    set: views
    source: "<{{yield body()}}>"
  - name: page
    kind: template.jet
    set: views
    meta: {name: hello.jet}
    source: '{{extends "base"}}{{block body()}}Hi {{name}}, {{n / 2}}{{end}}'
  - {name: static, kind: template.jet, set: views, source: "<>"}
  - {name: broken, kind: template.jet, set: app:views, source: "a\\n{{if}}"}
  - name: count
    kind: template.jet
    set: views
    source: "{{n}}|{{len(e)}}|{{isset(f)}}"
  - name: other
    kind: template.set
    engine:
      development_mode: true
      delimiters: {left: "[[", right: "]]", comment_left: "[*", comment_right: "*]"}
      extensions: [".x"]
      globals: {site: here}
  - {name: t.x, kind: template.jet, set: other, source: "[[site]] {{ [* gone *]"}
  - {name: plain, kind: registry.entry}
"""


def test_templates_of_the_registry_are_rendered(tmp_path: Path) -> None:
    """Names, extends, delimiters, globals; data passes through JSON."""
    source = """
    return { main = function()
      local set, none = templates.get("app:views")
      local other = templates.get("app:other")
      return { none == nil, tostring(set), set:render("hello", { name = "<x>", n = 7 }),
        set:render("count", { n = 2, e = {}, f = print }), other:render("t"),
        set:render("static", nil), set:release(), set:release(), tostring(set),
        select(2, set:render("hello")):message() }
    end }
    """
    got = run_application(tmp_path, source, modules="templates", entries=ENTRIES)
    assert got == [
        True, "template.Set{}", "<Hi &lt;x&gt;, 3.5>", "2|0|false", "here {{ ", "<>",
        True, True, "template.Set{released}", "template set is released",
    ]  # fmt: skip


def test_failures_have_their_kinds(tmp_path: Path) -> None:
    """The table of modules-data 9."""
    source = """
    return { main = function()
      local set = templates.get("app:views")
      local out = {}
      local function note(value, err)
        out[#out + 1] = { value == nil, err:kind(), err:message() }
      end
      note(templates.get(""))
      note(templates.get("app:missing"))
      note(templates.get("app:plain"))
      note(set:render(""))
      note(set:render("nothing"))
      note(set:render("broken"))
      note(set:render("hello"))
      note(set:render("hello", { 1, 2 }))
      note(set:render("hello", { 1, a = 2 }))
      for _, f in ipairs({
        function() templates.get({}) end, function() set:render({}) end,
        function() set:render("hello", 5) end, function() set.render({}, "x") end,
      }) do
        out[#out + 1] = (pcall(f))
      end
      return out
    end }
    """
    rows = run_application(tmp_path, source, modules="templates", entries=ENTRIES)
    assert rows[-4:] == [False] * 4
    assert [row[1] for row in rows[:-4]] == [
        "Invalid", "Internal", "Internal", "Invalid", "NotFound",
        "Internal", "Internal", "Invalid", "Internal",
    ]  # fmt: skip
    texts = [row[2] for row in rows[:-4]]
    assert texts[0] == "resource id is required"
    assert texts[1].startswith("failed to acquire resource")
    assert texts[3] == "template name is required"
    assert texts[4] == "template not found: nothing"
    assert "broken:2" in texts[5]
    assert "mixed-key table" in texts[8]


def test_access_needs_a_permission(tmp_path: Path) -> None:
    """Without a policy a strict runtime refuses (modules-data 9)."""
    (tmp_path / ".wippy.yaml").write_text(
        'version: "1.0"\nsecurity: {strict_mode: true}\n'
    )
    source = """
    return { main = function()
      local _, err = templates.get("app:views")
      return { err:kind(), err:message() }
    end }
    """
    got = run_application(tmp_path, source, modules="templates", entries=ENTRIES)
    assert got == ["PermissionDenied", "not allowed to access template: app:views"]


def test_a_change_of_the_registry_is_rendered_at_once(tmp_path: Path) -> None:
    """Templates are replaced, moved, taken away; a full set stays (apps 2.6, 7.5)."""
    source = """
    local function change(verb, entry)
      local changes = registry.snapshot():changes()
      changes[verb](changes, entry)
      return changes:apply()
    end
    return { main = function()
      local set = templates.get("app:views")
      local before = set:render("hello", { name = "a", n = 1 })
      local entry = registry.get("app:page")
      entry.data.source = "new {{name}}"
      assert(change("update", entry))
      local after = set:render("hello", { name = "a" })
      entry.data.set = "app:other"
      entry.data.source = "moved"
      assert(change("update", entry))
      local _, gone = set:render("hello")
      local _, full = change("delete", "app:views")
      local _, twice = change("create", { id = "app:again", kind = "template.jet",
        data = { set = "views", source = "x" }, meta = { name = "base" } })
      local _, unknown = change("create", { id = "app:lost", kind = "template.jet",
        data = { set = "nowhere", source = "x" } })
      for _, id in ipairs({ "app:base", "app:broken", "app:count", "app:static" }) do
        assert(change("delete", id))
      end
      assert(change("delete", "app:views"))
      local _, missing = templates.get("app:views")
      return { before, after, gone:kind(),
        templates.get("app:other"):render("hello.jet"),
        full:message(), twice:message(), unknown:message(), missing:kind() }
    end }
    """
    got = run_application(
        tmp_path, source, modules="templates, registry", entries=ENTRIES
    )
    assert got[:4] == ["<Hi a, 0.5>", "new a", "NotFound", "moved"]
    assert "set is not empty" in got[4]
    assert "exists already" in got[5]
    assert "nowhere" in got[6] or "unresolved" in got[6]
    assert got[7] == "Internal"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("{name: x, kind: template.jet, set: views}", "source is required"),
        ("{name: x, kind: template.jet, source: a}", "set is required"),
        ("{name: x, kind: template.set, engine: 5}", "engine: wanted a map"),
        (
            "{name: x, kind: template.set, engine: {development_mode: maybe}}",
            "development_mode: wanted true or false",
        ),
        (
            '{name: x, kind: template.set, engine: {delimiters: {left: "}}"}}}',
            "left and right must differ",
        ),
        (
            '{name: x, kind: template.set, engine: {delimiters: {left: ""}}}',
            "delimiters.left: wanted a text",
        ),
        (
            '{name: x, kind: template.set, engine: {delimiters: {comment_left: "{{"}}}',
            "left and comment_left must differ",
        ),
        (
            "{name: x, kind: template.set, engine: {extensions: [1]}}",
            "extensions: wanted a list",
        ),
    ],
)
def test_entries_that_are_refused(tmp_path: Path, entry: str, text: str) -> None:
    """A wrong field is named at the start."""
    with pytest.raises(Error, match=text):
        run_application(
            tmp_path,
            "return { main = function() end }",
            modules="templates",
            entries=f"{ENTRIES}  - {entry}\n",
        )


def test_hostile_templates_end(tmp_path: Path) -> None:
    """Loops, recursion and output are bounded (modules-data 9.2)."""
    entries = """
  - {name: views, kind: template.set}
  - name: loop
    kind: template.jet
    set: views
    source: '{{range ints(0, 100000000)}}{{end}}'
  - {name: deep, kind: template.jet, set: views, source: '{{include "deep"}}'}
  - {name: big, kind: template.jet, set: views, source: '{{repeat(s, 1000000000)}}'}
"""
    source = """
    return { main = function()
      local set = templates.get("app:views")
      local out = {}
      for _, name in ipairs({ "loop", "deep", "big" }) do
        local text, err = set:render(name, { s = "abc" })
        out[#out + 1] = { text == nil, err:kind() }
      end
      return out
    end }
    """
    got = run_application(tmp_path, source, modules="templates", entries=entries)
    assert got == [[True, "Internal"]] * 3


def test_a_long_rendering_lets_others_go_on(tmp_path: Path) -> None:
    """It moves to a thread, and runs in place where its caller cannot wait (0.8)."""
    entries = (
        ENTRIES
        + """
  - name: long
    kind: template.jet
    set: views
    source: "{{s := 0}}{{range _, x := ints(0, n)}}{{s = s + x}}{{end}}{{s}}"
"""
    )
    source = """
    return { main = function()
      local set = templates.get("app:views")
      local order, done = {}, channel.new()
      coroutine.spawn(function()
        local text, err = set:render("long", { n = 20000 })
        order[#order + 1] = text or err:message()
        done:send(true)
      end)
      order[#order + 1] = "main"
      done:receive()
      local items = { 1, 2 }
      table.sort(items, function(a, b)
        return #set:render("long", { n = 20000 }) > 0 and a < b
      end)
      order[#order + 1] = items[1]
      return order
    end }
    """
    got = run_application(tmp_path, source, modules="templates", entries=entries)
    assert got == ["main", "199990000", 1]
