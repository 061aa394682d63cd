from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from comfydash.serve.probe import is_alive, served_address
from settings_app import login_links

DEFAULT = ("127.0.0.1", 8082)


class Command(BaseCommand):
    help = "Print a new one-time login link. It works once, for 30 minutes; also when the password is forgotten."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", help="where serve listens (default: as the running one says, else 127.0.0.1)")
        parser.add_argument("--port", type=int, help="its port (default: as the running one says, else 8082)")

    def handle(self, *args: Any, host: str | None, port: int | None, **options: Any) -> None:
        running = served_address(settings.DATA_DIR / "serve-web.lock")
        own_host, own_port = running if running and is_alive(*running) else DEFAULT
        url = login_links.base_url(host or own_host, own_port if port is None else port)
        self.stdout.write(url + login_links.create())
