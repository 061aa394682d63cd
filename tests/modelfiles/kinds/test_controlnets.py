"""Controlnets and T2I adapters: most hold a copy of half a model."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import kind

UNET = "input_blocks.0.0.weight:320,4,3,3 input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight:320,{0}"
HALF = "controlnet_cond_embedding.conv_in.weight conv_in.weight down_blocks.0.resnets.0.conv1.weight"

CONTROLNETS = {
    "sd1": (UNET.format(768) + " zero_convs.0.0.weight input_hint_block.0.weight", "sd1"),
    "below control_model.": (
        "control_model.zero_convs.0.0.weight control_model.input_blocks.0.0.weight difference",
        "",
    ),
    "sdxl by diffusers": (f"{HALF} add_embedding.linear_1.weight:1280,2816", "sdxl"),
    "union": (
        f"{HALF} add_embedding.linear_1.weight:1280,2816 task_embedding control_add_embedding.linear_1.bias",
        "sdxl",
    ),
    "sparsectrl": (
        "controlnet_down_blocks.0.weight controlnet_mid_block.weight input_hint_block.0.weight conv_in.weight",
        "",
    ),
    "control-lora": ("lora_controlnet:0 label_emb.0.0.up input_blocks.0.0.up input_blocks.0.0.down", "sdxl"),
    "lllite": ("lllite_unet_down_blocks_1.conditioning1.0.weight lllite_unet_down_blocks_1.down.0.weight", "sdxl"),
    "hunyuan dit": ("after_proj_list.18.bias mlp_t5.0.weight blocks.0.attn1.Wqkv.weight", "hunyuan_dit"),
    "flux of xlabs": ("controlnet_blocks.0.weight double_blocks.0.img_attn.norm.key_norm.scale img_in.weight", "flux"),
    "flux of mistoline": (
        "controlnet_blocks.0.linear.weight double_blocks.0.img_attn.norm.key_norm.scale img_in.weight",
        "flux",
    ),
    "flux of instantx": (
        "controlnet_blocks.0.weight controlnet_x_embedder.weight transformer_blocks.0.attn.to_q.weight "
        "single_transformer_blocks.0.proj_mlp.weight time_text_embed.timestep_embedder.linear_1.weight",
        "flux",
    ),
    "sd3": (
        "controlnet_blocks.0.weight pos_embed_input.proj.weight transformer_blocks.0.attn.add_q_proj.weight",
        "sd3",
    ),
    "qwen of instantx": (
        "controlnet_blocks.0.weight controlnet_x_embedder.weight txt_norm.weight img_in.weight txt_in.weight "
        "transformer_blocks.0.img_mlp.net.0.proj.weight",
        "qwen_image",
    ),
    "qwen fun": ("control_blocks.0.after_proj.weight control_img_in.weight", "qwen_image"),
    "wan": ("controlnet_blocks.0.weight blocks.0.attn1.to_q.weight condition_embedder.time_embedder.weight", ""),
    "t2i adapter sd1": ("body.0.block1.weight body.2.in_conv.weight conv_in.weight:320,192,3,3", "sd1"),
    "t2i adapter sdxl": ("adapter.body.0.resnets.0.block1.weight adapter.conv_in.weight:320,768,3,3", "sdxl"),
    "t2i adapter light": ("body.0.in_conv.weight body.0.body.0.block1.weight body.0.out_conv.weight", ""),
    "cascade": ("backbone.0.0.weight backbone.10.blocks.0.weight projections.0.0.weight", "stable_cascade"),
}


@pytest.mark.parametrize("title", CONTROLNETS)
def test_each_is_a_controlnet(title: str) -> None:
    names, base_model = CONTROLNETS[title]
    assert kind(names) == ("controlnet", base_model)


def test_effnet_shares_the_backbone_of_cascades_controlnets_and_is_a_vae() -> None:
    names = "backbone.0.0.weight backbone.1.0.block.0.1.num_batches_tracked:0 mapper.0.weight"
    assert kind(names) == ("vae", "stable_cascade")
