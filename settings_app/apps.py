from __future__ import annotations

from django.apps import AppConfig


class SettingsConfig(AppConfig):
    name = "settings_app"
    verbose_name = "Settings"

    def ready(self) -> None:
        import extension_points
        from settings_app import checks, preferences  # noqa: F401 - registers the checks of environment variables

        extension_points.retention_days.append(lambda: preferences.get("activity_retention_days"))
