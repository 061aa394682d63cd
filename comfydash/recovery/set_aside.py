"""A database that cannot stay: set aside before the tables are made, carried over after."""

from __future__ import annotations

import logging
from pathlib import Path

from activity.models import Activity
from comfydash import notice
from comfydash.recovery import database, older_dashboard
from comfydash.recovery.database import CarryOver
from comfydash.serve.trouble import CannotStart

log = logging.getLogger("comfydash.serve")


def set_aside_if_needed(file: Path, alone: bool) -> None:
    """A damaged database, or one of the older dashboard. Raises CannotStart while another process has it open."""
    if why := database.problem(file):
        kind = "corrupt"
    elif database.is_older_dashboard(file):
        kind, why = "older", "it belongs to the older dashboard"
    else:
        return
    if not alone:
        raise CannotStart(
            f"The database {file} cannot be used ({why}), and another ComfyDash process has it open. "
            "Stop that one, then start this again: it sets the file aside and saves what it can."
        )
    aside = database.set_aside(file, kind)
    CarryOver.of(file).begin(kind, aside, why)
    log.warning("The database %s cannot be used (%s). It was set aside as %s.", file, why, aside.name)


def carry_over(file: Path) -> None:
    """Fill the new tables from the file that was set aside, at the next start if this one is interrupted."""
    note = CarryOver.of(file)
    pending = note.pending()
    if pending is None:
        return
    kind, aside, why = pending
    if kind == "older":
        result = str(older_dashboard.import_from(aside))
        title = "The older dashboard's data was imported"
        entry = (Activity.Type.SETTINGS, Activity.Status.COMPLETED)
    else:
        result = str(database.salvage(aside, file))
        title = "The database was damaged and has been made anew"
        entry = (Activity.Type.ERROR, Activity.Status.FAILED)
    log.warning("%s: %s. The old file stays: %s", title, result, aside)
    Activity.log(*entry, title, f"{result}. The old file stays: {aside.name}", reason=why, file=str(aside))
    notice.keep(f"{title}.", f"{_first_upper(result)}. Nothing was deleted: the old file is {aside}.")
    note.done()


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
