from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from comfydash.serve.children import environment, python
from comfydash.serve.options import HELP, add_options


class Command(BaseCommand):
    """Makes way for the supervisor: that process must stay small, so it cannot be this one, which has Django loaded.

    manage.py starts the supervisor without coming here; django-admin and call_command do come here.
    """

    help = HELP
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = ["--host", options["host"], "--port", str(options["port"])]
        arguments += [flag for flag in ("--no-worker", "--no-web") if options[flag[2:].replace("-", "_")]]
        command = python("comfydash.serve", *arguments)
        os.execve(command[0], command, environment())  # noqa: S606
