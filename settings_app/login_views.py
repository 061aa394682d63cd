"""The ways in and out: the password, a one-time link, logging out."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from settings_app import administrator, login_links, login_throttle, sessions
from settings_app.forms import LoginForm


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    following = _following(request)
    if request.user.is_authenticated:
        return redirect(following)
    form = LoginForm(auto_id="%s")
    context = {"source": administrator.password_source(), "next": following, "form": form, "error": ""}
    if request.method != "POST" or not context["source"]:
        return render(request, "login/login.html", context)
    client = login_throttle.counted_as(request)
    try:
        login_throttle.attempt(client)
    except login_throttle.TooManyAttempts as refusal:
        response = render(request, "login/login.html", context | {"error": str(refusal)}, status=429)
        response["Retry-After"] = str(refusal.seconds)
        return response
    form = LoginForm(request.POST, auto_id="%s")
    if not form.is_valid():
        return render(request, "login/login.html", context | {"form": form, "error": form.errors["password"][0]})
    login_throttle.forgive(client)
    sessions.begin(request, "password")
    return _let_in(request, following)


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Looking at it changes nothing (chat programs fetch links to preview them); the button uses it up."""
    if request.method != "POST":
        valid = login_links.is_open(token)
        return render(request, "login/link.html", {"valid": valid}, status=200 if valid else 410)
    if not login_links.use(token):
        return render(request, "login/link.html", {"valid": False}, status=410)
    sessions.begin(request, "link")
    if administrator.password_source():
        return _let_in(request, settings.LOGIN_REDIRECT_URL)
    messages.info(request, "You are in. Set a password here, and you need no link the next time.")
    return _let_in(request, reverse("settings:index") + "#access")


@login_not_required
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    end_session(request)
    return redirect("login:login")


def _let_in(request: HttpRequest, following: str) -> HttpResponse:
    response = redirect(following)
    login_throttle.remember_browser(request, response)
    return response


def _following(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else settings.LOGIN_REDIRECT_URL
