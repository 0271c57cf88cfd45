"""``wippy-trio registry list|show``: what an application consists of (apps 10.2)."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from wippy_trio.cli.project import add_project_arguments, load

if TYPE_CHECKING:
    import argparse

    from wippy_trio.registry import Entry

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's flags."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    listing = actions.add_parser("list", help="list entries")
    listing.add_argument(
        "--kind", "-k", default="", help="only this kind; * is a wildcard"
    )
    listing.add_argument("--ns", "-n", default="", help="only this namespace")
    listing.add_argument("--name", default="", help="only this name")
    listing.add_argument("--json", action="store_true", help="as JSON")
    add_project_arguments(listing)
    show = actions.add_parser("show", help="show one entry")
    show.add_argument("id", help="namespace:name, or a name that only one entry has")
    show.add_argument("--json", action="store_true", help="as JSON")
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
    out = sys.stdout.write
    if options.json:
        rows = [
            {"id": entry.id, "kind": entry.kind}
            | ({"meta": entry.meta} if entry.meta else {})
            for entry in chosen
        ]
        out(json.dumps(rows, indent=2, default=str, ensure_ascii=False) + "\n")
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
    if options.json:
        text = json.dumps(whole, indent=2, default=str, ensure_ascii=False)
    else:
        import yaml  # noqa: PLC0415 - start-up cost

        text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True).rstrip()
    sys.stdout.write(text + "\n")
    return 0


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
