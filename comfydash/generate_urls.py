from django.urls import include, path

from comfydash import generate

app_name = "comfyui"
# An id of a workflow is SOURCE:relative/path, so the verb stands before it.
urlpatterns = [
    path("", generate.index, name="index"),
    path("open/<path:workflow_id>/", generate.open_workflow, name="open"),
    path("queue/<path:workflow_id>/", generate.queue, name="queue"),
    path("", include("comfyui.urls")),
]
