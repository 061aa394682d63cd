"""What can be wrong with the environment variables of this app, said at the start."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from settings_app import hub_token, preferences, proxies
from webclient.url_login import login_problem

SHORT_PASSWORD = 8
SHORT_KEY = 20


@register("comfydash")  # the tag that serve asks for
def environment_of_settings(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = [
        Error(sentence, hint="Correct the variable, or remove it.", id="settings_app.E001")
        for sentence in preferences.problems()
    ]
    if settings.PASSWORD and len(settings.PASSWORD) < SHORT_PASSWORD:
        found.append(Warning("COMFYDASH_PASSWORD is short.", hint="Use 8 characters or more.", id="settings_app.W001"))
    if settings.API_KEY and len(settings.API_KEY) < SHORT_KEY:
        found.append(
            Warning(
                "COMFYDASH_API_KEY is short enough to be guessed.",
                hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
                id="settings_app.W002",
            )
        )
    if sentence := hub_token.environment_problem():
        hint = "Copy the token again from huggingface.co/settings/tokens, or remove the variable."
        found.append(Warning(sentence, hint=hint, id="settings_app.W003"))
    if problem := login_problem(os.environ.get("COMFYUI_URL", "")):
        sentence = f"The login in COMFYUI_URL is not sent: {problem}."
        found.append(Warning(sentence, hint="Type the variable again by hand.", id="settings_app.W005"))
    found += [
        Warning(sentence, hint="A proxy is written like http://user:password@proxy:3128.", id="settings_app.W004")
        for sentence in proxies.problems()
    ]
    return found
