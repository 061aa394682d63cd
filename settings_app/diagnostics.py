"""What a bug report needs, and nothing that lets anybody in."""

from __future__ import annotations

import platform
import shutil
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import run_checks
from django.db import connection

from settings_app import administrator, api_key, hub_token, preferences
from values.sizes import human_size

PACKAGES = ("Django", "channels", "daphne", "huey", "django-ninja", "requests", "comfyui-workflow-templates-json")


def diagnostics() -> str:
    """Lines of ``name: value`` to paste into a report."""
    lines = {
        "ComfyDash": settings.VERSION,
        "Python": f"{platform.python_version()} on {platform.platform()}",
        "Packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "Database": _database(),
        "Queue and events": "Redis" if settings.REDIS_URL else "SQLite and a local socket",
        "Data folder": _folder(settings.DATA_DIR),
        "Models folder": _folder(settings.MODELS_DIR),
        "Presets file": f"{settings.PRESETS_FILE}{'' if settings.PRESETS_FILE.is_file() else ' (not there)'}",
        "Hub": f"{without_credentials(settings.HF_ENDPOINT)}, token: {hub_token.hub_token_source() or 'none'}",
        "Login": f"{'on' if settings.AUTH_ON else 'off'}, password: {administrator.password_source() or 'none'},"
        f" API key: {api_key.status().source or 'none'}",
        "Proxy": "yes" if getattr(settings, "SECURE_PROXY_SSL_HEADER", None) else "no",
    }
    for key, preference in preferences.PREFERENCES.items():
        lines[key] = f"{preference.shown(preferences.get(key)) or 'not set'} ({preferences.source(key)})"
    told = [("Check", sentence) for sentence in findings()]
    return _without_secrets("".join(f"{name}: {value}\n" for name, value in [*lines.items(), *told]))


def findings() -> list[str]:
    """What the checks of the start find now, a sentence with its next step each: a file may have changed since."""
    return [
        _without_secrets(f"{message.msg} {message.hint or ''}".strip()) for message in run_checks(tags=["comfydash"])
    ]


def without_credentials(address: str) -> str:
    """A mirror's address may carry a password: the name and port are enough for the eye."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _database() -> str:
    if connection.vendor != "sqlite":
        return connection.display_name
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (mode,) = cursor.fetchone()
    return f"SQLite, journal mode {mode}"


def _folder(folder: Path) -> str:
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return f"{folder} ({error.strerror})"
    return f"{folder} ({human_size(usage.free)} free of {human_size(usage.total)})"


def _without_secrets(text: str) -> str:
    """Nothing above shows one; a path or address that somebody built from one would."""
    for secret in (hub_token.hub_token(), settings.HF_TOKEN, settings.PASSWORD, settings.API_KEY, settings.SECRET_KEY):
        if len(secret) >= 6:
            text = text.replace(secret, "***")
    return text
