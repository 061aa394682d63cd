from __future__ import annotations

from django.urls import path

from activity import views

app_name = "activity"
urlpatterns = [
    path("", views.index, name="index"),
    path("clear/", views.clear, name="clear"),
]
