from __future__ import annotations

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"

    def ready(self) -> None:
        import extension_points
        from workflows import comfyui_user

        extension_points.workflow_folders.append(comfyui_user.workflow_folders)
