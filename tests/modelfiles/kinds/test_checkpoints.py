"""Whole checkpoints, halves and parts of them, and what they are not."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import below, kind
from tests.modelfiles.kinds.test_diffusion_models import FLUX, LTX, UNET, WAN

VAE = "decoder.conv_in.weight decoder.up.0.block.0.conv1.weight encoder.conv_in.weight"
CLIP = "transformer.text_model.encoder.layers.0.mlp.fc1.weight"
SDXL = below("model.diffusion_model.", UNET + " label_emb.0.0.weight:1280,2816")

CHECKPOINTS = {
    "sdxl": (f"{SDXL} {below('first_stage_model.', VAE)} {below('conditioner.embedders.0.', CLIP)}", "sdxl"),
    "without text encoders": (f"{SDXL} {below('first_stage_model.', VAE)}", "sdxl"),
    "without vae": (f"{SDXL} {below('cond_stage_model.', CLIP)}", "sdxl"),
    "flux all in one": (
        f"{below('model.diffusion_model.', FLUX)} {below('vae.', VAE)} {below('text_encoders.clip_l.', CLIP)}",
        "flux",
    ),
    "wan all in one": (
        f"{below('model.diffusion_model.', WAN)} vae.decoder.middle.0.residual.0.gamma "
        "text_encoders.umt5xxl.transformer.shared.weight",
        "wan",
    ),
    "ltx with its vae": (
        f"{below('model.diffusion_model.', LTX)} vae.decoder.up_blocks.0.res_blocks.0.conv1.conv.weight",
        "ltxv",
    ),
    "stable audio": (
        "model.model.transformer.rotary_pos_emb.inv_freq pretransform.model.decoder.layers.1.layers.0.beta "
        "conditioner.conditioners.prompt.proj_out.weight",
        "stable_audio",
    ),
    "aura flow": (
        "model.double_layers.0.attn.w1q.weight vae.decoder.conv_in.weight "
        "text_encoders.pile_t5xl.transformer.encoder.block.0.layer.0.SelfAttention.k.weight",
        "aura_flow",
    ),
    "hunyuan3d": (
        "model.latent_in.weight model.cond_in.weight model.double_blocks.0.img_attn.norm.key_norm.scale "
        "vae.geo_decoder.cross_attn_decoder.ln_1.bias conditioner.main_image_encoder.model.layernorm.weight",
        "hunyuan3d",
    ),
    "sam 3": (
        "detector.backbone.vision_backbone.trunk.blocks.0.attn.qkv.weight "
        "detector.transformer.decoder.query_embed.weight tracker.maskmem_tpos_enc",
        "sam3",
    ),
}
STRAY = "lora_unet_x.lora_up.weight lora_unet_x.alpha alpha a.lora_A.weight embedding_manager.x.diff"


@pytest.mark.parametrize("title", CHECKPOINTS)
def test_each_form_is_a_checkpoint(title: str) -> None:
    names, base_model = CHECKPOINTS[title]
    assert kind(names) == ("checkpoint", base_model)


@pytest.mark.parametrize("title", CHECKPOINTS)
def test_stray_lora_keys_and_leftovers_of_training_change_nothing(title: str) -> None:
    names, base_model = CHECKPOINTS[title]
    leftovers = "model_ema.diffusion_modelinput_blocks00weight model_ema.decay loss.logvar betas edm_mean:1,4,1,1"
    assert kind(f"{names} {STRAY} {leftovers}") == ("checkpoint", base_model)


def test_the_model_alone_below_the_prefix_of_checkpoints_is_a_diffusion_model() -> None:
    assert kind(SDXL) == ("diffusion_model", "sdxl")
    assert kind(SDXL + " model_ema.decay betas alphas_cumprod")[0] == "diffusion_model"


@pytest.mark.parametrize(
    ("prefix", "names", "expected"),
    [
        ("first_stage_model.", VAE, "vae"),
        ("vae.", VAE, "vae"),
        ("vae.", "something.new.weight", "vae"),
        ("cond_stage_model.", CLIP, "text_encoder"),
        ("text_encoders.new_one.", "something.weight", "text_encoder"),
    ],
)
def test_a_part_that_was_cut_out_is_what_it_was(prefix: str, names: str, expected: str) -> None:
    assert kind(below(prefix, names))[0] == expected


def test_supir_is_a_patch_although_it_looks_like_a_checkpoint() -> None:
    names = (
        "model.control_model.input_hint_block.0.weight model.control_model.zero_convs.0.0.weight "
        "model.diffusion_model.project_modules.0.param first_stage_model.denoise_encoder.conv_in.weight"
    )
    assert kind(names) == ("model_patch", "sdxl")


def test_an_old_controlnet_that_brings_its_checkpoint_along_is_a_controlnet() -> None:
    hint = "control_model.input_hint_block.0.weight control_model.zero_convs.0.0.weight"
    assert kind(f"{hint} {CHECKPOINTS['sdxl'][0]}")[0] == "controlnet"


def test_connectors_of_ltx_2_belong_to_its_text_encoder() -> None:
    names = (
        "text_embedding_projection.aggregate_embed.weight "
        "model.diffusion_model.video_embeddings_connector.learnable_registers"
    )
    assert kind(names) == ("text_encoder", "ltx2")


def test_a_model_of_ltx_2_with_its_connectors_is_a_diffusion_model() -> None:
    names = f"{below('model.diffusion_model.', LTX)} text_embedding_projection.aggregate_embed.weight"
    assert kind(names) == ("diffusion_model", "ltxv")


def test_a_language_model_below_model_is_no_checkpoint() -> None:
    names = "model.layers.0.post_attention_layernorm.weight model.embed_tokens.weight lm_head.weight"
    assert kind(names)[0] == "text_encoder"
