from __future__ import annotations

from django.apps import AppConfig


class ComfyUIConfig(AppConfig):
    name = "comfyui"
    verbose_name = "ComfyUI"

    def ready(self) -> None:
        from comfyui.folders import reported_roots
        from downloads import disk

        disk.more_roots.append(reported_roots)
