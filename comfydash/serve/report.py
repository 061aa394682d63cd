"""Writes into the activity what the supervisor, which knows no database, has to tell.

usage: python -m comfydash.serve.report PART WHAT_HAPPENED
"""

from __future__ import annotations

import logging
import sys

from comfydash.serve.parent_watch import ParentWatch
from comfydash.serve.setup import load_django

TITLES = {
    "web": "The web server ended and was started again",
    "worker": "The worker ended and was started again",
}


def main(part: str, happened: str) -> None:
    ParentWatch()
    load_django()
    from django.db import DatabaseError

    from activity.models import Activity

    try:
        Activity.log(Activity.Type.ERROR, Activity.Status.FAILED, TITLES[part], happened, part=part)
    except DatabaseError as error:
        logging.getLogger(__name__).warning("The activity has no entry about it: %s", error)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
