"""Packages of others bring modules and kinds, by the door that ours use."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.application import Outcome, environment

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
FILE = re.compile(
    r"^\*\*`(?P<path>[^`]+)`\*\*\n\n```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def follow(page: str, folder: Path) -> Path:
    """Write the files of a how-to page."""
    for found in FILE.finditer((PAGES / f"{page}.md").read_text("utf-8")):
        file = folder / found["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found["text"], "utf-8")
    return folder


def register(folder: Path, points: str, name: str = "words") -> None:
    """Say that a folder has a distribution with these entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(points)


def run(folder: Path, *arguments: str, path: Path) -> Outcome:
    """Run a command with one more folder of packages."""
    variables = environment()
    old = variables.get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, "-m", "wippy_trio", *arguments],
        cwd=folder,
        env=variables | {"PYTHONPATH": f"{path}:{old}"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


MODULE = "[wippy_trio.modules]\nwords = words.module:MODULE\n"
KINDS = (
    "[wippy_trio.modules]\nnotes = notes.module:MODULE\n"
    "[wippy_trio.kinds]\nnotes.book = notes.kinds:Books\n"
    "notes.clock = notes.kinds:Clocks\n"
)


@pytest.mark.skipif(
    find_spec("hatchling") is None or find_spec("pip") is None,
    reason="pip and hatchling are not installed",
)
def test_a_package_is_found_when_it_is_installed(tmp_path: Path) -> None:
    """A real installation, from the files that the page shows."""
    follow("write-a-module", tmp_path)
    site = tmp_path / "site"
    install = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *install, "--target", site, "./words"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=120,
    )
    outcome = run(tmp_path, "run", "-x", "app:main", path=site)
    assert outcome.out.startswith("3\tnil\n"), outcome
    assert outcome.code == 0


def test_the_checker_knows_the_signatures(tmp_path: Path) -> None:
    """Read from the source; the package itself is not imported."""
    follow("write-a-module", tmp_path)
    register(tmp_path / "words", MODULE)
    module = tmp_path / "words/words/module.py"
    module.write_text(module.read_text() + '\nraise RuntimeError("imported")\n')
    (tmp_path / "src/main.lua").write_text(
        'local words = require("words")\n'
        "local function main()\n"
        "  local n: string = words.count('x')\n"
        "  local t = assert(words.tally())\n"
        "  local s: string = assert(t:add('x'))\n"
        "end\n"
        "return { main = main }\n"
    )
    outcome = run(tmp_path, "lint", path=tmp_path / "words")
    assert outcome.code == 1
    assert outcome.out.count("cannot assign integer to string") == 2
    assert "imported" not in outcome.out + outcome.err


CROSSING = """
local io = require("io")
local words = require("words")
local function main()
    io.print(words.count(12))
    io.print(pcall(words.count, nil))
    io.print(pcall(words.count, "\\xff"))
    io.print(pcall(words.repeated, "ab", 1.5))
    io.print(words.repeated("ab", 2))
    local _, err = words.repeated("ab", -1)
    io.print(err:kind())
    io.print(select("#", words.both()), words.both())
    io.print(words.plain())
    io.print(pcall(words.strict))
end
return { main = main }
"""
MORE = '''

@MODULE.export
def repeated(text: bytes, times: int = 1) -> bytes:
    """Repeat a text."""
    if times < 0:
        raise ValueError("a secret of the host")
    return text * times


@MODULE.export
def both() -> tuple[int, str]:
    """Give two values."""
    return 1, "two"


@MODULE.export(pair=False)
def plain() -> int:
    """Give one."""
    return 1


@MODULE.export(raises=True)
def strict() -> int:
    """Raise."""
    raise InvalidError("never works")
'''


