from __future__ import annotations

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"

    def ready(self) -> None:
        from workflows import comfyui_user, library

        library.more_folders.append(comfyui_user.workflow_folders)
