from __future__ import annotations

from django.apps import AppConfig


class ComfyUIConfig(AppConfig):
    name = "comfyui"
    verbose_name = "ComfyUI"

    def ready(self) -> None:
        from comfyui.folders import chosen_folders, reported_roots
        from downloads.inventory import destinations, scan

        scan.more_roots.append(reported_roots)
        destinations.chosen_folders.append(chosen_folders)
