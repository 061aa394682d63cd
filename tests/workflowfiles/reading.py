"""What the tests ask of a workflow: which models it names, and which of them it needs."""

from __future__ import annotations

from typing import Any

from tests.workflows.make import dump
from workflowfiles import Scan, scan_bytes


def scan(workflow: Any) -> Scan:
    return scan_bytes(dump(workflow))


def needed(workflow: Any) -> list[str]:
    return [use.path for use in scan(workflow).models if use.needed]


def not_needed(workflow: Any) -> list[str]:
    return [use.path for use in scan(workflow).models if not use.needed]


def names(data: bytes) -> list[str]:
    return [use.path for use in scan_bytes(data).models]
