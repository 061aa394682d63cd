from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from settings_app import login_links


class Command(BaseCommand):
    help = "Print a new one-time login link. It works once, for 30 minutes; also when the password is forgotten."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="where serve listens (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8082, help="its port (default: %(default)s)")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        self.stdout.write(login_links.base_url(host, port) + login_links.create())