def test_values_cross_as_the_page_says(tmp_path: Path) -> None:
    """Conversions, results and faults."""
    follow("write-a-module", tmp_path)
    register(tmp_path / "words", MODULE)
    module = tmp_path / "words/words/module.py"
    module.write_text(module.read_text() + MORE)
    (tmp_path / "src/main.lua").write_text(CROSSING)
    outcome = run(tmp_path, "run", "-x", "app:main", path=tmp_path / "words")
    lines = outcome.out.splitlines()
    assert lines[0] == "1\tnil"
    assert lines[1].startswith("false\t")
    assert "bad argument #1 to 'count'" in lines[1]
    assert lines[2].startswith("true\tnil\tcount: argument 1: wanted UTF-8 text")
    assert lines[3] == "true\tab\tnil"
    assert lines[4:6] == ["abab\tnil", "Internal"]
    assert lines[6:8] == ["2\t1\ttwo", "1"]
    assert lines[8].startswith("false\t")
    assert lines[8].endswith("never works")
    assert "secret" not in outcome.out
    assert outcome.code == 0


LEAVING = """
local io = require("io")
local words = require("words")
local function main()
    coroutine.spawn(function() words.guarded() end)
    words.slowly("", 0.01)
end
return { main = main }
"""
GUARDED = '''

@MODULE.export
async def guarded() -> None:
    """Wait for ever, and say when that ends."""
    try:
        await trio.sleep_forever()
    finally:
        print("cleaned")
'''


def test_what_a_process_awaits_ends_with_it(tmp_path: Path) -> None:
    """Its task is cancelled, and cleans up."""
    follow("write-a-module", tmp_path)
    register(tmp_path / "words", MODULE)
    module = tmp_path / "words/words/module.py"
    module.write_text(module.read_text() + GUARDED)
    (tmp_path / "src/main.lua").write_text(LEAVING)
    outcome = run(tmp_path, "run", "-x", "app:main", path=tmp_path / "words")
    assert outcome == Outcome(0, "cleaned\n", "")


ODD = """
from wippy_trio.sdk import LuaModule
MODULE = LuaModule("words")
@MODULE.export
def f(x: complex) -> int: return 1
"""


@pytest.mark.parametrize(
    ("points", "source", "said"),
    [
        (
            MODULE,
            "import nothing_of_this_name",
            "module words of the package words 1.0 cannot be imported: Module",
        ),
        (
            MODULE,
            "OTHER = 1",
            "cannot be imported: AttributeError: ",
        ),
        (
            MODULE,
            "MODULE = 1",
            "wanted a LuaModule at words.module:MODULE, found int",
        ),
        (
            MODULE,
            'from wippy_trio.sdk import LuaModule\nMODULE = LuaModule("other")',
            "its LuaModule has the name 'other', wanted that of its entry point",
        ),
        (
            MODULE,
            ODD,
            "TypeError: f: no way to pass a <class 'complex'> from Lua",
        ),
    ],
    ids=["import", "attribute", "type", "name", "annotation"],
)
def test_a_package_that_does_not_work_is_named(
    tmp_path: Path, points: str, source: str, said: str
) -> None:
    """With what is wrong; the start fails."""
    follow("write-a-module", tmp_path)
    register(tmp_path / "words", points)
    (tmp_path / "words/words/module.py").write_text(source + "\n")
    outcome = run(tmp_path, "run", "-x", "app:main", path=tmp_path / "words")
    assert outcome.code == 1
    assert said in outcome.err, outcome.err
    assert "Traceback" not in outcome.err


# -- kinds -----------------------------------------------------------------------------


