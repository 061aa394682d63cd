"""From a file or a preset back to workflows: who needs this, and what would this complete?"""

from __future__ import annotations

from collections.abc import Iterable

from downloads.inventory.scan import canonical
from workflows.readiness import Entry, entries


def workflows_needing(paths: Iterable[str]) -> dict[str, list[str]]:
    """For each of the paths that a workflow uses on this machine: the names of these workflows, own ones first.

    A template counts only when it is ready: hundreds of templates that nobody can run here need nothing. A workflow of
    the user counts always.
    """
    wanted = {canonical(path): path for path in paths}
    needed: dict[str, list[str]] = {}
    for entry in sorted(entries().values(), key=lambda entry: entry.workflow.source == "templates"):
        if entry.workflow.source == "templates" and not entry.ready:
            continue
        for state in entry.needed:
            if state.found is not None and (path := wanted.get(canonical(state.found.path))):
                names = needed.setdefault(path, [])
                if entry.workflow.name not in names:
                    names.append(entry.workflow.name)
    return needed


def workflows_using(paths: Iterable[str]) -> list[Entry]:
    """Workflows that need one of the files, whether they are here or not; the nearest to ready first."""
    places = {canonical(path) for path in paths}
    using = [entry for entry in entries().values() if any(canonical(state.path) in places for state in entry.needed)]
    return sorted(using, key=lambda entry: (len(entry.missing), entry.missing_bytes, entry.workflow.name))
