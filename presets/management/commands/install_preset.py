from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from downloads.models import Conflict, DownloadHistory, Status
from presets.follow import Report, watch
from presets.install import NotInstallable, UnknownPreset, install

REFUSED = ("unknown", "not_installable")
NOT_THERE = (Status.FAILED, Status.CANCELLED, Status.WAITING, Status.PAUSED)


class Command(BaseCommand):
    help = "Queue presets; with --wait follow them to their end. Exit status 1 when one of them did not get there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="+", metavar="ID")
        parser.add_argument("--force", action="store_true", help="fetch everything again, replace on success only")
        parser.add_argument(
            "--conflict",
            choices=Conflict.values,
            default="",
            help="where other bytes have the place of a file: replace it, or keep both (NAME-HASH8)",
        )
        parser.add_argument("--wait", action="store_true", help="until all have ended or wait for you")
        parser.add_argument("--json", action="store_true", help="print a JSON list of what became of them")

    def handle(self, *args: Any, ids: list[str], force: bool, wait: bool, conflict: str, **options: Any) -> None:
        report = Report(self.stdout, quiet=options["json"])
        results = [self._install(preset_id, force, conflict, report) for preset_id in dict.fromkeys(ids)]
        if wait:
            self._follow(results, report)
        if options["json"]:
            self.stdout.write(json.dumps(results, indent=1, ensure_ascii=False))
        if any(result["status"] in (*REFUSED, *(NOT_THERE if wait else ())) for result in results):
            sys.exit(1)

    def _install(self, preset_id: str, force: bool, conflict: str, report: Report) -> dict[str, Any]:
        try:
            outcome = install(preset_id, force=force, conflict=conflict)
        except (UnknownPreset, NotInstallable) as refusal:
            self.stderr.write(str(refusal))
            status = "unknown" if isinstance(refusal, UnknownPreset) else "not_installable"
            return {"preset_id": preset_id, "status": status, "download_id": None, "message": str(refusal)}
        report.line(outcome.message)
        row_id = outcome.row.pk if outcome.row else None
        return {"preset_id": preset_id, "status": outcome.status, "download_id": row_id, "message": outcome.message}

    def _follow(self, results: list[dict[str, Any]], report: Report) -> None:
        """Put what became of the installs into the results."""
        rows = DownloadHistory.objects.filter(pk__in=[result["download_id"] for result in results])
        try:
            ended = {row.pk: row for row in watch(rows, report)}
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was queued goes on as soon as a worker runs.", returncode=130) from None
        for result in results:
            if row := ended.get(result["download_id"]):
                result |= {"status": row.status, "reason": row.reason, "message": row.error_message}
