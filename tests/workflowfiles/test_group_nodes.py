from __future__ import annotations

import pytest

from tests.workflowfiles.reading import needed, not_needed, scan
from tests.workflows.make import node, ui

GROUP = {
    "nodes": [
        {"type": "CheckpointLoaderSimple", "index": 0, "widgets_values": ["default.safetensors"]},
        {"type": "KSampler", "index": 1, "widgets_values": [1, "fixed", 20]},
        {"type": "VAELoader", "index": 2, "widgets_values": ["default.vae.pt"]},
    ],
    "links": [],
}


@pytest.mark.parametrize("separator", [">", "/"])
def test_a_group_node_hands_its_values_to_the_nodes_inside(separator: str):
    values = ("mine.safetensors", 1, "fixed", 20, "mine.vae.pt")
    workflow = ui(node(f"workflow{separator}My group", values), extra={"groupNodes": {"My group": GROUP}})
    assert needed(workflow) == ["checkpoints/mine.safetensors", "vae/mine.vae.pt"]
    assert scan(workflow).node_types == {"CheckpointLoaderSimple", "KSampler", "VAELoader"}


def test_a_group_node_that_hides_widgets_deals_models_out_in_order():
    workflow = ui(node("workflow>g", ("mine.safetensors", "mine.vae.pt")), extra={"groupNodes": {"g": GROUP}})
    assert needed(workflow) == ["checkpoints/mine.safetensors", "vae/mine.vae.pt"]


def test_a_bypassed_group_node_needs_nothing():
    workflow = ui(node("workflow>g", None, mode=4), extra={"groupNodes": {"g": GROUP}})
    assert not_needed(workflow) == ["checkpoints/default.safetensors", "vae/default.vae.pt"]
