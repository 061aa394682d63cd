from __future__ import annotations

from django.apps import AppConfig


class ComfyUIConfig(AppConfig):
    name = "comfyui"
    verbose_name = "ComfyUI"

    def ready(self) -> None:
        import extension_points
        from comfyui.folders import chosen_folders, reported_roots

        extension_points.model_roots.append(reported_roots)
        extension_points.chosen_folders.append(chosen_folders)
