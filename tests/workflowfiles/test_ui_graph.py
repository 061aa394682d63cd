from __future__ import annotations

import json
from typing import Any

import pytest

from tests.workflowfiles.reading import needed, not_needed, scan
from tests.workflows.make import HUB, entry, node, subgraph, ui, widget_input
from workflowfiles import ModelUse, Scan


def test_a_declared_model_is_found_with_everything_that_is_known_of_it():
    digest = "ab" * 32
    loader = node("CheckpointLoaderSimple", models=[entry(hash=digest.upper(), hash_type="SHA256")])

    found = scan(ui(loader))

    assert found == Scan(
        kind="ui",
        node_types=frozenset({"CheckpointLoaderSimple"}),
        models=(
            ModelUse(
                directory="checkpoints",
                name="a.safetensors",
                url=f"{HUB}/checkpoints/a.safetensors",
                needed=True,
                node_type="CheckpointLoaderSimple",
                input_name="ckpt_name",
                certainty="declared",
                sha256=digest,
                url_source="node",
            ),
        ),
    )


def test_a_stale_declaration_that_no_widget_selects_is_ignored():
    loader = node(values=("new.safetensors",), models=[entry("old.safetensors")])
    assert needed(ui(loader)) == ["checkpoints/new.safetensors"]


def test_the_declared_folder_wins_over_the_table():
    assert needed(ui(node("VAELoader", models=[entry(directory="vae_approx")]))) == ["vae_approx/a.safetensors"]


def test_a_declared_name_needs_no_extension_that_is_known():
    loader = node("SomeLoader", ("antelope.zip",), models=[entry("antelope.zip", "insightface")])
    assert needed(ui(loader)) == ["insightface/antelope.zip"]


@pytest.mark.parametrize(
    ("node_type", "values", "expected"),
    [
        ("CheckpointLoader", ("anything.yaml", "a.ckpt"), ["checkpoints/a.ckpt"]),
        ("DualCLIPLoader", ("l.safetensors", "t5.safetensors", "flux", "default"), ["l", "t5"]),
        ("TripleCLIPLoader", ("1.safetensors", "2.safetensors", "3.safetensors"), ["1", "2", "3"]),
        ("QuadrupleCLIPLoader", tuple(f"{n}.safetensors" for n in "1234"), ["1", "2", "3", "4"]),
        (
            "LTXAVTextEncoderLoader",
            ("gemma.safetensors", "ltx.safetensors", "default"),
            ["text_encoders/gemma.safetensors", "checkpoints/ltx.safetensors"],
        ),
        ("LTXVAudioVAELoader", ("ltx.safetensors",), ["checkpoints/ltx.safetensors"]),
        ("UnetLoaderGGUF", ("w.Q4_K_M.gguf",), ["diffusion_models/w.Q4_K_M.gguf"]),
        ("LoraLoader", ("style\\ink.safetensors", 1, 1), ["loras/style/ink.safetensors"]),
        ("VAELoader", ("pixel_space",), []),
        ("VAELoader", ("taesdxl",), []),
        ("LoraLoader", ("None", 1, 1), []),
        ("LoraLoader|pysssss", ({"content": "a.safetensors", "image": None}, 1, 1), ["loras/a.safetensors"]),
    ],
)
def test_the_loader_table_knows_the_folder(node_type: str, values: tuple[Any, ...], expected: list[str]):
    full = [path if "/" in path else f"text_encoders/{path}.safetensors" for path in expected]
    assert needed(ui(node(node_type, values))) == full


@pytest.mark.parametrize("mode", [2, 4])
def test_a_muted_or_bypassed_node_needs_nothing(mode: int):
    workflow = ui(node(mode=mode))
    assert (needed(workflow), not_needed(workflow)) == ([], ["checkpoints/a.safetensors"])
    assert scan(workflow).node_types == frozenset()


def test_one_active_loader_is_enough_for_a_file_to_be_needed():
    assert needed(ui(node(mode=4, id=1), node(id=2))) == ["checkpoints/a.safetensors"]


def test_each_instance_of_a_subgraph_is_muted_by_itself():
    inner = subgraph("sub", node("VAELoader", ("v.safetensors",)))
    bypassed, muted, active = node("sub", (), mode=4), node("sub", (), mode=2, id=2), node("sub", (), id=3)

    assert not_needed(ui(bypassed, muted, subgraphs=[inner])) == ["vae/v.safetensors"]
    assert needed(ui(bypassed, muted, active, subgraphs=[inner])) == ["vae/v.safetensors"]


