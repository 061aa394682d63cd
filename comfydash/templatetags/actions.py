"""Verbs as buttons: ``{% act "pause" row %}``. What a verb is called, drawn and styled stands here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django import template
from django.urls import reverse

register = template.Library()


class Target(Protocol):
    """A download, a model or a workflow."""

    @property
    def id(self) -> object: ...


@dataclass(frozen=True)
class Action:
    path: str  # the URL's name; it takes the target's id
    label: str
    drawing: str = ""
    style: str = "secondary small"
    spoken: str = ""  # for screen readers, where label and name do not say it; {} is the name
    field: tuple[str, str] | None = None  # sent along
    refresh: str = ""  # areas of the page that are old afterwards

    @property
    def is_drawing_only(self) -> bool:
        return "icon-only" in self.style


def _move(to: str, label: str, words: str) -> Action:
    return Action("downloads:move", label, to, "quiet small icon-only", f"Move {{}} {words}", ("to", to))


REPLACE, KEEP_BOTH = ("conflict", "replace"), ("conflict", "keep_both")
ACTIONS = {
    "pause": Action("downloads:pause", "Pause", "pause"),
    "resume": Action("downloads:resume", "Resume", "play", "small"),
    "check_again": Action("downloads:resume", "Check again", "refresh"),
    "skip": Action("downloads:skip", "Skip", "skip"),
    "cancel": Action("downloads:cancel", "Cancel", style="danger secondary small"),
    "retry": Action("downloads:retry", "Retry", "retry"),
    "retry_replacing": Action("downloads:retry", "Replace the file", "refresh", "small", field=REPLACE),
    "retry_keeping_both": Action("downloads:retry", "Keep both", "plus", field=KEEP_BOTH),
    "continue": Action("downloads:retry", "Continue", "play", "small"),
    "top": _move("top", "To the top", "to the top"),
    "up": _move("up", "Up", "up"),
    "down": _move("down", "Down", "down"),
    "install": Action("presets:install", "Install", "download", "small"),
    "install_rest": Action("presets:install", "Install the rest", "download", "small"),
    "install_replacing": Action("presets:install", "Replace the file", "refresh", "small", field=REPLACE),
    "install_keeping_both": Action("presets:install", "Keep both", "plus", field=KEEP_BOTH),
    "install_missing": Action("workflows:install", "Install what is missing", "download", "small"),
    "fix": Action("workflows:fix", "Fix it", "link", "small", refresh="disk"),
}


@register.inclusion_tag("components/_act.html")
def act(
    verb: str, target: Target, name: str = "", style: str = "", id: str = "", bare: bool = False
) -> dict[str, object]:
    """A form with one button. ``name`` is the target's for screen readers; ``bare`` leaves the drawing out."""
    action = ACTIONS[verb]
    name = name or getattr(target, "title", "") or getattr(target, "name", "")
    return {
        "action": action,
        "path": reverse(action.path, args=[target.id]),
        "spoken": action.spoken.format(name) if action.spoken else f"{action.label} {name}",
        "style": style or action.style,
        "id": id,
        "drawing": "" if bare else action.drawing,
    }
