"""Can I run it now? A workflow with the state of each of its models and one word for all of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from values.kept import Kept, Same
from workflowfiles import Scan
from workflows.library import Workflow, forget, library
from workflows.matching import Matcher, ModelState, matcher

VERDICTS = ("ready", "fixable", "missing", "unknown", "unreadable", "not_workflow")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A scan against the disk. ``states`` has every model, ``needed`` those that an active node selects."""

    scan: Scan
    states: tuple[ModelState, ...]
    size_hint: int = 0

    @cached_property
    def needed(self) -> tuple[ModelState, ...]:
        return tuple(state for state in self.states if state.use.needed)

    @cached_property
    def missing(self) -> tuple[ModelState, ...]:
        """What keeps it from being ready, whatever the reason."""
        return tuple(state for state in self.needed if state.status != "installed")

    @cached_property
    def to_fetch(self) -> tuple[ModelState, ...]:
        return tuple(state for state in self.needed if state.to_fetch)

    @cached_property
    def verdict(self) -> str:
        """One of VERDICTS, the worst of the models."""
        if self.scan.kind in {"unreadable", "not_workflow"}:
            return self.scan.kind
        statuses = {state.status for state in self.needed}
        if self.to_fetch or "invalid" in statuses:
            return "missing"
        if any(state.to_fix for state in self.needed):
            return "fixable"
        return "unknown" if "unknown" in statuses else "ready"

    @property
    def ready(self) -> bool:
        return self.verdict == "ready"

    @cached_property
    def installable(self) -> bool:
        """Whether every missing file has a URL."""
        return (
            self.verdict == "missing"
            and all(state.can_fetch for state in self.to_fetch)
            and not any(state.status == "invalid" for state in self.needed)
        )

    @cached_property
    def missing_bytes(self) -> int:
        """Bytes still to fetch. Files of unknown size share what the package's sum has left for them."""
        known = sum(state.missing_bytes or 0 for state in self.to_fetch)
        unknown = sum(state.size_bytes is None for state in self.to_fetch)
        return known + (self._share * unknown if unknown else 0)

    @cached_property
    def _share(self) -> int:
        """Bytes that a model of unknown size takes by the package's sum, a guess."""
        unknown = sum(state.size_bytes is None for state in self.needed)
        left = self.size_hint - sum(state.size_bytes or 0 for state in self.needed)
        return max(0, left) // unknown if unknown else 0

    def bytes_of(self, state: ModelState) -> int:
        """Bytes still to fetch of one model, guessed where nobody knows; 0 when there is no ground for a guess."""
        return self._share if state.missing_bytes is None else state.missing_bytes

    @property
    def exact_size(self) -> bool:
        return all(state.size_bytes is not None for state in self.to_fetch)

    @property
    def gated(self) -> bool:
        return any(state.gated for state in self.to_fetch)

    @cached_property
    def unknown_hosts(self) -> list[str]:
        """Hosts of what would be fetched that neither the Hub nor the catalogue vouches for."""
        providers = (state.provider for state in self.to_fetch)
        return sorted({p.host for p in providers if p is not None and not p.known_host})

    @cached_property
    def offered_hosts(self) -> list[str]:
        """The same for every address that a person may choose."""
        return sorted({p.host for state in self.to_fetch for p in state.providers if not p.known_host})


@dataclass(frozen=True, kw_only=True)
class Entry(Judged):
    """A workflow of the library with its verdict."""

    workflow: Workflow

    @cached_property
    def words(self) -> str:
        """What a search looks through, in lower case: the workflow's texts and its models' names."""
        return "\n".join((self.workflow.words, *(state.use.name.lower() for state in self.states)))

    @property
    def id(self) -> str:
        return self.workflow.id

    @property
    def install_id(self) -> str:
        return install_id(self.workflow.id)


def judge(scan: Scan, at: Matcher | None = None, size_hint: int = 0) -> Judged:
    at = at or matcher()
    return Judged(scan=scan, states=tuple(at.state(use) for use in scan.models), size_hint=size_hint)


def install_id(workflow_id: str) -> str:
    """The id that an install of this workflow has in the queue: ``workflow:SLUG``."""
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", workflow_id).strip("-")[:120]
    return f"workflow:{slug}-{hashlib.sha256(workflow_id.encode()).hexdigest()[:8]}"


_entries: Kept[dict[str, Entry]] = Kept()


def entries() -> dict[str, Entry]:
    """Every workflow of the library by id; the same object while neither files nor disk nor catalogue change."""
    at, known = matcher(), library()
    return _entries.get(Same(known, at), lambda: _judged(known.workflows.values(), at))


def find_entry(workflow_id: str) -> Entry | None:
    """The entry of an id, or None. Ids are looked up, never joined to a path; a file put there just now is found."""
    found = entries().get(workflow_id)
    if found is None:
        forget()
        found = entries().get(workflow_id)
    return found


def _judged(workflows: Iterable[Workflow], at: Matcher) -> dict[str, Entry]:
    return {
        workflow.id: Entry(
            scan=workflow.scan,
            states=tuple(at.state(use) for use in workflow.scan.models),
            size_hint=workflow.size_hint,
            workflow=workflow,
        )
        for workflow in workflows
    }
