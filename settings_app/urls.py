from __future__ import annotations

from django.urls import path

from settings_app import views

app_name = "settings"
urlpatterns = [
    path("", views.index, name="index"),
    path("theme/", views.theme, name="theme"),
    path("save/<slug:name>/", views.save, name="save"),
    path("hf-token/", views.token, name="token"),
    path("hf-token/test/", views.test_token, name="test_token"),
    path("hf-token/delete/", views.delete_token, name="delete_token"),
    path("password/", views.password, name="password"),
    path("api-key/", views.create_key, name="create_key"),
    path("api-key/delete/", views.delete_key, name="delete_key"),
    path("sessions/end-others/", views.end_other_sessions, name="end_other_sessions"),
    path("sessions/<slug:id>/end/", views.end_session, name="end_session"),
]