def test_kinds_are_known_before_anything_is_imported(tmp_path: Path) -> None:
    """By the name of the entry point; a slip of the pen is answered with it."""
    follow("write-a-kind", tmp_path)
    register(tmp_path / "notes", KINDS, "notes")
    kinds = tmp_path / "notes/notes/kinds.py"
    kinds.write_text(kinds.read_text() + '\nraise RuntimeError("imported")\n')
    listed = run(tmp_path, "registry", "list", path=tmp_path / "notes")
    assert "notes.book" in listed.out
    assert "unsupported" not in listed.out + listed.err
    checked = run(tmp_path, "lint", path=tmp_path / "notes")
    assert checked.code == 0, checked
    index = tmp_path / "src/_index.yaml"
    index.write_text(index.read_text().replace("notes.book", "notes.bok"))
    wrong = run(tmp_path, "lint", path=tmp_path / "notes")
    assert wrong.code == 1
    assert "unsupported entry kind notes.bok; did you mean notes.book?" in wrong.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("pages: 3", "pages: 0"), "pages: wanted at least 1, got 0"),
        (("pages: 3", "pages: many"), "pages: wanted a whole number, got 'many'"),
        (("book: diary", ""), "book is required"),
        (("book: diary", "book: dairy"), "app:dairy"),
        (
            ("every: 50ms", "every: often"),
            "every: wanted a duration like 5s, got 'often'",
        ),
    ],
    ids=["range", "type", "missing", "unknown", "duration"],
)
def test_what_a_handler_refuses_is_told(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    """With the entry, and nothing has started."""
    follow("write-a-kind", tmp_path)
    register(tmp_path / "notes", KINDS, "notes")
    index = tmp_path / "src/_index.yaml"
    index.write_text(index.read_text().replace(*change))
    outcome = run(tmp_path, "run", "-x", "app:main", path=tmp_path / "notes")
    assert outcome.code == 1
    assert said in outcome.err
    assert "app:diary" in outcome.err or "app:clock" in outcome.err
    assert "_index.yaml" in outcome.err


def test_a_service_of_a_stranger_is_supervised(tmp_path: Path) -> None:
    """Started, restarted after its failure, stopped (apps 4)."""
    follow("write-a-kind", tmp_path)
    register(tmp_path / "notes", KINDS, "notes")
    index = tmp_path / "src/_index.yaml"
    text = index.read_text().replace("pages: 3", "pages: 1")
    index.write_text(
        text.replace(
            "every: 50ms\n    lifecycle:",
            "every: 10ms\n    lifecycle:\n"
            "      restart: {initial_delay: 10ms, max_attempts: 2}",
        )
    )
    (tmp_path / "src/main.lua").write_text(
        'local time = require("time")\n'
        'return { main = function() time.sleep("300ms") end }\n'
    )
    outcome = run(tmp_path, "run", "-c", "-x", "app:main", path=tmp_path / "notes")
    assert outcome.code == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", outcome.out)
    assert shown.count("service app:clock is running") == 2
    assert "the book is full: it has 1 pages" in shown


OTHERS = """
from wippy_trio.sdk import EntryKind
class Books(EntryKind):
    kinds = ("other",)
Clocks = Books
"""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("Books = Clocks = 1", "an EntryKind with that name"),
        (
            OTHERS,
            "with that name among its kinds",
        ),
    ],
    ids=["import", "type", "name"],
)
def test_a_handler_that_does_not_work_is_named(
    tmp_path: Path, source: str, said: str
) -> None:
    """The kind and the package, and no traceback."""
    follow("write-a-kind", tmp_path)
    register(tmp_path / "notes", KINDS, "notes")
    (tmp_path / "notes/notes/kinds.py").write_text(source + "\n")
    outcome = run(tmp_path, "run", "-x", "app:main", path=tmp_path / "notes")
    assert outcome.code == 1
    assert re.search(r"kind notes\.\w+ of the package notes 1\.0", outcome.err)
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_what_comes_with_us_goes_first(tmp_path: Path) -> None:
    """A package cannot put itself in the place of a built-in module or kind."""
    follow("write-a-module", tmp_path)
    points = (
        "[wippy_trio.modules]\nio = words.module:MODULE\nwords = words.module:MODULE\n"
        "[wippy_trio.kinds]\nprocess.lua = words.module:MODULE\n"
    )
    register(tmp_path / "words", points)
    outcome = run(tmp_path, "run", "-x", "app:main", path=tmp_path / "words")
    assert outcome.out.startswith("3\tnil\n"), outcome
