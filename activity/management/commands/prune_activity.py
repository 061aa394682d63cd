from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from activity import retention


class Command(BaseCommand):
    help = "Delete activity entries that are older than Settings wants, or than --days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=_days, help="keep this many days instead of what Settings says")

    def handle(self, *args: Any, days: int | None, **options: Any) -> None:
        kept = retention.days() if days is None else days
        deleted = retention.prune(kept)
        self.stdout.write(f"{deleted} {'entry' if deleted == 1 else 'entries'} older than {kept} days deleted")


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3650:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days: use 1 to 3650")
    return int(text)
