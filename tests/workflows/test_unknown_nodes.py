from __future__ import annotations

import pytest
from django.utils import timezone

from comfyui.models import Report
from workflowfiles import Scan
from workflows.unknown_nodes import UnknownNodes, unknown_nodes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("templates")]

SCAN = Scan("ui", node_types=frozenset({"KSampler", "MyOwnNode"}))


def test_the_templates_are_the_measure_until_comfyui_was_asked() -> None:
    assert unknown_nodes(SCAN) == UnknownNodes(("MyOwnNode",), certain=False)


def test_comfyui_knows_best() -> None:
    Report.objects.create(key=Report.NODES, value=["MyOwnNode"], taken_at=timezone.now())
    assert unknown_nodes(SCAN) == UnknownNodes(("KSampler",), certain=True)
