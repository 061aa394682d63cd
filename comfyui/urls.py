from django.urls import path

from comfyui import views

urlpatterns = [
    path("status/", views.status, name="status"),
    path("picture/<int:activity_id>/", views.picture, name="picture"),
    path("folders/", views.save_folders, name="folders"),
    path("links/set-up/", views.set_up_pack, name="set_up_pack"),
    path("links/remove/", views.remove_pack, name="remove_pack"),
]
