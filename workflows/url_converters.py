"""Workflows in addresses: an id is SOURCE:relative/path, and a file's name may hold anything, a line break too."""

from __future__ import annotations

from django.urls.converters import PathConverter


class WorkflowId(PathConverter):
    """As ``path``, whose “.” ends before a line break."""

    regex = r"[\s\S]+"
