from django.urls import include, path

from comfydash.pages import generate

app_name = "comfyui"
# An id of a workflow is SOURCE:relative/path, so the verb stands before it.
urlpatterns = [
    path("", generate.index, name="index"),
    path("open/<workflow:workflow_id>/", generate.open_workflow, name="open"),
    path("queue/<workflow:workflow_id>/", generate.queue, name="queue"),
    path("", include("comfyui.urls")),
]
