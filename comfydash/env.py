"""Readers for environment variables. Each refuses nonsense with a sentence that names the variable.

By hand, not django-environ or pydantic-settings: they know no sentence for a person, and these readers are short.
"""

from __future__ import annotations

import difflib
import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port

from comfydash.data_folders import QUOTES, at_home, unquoted
from comfydash.postgresql.limits import limited
from values.words import on_or_off
from webclient.url_login import hidden_login

# Our variables beside those of settings_app/preferences.py; README has the table. What begins like them and is none of
# them is a slip.
KNOWN = frozenset(
    f"COMFYDASH_{name}"
    for name in (
        *("WORKSPACE", "DATA_DIR", "LOG_DIR", "MODELS_DIR", "EXTRA_MODEL_PATHS", "PRESETS_FILE", "PRESETS_URL"),
        *("WORKFLOW_DIRS", "PASSWORD", "AUTH", "API_KEY", "ALLOWED_HOSTS", "TRUSTED_ORIGINS", "TRUSTED_PROXIES"),
        *("TLS_ONLY", "ALLOW_PRIVATE_HOSTS", "RUN_DIR", "SECRET_KEY"),
        *("HEARTBEAT_LIMIT", "LEASE_SECONDS", "PULSE_LIMIT", "PARENT_WATCH", "LISTEN_HOST"),  # of our own processes
    )
)
SECRETS = frozenset({"COMFYDASH_PASSWORD", "COMFYDASH_API_KEY", "COMFYDASH_SECRET_KEY"})  # quotes may be part of them
PATHS = (
    *(f"COMFYDASH_{name}" for name in ("WORKSPACE", "DATA_DIR", "LOG_DIR", "MODELS_DIR", "EXTRA_MODEL_PATHS")),
    *(f"COMFYDASH_{name}" for name in ("PRESETS_FILE", "WORKFLOW_DIRS", "RUN_DIR")),
    "MODEL_BASE_PATH",
)
OTHERS = (
    "HF_ENDPOINT",
    "HF_TOKEN",
    "MODEL_BASE_PATH",
    "COMFYUI_URL",
    "COMFYUI_PUBLIC_URL",
    "DATABASE_URL",
    "REDIS_URL",
)
NETWORK = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
SECRET_KEY_LETTERS = 32  # at least
WRITE_IT_SO = "Write it so in the environment, and this line goes."

# What was read otherwise than it was written, or not at all: sentences for the check at the start.
remarks: list[str] = []


def strip_quotes() -> None:
    """Take blanks and quotes off each value, for whoever reads the environment by itself."""
    ours = {name for name in os.environ if name.startswith("COMFYDASH_")}
    for name in (*(ours - SECRETS), *OTHERS, *NETWORK, *_proxies()):
        if name in os.environ and (value := unquoted(os.environ[name])) != os.environ[name]:
            os.environ[name] = value


def _proxies() -> list[str]:
    return [name for name in os.environ if name.lower().endswith("_proxy")]


def unknown(preferences: frozenset[str]) -> list[tuple[str, str]]:
    """Variables that begin like ours and are none, each with what may be meant, as a sentence or "".

    ``preferences``: those that decide a preference.
    """
    known = KNOWN | preferences
    names = [name for name in os.environ if re.match(r"COMFY[_-]?DASH", name, re.IGNORECASE) and name not in known]
    return [(name, _meant(name, known)) for name in sorted(names)]


def _meant(name: str, known: frozenset[str]) -> str:
    word = re.sub(r"(?i)^COMFY[_-]?DASH[_-]?", "", name).upper().replace("-", "_")
    if word in {"HOST", "PORT", "ADDRESS", "BIND", "LISTEN"}:
        return "serve takes it as an option: --host 127.0.0.1 --port 8082."
    if word in {*OTHERS, *NETWORK}:
        return f"Is {word} meant, without COMFYDASH_ in front?"
    name = f"COMFYDASH_{word}"
    nearest = difflib.get_close_matches(name, known, 1, 0.9) or difflib.get_close_matches(name, known, 2, 0.8)
    return f"Is {' or '.join(nearest)} meant?" if nearest else ""


def web_address(name: str, default: str, *, query: bool = False) -> str:
    """An http(s) address without its last slash; a bare host is meant as https. The refusal shows no password."""
    written = text(name)
    if not written:
        return default
    value = re.sub(r"^(https?)(?::/+|//+)(?=[^/])", r"\1://", written, flags=re.IGNORECASE)
    if "://" not in value and not _is_path(value):
        value = f"https://{value.lstrip('/')}"
    value = value.partition("#")[0] if query else value
    parts = _address(value)
    if parts is None or (parts.query and not query) or parts.fragment or parts.hostname in {"http", "https"}:
        path = " A file on this machine is named by COMFYDASH_PRESETS_FILE." if query and _is_path(written) else ""
        raise ImproperlyConfigured(
            f"{name}={hidden_login(written)!r} is not a web address. Write it like https://name, or {default}.{path}"
        )
    if "@" in parts.netloc:
        remarks.append(f"{name}: the user name and password in it are not sent, and are left out.")
        value = written = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    value = value.rstrip("/")
    if value != written.rstrip("/"):
        remarks.append(f"{name}={hidden_login(written)} is read as {value}. {WRITE_IT_SO}")
    return value


def _is_path(value: str) -> bool:
    """Of this machine: it begins like one, or is the bare name of a document."""
    begins = value.startswith(("/", ".", "~", "file:")) and not value.startswith("//")
    return begins or bool(re.fullmatch(r"[^/:]+\.(ya?ml|json)", value, re.IGNORECASE))


