"""Headers and login for every answer.

The content security policy by hand, not django-csp: a dozen lines, which Django 6 has built in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import middleware as auth_middleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from downloads.views import came_from
from settings_app import api_key

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class ContentSecurityPolicyMiddleware:
    """No inline script, no inline style, nothing from elsewhere, no camera for anybody; and no copy in a proxy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        # Pages and answers show what belongs to one person; files and pictures say for themselves how long they last.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class ApiMethodMiddleware:
    """HEAD is GET without the body, and OPTIONS the list of methods: ninja knows neither. A wrong method is refused as
    JSON, not in plain text.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        method = request.method
        if method == "HEAD":
            request.method = "GET"
        response = self.get_response(request)
        request.method = method
        if response.status_code == 405:
            response = self._refusal(request, response)
        return _without_body(response) if method == "HEAD" else response

    def _refusal(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        offered = response.headers.get("Allow", "").replace(" ", "").split(",")
        allowed = ", ".join(sorted({*offered, *(["HEAD"] if "GET" in offered else [])} - {""}))
        if request.method == "OPTIONS" and _is_known(request):
            # Without a word about other origins: a browser's preflight is given no permission.
            return HttpResponse(status=204, headers={"Allow": allowed})
        sentence = f"{request.method} is not possible here. Possible: {allowed}."
        return JsonResponse({"detail": sentence, "errors": []}, status=405, headers={"Allow": allowed})


def _without_body(response: HttpResponse) -> HttpResponse:
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = iter(())  # its length stays as it is said, or unsaid
        return response
    response.headers["Content-Length"] = str(len(response.content))
    response.content = b""
    return response


class AuthOffMiddleware:
    """COMFYDASH_AUTH=off: everybody who reaches the port is the administrator."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.AUTH_ON:
            from settings_app.administrator import administrator

            request.user = administrator()
        return self.get_response(request)


def _is_known(request: HttpRequest) -> bool:
    return not settings.AUTH_ON or request.user.is_authenticated or _carries_api_key(request)


def _carries_api_key(request: HttpRequest) -> bool:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return scheme == "Bearer" and api_key.verify(key)


class LoginRequiredMiddleware(auth_middleware.LoginRequiredMiddleware):
    """Every view wants a login unless it says otherwise; the JSON API answers 401 itself instead of redirecting."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> Any:
        if request.path.startswith("/api/") and request.path not in {"/api/docs", "/api/openapi.json"}:
            return None
        if request.path == "/api/openapi.json" and _carries_api_key(request):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> Any:
        if request.method in {"GET", "HEAD"}:
            response = super().handle_no_permission(request, view_func)
        else:  # the login leads to the page with the form: what only takes a POST is no page
            page = urlsplit(came_from(request, "home"))._replace(scheme="", netloc="", fragment="").geturl()
            response = redirect_to_login(page, self.get_login_url(view_func))
        if request.headers.get("HX-Request"):
            # A piece must not be replaced by a login form: the whole page goes there.
            refused = HttpResponse(status=401)
            refused.headers["HX-Redirect"] = response["Location"]
            return refused
        return response
