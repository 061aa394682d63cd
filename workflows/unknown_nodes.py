"""Node types that may need custom nodes: what this ComfyUI does not have, or, unasked, what no template uses."""

from __future__ import annotations

from dataclasses import dataclass

from comfyui.reports import node_types
from workflowfiles import Scan
from workflows.library import library


@dataclass(frozen=True)
class UnknownNodes:
    """``certain``: ComfyUI itself has said what it has; otherwise the official templates are the measure."""

    types: tuple[str, ...]
    certain: bool


def unknown_nodes(scan: Scan) -> UnknownNodes:
    installed = node_types()
    return UnknownNodes(tuple(sorted(scan.node_types - (installed or library().node_types))), bool(installed))
