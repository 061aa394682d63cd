from __future__ import annotations

from django.urls import path

from settings_app import login_views

app_name = "login"
urlpatterns = [
    path("login/", login_views.login, name="login"),
    path("login/link/<str:token>/", login_views.link, name="link"),
    path("logout/", login_views.logout, name="logout"),
]