def test_a_bypass_two_levels_above_counts():
    subgraphs = [subgraph("outer", node("inner", ())), subgraph("inner", node())]
    assert needed(ui(node("outer", ()), subgraphs=subgraphs)) == ["checkpoints/a.safetensors"]
    assert needed(ui(node("outer", (), mode=4), subgraphs=subgraphs)) == []


def test_a_definition_without_an_instance_needs_nothing():
    assert scan(ui(subgraphs=[subgraph("sub", node())])).models == ()


def promoting(*, models: Any = ()) -> dict[str, Any]:
    """A subgraph whose second slot promotes the loader's name; the first is a plain link."""
    loader = node("UNETLoader", ("default.safetensors",), id=7, models=list(models))
    loader["inputs"] = [widget_input("unet_name", link=21)]
    sampler = node("KSampler", (20,), id=8, inputs=[{"name": "image", "link": 20}, widget_input("steps", link=22)])
    return subgraph(
        "sub",
        loader,
        sampler,
        slots=("image", "unet_name", "steps"),
        links=[(20, -10, 0, 8, 0), (21, -10, 1, 7, 0), (22, -10, 2, 8, 1)],
    )


def test_a_promoted_value_replaces_the_inner_one_per_instance():
    workflow = ui(
        node("sub", ("one.safetensors", 30), id=1),
        node("sub", ("two.safetensors", 30), id=2, mode=4),
        subgraphs=[promoting()],
    )
    assert needed(workflow) == ["diffusion_models/one.safetensors"]
    assert not_needed(workflow) == ["diffusion_models/two.safetensors"]


def test_a_container_without_values_keeps_the_inner_one():
    assert needed(ui(node("sub", None), subgraphs=[promoting()])) == ["diffusion_models/default.safetensors"]
    assert needed(ui(node("sub", ()), subgraphs=[promoting()])) == ["diffusion_models/default.safetensors"]


def test_values_by_name_count_when_the_list_is_missing():
    container = node("sub", None, widgets_values_named={"unet_name": "named.safetensors"})
    assert needed(ui(container, subgraphs=[promoting()])) == ["diffusion_models/named.safetensors"]


def test_a_list_of_another_length_still_finds_the_models_place():
    container = node("sub", ("fixed", "other.safetensors", 30))
    assert needed(ui(container, subgraphs=[promoting()])) == ["diffusion_models/other.safetensors"]


def test_the_declaration_of_a_promoted_value_may_sit_on_either_node():
    at_container = node("sub", ("x.safetensors", 30), models=[entry("x.safetensors", "unet_extra")])
    assert needed(ui(at_container, subgraphs=[promoting()])) == ["unet_extra/x.safetensors"]
    inside = promoting(models=[entry("x.safetensors", "unet_inner"), entry("default.safetensors")])
    assert needed(ui(node("sub", ("x.safetensors", 30)), subgraphs=[inside])) == ["unet_inner/x.safetensors"]


def test_promoted_values_pass_through_nested_containers():
    middle = node("sub", ("middle.safetensors", 30), id=5)
    middle["inputs"] = [widget_input("unet_name", link=31)]
    outer = subgraph("outer", middle, slots=("model",), links=[(31, -10, 0, 5, 1)])

    assert needed(ui(node("outer", ("top.safetensors",)), subgraphs=[outer, promoting()])) == [
        "diffusion_models/top.safetensors"
    ]
    # The inner container's list of inputs is often partial: the slot is then known only from its definition.
    middle["inputs"] = []
    assert needed(ui(node("outer", ("top.safetensors",)), subgraphs=[outer, promoting()])) == [
        "diffusion_models/middle.safetensors"
    ]


def test_proxy_widgets_name_the_inner_node_and_widget():
    container = node("sub", ("proxied.safetensors",), proxies=[["7", "unet_name"]])
    assert needed(ui(container, subgraphs=[promoting()])) == ["diffusion_models/proxied.safetensors"]


