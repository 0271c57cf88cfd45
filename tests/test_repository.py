"""The repository holds what it promises: structure, not behaviour."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "wippy_trio"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(
    path
    for path in (PACKAGE / "modules").glob("[!_]*")
    if path.suffix == ".py" or (path / "__init__.py").is_file()
)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

DOORS = (
    "wippy_trio",
    "wippy_trio.errors",
    "wippy_trio.kernel",
    "wippy_trio.lang",
    "wippy_trio.sdk",
    "wippy_trio.testing",
)
"""The public doors: their names are a promise."""

HOSTS_OF_INDEXES = (
    "pypi" + ".org",
    "python" + "hosted",
    "crates" + ".io",
    "npm" + "js.",
    "index" + "-url",
)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> set[str]:
    """Collect the absolute names that a file imports, wherever it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
    return names


def binds_module(path: Path) -> bool:
    """Tell whether a file of ``modules`` makes a Lua module (a name ``MODULE``)."""
    source = path if path.is_file() else path / "__init__.py"
    body = ast.parse(source.read_text("utf-8")).body
    targets = [
        target
        for node in body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return any(isinstance(name, ast.Name) and name.id == "MODULE" for name in targets)


# --- sources --------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_each_file_opens_with_a_docstring(path: Path) -> None:
    """A reader learns from the first line what a file is for."""
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_the_bridge_knows_lupa(path: Path) -> None:
    """No file outside ``lua/`` imports lupa, nor asks for it by its name as text."""
    if path.is_relative_to(PACKAGE / "lua"):
        return
    assert not {name for name in imports_of(path) if name.split(".")[0] == "lupa"}
    text = path.read_text("utf-8")
    if "import_module" in text or "__import__" in text:
        assert not re.search(r"""["']lupa""", text)


def test_every_room_is_named_by_the_import_contract() -> None:
    """A new folder cannot escape the arrows between rooms."""
    contracts = {
        contract["id"]: contract
        for contract in PYPROJECT["tool"]["importlinter"]["contracts"]
    }
    layered = {
        name.strip(" ()")
        for layer in contracts["layers"]["layers"]
        for name in re.split(r"[:|]", layer)
    }
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= layered
    bridge = {
        room
        for room in rooms
        if f"wippy_trio.{room}" not in contracts["lupa"]["source_modules"]
    }
    assert bridge == {"lua"}


@pytest.mark.parametrize("door", DOORS)
def test_a_public_door_opens_every_name_it_lists(door: str) -> None:
    """``__all__`` promises nothing that cannot be had."""
    module = importlib.import_module(door)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    missing = [name for name in names if not hasattr(module, name)]
    assert missing == []


@pytest.mark.parametrize("door", [name for name in DOORS if name != "wippy_trio"])
def test_a_public_door_has_its_page(door: str) -> None:
    """Its names are described by the docstrings of what it gives."""
    module = importlib.import_module(door)
    names = getattr(module, "__all__", ())
    if names:
        page = ROOT / f"docs/reference/python/{door.rpartition('.')[2]}.md"
        assert f".. automodule:: {door}\n   :members:\n" in page.read_text("utf-8")
    assert set(names) <= set(dir(module))


# --- one module: one file, one test, one page -----------------------------------------


def test_each_lua_module_has_its_test_and_its_page() -> None:
    """A file with ``MODULE`` comes with a test file and a reference page."""
    missing = [
        companion
        for path in MODULES
        if binds_module(path)
        for companion in (
            f"tests/modules/test_{path.stem}.py",
            f"docs/reference/modules/{path.stem}.md",
        )
        if not (ROOT / companion).is_file()
    ]
    assert missing == []


def test_each_page_of_a_lua_module_has_its_module() -> None:
    """A page does not outlive what it describes."""
    pages = (ROOT / "docs" / "reference" / "modules").glob("*.md")
    files = {path.stem for path in MODULES} | GLOBALS | {"index"}
    assert [page.stem for page in pages if page.stem not in files] == []


GLOBALS = {"process", "channel", "coroutine", "errors", "funcs", "payload"}
"""Pages of what the engine itself provides."""


# --- examples -------------------------------------------------------------------------

EXAMPLES = sorted(
    path for path in (ROOT / "examples").glob("*/") if path.name[0] != "_"
)


def test_examples_are_numbered_in_learning_order() -> None:
    """01, 02, 03 ... without a gap, named in lower case with dashes."""
    names = [path.name for path in EXAMPLES]
    assert all(re.fullmatch(r"\d\d-[a-z]+(-[a-z]+)*", name) for name in names), names
    assert [int(name[:2]) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize("folder", EXAMPLES, ids=relative)
def test_each_example_explains_itself(folder: Path) -> None:
    """An example has a README with its command, its output, and its entries."""
    readme = (folder / "README.md").read_text("utf-8")
    assert re.search(r"^\$ \S", readme, re.MULTILINE)
    assert (folder / "expected.txt").read_text("utf-8")
    assert (folder / "src" / "_index.yaml").is_file()


# --- the words around the code --------------------------------------------------------


def test_no_text_names_the_host_of_a_package_index() -> None:
    """Which index serves a package is the user's business, not ours."""
    suffixes = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".lua", ".cfg", ""}
    kept = (
        path
        for top in ROOT.iterdir()
        if top.name not in {".git", ".venv", ".nox", "build", "dist"}
        and not top.name.endswith("_cache")
        for path in ([top] if top.is_file() else top.rglob("*"))
        if path.is_file() and path.suffix in suffixes and "_build" not in path.parts
    )
    found = [
        f"{relative(path)}: {host}"
        for path in kept
        for host in HOSTS_OF_INDEXES
        if host in path.read_text("utf-8", errors="replace")
    ]
    assert found == []


PAGES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/*/README.md")
    for path in sorted(ROOT.glob(pattern))
    if "_build" not in path.parts
]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_to_files(page: Path) -> None:
    """What a page names is there; it is read on a code host too, not only as a site."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    links = re.findall(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)", prose)
    near = [link for link in links if "://" not in link and "mailto:" not in link]
    assert [link for link in near if not (page.parent / link).exists()] == []


def test_each_news_fragment_is_well_formed() -> None:
    """``<issue>.<type>[.<n>].md`` with a text for users, of a type we know."""
    known = {kind["directory"] for kind in PYPROJECT["tool"]["towncrier"]["type"]}
    for path in (ROOT / "newsfragments").iterdir():
        if path.name in {"README.md", ".gitignore"}:
            continue
        form = re.fullmatch(r"(\d+|\+[\w-]+)\.([a-z]+)(\.\d+)?\.md", path.name)
        assert form, path.name
        assert form[2] in known, path.name
        assert path.read_text("utf-8").strip().endswith("."), path.name


def test_the_readme_and_the_ci_script_run_the_same_tests() -> None:
    """What a newcomer types is what a change must pass."""
    command = (
        "python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox -s tests"
    )
    assert command in (ROOT / "README.md").read_text("utf-8")
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert script.splitlines()[-1] == command
    assert "set -euo pipefail" in script
