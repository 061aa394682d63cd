from django.apps import AppConfig


class PresetsConfig(AppConfig):
    name = "presets"

    def ready(self) -> None:
        from downloads import queue
        from presets.catalogue import wanted_files

        queue.file_sources.append(wanted_files)
