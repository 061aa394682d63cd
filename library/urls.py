from __future__ import annotations

from django.urls import path

from library import views

app_name = "storage"
urlpatterns = [
    path("", views.index, name="index"),
    path("delete/", views.delete, name="delete"),
    path("discard/", views.discard, name="discard"),
    path("search/", views.search, name="search"),
]