def test_a_primitive_that_feeds_a_widget_decides():
    loader = node(values=("stale.safetensors",), id=1, inputs=[widget_input("ckpt_name", link=5)])
    primitive = node("PrimitiveNode", ("real.safetensors", "fixed"), id=2)
    reroute = node("Reroute", None, id=3, inputs=[{"name": "", "link": 4}])

    direct = ui(loader, primitive, links=[[5, 2, 0, 1, 0, "COMBO"]])
    through = ui(loader, primitive, reroute, links=[[4, 2, 0, 3, 0, "*"], [5, 3, 0, 1, 0, "COMBO"]])

    assert needed(direct) == needed(through) == ["checkpoints/real.safetensors"]


def test_a_primitive_outside_a_container_decides_inside() -> None:
    container = node("sub", ("stale.safetensors", 30), id=1, inputs=[widget_input("unet_name", link=5)])
    primitive = node("PrimitiveNode", ("real.safetensors", "fixed"), id=2)
    workflow = ui(container, primitive, links=[[5, 2, 0, 1, 1, "COMBO"]], subgraphs=[promoting()])
    assert needed(workflow) == ["diffusion_models/real.safetensors"]


def test_links_written_as_objects_are_links_too():
    loader = node(values=("stale.safetensors",), id=1, inputs=[widget_input("ckpt_name", link=5)])
    primitive = node("PrimitiveNode", ("real.safetensors", "fixed"), id=2)
    link = {"id": 5, "origin_id": 2, "origin_slot": 0, "target_id": 1, "target_slot": 0, "type": "COMBO"}
    assert needed(ui(loader, primitive, links=[link]) | {"version": 1}) == ["checkpoints/real.safetensors"]


def test_partial_inputs_do_not_shift_the_values():
    loader = node("LTXAVTextEncoderLoader", ("gemma.safetensors", "ltx.safetensors", "default"))
    loader["inputs"] = [widget_input("ckpt_name")]
    assert needed(ui(loader)) == ["text_encoders/gemma.safetensors", "checkpoints/ltx.safetensors"]


def test_an_entry_that_is_switched_off_in_a_stack_is_not_needed():
    stack = node(
        "Power Lora Loader (rgthree)",
        (
            {},
            {"type": "PowerLoraLoaderHeaderWidget"},
            {"on": True, "lora": "yes.safetensors", "strength": 1},
            {"on": False, "lora": "no.safetensors", "strength": 1},
        ),
    )
    assert (needed(ui(stack)), not_needed(ui(stack))) == (["loras/yes.safetensors"], ["loras/no.safetensors"])


def test_values_of_custom_nodes_may_be_an_object_or_nested_lists():
    assert needed(ui(node("Custom", {"vae_name": "v.pt", "deep": [[["d.onnx"]]]}))) == ["vae/v.pt", "d.onnx"]


def test_prompts_and_links_are_no_model_names():
    texts = ("line one\nends.safetensors", "https://example.org/a.safetensors", "x" * 400 + ".ckpt")
    assert scan(ui(node("CLIPTextEncode", texts))).models == ()


def test_a_note_gives_a_link_but_never_a_requirement():
    note = node("MarkdownNote", (f"[a]({HUB}/a.safetensors?download=true) or [b]({HUB}/b.safetensors)",), id=2)
    found = scan(ui(node(), note))
    assert [(use.path, use.url, use.url_source) for use in found.models] == [
        ("checkpoints/a.safetensors", f"{HUB}/a.safetensors", "note")
    ]


def test_a_foreign_prompt_in_extra_is_ignored():
    foreign = {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "foreign.safetensors"}}}
    assert needed(ui(node(), extra={"prompt": foreign})) == ["checkpoints/a.safetensors"]


def test_a_top_level_list_of_models_gives_url_and_folder():
    workflow = ui(node("Custom", ("m.gguf",)), models=[entry("m.gguf", "llm")])
    assert [(use.path, use.url, use.certainty) for use in scan(workflow).models] == [
        ("llm/m.gguf", f"{HUB}/llm/m.gguf", "declared")
    ]


def test_ids_may_be_numbers_or_strings():
    container = node("sub", ("one.safetensors", 30), id="a")
    definition = json.loads(json.dumps(promoting()).replace('"target_id": 7', '"target_id": "7"'))
    assert needed(ui(container, subgraphs=[definition])) == ["diffusion_models/one.safetensors"]
