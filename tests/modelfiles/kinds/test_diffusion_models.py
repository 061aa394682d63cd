"""Diffusion models by their names, below every prefix, packed in every way."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import below, kind

FLUX = "img_in.weight txt_in.weight vector_in.in_layer.weight double_blocks.0.img_attn.norm.key_norm.scale"
WAN = "patch_embedding.weight:5120,16,1,2,2 head.modulation:1,2,5120 head.head.weight blocks.0.self_attn.q.weight"
QWEN = "img_in.weight txt_in.weight txt_norm.weight transformer_blocks.0.img_mlp.net.0.proj.weight proj_out.weight"
HUNYUAN = "txt_in.individual_token_refiner.blocks.0.norm1.weight double_blocks.0.img_attn.norm.key_norm.scale"
LUMINA = "noise_refiner.0.attention.k_norm.weight layers.0.attention.qkv.weight cap_embedder.1.weight"
UNET = "input_blocks.0.0.weight:320,4,3,3 middle_block.0.in_layers.0.weight output_blocks.0.0.in_layers.0.weight"
WAN_DIFFUSERS = "condition_embedder.time_embedder.linear_1.weight blocks.0.attn2.to_q.weight patch_embedding.weight"
LTX = "adaln_single.emb.timestep_embedder.linear_1.bias patchify_proj.weight transformer_blocks.0.attn1.to_k.weight"

FAMILIES = {
    "flux dev": (FLUX + " guidance_in.in_layer.weight", "flux"),
    "flux fill": (FLUX.replace("img_in.weight", "img_in.weight:3072,384"), "flux"),
    "flux 2": (FLUX + " double_stream_modulation_img.lin.weight", "flux2"),
    "chroma": (FLUX + " distilled_guidance_layer.norms.0.scale", "chroma"),
    "chroma radiance": (
        "double_blocks.0.img_attn.norm.key_norm.scale distilled_guidance_layer.norms.0.scale nerf_blocks.0.norm.scale",
        "chroma_radiance",
    ),
    "longcat": (
        "img_in.weight txt_in.weight:3072,3584 double_blocks.0.img_attn.norm.key_norm.weight",
        "longcat",
    ),
    "flux by diffusers": (
        "x_embedder.weight context_embedder.weight time_text_embed.timestep_embedder.linear_1.weight "
        "single_transformer_blocks.0.proj_mlp.weight transformer_blocks.0.attn.to_q.weight",
        "flux",
    ),
    "sd3.5": ("joint_blocks.0.context_block.attn.qkv.weight joint_blocks.0.x_block.attn.ln_q.weight", "sd3"),
    "sd3 by diffusers": (
        "pos_embed.proj.weight transformer_blocks.0.attn.add_q_proj.weight "
        "time_text_embed.text_embedder.linear_1.weight proj_out.weight",
        "sd3",
    ),
    "cascade c": ("clf.1.weight clip_txt_mapper.weight down_blocks.0.0.channelwise.0.weight", "stable_cascade"),
    "stable audio": (
        below("model.model.", "transformer.rotary_pos_emb.inv_freq to_timestep_embed.0.weight"),
        "stable_audio",
    ),
    "aura flow": ("double_layers.0.attn.w1q.weight positional_encoding", "aura_flow"),
    "hunyuan dit": ("mlp_t5.0.weight extra_embedder.0.weight blocks.0.attn1.Wqkv.weight", "hunyuan_dit"),
    "hunyuan video": (HUNYUAN + " img_in.proj.weight:3072,16,1,2,2", "hunyuan_video"),
    "hunyuan video 1.5": (HUNYUAN + " cond_type_embedding.weight vision_in.proj.0.weight", "hunyuan_video_1.5"),
    "hunyuan image": (HUNYUAN + " img_in.proj.weight:3584,64,1,1", "hunyuan_image"),
    "mochi": ("t5_yproj.weight blocks.0.attn.qkv_x.weight", "mochi"),
    "ltxv": (LTX, "ltxv"),
    "ltx 2": (LTX + " audio_adaln_single.linear.weight", "ltx2"),
    "pixart by diffusers": (
        "adaln_single.emb.timestep_embedder.linear_1.bias pos_embed.proj.bias:1152 transformer_blocks.0.ff.net.2.bias",
        "pixart",
    ),
    "minimax h3": ("video_patch_proj.weight audio_patch_proj.weight blocks.0.attn.qkv_proj.weight", "minimax_h3"),
    "ace step": ("genre_embedder.weight lyric_encoder.embed.weight transformer_blocks.0.attn.to_q.weight", "ace_step"),
    "ace step 1.5": (
        "encoder.lyric_encoder.layers.0.input_layernorm.weight decoder.layers.0.self_attn_norm.weight",
        "ace_step",
    ),
    "cosmos": (below("net.", "blocks.block0.blocks.0.block.attn.to_q.0.weight"), "cosmos"),
    "cosmos predict 2": (below("net.", "blocks.0.mlp.layer1.weight x_embedder.proj.1.weight"), "cosmos_predict2"),
    "anima": (
        below("net.", "blocks.0.mlp.layer1.weight llm_adapter.blocks.0.cross_attn.q_proj.weight"),
        "anima",
    ),
    "lumina 2": (LUMINA + " cap_embedder.1.bias:2304", "lumina2"),
    "lumina 2 by diffusers": (
        "time_caption_embed.timestep_embedder.linear_1.bias noise_refiner.0.attn.to_q.weight layers.0.attn.to_q.weight",
        "lumina2",
    ),
    "omnigen 2": (
        "time_caption_embed.timestep_embedder.linear_1.bias ref_image_refiner.0.attn.to_q.weight",
        "omnigen2",
    ),
    "z-image": (LUMINA + " cap_embedder.1.bias:3840 cap_pad_token", "z_image"),
    "cogvideox": ("blocks.0.norm1.linear.weight patch_embed.text_proj.weight", "cogvideox"),
    "seedvr2": ("blocks.31.mlp.all.proj_in_gate.weight blocks.0.mlp.vid.proj_in.weight", "seedvr2"),
    "wan t2v": (WAN, "wan"),
    "wan 1.3b": (WAN.replace("5120", "1536"), "wan2.1"),
    "wan 2.2 5b": (WAN.replace("5120", "3072"), "wan2.2"),
    "wan 2.2 i2v": (WAN.replace("5120,16", "5120,36"), "wan2.2"),
    "wan 2.1 i2v": (WAN + " img_emb.proj.0.bias", "wan2.1"),
    "wan vace": (WAN + " vace_patch_embedding.weight vace_blocks.0.after_proj.weight", "wan2.1"),
    "wan s2v": (WAN + " casual_audio_encoder.encoder.final_linear.weight", "wan2.2"),
    "wan animate": (WAN + " face_adapter.fuser_blocks.0.k_norm.weight motion_encoder.enc.fc.0.weight", "wan2.2"),
    "wan with infinitetalk inside": (WAN + " img_emb.proj.0.bias audio_proj.proj1.weight", "wan2.1"),
    "wan by diffusers": (WAN_DIFFUSERS, "wan"),
    "hunyuan3d": ("latent_in.weight cond_in.weight double_blocks.0.img_attn.norm.key_norm.scale", "hunyuan3d"),
    "hunyuan3d 2.1": ("t_embedder.mlp.2.weight blocks.0.attn1.k_norm.weight x_embedder.weight", "hunyuan3d"),
    "hidream": ("caption_projection.0.linear.weight double_stream_blocks.0.block.attn1.to_q.weight", "hidream"),
    "fibo": ("caption_projection.0.linear.weight single_transformer_blocks.0.attn.to_q.weight", "fibo"),
    "qwen image": (QWEN, "qwen_image"),
    "krea 2": ("txtfusion.projector.weight blocks.0.ff.up.weight blocks.0.ff.down.weight first.weight", "krea2"),
    "kandinsky 5": (
        "visual_transformer_blocks.0.cross_attention.key_norm.weight visual_embeddings.in_layer.weight",
        "kandinsky5",
    ),
    "sensenova": (
        "fm_modules.vision_model_mot_gen.embeddings.patch_embedding.weight "
        "language_model.model.layers.0.self_attn.q_proj_mot_gen.weight",
        "sensenova",
    ),
    "yue 2": (
        "vae2llm.weight llm2vae.weight latent_pos_embed.pe time_embedder.mlp.0.weight "
        "model.layers.0.self_attn.qkv_proj.weight model.layers.0.post_attention_layernorm.weight",
        "yue2",
    ),
    "omnigen": (
        "time_token.linear_1.weight patch_embedding.input_image_proj.weight embed_tokens.weight "
        "layers.0.self_attn.to_q.weight layers.0.post_attention_layernorm.weight norm_out.linear.weight",
        "omnigen",
    ),
    "sdxl": (UNET + " label_emb.0.0.weight:1280,2816", "sdxl"),
    "sdxl refiner": (UNET + " label_emb.0.0.weight:1536,2560", "sdxl_refiner"),
    "sd1": (UNET + " input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight:320,768", "sd1"),
    "sd2": (UNET + " input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight:320,1024", "sd2"),
    "svd": (UNET + " label_emb.0.0.weight:1280,768 input_blocks.1.1.time_stack.0.attn1.to_q.weight", "svd"),
    "sdxl by diffusers": (
        "conv_in.weight time_embedding.linear_1.weight add_embedding.linear_1.weight:1280,2816 "
        "down_blocks.0.resnets.0.conv1.weight up_blocks.0.resnets.0.conv1.weight mid_block.resnets.0.conv1.weight",
        "sdxl",
    ),
    "lumina": (
        "time_caption_embed.timestep_embedder.linear_1.weight patch_embedder.proj.weight layers.0.attn1.to_q.weight",
        "lumina",
    ),
    "a family of tomorrow": (
        "transformer_blocks.0.attn.to_q.weight time_embed.linear_1.weight norm_out.linear.weight",
        "",
    ),
}
PREFIXES = ("", "model.diffusion_model.", "net.", "model.", "diffusion_model.")


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_a_diffusion_model(family: str) -> None:
    names, base_model = FAMILIES[family]
    assert kind(names) == ("diffusion_model", base_model)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("names", [FLUX, QWEN, LTX, UNET, HUNYUAN])
def test_whatever_the_prefix(prefix: str, names: str) -> None:
    assert kind(below(prefix, names))[0] == "diffusion_model"


PACKINGS = {
    "fp8 scaled, old": "{0} {1}.scale_weight scaled_fp8",
    "fp8 scaled, new": "{0} {1}.weight_scale {1}.comfy_quant",
    "nf4": "{0} {0}.absmax {0}.quant_map {0}.quant_state.bitsandbytes__nf4",
    "nunchaku": "{1}.qweight {1}.wscales {1}.proj_down {1}.proj_up {1}.smooth_factor",
    "nunchaku, first form": "{1}.qweight {1}.wscales {1}.lora_down {1}.lora_up {1}.smooth {1}.bias",
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("names", [FLUX, QWEN])
def test_packed_weights_are_judged_by_the_names_of_their_modules(packing: str, names: str) -> None:
    packed = [PACKINGS[packing].format(name, name.removesuffix(".weight")) for name in names.split()]
    assert kind(" ".join(packed))[0] == "diffusion_model"


SHARDS = {
    "wan": ("blocks.20.self_attn.norm_q.weight blocks.20.modulation blocks.20.ffn.0.weight", "wan"),
    "wan by diffusers": (
        "blocks.20.attn2.to_k.weight blocks.20.scale_shift_table blocks.20.ffn.net.2.weight",
        "wan",
    ),
    "qwen image": (
        "transformer_blocks.20.attn.add_k_proj.weight transformer_blocks.20.img_mlp.net.2.weight",
        "qwen_image",
    ),
    "flux by diffusers": (
        "single_transformer_blocks.20.attn.to_q.weight single_transformer_blocks.20.norm.linear.bias",
        "",
    ),
    "ltx by diffusers": ("transformer_blocks.20.attn1.to_q.weight transformer_blocks.20.scale_shift_table", ""),
}


@pytest.mark.parametrize("title", SHARDS)
def test_a_shard_without_beginning_and_end_is_known_by_its_blocks(title: str) -> None:
    names, base_model = SHARDS[title]
    assert kind(names) == ("diffusion_model", base_model)


@pytest.mark.parametrize("first", [20, 40])
def test_a_shard_without_the_first_blocks_is_known(first: int) -> None:
    assert kind(FLUX.replace("double_blocks.0", f"double_blocks.{first}")) == ("diffusion_model", "flux")


def test_a_width_that_packing_halved_changes_the_base_model_at_most() -> None:
    packed = QWEN.replace("txt_norm.weight", "txt_norm.weight:1792")
    assert kind(packed) == ("diffusion_model", "qwen_image")


def test_a_module_of_vace_alone_is_a_part_of_one() -> None:
    assert kind("vace_blocks.0.after_proj.weight vace_blocks.0.self_attn.q.weight") == ("diffusion_model", "wan2.1")