def _address(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    sound = re.fullmatch(r"[\w-]+(\.[\w-]+)*\.?|[0-9a-f]*:[0-9a-f:.]+(%\w+)?", host) and value.isprintable()
    bad = port == 0 or any(letter in value for letter in " \"'<>\\")
    return parts if sound and not bad and parts.scheme.lower() in {"http", "https"} else None


def listed(name: str) -> list[str]:
    """What stands in a list that is separated by commas, semicolons or blanks, or written like one of JSON."""
    value = text(name)
    if re.match(r"\[\s*[\"']", value) and value.endswith("]"):
        value = value[1:-1]
    return [word for word in re.split(rf"[\s,;{re.escape(''.join(QUOTES))}]+", value) if word]


def hosts(name: str) -> list[str]:
    """Names for the Host header. Scheme, port and path that stand there too are taken off, and said."""
    found = []
    for word in listed(name):
        if _is_ip(word):
            continue  # every one is let in
        host = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", word)
        host = re.split(r"[/?#]", host)[0].rpartition("@")[2].lower().rstrip(".")
        host = f".{host[2:]}" if host.startswith("*.") else host
        plain = split_domain_port(host)[0] if host != "*" and not host.startswith(".") else host.partition(":")[0]
        if host != "*" and not re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*|\[[0-9a-f:.]+\]", plain):
            remarks.append(
                f"{name}: “{hidden_login(word)[:80]}” is no name of a host and is left out. Write it like dash.example."
            )
            continue
        if plain != word.lower():
            remarks.append(f"{name}: “{hidden_login(word)[:80]}” is read as {plain}. {WRITE_IT_SO}")
        if plain == "*":
            remarks.append(
                f"{name}: “*” allows every name, so any website can reach this port through a browser. Name the hosts."
            )
        found.append(plain)
    return found


def _is_ip(word: str) -> bool:
    try:
        ip_network(word.strip("[]"), strict=False)
    except ValueError:
        return False
    return True


def origins(name: str) -> list[str]:
    """``scheme://host[:port]`` as browsers send it, ``https://*.example`` for every name below example."""
    found = []
    for word in listed(name):
        value = word if "://" in word else f"https://{word}"
        value = re.sub(r"^ws(s?)://", r"http\1://", value, flags=re.IGNORECASE)
        parts = _address(value.replace("://*.", "://any.", 1))
        host = parts.hostname if parts else ""
        if not parts or not host or "*" in host:
            remarks.append(
                f"{name}: “{hidden_login(word)[:80]}” is no address and is left out. Write it like "
                "https://dash.example, or https://*.dash.example for all names below one."
            )
            continue
        host = host.rstrip(".") if ":" not in host else f"[{host}]"
        host = f"*.{host.removeprefix('any.')}" if "://*." in value else host
        own_port = {"http": 80, "https": 443}[parts.scheme]
        origin = f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in {None, own_port} else "")
        if origin != word:
            remarks.append(f"{name}: “{hidden_login(word)[:80]}” is read as {origin}. {WRITE_IT_SO}")
        found.append(origin)
    return found


def redis(name: str) -> str:
    """The refusal leaves the address out: a password."""
    value = text(name)
    try:
        parts = urlsplit(value)
        sound = bool(parts.path if parts.scheme == "unix" else parts.hostname and parts.port != 0)
        number = parts.path.strip("/") if parts.scheme in {"redis", "rediss"} else ""
        sound = sound and parts.scheme in {"redis", "rediss", "unix"} and re.fullmatch(r"\d*", number) is not None
    except ValueError:
        sound = False
    if value and not (sound and value.isprintable() and " " not in value):
        raise ImproperlyConfigured(f"{name} is not the address of a Redis. Write it like redis://host:6379/0.")
    return value


def text(name: str, default: str = "") -> str:
    """The value without surrounding blanks and quotes; an empty variable counts as not set."""
    value = os.environ.get(name, "").strip()
    return (value if name in SECRETS else unquoted(value)) or default


def secret_key(name: str) -> str:
    """The refusal shows how long it is, and nothing of it."""
    value = text(name)
    if value and len(value) < SECRET_KEY_LETTERS:
        raise ImproperlyConfigured(
            f"{name} has {len(value)} characters, and whoever guesses it is logged in: give it at least "
            f"{SECRET_KEY_LETTERS}. Make one with: openssl rand -hex 32"
        )
    return value


def flag(name: str, default: bool) -> bool:
    value = text(name)
    if not value:
        return default
    switch = on_or_off(value)
    if switch is None:
        raise ImproperlyConfigured(f"{name}={value!r} is neither on nor off. Set it to one of these two words.")
    return switch


def folder(name: str, default: Path) -> Path:
    """Raises CannotStart, as comfydash.data_folders does."""
    written = text(name)
    return at_home(name, written) if written else default.absolute()


def words(name: str, separator: str = ",") -> list[str]:
    return [word.strip() for word in text(name).split(separator) if word.strip()]


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Addresses and networks, separated by commas or blanks."""
    found = []
    for word in re.split(r"[,\s]+", text(name)):
        if word:
            try:
                found.append(ip_network(word, strict=False))
            except ValueError as error:
                raise ImproperlyConfigured(
                    f"{name}: {word!r} is no address and no network. Write it like 10.0.0.5 or 172.16.0.0/12."
                ) from error
    return found


def database(name: str) -> dict[str, Any]:
    """The database at this address, as Django's DATABASES has it. The refusal leaves the address out: a password."""
    try:
        found = dict(dj_database_url.parse(text(name), conn_max_age=0))
        if not str(found.get("ENGINE", "")).endswith(".postgresql") or not found.get("NAME"):
            raise ValueError("no PostgreSQL, or no name of a database")
        return limited({**found, "ENGINE": "comfydash.postgresql"})
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} is not the address of a database. Write it like postgres://user:password@host:5432/comfydash."
        ) from error
