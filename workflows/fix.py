"""Fix it: a file that lies elsewhere gets the name under which the workflow looks for it, without a second copy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import transaction

from activity.models import Activity
from downloads.events import queue_updated
from downloads.file_records import ModelFile
from downloads.inventory import scan
from downloads.inventory.scan import FoundFile, resolved
from downloads.inventory.state import may_describe
from downloads.transfer import TransferError, link_confined, move_confined, parse_model_path
from presets.states import installed_presets_needing
from volumes.file_names import composed, shown
from workflows.matching import ModelState
from workflows.readiness import Judged

How = Literal["link", "move"]


class CannotFix(ValueError):
    pass


def fix(judged: Judged, how: How = "link", only: str = "") -> list[str]:
    """Link or move each needed file that lies elsewhere; the paths that are right now. ``only`` names one of them.

    Raises CannotFix; what was done before stays done.
    """
    fixed = []
    for state in judged.needed:
        if state.to_fix and state.found is not None and only in {"", state.path}:
            if how == "move":
                _refuse_if_needed(state.found)
            _fix(state, state.found, how)
            fixed.append(state.path)
    if fixed:
        scan.forget()
        queue_updated()
    return fixed


def _refuse_if_needed(found: FoundFile) -> None:
    needed_by = installed_presets_needing([found.path]).get(found.path)
    if needed_by:
        raise CannotFix(f"{found.path} is needed there by {', '.join(needed_by)}. Link it instead of moving it.")


def _fix(state: ModelState, found: FoundFile, how: How) -> None:
    root, source, target = _places(state, found)
    try:
        parse_model_path(state.path)
        if how == "move":
            move_confined(root, source, target)
        else:
            link_confined(root, source, target)
    except (TransferError, FileNotFoundError) as refusal:
        raise CannotFix(f"{found.path} could not be put at {state.path}: {refusal}") from refusal
    verb = "Moved" if how == "move" else "Linked"
    with transaction.atomic():
        _record(found, state.path, how)
        Activity.log(
            Activity.Type.PRESET, Activity.Status.COMPLETED, f"{verb} {found.path}", f"It is at {state.path} now."
        )


def _places(state: ModelState, found: FoundFile) -> tuple[Path, str, str]:
    """Root, source and target below it. A file of another root stays there, where its owner put it."""
    if found.root == settings.MODELS_DIR:
        return found.root, found.below_root, state.path
    kind = resolved(found.path).partition("/")[0]
    wanted_kind, _, wanted = state.path.partition("/")
    if kind != wanted_kind:
        raise CannotFix(
            f"{shown(str(found.file))} lies outside the models folder. Copy or link it yourself to "
            f"{settings.MODELS_DIR / state.path}."
        )
    return found.root, found.below_root, wanted


def _record(found: FoundFile, target: str, how: How) -> None:
    """What is known of the bytes stays known under the new name."""
    record = ModelFile.objects.filter(path__in={found.path, composed(found.path)}).first()
    if record is None or not may_describe(record, found):
        return
    if how == "move":
        ModelFile.objects.filter(path=target).delete()
        ModelFile.objects.filter(pk=record.pk).update(path=target)
        return
    fields = ("size", "mtime_ns", "sha256", "url", "etag", "commit")
    ModelFile.objects.update_or_create(path=target, defaults={field: getattr(record, field) for field in fields})
