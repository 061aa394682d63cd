"""Readers for environment variables. Each refuses nonsense with a sentence that names the variable."""

from __future__ import annotations

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from settings_app.sizes import parse_size


def text(name: str, default: str = "") -> str:
    """The value without surrounding blanks; an empty variable counts as not set."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither on nor off. Set it to one of these two words.")


def integer(name: str, default: int, low: int, high: int) -> int:
    value = text(name)
    if not value:
        return default
    if not value.isdecimal() or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number from {low} to {high}.")
    return int(value)


def folder(name: str, default: Path) -> Path:
    return Path(text(name) or default).expanduser().absolute()


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


def size(name: str, default: int | None) -> int | None:
    value = text(name)
    if not value:
        return default
    try:
        return parse_size(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def database(name: str) -> dict[str, Any]:
    """The database at this address, as Django's DATABASES has it. The refusal leaves the address out: a password."""
    try:
        return dict(dj_database_url.parse(text(name), conn_max_age=0))
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} is not the address of a database. Write it like postgres://user:password@host:5432/comfydash."
        ) from error
