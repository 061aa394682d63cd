"""Reads workflow files of ComfyUI. Knows no Django, writes nothing, asks no network."""

from workflowfiles.result import Atlas, Certainty, Kind, KnownModel, ModelUse, Scan
from workflowfiles.scan import VERSION, scan_bytes, scan_file, workflow_json

__all__ = [
    "VERSION",
    "Atlas",
    "Certainty",
    "Kind",
    "KnownModel",
    "ModelUse",
    "Scan",
    "scan_bytes",
    "scan_file",
    "workflow_json",
]
