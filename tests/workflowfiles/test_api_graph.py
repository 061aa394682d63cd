from __future__ import annotations

import json
from typing import Any

import pytest

from tests.workflows.make import api, dump, node, ui
from workflowfiles import scan_bytes

LOADER = {"ckpt_name": "a.safetensors"}


@pytest.mark.parametrize("wrap", [None, "prompt", "workflow", "output"])
@pytest.mark.parametrize("as_text", [False, True])
def test_the_graph_is_found_bare_and_wrapped(wrap: str | None, as_text: bool):
    graph: Any = api(CheckpointLoaderSimple=LOADER, KSampler={"model": ["1", 0], "steps": 20})
    graph["_meta"] = {"title": "x"}
    if wrap:
        graph = {wrap: json.dumps(graph) if as_text else graph, "client_id": "me"}
    found = scan_bytes(dump(graph))
    assert found.kind == "api"
    assert [(use.path, use.input_name) for use in found.models] == [("checkpoints/a.safetensors", "ckpt_name")]
    assert found.node_types == {"CheckpointLoaderSimple", "KSampler"}


def test_a_wrapped_ui_workflow_comes_before_the_prompt_beside_it():
    found = scan_bytes(dump({"prompt": api(CheckpointLoaderSimple=LOADER), "workflow": ui(node("VAELoader"))}))
    assert (found.kind, [use.path for use in found.models]) == ("ui", ["vae/a.safetensors"])


def test_inputs_are_found_by_name_in_any_order():
    graph = api(LTXAVTextEncoderLoader={"ckpt_name": "ltx.safetensors", "text_encoder": "gemma.safetensors"})
    assert {use.path for use in scan_bytes(dump(graph)).models} == {
        "checkpoints/ltx.safetensors",
        "text_encoders/gemma.safetensors",
    }


def test_a_linked_primitive_gives_the_value():
    graph = api(PrimitiveString={"value": "a.safetensors"}, CheckpointLoaderSimple={"ckpt_name": ["1", 0]})
    assert [use.path for use in scan_bytes(dump(graph)).models] == ["checkpoints/a.safetensors"]


def test_links_in_a_circle_end():
    graph = api(Reroute={"value": ["1", 0]}, CheckpointLoaderSimple={"ckpt_name": ["1", 0]})
    assert scan_bytes(dump(graph)).models == ()


def test_a_stack_keeps_what_is_switched_on():
    stack = {"lora_1": {"on": True, "lora": "yes.pt"}, "lora_2": {"on": False, "lora": "no.pt"}}
    found = scan_bytes(dump(api(**{"Power Lora Loader (rgthree)": stack})))
    assert [(use.path, use.needed) for use in found.models] == [("loras/yes.pt", True), ("loras/no.pt", False)]
