"""The test framework that comes with us: module ``wippy/test`` (apps 12)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.cli.application import run_command
from wippy_trio.loading import Project, bundled, load_project
from wippy_trio.runtime.boot import RunningRuntime, running

HERE = Path(__file__).parent
INDEX = """
version: "1.0"
namespace: app
entries:
  - name: terminal
    kind: terminal.host
    lifecycle: {auto_start: true}
  - name: framework
    kind: ns.dependency
    component: wippy/test
    version: "*"
"""


def framework_test(name: str, *, more: str = "", imports: str = "") -> str:
    """Write the entry of a test ``NAME.lua``."""
    return f"""
  - name: {name}
    kind: function.lua
    meta: {{type: test, suite: framework{more}}}
    source: file://{name}.lua
    method: main
    modules: [time]
    imports: {{test: "wippy.test:test"{imports}}}
"""


GREETER = """
  - name: greeter
    kind: library.lua
    source: file://greeter.lua
    modules: [time]
"""


def write(folder: Path, entries: str, **sources: str) -> Path:
    """Write an application that uses the framework."""
    src = folder / "src"
    src.mkdir(parents=True, exist_ok=True)
    (src / "_index.yaml").write_text(INDEX + entries, "utf-8")
    for name, text in sources.items():
        (src / f"{name}.lua").write_text(text, "utf-8")
    for file in HERE.glob("*.lua"):
        if f"file://{file.name}" in entries:
            shutil.copy(file, src)
    return folder


def call(folder: Path, name: str, *args: Any) -> Any:
    """Call a function of the application in this process."""

    async def main() -> Any:
        async with running(RunningRuntime(load_project(folder))) as runtime:
            return await runtime.call(name, *args)

    return trio.run(main)


def passes(told: Any) -> int:
    """Tell how many cases a test that has no failure passed."""
    assert told["failures"] == []
    assert told["failed_tests"] == 0
    assert told["total_tests"] == told["passed_tests"] + told["skipped_tests"]
    return int(told["passed_tests"])


# -- what a test can say ---------------------------------------------------------------


def test_every_assertion_holds_and_refuses(tmp_path: Path) -> None:
    """With the texts of their refusals (apps 12.3)."""
    write(tmp_path, framework_test("assertions"))
    assert passes(call(tmp_path, "app:assertions")) == 18


def test_mocks_replace_and_are_restored(tmp_path: Path) -> None:
    """Through ``_G``, seen by all code of the state (apps 12.3, core STD-14a)."""
    entries = framework_test("mocks", imports=", greeter: app:greeter") + GREETER
    write(tmp_path, entries)
    told = call(tmp_path, "app:mocks")
    assert passes(told) == 18
    assert told["skipped_tests"] == 1


def test_hooks_run_outer_first_and_inner_first(tmp_path: Path) -> None:
    """Before: outer before inner; after: inner before outer (apps 12.3)."""
    write(tmp_path, framework_test("order"))
    told = call(tmp_path, "app:order")
    each = ["outer before_each", "inner before_each"]
    after = ["inner after_each", "outer after_each"]
    assert told["log"] == [
        "outer before_all",
        "outer before_each",
        "first",
        "outer after_each",
        "inner before_all",
        *each,
        "second",
        *after,
        *each,
        *after,
        "inner after_all",
        "outer after_all",
    ]
    (failure,) = told["failures"]
    assert failure["suite"] == "inner"
    assert failure["case"] == "third"
    assert failure["error"].endswith("third fails")
    assert told["skipped_tests"] == 1


def test_a_hook_that_fails_fails_its_cases(tmp_path: Path) -> None:
    """None of them is lost, and what was begun is ended."""
    write(tmp_path, framework_test("order"))
    told = call(tmp_path, "app:order", "broken")
    assert told["log"] == ["cleaned", "five", "six"]
    assert [(f["suite"], f["case"], f["error"]) for f in told["failures"]] == [
        ("all", "one", "before_all: no database"),
        ("all > deeper", "two", "before_all: no database"),
        ("each", "four", "before_each: no table"),
        ("after", "five", "after_each: cannot clean"),
        ("after", "(after_all)", "after_all: cannot end"),
        ("definition", "(definition)", "bad definition"),
    ]
    assert told["skipped_tests"] == 1
    assert told["passed_tests"] == 1


def test_words_in_the_wrong_place_are_named(tmp_path: Path) -> None:
    """Misuse raises, and says what was wanted."""
    write(tmp_path, framework_test("wrong"))
    assert call(tmp_path, "app:wrong") == {
        "outside": "describe: only inside of run_cases",
        "outside_it": "it: only inside of run_cases",
        "outside_hook": "before_all: only inside of run_cases",
        "no_function": "run_cases: wanted a function, got 3",
        "no_name": "describe: wanted a name, got 3",
        "no_body": 'it("x"): wanted a function, got 3',
        "no_hook": "after_each: wanted a function, got x",
        "no_skip": "it_skip: wanted a name, got nil",
        "definition": [{"suite": "", "case": "(definition)", "error": "at once"}],
    }


# -- the runner ------------------------------------------------------------------------

SIMPLE = """
  - name: {name}
    kind: function.lua
    meta: {{type: test, {meta}}}
    source: "return {{ main = function() {body} end }}"
    method: main
    modules: [time]
