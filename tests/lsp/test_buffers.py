"""Any buffer gives answers, never an exception; places are told there and back."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lsp.editor import INDEX, LIB, MAIN, write_application
from wippy_trio.errors import InvalidError
from wippy_trio.lang import check_chunk
from wippy_trio.lang.recover import parse_leniently
from wippy_trio.lsp import completion, navigation, symbols
from wippy_trio.lsp.diagnostics import findings
from wippy_trio.lsp.hover import hover
from wippy_trio.lsp.rename import rename, renameable
from wippy_trio.lsp.signatures import signature
from wippy_trio.lsp.text import Place, Text
from wippy_trio.lsp.workspace import Workspace

if TYPE_CHECKING:
    from wippy_trio.lsp.workspace import View

IDIOMS = (Path(__file__).parents[1] / "lang/untyped_idioms.lua").read_text()
WORDS = """
local function end if then ( ) { } . : = , [ ] [[ ' " --[[ :: ? ! as type interface
fun < -> typeof return goto for do until require(" funcs.call(' process.spawn("app:
asserts lib. lib: user: nil ... @min(1)
"""
PIECES = [*WORDS.split(), *"\u20ac\U0001f600\ud800\udc80\n\r\ufeff\0", "\r\n"]


def damaged(source: str, chance: random.Random) -> str:
    """Cut a source and put things in, as somebody who types does."""
    for _ in range(chance.choice([1, 1, 2, 5, 30])):
        at = chance.randrange(len(source) + 1)
        what = chance.random()
        if what < 0.35:
            source = source[:at] + source[at + chance.choice([1, 3, 10, 60]) :]
        elif what < 0.9:
            source = source[:at] + chance.choice(PIECES) + source[at:]
        else:
            source = source[:at]
    return source


def ask_everything(
    workspace: Workspace, view: View, offset: int, chance: random.Random
) -> None:
    """Ask all that an editor may ask about a place; nothing may be raised."""
    text = view.text
    found = hover(workspace, view, offset)
    if found is not None:
        assert found.start <= offset <= found.end
    for item in completion.complete(workspace, view, offset):
        assert item.start <= offset
        item.label.encode()
    for place in navigation.definition(workspace, view, offset):
        assert place.start <= place.end
    navigation.references(workspace, view, offset)
    signature(view, offset)
    span = renameable(view, offset)
    if span is not None:
        assert span[0] <= offset <= span[1]
        text.span(*span)
    try:
        rename(view, offset, chance.choice(["a", "count", "self", "longer_name"]))
    except InvalidError:
        assert span is None or view.chunk is not None


@pytest.mark.parametrize("seed", range(6))
def test_any_buffer_is_answered(tmp_path: Path, seed: int) -> None:
    """Broken in any way, in any encoding of the editor, with its importers."""
    write_application(tmp_path)
    chance = random.Random(seed)
    encoding = ("utf-16", "utf-8", "utf-32")[seed % 3]
    workspace = Workspace(tmp_path, encoding=encoding)
    for _ in range(25):
        name = chance.choice(["main", "lib", "add", "loose"])
        path = str(tmp_path / f"src/{name}.lua")
        source = damaged(chance.choice([MAIN, LIB, IDIOMS]), chance)
        touched = workspace.settle(workspace.put(path, source))
        for each in [path, *filter(None, map(workspace.path, touched))]:
            for found in findings(workspace, each):
                assert found.span.start <= found.span.end
                assert found.code != "E9999"
                found.message.encode()
        view = workspace.view(path)
        assert view is not None
        for outlined in symbols.outline(view.chunk):
            assert outlined.start <= outlined.name_start <= outlined.name_end
            assert outlined.name_end <= outlined.end
        for _ in range(8):
            line = chance.randrange(-1, source.count("\n") + 3)
            place = Place(line, chance.randrange(-1, 60))
            offset = view.text.offset(place)
            assert 0 <= offset <= len(view.text.source)
            ask_everything(workspace, view, offset, chance)
        if chance.random() < 0.1:
            workspace.drop(path)


@pytest.mark.parametrize("seed", range(4))
def test_any_definition_file_is_answered(tmp_path: Path, seed: int) -> None:
    """However broken; its sources are answered meanwhile."""
    write_application(tmp_path)
    chance = random.Random(seed)
    workspace = Workspace(tmp_path)
    path, main = str(tmp_path / "src/_index.yaml"), str(tmp_path / "src/main.lua")
    workspace.put(main, MAIN)
    for _ in range(25):
        workspace.put(path, damaged(INDEX, chance))
        workspace.reload()
        for found in [*findings(workspace, path), *findings(workspace, main)]:
            assert found.span.start <= found.span.end
            found.message.encode()
        view = workspace.view(main)
        assert view is not None
        ask_everything(workspace, view, chance.randrange(len(MAIN)), chance)
    workspace.put(path, INDEX)
    workspace.reload()
    assert findings(workspace, path) == findings(workspace, main) == []


@given(st.binary(max_size=200) | st.lists(st.sampled_from(PIECES)).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_any_bytes_have_a_tree(source: bytes | str) -> None:
    """And the checker takes it without a fault."""
    raw = source if isinstance(source, bytes) else Text(source).source
    checked = check_chunk(parse_leniently(raw, "x", cursor=len(raw) // 2), keep=True)
    assert all(each.code != "E9999" for each in checked.findings)


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("local a = user. local b = 1", ["a", "b"]),
        ("local a = f(1, local b = 2", ["a", "b"]),
        ("local a = { x = 1, local b = 2", ["a", "b"]),
        ("if a the local b = 1 end local c", ["b", "c"]),
        ("for i = 1 do local b = 1 end local c", ["i", "b", "c"]),
        ("end end local a = 1", ["a"]),
        ("local function f( local a = 1", ["f", "a"]),
        ("function f() local a = 1\nlocal b", ["a", "b"]),
        ("foo\nlocal a = 1", ["a"]),
        ("foo.bar\nlocal a = 1 + \nlocal b", ["a", "b"]),
        ('local a = "x\nlocal b = 1', ["a", "b"]),
        ("local a = 1 ) ) local b", ["a", "b"]),
        ("x: y\nlocal b", ["b"]),
        ("until x local a", ["a"]),
    ],
)
def test_what_can_be_read_is_read(source: str, read: list[str]) -> None:
    """What is missing is taken as there, what makes no sense is passed over."""
    checked = check_chunk(parse_leniently(source.encode(), "x"), keep=True)
    assert checked.bindings is not None
    assert [each.name for each in checked.bindings.symbols] == read


LINES = st.text(alphabet="ab\u00e9\u20ac\U0001f600\ud800\udc80\n\r\ufeff", max_size=40)


@given(LINES, st.sampled_from(["utf-16", "utf-8", "utf-32"]))
@settings(max_examples=300, deadline=None)
def test_places_there_and_back(string: str, encoding: str) -> None:
    """The offset of each character is told from its place, in all encodings."""
    text = Text(string, encoding)
    surplus = 3 if text.source.startswith(b"\xef\xbb\xbf") else 0
    last = 0
    for index in range(len(string) + 1):
        offset = len(Text(string[:index]).source) - surplus
        place = text.place(max(offset, 0))
        if string[max(index - 1, 0) : index + 1] == "\r\n":
            continue  # between the two there is no place
        assert text.offset(place) == max(offset, 0)
        assert offset >= last - surplus
        last = offset
    assert text.offset(Place(10**9, 10**9)) == max(len(text.source) - surplus, 0)


def test_units_of_the_editor() -> None:
    """UTF-16 unless something else was agreed on."""
    string = "\u20ac\U0001f600x"
    for encoding, unit in (("utf-16", 3), ("utf-8", 7), ("utf-32", 2)):
        assert Text(string, encoding).place(7) == Place(0, unit)
        assert Text(string, encoding).offset(Place(0, unit)) == 7


def test_the_mark_at_the_beginning() -> None:
    """The language does not count it, the editor does."""
    text = Text("\ufefflocal a")
    assert text.place(6) == Place(0, 7)
    assert text.offset(Place(0, 7)) == 6
    assert text.offset(Place(0, 0)) == 0
