"""A field of a wrong type is refused, or does not matter; it is never our fault.

Every field of an entry of every kind gets values that do not belong there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from wippy_trio.errors import Error, InternalError
from wippy_trio.loading import load_project
from wippy_trio.registry import KINDS
from wippy_trio.runtime.boot import RunningRuntime, running
from wippy_trio.runtime.logging import configure_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wippy_trio.registry import Entry

INDEX = Path(__file__).with_name("every_kind.yaml")
PAGES = Path(__file__).parents[2] / "docs" / "reference" / "kinds"
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        2**70,
        float("nan"),
        "",
        "x",
        "a:b",
        "\0",
        "${env:NOPE|}",
    ),
    *([], {}, [1], [None], [[]], [{}], ["x"], {"a": 1}, {"a": {}}, {"a": []}),
)
LIFECYCLE = {
    "auto_start": False,
    "startup": "required",
    "requires": ["app:x"],
    "start_timeout": "1s",
    "restart": {"initial_delay": "1s", "jitter": 0.1, "max_attempts": 3},
    "security": {"actor": {"id": "a", "meta": {}}, "policies": ["p"], "groups": ["g"]},
}


def mutants(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value with one part of it replaced, and where that was."""
    for wrong in VALUES:
        yield f"{path}={wrong!r}", wrong
    if isinstance(value, dict):
        for key, item in value.items():
            for where, wrong in mutants(item, f"{path}.{key}"):
                yield where, {**value, key: wrong}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for where, wrong in mutants(item, f"{path}[{index}]"):
                yield where, [*value[:index], wrong, *value[index + 1 :]]


def documented() -> dict[str, set[str]]:
    """Read from the reference which fields the kinds of a page have."""
    found: dict[str, set[str]] = {}
    for page in PAGES.glob("*.md"):
        text = page.read_text("utf-8")
        first = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
        names = {name for cell in first for name in re.findall(r"`([\w.]+)`", cell)}
        for kind in KINDS & set(re.findall(r"`([\w.]+)`", text)):
            found.setdefault(kind, set()).update(names)
    return found


def with_field(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Set a field of maps in maps."""
    key, _, rest = path.strip(".").partition(".")
    inner = data.get(key)
    if not isinstance(inner, dict):
        inner = {}
    return {**data, key: with_field(inner, rest, value) if rest else value}


def mutated(entry: Entry, fields: set[str]) -> Iterator[tuple[str, Entry]]:
    """Yield an entry with a wrong field or a wrong fact of its metadata."""
    data = {**(entry.data or {})}
    if "lifecycle" in data:
        data["lifecycle"] = LIFECYCLE
    for key, value in data.items():
        for where, wrong in mutants(value, key):
            yield where, entry._replace(data={**data, key: wrong})
    for key, value in entry.meta.items():
        for where, wrong in mutants(value, f"meta.{key}"):
            yield where, entry._replace(meta={**entry.meta, key: wrong})
    for field in sorted(fields):
        for wrong in VALUES:
            where = f"{field}={wrong!r}"
            if field.startswith("meta."):
                meta = with_field(dict(entry.meta), field[5:], wrong)
                yield where, entry._replace(meta=meta)
            else:
                yield where, entry._replace(data=with_field(data, field, wrong))
    yield "data", entry._replace(data=None)
    yield "data", entry._replace(data="text")
    yield "data", entry._replace(data=[1])


def test_no_value_of_a_field_is_an_internal_fault(tmp_path: Path) -> None:
    """Each refusal is an error with a kind of its own, and the old entry comes back."""
    configure_logging("silent")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/_index.yaml").write_text(INDEX.read_text("utf-8"))
    faults: list[str] = []
    fields = documented()

    async def main() -> int:
        tried = 0
        async with running(RunningRuntime(load_project(tmp_path))) as runtime:
            state = dict(runtime.live.state.state)
            for id_, entry in state.items():
                handler = runtime._handler(entry.kind)
                if handler is None:
                    continue
                for where, wrong in mutated(entry, fields.get(entry.kind, set())):
                    tried += 1
                    for old, new in ((entry, wrong), (wrong, entry)):
                        try:
                            await handler.update(old, runtime.live._resolved(new))
                        except InternalError as error:
                            if "fault" in str(error):
                                faults.append(f"{id_} {where}: {error}")
                            break
                        except Error:
                            break
                        except Exception as error:  # noqa: BLE001 - that is what is sought
                            faults.append(f"{id_} ({entry.kind}) {where}: {error!r}")
                            break
        return tried

    assert trio.run(main) > 5000
    assert faults == [], "\n".join(faults)
