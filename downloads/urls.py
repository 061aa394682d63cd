from django.urls import path

from downloads import views

app_name = "downloads"
urlpatterns = [
    path("", views.index, name="index"),
    path("queue/", views.queue, name="queue"),
    path("token/", views.token, name="token"),
    path("retry-failed/", views.retry_all_failed, name="retry_all_failed"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/pause/", views.pause, name="pause"),
    path("<int:pk>/resume/", views.resume, name="resume"),
    path("<int:pk>/cancel/", views.cancel, name="cancel"),
    path("<int:pk>/discard/", views.discard, name="discard"),
    path("<int:pk>/retry/", views.retry, name="retry"),
    path("<int:pk>/skip/", views.skip, name="skip"),
    path("<int:pk>/move/", views.move, name="move"),
    path("<int:pk>/place/", views.place, name="place"),
]
