"""The worker's process: Huey's own command, once the database is ready."""

from __future__ import annotations

import logging
import sys

from comfydash.serve.parent_watch import ParentWatch
from comfydash.serve.setup import load_django
from comfydash.serve.trouble import CannotStart


def main() -> None:
    parent_watch = ParentWatch()
    try:
        load_django()
    except CannotStart as trouble:
        logging.getLogger("comfydash.serve").error("%s", trouble)
        sys.exit(1)
    from django.core.management import call_command

    parent_watch.wait_for_start()
    parent_watch.tell_ready()  # from here on its heart has to beat
    call_command("run_huey")


if __name__ == "__main__":
    main()
