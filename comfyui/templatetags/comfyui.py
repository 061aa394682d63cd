"""Pieces of ComfyUI for the pages of apps that lie below and may not know it."""

from __future__ import annotations

from typing import Any

from django import template

from activity.models import Activity
from comfyui import folders, generate, link_pack, status
from comfyui.models import ComfyState

register = template.Library()


@register.inclusion_tag("comfyui/_status.html")
def comfyui_status() -> dict[str, Any]:
    return {"comfyui": status.current()}


@register.inclusion_tag("comfyui/_settings.html", takes_context=True)
def comfyui_settings(context: template.Context) -> dict[str, Any]:
    """Folders that ComfyUI reads too, and the folder that lets links open workflows."""
    known = folders.read()
    return {
        "comfyui": status.current(),
        "offers": known.offers(),
        "choices": known.choices(),
        "mismatch": known.mismatch(),
        "place": link_pack.place(known),
        "opens_links": generate.opens_links(),
        "frontend": ComfyState.get().frontend,
        "first_frontend": ".".join(map(str, generate.OPENS_TEMPLATES)),
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("comfyui/_picture.html")
def generation_picture(entry: Activity) -> dict[str, Any]:
    """The first picture of a generation in the log; nothing for any other entry."""
    return {"entry": entry, "shown": entry.type == "generation" and "picture" in entry.details}
