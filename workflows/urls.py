from django.urls import path

from workflows import views

app_name = "workflows"
# An id is SOURCE:relative/path, so the verb stands before it.
urlpatterns = [
    path("", views.index, name="index"),
    path("drop/", views.drop, name="drop"),
    path("drop/install/", views.drop_install, name="drop_install"),
    path("drop/save/", views.drop_save, name="drop_save"),
    path("plan/", views.plan, name="plan"),
    path("show/<workflow:workflow_id>/", views.detail, name="detail"),
    path("install/<workflow:workflow_id>/", views.install, name="install"),
    path("fix/<workflow:workflow_id>/", views.fix, name="fix"),
]
