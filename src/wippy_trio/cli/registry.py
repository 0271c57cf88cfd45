"""``wippy-trio registry list|show``: what an application consists of (apps 10.2)."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from wippy_trio.cli.project import add_project_arguments, load

if TYPE_CHECKING:
    import argparse

    from wippy_trio.registry import Entry

__all__ = ["add_arguments", "run"]

_CONDITION = re.compile(r"([^=~*^$]+)([=~*^$])(.*)", re.DOTALL)
_ABSENT = object()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    listing = actions.add_parser("list", help="list entries")
    listing.add_argument(
        "--kind", "-k", default="", help="only this kind; * is a wildcard"
    )
    listing.add_argument("--ns", "-n", default="", help="only this namespace")
    listing.add_argument("--name", default="", help="only this name")
    listing.add_argument(
        "--meta",
        action="append",
        default=[],
        metavar="KEY=TEXT",
        help="only with this metadata: = is, ~ matches, * contains, ^ begins, $ ends",
    )
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.add_argument("--yaml", action="store_true", help="as YAML")
    add_project_arguments(listing)
    show = actions.add_parser("show", help="show one entry")
    show.add_argument("id", help="namespace:name, or a name that only one entry has")
    show.add_argument("--field", "-f", default="", metavar="PATH", help="only this")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.add_argument("--yaml", action="store_true", help="as YAML, the default")
    show.add_argument("--raw", action="store_true", help="texts without quotes")
    add_project_arguments(show)


def run(options: argparse.Namespace) -> int:
    """List or show."""
    project = load(options)
    if options.action == "show":
        return _show(options, project.entries)
    return _list(options, project.entries)


def _list(options: argparse.Namespace, entries: dict[str, Entry]) -> int:
    from wippy_trio.registry import match_glob  # noqa: PLC0415 - start-up cost

    chosen = [
        entry
        for id_, entry in sorted(entries.items())
        if (not options.kind or match_glob(options.kind, entry.kind))
        and (not options.ns or match_glob(options.ns, entry.ns))
        and (not options.name or match_glob(options.name, entry.name))
        and id_
    ]
    for condition in options.meta:
        chosen = _with_meta(chosen, condition)
    out = sys.stdout.write
    if options.json or options.yaml:
        rows = [
            {"id": entry.id, "kind": entry.kind}
            | ({"meta": dict(entry.meta)} if entry.meta else {})
            for entry in chosen
        ]
        out(_text(rows, as_json=options.json) + "\n")
        return 0
    if not chosen:
        out("No entries found\n")
        return 0
    width = max(len("ID"), *(len(_cut(entry.id, 50)) for entry in chosen))
    kinds = max(len("KIND"), *(len(_cut(entry.kind, 30)) for entry in chosen))
    out(f"{'ID':<{width}}  KIND\n{'-' * width}  {'-' * kinds}\n")
    for entry in chosen:
        out(f"{_cut(entry.id, 50):<{width}}  {_cut(entry.kind, 30)}\n")
    out(f"\nTotal: {len(chosen)} entries\n")
    return 0


def _with_meta(entries: list[Entry], condition: str) -> list[Entry]:
    """Keep the entries that meet one ``--meta`` (apps 7.3, 10.2)."""
    from wippy_trio.errors import InvalidError  # noqa: PLC0415 - start-up cost
    from wippy_trio.registry import find  # noqa: PLC0415

    parts = _CONDITION.fullmatch(condition)
    if parts is None:
        raise InvalidError(
            f"--meta {condition}: wanted KEY=TEXT, or ~ * ^ $ in place of ="
        )
    key, operator, wanted = parts.groups()
    if operator == "=":
        return [entry for entry in entries if _scalar(entry.meta.get(key)) == wanted]
    found = find(entries, {f"{operator}meta.{key}": wanted})
    for finding in found.findings:
        raise InvalidError(f"--meta {condition}: {finding.message}")
    return found.entries


def _scalar(value: Any) -> str | None:
    """Write a value as YAML would, without quotes."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, default=str, ensure_ascii=False)


def _text(value: Any, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(value, indent=2, default=str, ensure_ascii=False)
    import yaml  # noqa: PLC0415 - start-up cost

    shown = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return shown.removesuffix("...\n").rstrip()


def _show(options: argparse.Namespace, entries: dict[str, Entry]) -> int:
    from wippy_trio.errors import InvalidError, NotFoundError  # noqa: PLC0415

    wanted = options.id
    found = [
        entry
        for entry in entries.values()
        if entry.id == wanted or (":" not in wanted and entry.name == wanted)
    ]
    if not found:
        raise NotFoundError(f"entry not found: {wanted}")
    if len(found) > 1:
        raise InvalidError(
            f'ambiguous entry name "{wanted}", use full ID (namespace:name)'
        )
    entry = found[0]
    whole: dict[str, Any] = {
        "id": entry.id,
        "kind": entry.kind,
        "meta": dict(entry.meta),
        "data": entry.data,
    }
    shown = _field(whole, options.field) if options.field else whole
    if options.raw and not isinstance(shown, (dict, list)):
        text = _scalar(shown) or ""
    else:
        text = _text(shown, as_json=options.json)
    sys.stdout.write(text + "\n")
    return 0


def _field(entry: dict[str, Any], path: str) -> Any:
    """Follow a path of keys, which may have dots; ``data.`` may be left out.

    Raises:
      NotFoundError: There is nothing there.
    """
    from wippy_trio.errors import NotFoundError  # noqa: PLC0415 - start-up cost

    for root in (entry, entry["data"]):
        found = _follow(root, path)
        if found is not _ABSENT:
            return found
    raise NotFoundError(f"{entry['id']}: no field {path!r}")


def _follow(value: Any, path: str) -> Any:
    if not path:
        return value
    if isinstance(value, list):
        head, _, rest = path.partition(".")
        inside = head.isdecimal() and int(head) < len(value)
        return _follow(value[int(head)], rest) if inside else _ABSENT
    if not isinstance(value, dict):
        return _ABSENT
    for key in sorted(value, key=lambda key: -len(str(key))):
        name = str(key)
        if path == name or path.startswith(name + "."):
            found = _follow(value[key], path[len(name) + 1 :])
            if found is not _ABSENT:
                return found
    return _ABSENT


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
