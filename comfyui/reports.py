"""What changes only with a restart of ComfyUI: its folders, node types and templates; kept in the database."""

from __future__ import annotations

import logging
from typing import Any

from django.utils import timezone

from comfyui import folders
from comfyui.client import Client, ComfyError
from comfyui.models import Report

log = logging.getLogger(__name__)


def refresh(client: Client) -> None:
    """Ask for all three; what fails keeps its last answer. Raises nothing but DatabaseError."""
    for name, ask in (("folders", _folders), ("templates", _templates), ("node types", _nodes)):
        try:
            ask(client)
        except ComfyError as error:
            log.info("ComfyUI did not tell its %s: %s", name, error)
    folders.forget()


def node_types() -> frozenset[str]:
    """Node classes that ComfyUI has, as of its last start; empty when never asked (then nothing is missing)."""
    return frozenset(_value(Report.NODES))


def template_names() -> frozenset[str]:
    """Official templates of the installed package, openable by ``?template=NAME``."""
    return frozenset(_value(Report.TEMPLATES))


def _value(key: str) -> list[str]:
    report = Report.objects.filter(pk=key).first()
    return [name for name in report.value if isinstance(name, str)] if report else []


def _folders(client: Client) -> None:
    folders.keep(folders.ask_comfyui(client))


def _nodes(client: Client) -> None:
    _keep(Report.NODES, sorted(client.object_info()))


def _templates(client: Client) -> None:
    found: Any = client.template_index()
    groups = [group for group in found if isinstance(group, dict)] if isinstance(found, list) else []
    names = {
        template["name"]
        for group in groups
        for template in group.get("templates") or ()
        if isinstance(template, dict) and isinstance(template.get("name"), str)
    }
    _keep(Report.TEMPLATES, sorted(names))


def _keep(key: str, names: list[str]) -> None:
    Report.objects.update_or_create(pk=key, defaults={"value": names, "taken_at": timezone.now()})
