"""GGUF: its tensors first, then what it says of itself."""

from __future__ import annotations

import pytest

from modelfiles.kind import Kind, kind_of_start
from tests.modelfiles.heads import gguf_start

FLUX = "img_in.weight double_blocks.0.img_attn.norm.key_norm.scale"
CHROMA = "double_blocks.0.img_attn.norm.key_norm.scale distilled_guidance_layer.norms.0.scale"


def judged(metadata: dict[str, object], names: str = "") -> tuple[str, str]:
    start = gguf_start(metadata, names)
    found = kind_of_start(start, len(start) + 10_000)
    assert isinstance(found, Kind)
    return found.kind, found.base_model


@pytest.mark.parametrize(
    ("architecture", "names", "expected"),
    [
        ("flux", FLUX, ("diffusion_model", "flux")),
        ("flux", CHROMA, ("diffusion_model", "chroma")),
        ("flux", "something.new.weight", ("diffusion_model", "")),
        ("aura", "something.new.weight", ("diffusion_model", "aura_flow")),
        ("t5encoder", "enc.blk.0.attn_q.weight token_embd.weight", ("text_encoder", "")),
        ("qwen3", "blk.0.attn_q.weight token_embd.weight", ("text_encoder", "")),
        ("clip", "v.blk.0.attn_q.weight mm.0.weight", ("text_encoder", "")),
        ("pig", "decoder.conv_in.weight decoder.up.0.block.0.conv1.weight", ("vae", "")),
        ("flux", "decoder.conv_in.weight decoder.up.0.block.0.conv1.weight", ("vae", "")),
        ("something new", "a.b.weight", ("unknown", "")),
        ("flux", "", ("unknown", "")),
    ],
)
def test_the_names_of_the_tensors_decide_before_the_architecture(
    architecture: str, names: str, expected: tuple[str, str]
) -> None:
    assert judged({"general.architecture": architecture}, names) == expected


def test_without_an_architecture_the_names_decide() -> None:
    assert judged({}, FLUX) == ("diffusion_model", "flux")
    whole = "model.diffusion_model.input_blocks.0.0.weight first_stage_model.x.weight cond_stage_model.x.weight"
    assert judged({}, whole)[0] == "checkpoint"


def test_a_later_part_of_a_split_file_says_nothing() -> None:
    assert judged({"split.no": 1, "split.count": 3}, FLUX)[0] == "unknown"
    assert judged({"split.no": 0, "split.count": 3, "general.architecture": "flux"}, FLUX)[0] == "diffusion_model"


def test_an_adapter_is_not_what_comfyui_loads() -> None:
    assert judged({"general.architecture": "llama", "general.type": "adapter"}, "blk.0.attn_q.weight.lora_a")[0] == (
        "unknown"
    )
