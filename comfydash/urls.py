from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from comfydash.api import api
from comfydash.health import healthz, livez

urlpatterns = [
    path("", include("comfydash.pages.home_urls")),
    path("", include("settings_app.login_urls")),
    path("models/", include("presets.urls")),
    path("downloads/", include("downloads.urls")),
    path("workflows/", include("workflows.urls")),
    path("storage/", include("library.urls")),
    path("activity/", include("activity.urls")),
    path("settings/", include("settings_app.urls")),
    path("generate/", include("comfydash.pages.generate_urls")),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("livez", livez),
]
handler400 = "comfydash.errors.bad_request"
handler403 = "comfydash.errors.permission_denied"
handler404 = "comfydash.errors.page_not_found"
handler500 = "comfydash.errors.server_error"
