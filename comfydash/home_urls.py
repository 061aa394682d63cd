from django.urls import path

from comfydash import home, uses

urlpatterns = [
    path("", home.home, name="home"),
    path("models/<str:preset_id>/workflows/", uses.uses, name="uses"),
]
