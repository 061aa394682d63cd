"""The Settings page. Every form works by itself; under htmx only the piece that it stands in is answered."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from settings_app import administrator, api_key, hub_token, login_throttle, preferences, sessions
from settings_app.diagnostics import diagnostics, findings, without_credentials
from settings_app.forms import PasswordForm, SectionForm, TokenForm
from settings_app.whoami import HubUnreachable, InvalidToken


@require_safe
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    return _page(request)


def form(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Where a form posts to. Who only looks (a reload, the way back from a login in between) is led to the page."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if request.method == "POST" else redirect("settings:index")

    return guarded


# --- Preferences ---------------------------------------------------------------------------------------------------


@form
def theme(request: HttpRequest) -> HttpResponse:
    try:
        preferences.store("theme", request.POST.get("theme", ""))
    except preferences.PreferenceError as refusal:
        messages.error(request, str(refusal))
    return _back("appearance")


@form
def save(request: HttpRequest, name: str) -> HttpResponse:
    try:
        section = SectionForm(name, request.POST.dict())
    except KeyError:
        raise Http404 from None
    if saved := section.save():
        messages.success(request, "Saved.")
        section = SectionForm(name)
    return _answer(request, "settings_app/_section.html", name, not saved, {"section": section})


# --- The Hub token -------------------------------------------------------------------------------------------------


@form
@never_cache
@sensitive_post_parameters("token")
@sensitive_variables("typed")
def token(request: HttpRequest) -> HttpResponse:
    """Save what was typed, or only test it (button ``test``)."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        context = {"change_token": True, "token_refusal": form.refusal}
        return _answer(request, "settings_app/_token.html", "integrations", True, context)
    typed = form.cleaned_data["token"]
    if "test" in request.POST:
        return _tested(request, typed, {"change_token": True})
    hub_token.save_token(typed)
    messages.success(request, "The token is saved. What waited for it starts by itself.")
    return _answer(request, "settings_app/_token.html", "integrations", False, {})


@form
@never_cache
def test_token(request: HttpRequest) -> HttpResponse:
    return _tested(request, hub_token.hub_token(), {})


@sensitive_variables("token")
def _tested(request: HttpRequest, token: str, context: dict[str, Any]) -> HttpResponse:
    try:
        context["token_identity"] = hub_token.validate_token(token)
    except (hub_token.BadToken, InvalidToken, HubUnreachable) as refusal:
        context["token_refusal"] = str(refusal)
    return _answer(request, "settings_app/_token.html", "integrations", True, context)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def delete_token(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "settings_app/delete_token.html", {"fallback": bool(hub_token.environment_token())})
    hub_token.delete_token()
    messages.success(request, "The token is deleted.")
    return _back("integrations")


# --- Access --------------------------------------------------------------------------------------------------------


@form
@never_cache
@sensitive_post_parameters("current", "new", "again")
def password(request: HttpRequest) -> HttpResponse:
    form = PasswordForm(needs_current=_needs_current(request), typed=request.POST.dict())
    user = form.save()
    if user is None:
        return _answer(request, "settings_app/_password.html", "access", True, {"password": form})
    update_session_auth_hash(request, user)
    sessions.end_others(request)
    messages.success(request, "The password is set. Other sessions have ended.")
    response = _answer(request, "settings_app/_password.html", "access", False, {})
    login_throttle.remember_browser(request, response)  # the cookie was bound to the old password
    return response


def _needs_current(request: HttpRequest) -> bool:
    """Who came by a link may have forgotten it."""
    return administrator.password_source() == "stored" and not sessions.came_by_link(request)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@vary_on_headers("HX-Request")
def create_key(request: HttpRequest) -> HttpResponse:
    """POST makes a key and shows it in its answer, the only time; GET asks whether to replace the one there is."""
    if request.method != "POST":
        return render(request, "settings_app/replace_key.html")
    try:
        key = api_key.create()
    except preferences.DecidedByEnvironment as refusal:
        messages.error(request, str(refusal))
        return _back("access")
    response = _answer(request, "settings_app/_api_key.html", "access", True, {"new_key": key})
    response["X-Acted"] = "yes"  # closes the dialog that asked whether to replace the old one
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def delete_key(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "settings_app/delete_key.html")
    try:
        api_key.delete()
        messages.success(request, "The API key is deleted.")
    except preferences.DecidedByEnvironment as refusal:
        messages.error(request, str(refusal))
    return _back("access")


@form
def end_session(request: HttpRequest, id: str) -> HttpResponse:
    if sessions.end(request, id):
        messages.success(request, "That session has ended.")
    else:
        messages.info(request, "That session had ended already.")
    return _back("access")


@form
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    ended = sessions.end_others(request)
    messages.success(request, f"{ended} other session{'' if ended == 1 else 's'} ended.")
    return _back("access")


# --- What all of them answer with ----------------------------------------------------------------------------------


def _answer(request: HttpRequest, piece: str, place: str, stay: bool, context: dict[str, Any]) -> HttpResponse:
    """Under htmx the piece with its toasts; else the page while there is something to say in it, or a redirect."""
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "settings_app/piece.html", {**_context(request), **context, "piece": piece})
    return _page(request, context) if stay else _back(place)


def _page(request: HttpRequest, more: dict[str, Any] | None = None) -> HttpResponse:
    context = _context(request)
    context["sections"] = {name: SectionForm(name) for name in preferences.SECTIONS}
    if more and "section" in more:
        context["sections"][more["section"].section] = more["section"]
    return render(
        request,
        "settings_app/index.html",
        {**context, "diagnostics": diagnostics(), "findings": findings(), **(more or {})},
    )


def _context(request: HttpRequest) -> dict[str, Any]:
    token, source, problems = hub_token.in_use()
    return {
        "theme_field": preferences.PREFERENCES["theme"].field,
        "token_source": source,
        "token_masked": hub_token.masked(token),
        "token_fallback": bool(hub_token.environment_token()),
        "token_problems": problems,
        "change_token": request.GET.get("change") == "token",
        "hub": without_credentials(settings.HF_ENDPOINT),
        "password_source": administrator.password_source(),
        "password": PasswordForm(needs_current=_needs_current(request)),
        "key": api_key.status(),
        "open_sessions": sessions.open_sessions(request),
    }


def _back(place: str) -> HttpResponse:
    return redirect(f"{reverse('settings:index')}#{place}")
