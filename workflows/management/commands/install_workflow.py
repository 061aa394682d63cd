from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from downloads.models import Conflict, DownloadHistory, Status
from downloads.transfer import TransferError
from presets.follow import Report, watch
from volumes.file_names import on_one_line, shown
from workflowfiles import scan_file
from workflows.install import CannotInstall, UnconfirmedHosts, install
from workflows.readiness import Judged, entries, install_id, judge


class Command(BaseCommand):
    help = (
        "Queue what workflows lack; with --wait follow it to its end. A PATH is a file, or the id of a workflow as"
        " scan_workflows prints it. Exit status 1 when one of them did not get there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH")
        parser.add_argument(
            "--allow-host", action="append", default=[], metavar="HOST", help="also fetch from this host; repeatable"
        )
        parser.add_argument(
            "--conflict",
            choices=Conflict.values,
            default="",
            help="where other bytes have the place of a file: replace it, or keep both (NAME-HASH8)",
        )
        parser.add_argument("--wait", action="store_true", help="until all have ended or wait for you")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        rows: list[DownloadHistory] = []
        for path in options["paths"]:
            judged, preset_id, title = _judged(path)
            try:
                if judged.scan.error:
                    raise CannotInstall(judged.scan.error)
                outcome = install(judged, preset_id, title, hosts=options["allow_host"], conflict=options["conflict"])
            except UnconfirmedHosts as refusal:
                failed += 1
                hosts = " ".join(f"--allow-host {host}" for host in refusal.hosts)
                self.stderr.write(f"{on_one_line(shown(path))}: {refusal} To do so add {hosts}.")
            except (CannotInstall, TransferError) as refusal:
                failed += 1
                self.stderr.write(on_one_line(f"{shown(path)}: {refusal}"))
            else:
                self.stdout.write(on_one_line(outcome.message))
                rows += [outcome.row] if outcome.row else []
        unfinished = self._follow(rows) if options["wait"] else 0
        if failed:
            raise CommandError(f"{failed} of {len(options['paths'])} could not be queued.", returncode=1)
        if unfinished:
            raise CommandError(f"{unfinished} of {len(rows)} did not get there.", returncode=1)

    def _follow(self, rows: list[DownloadHistory]) -> int:
        """The number of installs that did not complete."""
        try:
            ended = watch(rows, Report(self.stdout))
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was queued goes on as soon as a worker runs.", returncode=130) from None
        return sum(row.status != Status.COMPLETED for row in ended)


def _judged(path: str) -> tuple[Judged, str, str]:
    """What was found, the id and the title of its install."""
    entry = entries().get(path)
    if entry is not None:
        return entry, entry.install_id, entry.workflow.name
    file = Path(path)
    return judge(scan_file(file)), install_id(shown(str(file.absolute()))), shown(file.stem)
