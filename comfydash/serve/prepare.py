"""Before the doors open: a sound database with the right tables, what a dead worker left, what is too old.

usage: python -m comfydash.serve.prepare [--alone] [--host H --port P]
Ends with 1, after saying why, when ComfyDash cannot run like this.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from comfydash.serve.parent_watch import ParentWatch
from comfydash.serve.setup import load_django
from comfydash.serve.trouble import CannotStart
from volumes.files import sweep_drafts
from volumes.locks import FileLock

if TYPE_CHECKING:
    from django.core.checks import CheckMessage

log = logging.getLogger("comfydash.serve")

# How drafts in the data folder begin that earlier versions left; theirs had no common ending.
DRAFTS = (".templates.", ".workflows.", ".secret_key.", ".ballast", ".dashboard", ".presets.", ".locks.", ".serve-")

# What earlier versions derived from files and kept beside the database.
OLD_CACHES = ("templates.json", "workflows.json")
OLD_PICTURE = re.compile(r"[0-9a-f]{32}(\.missing)?")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--alone", action="store_true", help="nobody else has the database open")
    parser.add_argument("--host", default="")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(arguments)
    parent_watch = ParentWatch()
    parent_watch.wait_for_start()
    os.environ["COMFYDASH_LISTEN_HOST"] = options.host or "127.0.0.1"
    try:
        load_django()
        _prepare_database(options.alone)
        parent_watch.tell_ready()
    except CannotStart as trouble:
        log.error("%s", trouble)
        return 1
    _tidy()
    _remove_old_caches()
    if options.alone:
        _sweep_drafts()
    if options.host:
        _invite(options.host, options.port)
    return 0


def _prepare_database(alone: bool, joins: bool = True) -> None:
    """Raises CannotStart."""
    from django.conf import settings
    from django.core import checks
    from django.core.management import call_command
    from django.db import DatabaseError

    from comfydash import shared_workspace
    from comfydash.checks import database_schema
    from comfydash.recovery import database, set_aside
    from comfydash.schema import schema
    from downloads.models import DownloadHistory
    from downloads.worker.drain import fail_interrupted

    file: Path | None = None if settings.DATABASE_URL else settings.DATABASE_FILE
    try:
        with FileLock(settings.DATA_DIR / "prepare.lock"):  # two containers may start at once
            if file:
                set_aside.set_aside_if_needed(file, alone)
            messages = checks.run_checks(tags=["comfydash"], databases=["default"])
            _log_findings(messages)
            if schema().pending:
                call_command("migrate", verbosity=0, interactive=False)
                log.info("The tables were made or brought up to date.")
                _log_findings(database_schema(databases=["default"]))  # perhaps by a newer version, which we waited for
            if joins:
                shared_workspace.join()
            if file:
                set_aside.carry_over(file)
            DownloadHistory.find_latest()  # an older version, or a file of one, has rows that do not say so
            if interrupted := fail_interrupted():
                log.warning("%d installs were interrupted. Retry continues where their bytes end.", interrupted)
    except (DatabaseError, OSError) as error:
        if isinstance(error, DatabaseError) and not file:
            raise CannotStart(database.at_the_terminal(error, settings.DATABASES["default"])) from error
        raise CannotStart(database.explain(error, file or "of DATABASE_URL")) from error
    log.info(
        "Database: %s", f"{file}, {settings.SQLITE_JOURNAL_MODE} journal" if file else "the one that DATABASE_URL names"
    )


def _log_findings(messages: Sequence[CheckMessage]) -> None:
    """Raises CannotStart for errors."""
    serious = False
    for message in messages:
        serious = serious or message.is_serious()
        level = logging.ERROR if message.is_serious() else logging.WARNING
        log.log(level, "%s %s (%s)", message.msg, message.hint or "", message.id)
    if serious:
        raise CannotStart("ComfyDash cannot run like this; the lines above say what to do.")


def _tidy() -> None:
    from django.db import DatabaseError

    from activity import retention

    try:
        if pruned := retention.prune(retention.days()):
            log.info("%d entries of the activity were older than the retention and are gone.", pruned)
    except DatabaseError as error:
        log.warning("Not tidied up: %s", error)


def _remove_old_caches() -> None:
    from django.conf import settings

    folder = settings.DATA_DIR / "thumbnails"
    sweep_drafts([folder], older=(".",))
    pictures = [file for file in folder.glob("*") if OLD_PICTURE.fullmatch(file.name)]
    with suppress(OSError):  # they are in nobody's way
        for file in [*(settings.DATA_DIR / name for name in OLD_CACHES), *pictures]:
            file.unlink(missing_ok=True)
        folder.rmdir()


def _sweep_drafts() -> None:
    """Drafts that killed writers left. Nobody else runs now but commands, whose own drafts are spared."""
    from django.conf import settings

    from comfydash.recovery import database

    folders = [
        settings.DATA_DIR,
        settings.PRESETS_FILE.resolve().parent,
        settings.WORKFLOW_DIRS[0],
    ]
    for scratch in settings.DATA_DIR.glob(f"{database.SCRATCH}*"):  # copies of a whole database
        shutil.rmtree(scratch, ignore_errors=True)
    if swept := sweep_drafts(folders) + sweep_drafts(folders[:1], DRAFTS):
        log.info("%d unfinished files of writers that were killed are gone.", swept)


def _invite(host: str, port: int) -> None:
    from django.conf import settings
    from django.db import DatabaseError

    from settings_app import administrator, login_links

    try:
        url = login_links.base_url(host, port)
        if administrator.password_source() or not settings.AUTH_ON:
            _print(f"Open {url}/\n")
        else:
            _print(f"No password is set. Log in once, within 30 minutes, with\n  {url}{login_links.create()}\n")
    except DatabaseError as error:
        log.warning("No login link: %s", error)


def _print(text: str) -> None:
    """For whoever looks at the terminal alone: a login link does not belong into the log."""
    try:
        if sys.stdout is None:  # started with it closed
            raise OSError("standard output is closed")
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  (what is left goes nowhere)
        log.warning("The address was not printed (%s). Ask for it with: manage.py login_link", error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
