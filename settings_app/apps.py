from __future__ import annotations

from django.apps import AppConfig


class SettingsConfig(AppConfig):
    name = "settings_app"
    verbose_name = "Settings"

    def ready(self) -> None:
        from settings_app import checks  # noqa: F401 - registers the checks of environment variables
