"""Loading Django in a part of the dashboard: what can go wrong there is a sentence."""

from __future__ import annotations

import os
import sqlite3

from comfydash import data_folders
from comfydash.recovery import database
from comfydash.serve.trouble import CannotStart


def load_django() -> None:
    """Raises CannotStart."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "comfydash.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise CannotStart(str(error)) from error
    except sqlite3.Error as error:  # Huey opens its file at once
        raise CannotStart(database.explain(error, data_folders.data_dir() / "queue.db")) from error
