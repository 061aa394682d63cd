"""Adapters, modules and patches that carry the names of what they work on."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import kind

MOTION = "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0"
UNI3C = "controlnet_patch_embedding.weight controlnet_blocks.0.ffn.0.bias proj_out.0.weight"

BORROWERS = {
    "ip-adapter sd1": ("image_proj.proj.weight ip_adapter.1.to_k_ip.weight:320,768", ("ipadapter", "sd1")),
    "ip-adapter plus sdxl, instantid": (
        "image_proj.latents image_proj.layers.0.0.to_q.weight ip_adapter.1.to_k_ip.weight:640,2048",
        ("ipadapter", "sdxl"),
    ),
    "ip-adapter flux of xlabs": (
        "ip_adapter_proj_model.proj.weight double_blocks.0.processor.ip_adapter_double_stream_k_proj.weight",
        ("ipadapter", "flux"),
    ),
    "pulid flux": ("pulid_ca.0.to_q.weight pulid_encoder.body.0.weight", ("pulid", "flux")),
    "pulid sdxl": ("image_proj.mapping_0.0.weight ip_adapter.1.id_to_k.weight", ("pulid", "sdxl")),
    "photomaker": (
        "id_encoder.vision_model.encoder.layers.0.mlp.fc1.weight lora_weights.unet.a.lora_A.weight",
        ("photomaker", "sdxl"),
    ),
    "motion module": (
        f"{MOTION}.to_q.weight down_blocks.3.motion_modules.0.temporal_transformer.norm.bias",
        ("motion_module", "sd1"),
    ),
    "motion module sdxl": (f"{MOTION}.to_q.weight", ("motion_module", "sdxl")),
    "motion lora": (
        f"{MOTION}.processor.to_q_lora.down.weight {MOTION}.processor.to_q_lora.up.weight",
        ("motion_lora", ""),
    ),
    "gligen": (
        "position_net.linears.0.weight input_blocks.1.1.transformer_blocks.0.fuser.alpha_attn:1",
        ("gligen", "sd1"),
    ),
    "redux": ("redux_up.weight redux_down.weight", ("style_model", "flux")),
    "style of t2i": ("style_embedding transformer_layes.0.attn.in_proj_weight", ("style_model", "sd1")),
    "anima lllite": (
        "lllite_conditioning1.conv1.weight lllite_dit_blocks_0_cross_attn_q_proj.down.weight",
        ("model_patch", "anima"),
    ),
    "qwen blockwise": ("controlnet_blocks.0.y_rms.weight img_in.weight", ("model_patch", "qwen_image")),
    "uso": ("feature_embedder.mid_layer_norm.bias", ("model_patch", "flux")),
    "z-image fun": ("control_all_x_embedder.2-1.weight control_layers.0.after_proj.weight", ("model_patch", "z_image")),
    "qwen 2.1 fun": (
        "control_img_in.weight control_blocks.0.img_mlp.out.weight control_blocks.0.after_proj.weight",
        ("model_patch", "qwen_image_2.1"),
    ),
    "minimax h3 fun": (
        "control_proj_in.weight control_blocks.0.attn.qkv_proj.weight",
        ("model_patch", "minimax_h3"),
    ),
    "uni3c": (UNI3C, ("model_patch", "wan")),
    "duration head": ("duration_head.attention_pooler.query_tokens", ("model_patch", "ltx2")),
    "multitalk": ("audio_proj.proj1.weight blocks.0.audio_cross_attn.proj.weight", ("model_patch", "wan2.1")),
}


@pytest.mark.parametrize("title", BORROWERS)
def test_each_is_what_it_is_and_not_what_it_works_on(title: str) -> None:
    names, expected = BORROWERS[title]
    assert kind(names) == expected


def test_a_whole_unet_with_motion_modules_inside_is_a_diffusion_model() -> None:
    names = (
        "conv_in.weight time_embedding.linear_1.weight down_blocks.0.resnets.0.conv1.weight "
        f"up_blocks.0.resnets.0.conv1.weight {MOTION}.to_q.weight"
    )
    assert kind(names)[0] == "diffusion_model"
