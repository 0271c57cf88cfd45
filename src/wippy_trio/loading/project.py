"""A folder to an application: its entries, and where each of them comes from.

The order of loading is sources, replacements, modules of the store; of two definitions
of one id the last counts. Then the pipeline: overrides, disable rules, linking, and
overrides again, which win over linked values.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.loading.bundled import MountedModule
from wippy_trio.loading.check import (
    check_dependencies,
    check_kinds,
    check_references,
)
from wippy_trio.loading.coerce import parse_override_flag
from wippy_trio.loading.config import Config, load_config
from wippy_trio.loading.known_fields import check_fields
from wippy_trio.loading.lockfile import LOCK_NAME, Lock, read_lock
from wippy_trio.loading.mounting import bundled_roots, owned, roots_of
from wippy_trio.loading.scanning import Failure, scan, skipped_folders
from wippy_trio.registry import Finding, Override, apply_overrides, link

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from wippy_trio.loading.definitions import Located, Origin
    from wippy_trio.registry import Entry

__all__ = ["MountedModule", "Project", "load_project"]


class Project(NamedTuple):
    """A loaded application.

    ``entries`` are the baseline of the registry, after the pipeline. ``origins`` say
    where each is defined. ``failures`` are the definition files that were skipped;
    ``findings`` hold them too, with all else that is worth a log line.
    """

    folder: Path
    config: Config
    lock: Lock
    entries: dict[str, Entry]
    origins: dict[str, Origin]
    modules: dict[str, MountedModule]
    disabled: tuple[str, ...]
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]


def load_project(
    folder: Path,
    *,
    config: Config | None = None,
    lock_name: str | Path = LOCK_NAME,
    overrides: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
    texts: Mapping[str, bytes] | None = None,
) -> Project:
    """Load an application from its folder.

    Args:
      folder: Where the lock and the configuration are.
      config: The configuration, if it was read already.
      lock_name: The lock, relative to the folder.
      overrides: The texts of ``-o``.
      environ: The environment; that of the process if left out.
      texts: What to read in place of files, by absolute path; see `scan`.

    Raises:
      InvalidError: The lock, the configuration, an override or a requirement is
        malformed. A broken definition file is no error: it is skipped and reported.
      NotFoundError: A locked module is not in the store, a replacement folder does not
        exist, or an override names an entry that does not.
      UnavailableError: A locked module is there as a pack only.
      ConflictError: Two dependencies give different values to one requirement.

    Source: apps 1.2.4, 1.9, 1.10, 1.12.
    """
    if environ is None:
        environ = os.environ
    if config is None:
        config = load_config(folder, environ=environ)
    lock = read_lock(folder, lock_name)
    findings = [*config.findings, *lock.findings]
    failures: list[Failure] = []
    modules: dict[str, MountedModule] = {}
    located: list[Located] = []
    skip = skipped_folders(environ)
    roots = list(roots_of(config, lock, findings))
    while roots:
        for root in roots:
            if root.module is not None:
                modules[root.module.name] = root.module
            if not root.source.is_dir():
                fields = {"path": str(root.source)}
                findings.append(Finding("warning", "path not found, skipping", fields))
                continue
            found = scan(
                root.source,
                base=folder,
                skip=skip,
                never=[lock.modules_dir],
                texts=texts,
            )
            failures.extend(found.failures)
            findings.extend(found.findings)
            located.extend(owned(found.entries, root.module))
        roots = list(bundled_roots(located, modules))

    entries, origins = _merged(located, findings)
    flags = [pair for text in overrides for pair in parse_override_flag(text)]
    given = [*config.overrides, *(Override.parse(key, value) for key, value in flags)]
    entries = apply_overrides(entries, given)
    entries, disabled = config.disable.apply(entries)
    linked = link(entries)
    still = [override for override in given if override.id in linked.entries]
    entries = apply_overrides(linked.entries, still)
    findings.extend(linked.findings)
    findings.extend(check_kinds(entries, origins))
    findings.extend(check_dependencies(entries, origins, modules))
    findings.extend(check_references(entries, origins))
    findings.extend(check_fields(entries, origins))
    return Project(
        folder,
        config,
        lock,
        entries,
        origins,
        modules,
        disabled,
        tuple(failures),
        tuple(findings),
    )


def _merged(
    located: Iterable[Located], findings: list[Finding]
) -> tuple[dict[str, Entry], dict[str, Origin]]:
    entries: dict[str, Entry] = {}
    origins: dict[str, Origin] = {}
    twice: dict[str, list[str]] = {}
    for entry, origin in located:
        id_ = entry.id
        if id_ in entries:
            twice.setdefault(id_, [str(origins[id_])]).append(str(origin))
        entries[id_] = entry
        origins[id_] = origin
    if twice:
        fields: dict[str, Any] = {"entries": twice}
        message = "duplicate entries detected (will use last definition)"
        findings.append(Finding("warning", message, fields))
    return entries, origins
