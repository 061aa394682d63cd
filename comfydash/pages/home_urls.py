from django.urls import path

from comfydash import notice
from comfydash.pages import home, uses

urlpatterns = [
    path("", home.home, name="home"),
    path("notice/dismiss/", notice.dismiss, name="dismiss_notice"),
    path("models/<str:preset_id>/workflows/", uses.uses, name="uses"),
]
