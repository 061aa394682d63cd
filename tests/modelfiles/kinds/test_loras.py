"""Loras of every trainer, and what only looks like one."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import judged, kind

ATTENTION = "transformer_blocks_0_attn2_to_k"


def kohya(*modules: str, down: str = "16,768", up: str = "320,16") -> str:
    return " ".join(
        f"{module}.lora_down.weight:{down} {module}.lora_up.weight:{up} {module}.alpha:1" for module in modules
    )


def peft(*modules: str, width: int = 3072) -> str:
    return " ".join(f"{module}.lora_A.weight:16,{width} {module}.lora_B.weight:{width},16" for module in modules)


LORAS = {
    "sd1 by kohya": (
        kohya(f"lora_unet_down_blocks_0_attentions_0_{ATTENTION}", "lora_te_text_model_encoder_layers_0_mlp_fc1"),
        "sd1",
    ),
    "sd2 by kohya": (kohya(f"lora_unet_down_blocks_0_attentions_0_{ATTENTION}", down="16,1024"), "sd2"),
    "sdxl by kohya": (kohya(f"lora_unet_input_blocks_4_1_{ATTENTION}", down="16,2048"), "sdxl"),
    "sdxl, no cross-attention": (kohya("lora_unet_input_blocks_8_1_transformer_blocks_9_ff_net_2"), "sdxl"),
    "sdxl by diffusers": (
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora.down.weight:4,2048 "
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora.up.weight:640,4",
        "sdxl",
    ),
    "attention processors": (
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight:4,2048 "
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.up.weight:640,4",
        "sdxl",
    ),
    "text encoder alone": (kohya("lora_te_text_model_encoder_layers_0_mlp_fc1"), ""),
    "cascade": (kohya("lora_prior_unet_down_blocks_0_0_attention"), "stable_cascade"),
    "flux by kohya": (kohya("lora_unet_double_blocks_0_img_attn_qkv", down="16,3072"), "flux"),
    "flux by peft": (peft("transformer.single_transformer_blocks.0.attn.to_k"), "flux"),
    "flux of xlabs": (
        "double_blocks.0.processor.qkv_lora1.down.weight:16,3072 double_blocks.0.processor.qkv_lora1.up.weight:9216,16",
        "flux",
    ),
    "flux control lora, with whole norms": (
        peft("double_blocks.0.img_attn.qkv", "double_blocks.0.img_attn.proj")
        + " double_blocks.0.img_attn.norm.key_norm.scale:128 double_blocks.0.img_attn.qkv.lora_B.bias:9216",
        "flux",
    ),
    "chroma": (peft("diffusion_model.distilled_guidance_layer.layers.0.in_layer"), "chroma"),
    "hunyuan video": (peft("transformer.double_blocks.0.img_mlp.fc1"), "hunyuan_video"),
    "wan": (peft("diffusion_model.blocks.0.self_attn.q", width=5120), "wan"),
    "wan i2v": (peft("diffusion_model.blocks.0.cross_attn.k_img", width=5120), "wan2.1"),
    "wan distilled, with differences": (
        "diffusion_model.blocks.0.self_attn.q.lora_down.weight diffusion_model.blocks.0.self_attn.q.lora_up.weight "
        "diffusion_model.blocks.0.norm3.diff diffusion_model.blocks.0.norm3.diff_b",
        "wan",
    ),
    "qwen image": (peft("transformer_blocks.0.img_mlp.net.0.proj"), "qwen_image"),
    "sd3": (peft("transformer.transformer_blocks.0.attn.add_k_proj", width=1536), "sd3"),
    "sd3 or qwen image": (peft("transformer.transformer_blocks.0.attn.add_k_proj"), ""),
    "z-image": (peft("diffusion_model.layers.0.attention.to_q", width=3840), "z_image"),
    "ltx 2": (peft("diffusion_model.transformer_blocks.0.audio_attn1.to_k", width=2048), "ltx2"),
    "anima": (peft("diffusion_model.blocks.0.adaln_modulation_mlp.1", width=2048), "cosmos_predict2"),
    "peft, default adapter": (
        "base_model.model.a.b.lora_A.default.weight base_model.model.a.b.lora_B.default.weight",
        "",
    ),
    "dora": ("transformer.a.lora_A.weight transformer.a.lora_B.weight transformer.a.lora_magnitude_vector:8", ""),
    "loha": ("lora_unet_a.hada_w1_a lora_unet_a.hada_w1_b lora_unet_a.hada_w2_a lora_unet_a.alpha:1", ""),
    "lokr, half of it scales": ("diffusion_model.a.lokr_w1 diffusion_model.a.alpha:1", ""),
    "oft": ("lora_unet_a.oft_blocks:4,8,8 lora_unet_a.alpha:1", ""),
    "glora": ("lora_unet_a.a1.weight lora_unet_a.a2.weight lora_unet_a.b1.weight lora_unet_a.b2.weight", ""),
    "ia3": ("lora_unet_a_to_k.weight:320 lora_unet_a_to_k.on_input:1", ""),
    "full difference": ("lora_unet_a.diff:320,320 lora_unet_a.diff_b:320", ""),
    "lycoris": (kohya("lycoris_transformer_blocks_0_attn_to_q"), ""),
    "pivotal, with vectors": (peft("unet.a", "unet.b") + " clip_l:2,768 clip_g:2,1280", ""),
    "with an embedding inside": (kohya("lora_unet_a", "lora_unet_b") + " bundle_emb.x.string_to_param.*:1,768", ""),
}


@pytest.mark.parametrize("title", LORAS)
def test_each_form_is_a_lora(title: str) -> None:
    names, base_model = LORAS[title]
    assert kind(names) == ("lora", base_model)


NO_LORAS = {
    "control-lora": "lora_controlnet:0 input_blocks.0.0.up input_blocks.0.0.down input_hint_block.0.weight",
    "lllite": "lllite_unet_down_blocks_0.down.0.weight lllite_unet_down_blocks_0.up.0.weight",
    "krea 2": "txtfusion.projector.weight blocks.0.ff.up.weight blocks.0.ff.down.weight blocks.1.ff.up.weight",
    "oobleck": "decoder.layers.1.layers.0.beta decoder.layers.1.layers.0.alpha encoder.layers.1.layers.0.alpha",
    "bigvgan": "ups.0.0.weight activations.0.act.alpha activations.1.act.alpha activations.2.act.alpha",
    "gligen": "position_net.linears.0.weight input_blocks.1.1.transformer_blocks.0.fuser.alpha_attn",
    "faceid": (
        "image_proj.proj.0.weight ip_adapter.0.to_q_lora.down.weight ip_adapter.0.to_q_lora.up.weight "
        "ip_adapter.0.to_k_lora.down.weight ip_adapter.0.to_k_lora.up.weight"
    ),
    "photomaker": "id_encoder.visual_projection.weight lora_weights.a.lora_A.weight lora_weights.a.lora_B.weight",
    "one stray key": "lora_unet_a.lora_up.weight b.weight c.weight",
    "scales alone": "a.alpha b.alpha",
}


@pytest.mark.parametrize("title", NO_LORAS)
def test_what_borrows_a_loras_names_is_none(title: str) -> None:
    assert judged(NO_LORAS[title]).kind != "lora"


def test_why_names_the_part_that_was_found() -> None:
    assert judged(kohya("lora_unet_a")).why == "the header has lora_up keys"
    assert judged(peft("unet.a")).why == "the header has lora_A keys"
    assert judged("lora_unet_a.weight:3 lora_unet_a.on_input:1").why == "the header has lora_unet keys"
