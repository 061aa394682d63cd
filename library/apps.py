from __future__ import annotations

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "library"
    label = "storage"  # tables, migrations and content types keep the name that the app began with
