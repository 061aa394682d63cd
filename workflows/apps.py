from __future__ import annotations

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"

    def ready(self) -> None:
        from django.urls import register_converter

        import extension_points
        from workflows import comfyui_user
        from workflows.url_converters import WorkflowId

        extension_points.workflow_folders.append(comfyui_user.workflow_folders)
        register_converter(WorkflowId, "workflow")
