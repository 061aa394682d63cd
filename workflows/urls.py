from django.urls import path, register_converter
from django.urls.converters import PathConverter

from workflows import views


class AnyPath(PathConverter):
    """A file's path: its name may hold a line break, before which “.” ends."""

    regex = r"[\s\S]+"


register_converter(AnyPath, "anypath")
app_name = "workflows"
# An id is SOURCE:relative/path, so the verb stands before it.
urlpatterns = [
    path("", views.index, name="index"),
    path("drop/", views.drop, name="drop"),
    path("drop/install/", views.drop_install, name="drop_install"),
    path("drop/save/", views.drop_save, name="drop_save"),
    path("plan/", views.plan, name="plan"),
    path("show/<anypath:workflow_id>/", views.detail, name="detail"),
    path("install/<anypath:workflow_id>/", views.install, name="install"),
    path("fix/<anypath:workflow_id>/", views.fix, name="fix"),
]