"""


def simple(name: str, body: str, meta: str = "suite: simple") -> str:
    """Write a test that knows no framework."""
    return SIMPLE.format(name=name, body=body, meta=meta)


def test_runner_tells_what_passed_and_what_did_not(tmp_path: Path) -> None:
    """Suites by name, tests by order and id; 1 if anything failed (apps 12.1, 12.2)."""
    entries = (
        simple("late", "return true", "suite: b, order: 2")
        + simple("early", "return nil", "suite: b, order: 1, name: An early one")
        + simple("refuses", "return false", "suite: a")
        + simple("raises", "error('boom', 0)", "suite: a")
        + simple("returns", "return 1, 'an error'", "suite: a")
        + simple("number", "return 0", "suite: a")
        + simple("hangs", "channel.new():receive()", "suite: a, timeout: 50ms")
    )
    outcome = run_command(write(tmp_path, entries), "test")
    assert outcome.out == (
        "a\n"
        "  FAILED  app:hangs\n"
        "  ok      app:number\n"
        "  FAILED  app:raises\n"
        "  FAILED  app:refuses\n"
        "  FAILED  app:returns\n"
        "\n"
        "b\n"
        "  ok      An early one\n"
        "  ok      app:late\n"
        "\n"
        "Failures\n"
        "\n"
        "  app:hangs\n"
        "    no answer within 50ms\n"
        "\n"
        "  app:raises\n"
        "    boom\n"
        "\n"
        "  app:refuses\n"
        "    it returned false\n"
        "\n"
        "  app:returns\n"
        "    an error\n"
        "\n"
        "2 suites | 3 passed | 4 failed | 0 skipped\n"
        "FAILED\n"
    )
    assert outcome.code == 1
    assert outcome.err == ""


CASES = """
local test = require("test")
return { main = test.run_cases(function()
    test.describe("outer", function()
        test.it("passes", function() end)
        test.describe("inner", function()
            test.it("fails", function() test.eq(1, 2) end)
            test.it_skip("waits", function() end)
        end)
        test.it("still tells", function()
            test.mock("process.send", function() error("mocked") end)
        end)
    end)
end) }
"""


def test_runner_counts_the_cases_of_framework_tests(tmp_path: Path) -> None:
    """A mocked ``process.send`` still lets their news through (apps 12.2, 12.3)."""
    write(tmp_path, framework_test("cases"), cases=CASES)
    outcome = run_command(tmp_path, "test", "cases", "--cases")
    assert outcome.out == (
        "framework\n"
        "  FAILED  app:cases  2 passed, 1 failed, 1 skipped\n"
        "            passed   outer > passes\n"
        "            FAILED   outer > inner > fails\n"
        "            skipped  outer > inner > waits\n"
        "            passed   outer > still tells\n"
        "\n"
        "Failures\n"
        "\n"
        "  app:cases  outer > inner > fails\n"
        "    app:cases:7: expected 2, got 1\n"
        "\n"
        "1 suite | 2 passed | 1 failed | 1 skipped\n"
        "FAILED\n"
    )
    assert outcome.code == 1
    timed = run_command(tmp_path, "test", "--", "--times")
    assert " ms\n" in timed.out


def test_a_test_that_dies_in_a_case_fails_there(tmp_path: Path) -> None:
    """An error in a coroutine ends the whole function (core P-30)."""
    source = CASES.replace(
        "test.eq(1, 2)",
        "coroutine.spawn(function() error('lost', 0) end) channel.new():receive()",
    )
    write(tmp_path, framework_test("cases"), cases=source)
    outcome = run_command(tmp_path, "test")
    assert "  app:cases  outer > inner > fails\n    lost\n" in outcome.out
    assert "1 passed | 1 failed" in outcome.out
    assert outcome.code == 1


def test_patterns_choose_by_id(tmp_path: Path) -> None:
    """Plain parts of ids, any of them; nothing found is no failure (apps 12.2.2)."""
    entries = "".join(simple(name, "return true") for name in ("cart", "order", "user"))
    write(tmp_path, entries)
    outcome = run_command(tmp_path, "test", "art", ":user")
    assert "app:cart" in outcome.out
    assert "app:user" in outcome.out
    assert "app:order" not in outcome.out
    assert outcome.code == 0
    none = run_command(tmp_path, "test", "nothing", "a.c")
    assert none.out == "no test has nothing, a.c in its id\n"
    assert none.code == 0
    wrong = run_command(tmp_path, "test", "cart", "--case")
    assert "unknown flag --case; there are --cases and --times" in wrong.err
    assert wrong.code == 1


def test_no_tests_is_said(tmp_path: Path) -> None:
    """And what one would look like."""
    outcome = run_command(write(tmp_path, ""), "test")
    assert "no tests found" in outcome.out
    assert outcome.code == 0


def test_runner_may_do_everything_in_strict_mode(tmp_path: Path) -> None:
    """It brings an identity of its own (apps 2.1, 8.6)."""
    write(tmp_path, simple("strict", "return process.send(process.pid(), 'x') == true"))
    (tmp_path / ".wippy.yaml").write_text(
        'version: "1.0"\nsecurity: {strict_mode: true}\n', "utf-8"
    )
    outcome = run_command(tmp_path, "test")
    assert "1 passed | 0 failed" in outcome.out, outcome
    assert outcome.code == 0


# -- where it comes from ---------------------------------------------------------------

OWN = """
version: "1.0"
namespace: wippy.test
entries:
  - {name: test, kind: library.lua, source: "return { mine = true }"}
