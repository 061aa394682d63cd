from django.urls import path

from presets import views

app_name = "presets"
# "refresh" is no preset's id (the contract takes the word), so it may stand where ids stand.
urlpatterns = [
    path("", views.index, name="index"),
    path("refresh/", views.refresh, name="refresh"),
    path("<str:preset_id>/", views.detail, name="detail"),
    path("<str:preset_id>/install/", views.install, name="install"),
    path("<str:preset_id>/reinstall/", views.reinstall, name="reinstall"),
    path("<str:preset_id>/uninstall/", views.uninstall, name="uninstall"),
    path("template/<str:name>/picture/", views.picture, name="picture"),
]
