from django.apps import AppConfig


class PresetsConfig(AppConfig):
    name = "presets"

    def ready(self) -> None:
        import extension_points
        from presets.catalogue import wanted_files

        extension_points.file_sources.append(wanted_files)