"""


def own_framework(folder: Path) -> Path:
    """Write another module of the same name."""
    (folder / "mine/src").mkdir(parents=True)
    (folder / "mine/src/_index.yaml").write_text(OWN, "utf-8")
    (folder / "mine/wippy.yaml").write_text(
        "organization: wippy\nmodule: test\nversion: 9.0.0\n", "utf-8"
    )
    return folder / "mine"


@pytest.mark.parametrize("way", ["workspace", "lock"])
@pytest.mark.parametrize("mine", [False, True])
def test_it_is_mounted_as_any_folder(tmp_path: Path, way: str, *, mine: bool) -> None:
    """By a replacement of either kind, which goes before our own (apps 13.22)."""
    write(tmp_path, "")
    module = bundled.bundled_module("wippy/test")
    assert module is not None
    target = own_framework(tmp_path) if mine else module.root
    if way == "workspace":
        text = (
            f'version: "1.0"\nworkspace: {{replacements: {{wippy/test: "{target}"}}}}'
        )
        (tmp_path / ".wippy.yaml").write_text(text, "utf-8")
    else:
        text = "directories: {src: ./src, modules: .wippy}\nreplacements:\n"
        text += f"  - {{from: wippy/test, to: '{target}'}}\n"
        (tmp_path / "wippy.lock").write_text(text, "utf-8")
    project = load_project(tmp_path, environ={})
    assert project.modules["wippy/test"].root == target
    assert ("wippy.test:runner" in project.entries) is not mine
    assert module_of(project) == "wippy/test"


def module_of(project: Project) -> Any:
    """Tell which module the library is from."""
    return project.entries["wippy.test:test"].meta["module"]


def test_what_the_lock_pins_but_is_not_there_is_replaced(tmp_path: Path) -> None:
    """A warning says so; other modules stay an error (apps 13.22)."""
    write(tmp_path, "")
    lock = (
        "directories: {src: ./src}\nmodules:\n  - {name: wippy/test, version: v0.4.2}\n"
    )
    (tmp_path / "wippy.lock").write_text(lock, "utf-8")
    project = load_project(tmp_path, environ={})
    assert module_of(project) == "wippy/test"
    (finding,) = (f for f in project.findings if "comes with us" in f.message)
    assert finding.fields == {"module": "wippy/test", "version": "v0.4.2"}


def test_nobody_has_it_who_does_not_ask(tmp_path: Path) -> None:
    """No dependency, no entry."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(
        'version: "1.0"\nnamespace: app\nentries: []\n', "utf-8"
    )
    assert load_project(tmp_path, environ={}).entries == {}


def test_its_lua_passes_our_own_checker(tmp_path: Path) -> None:
    """Mounted without anything around it."""
    outcome = run_command(write(tmp_path, ""), "lint", "--rules")
    assert outcome.code == 0, outcome
    assert outcome.out.startswith("No issues found"), outcome.out
