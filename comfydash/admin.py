from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


class DashboardAdmin(admin.AdminSite):
    site_header = "ComfyDash"
    site_title = "ComfyDash"
    index_title = "Records"
    site_url = "/"
    enable_nav_sidebar = False  # the list of records is one click away, and their columns need the room

    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One login for both: the throttled form of the dashboard."""
        following = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(following, None) or following.startswith("/admin/login"):
            following = reverse("admin:index")
        return redirect(following) if self.has_permission(request) else redirect_to_login(following)

    def password_change(  # type: ignore[override]  # the stub promises a page of its own; a redirect is as good
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Settings has the form that also ends other sessions and leaves its line in the log."""
        return redirect(reverse("settings:index") + "#access")
