"""Diffusion models, by the marks that ComfyUI knows them by and in its order: the first that fits counts.

Source: comfy/model_detection.py of ComfyUI (autumn 2026); below it the names of diffusers. Forms whose marks are those
of another family too stand before it.
"""

from __future__ import annotations

from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import Kind, first_that_fits, in_words, rules_of
from modelfiles.kinds.unet import unet_base

# The marks stand below one of these, or at the top. diffusion_model., transformer., unet. and module. are left by other
# programs than ComfyUI.
PREFIXES = (
    *("", "model.diffusion_model.", "model.model.", "net.", "model.", "diffusion_model.", "transformer."),
    *("unet.", "module.", "dit.", "_orig_mod."),
)

_family = rules_of("diffusion_model")

# They hold a language model, or all of an encoder, so they are asked for before text encoders.
HOLDING_ENCODERS = (
    _family("sensenova", "fm_modules.vision_model_mot_gen", "language_model.model.layers.*.self_attn.q_proj_mot_gen"),
    _family("yue2", "vae2llm", "llm2vae", "latent_pos_embed", "time_embedder.mlp"),
    _family("hidream_o1", "t_embedder1.mlp", "x_embedder.proj1"),
    _family("minimax_music", "cond_layer_logits", "latent_conditioners"),
    _family("ace_step", "encoder.lyric_encoder.layers.*", "decoder.layers.*.self_attn_norm"),
    _family("omnigen", "time_token", "patch_embedding", "layers.*.self_attn"),
    _family("cosmos3", "layers.*.mlp_moe_gen", "time_embedder"),
    _family("bagel", "vae2llm", "language_model.model.layers.*", "latent_pos_embed"),
)

FAMILIES = (
    _family("sd3", "joint_blocks.*.context_block.attn.qkv"),
    _family("stable_cascade", "clf.1", "clip_txt_mapper"),
    _family("stable_cascade", "clf.1", "clip_mapper"),
    _family("stable_cascade", "clf.1", "down_blocks.*.*.channelwise"),
    _family("trellis2", "img2shape.t_embedder"),
    _family("trellis2", "shape2txt.t_embedder"),
    _family("stable_audio", "transformer.rotary_pos_emb.inv_freq"),
    _family("stable_audio", "to_timestep_embed", "transformer.layers.*.self_attn.to_qkv"),
    _family("aura_flow", "double_layers.*.attn.w1q"),
    _family("hunyuan_dit", "mlp_t5.0"),
    _family("hunyuan_image", "txt_in.individual_token_refiner.blocks.*.norm1", dimensions=("img_in.proj.weight", 4)),
    _family("hunyuan_video_1.5", "txt_in.individual_token_refiner.blocks.*.norm1", "cond_type_embedding"),
    _family("hunyuan_video", "txt_in.individual_token_refiner.blocks.*.norm1"),
    _family("flux2", "double_blocks.*.img_attn.norm.key_norm", "double_stream_modulation_img.lin"),
    _family("chroma_radiance", "double_blocks.*.img_attn.norm.key_norm", "distilled_guidance_layer", "nerf_blocks"),
    _family("chroma", "double_blocks.*.img_attn.norm.key_norm", "distilled_guidance_layer"),
    _family("ovis", "double_blocks.*.img_mlp.gate_proj", "img_in", "txt_norm"),
    _family(
        *("longcat", "double_blocks.*.img_attn.norm.key_norm", "img_in"),
        but_not=("vector_in", "latent_in"),
        length=("txt_in.weight", 1, 3584),
    ),
    _family("flux", "double_blocks.*.img_attn.norm.key_norm", "img_in", but_not=("latent_in",)),
    _family("mochi", "t5_yproj"),
    _family("pixart", "adaln_single.emb.resolution_embedder", "pos_embed.proj"),
    _family("pixart", "adaln_single.emb.timestep_embedder", "pos_embed.proj", length=("pos_embed.proj.bias", 0, 1152)),
    _family("allegro", "adaln_single.emb.timestep_embedder", "pos_embed.proj"),
    _family("minimax_h3", "video_patch_proj", "audio_patch_proj"),
    _family("ltx2", "adaln_single.emb.timestep_embedder", "audio_adaln_single.linear"),
    _family("ltxv", "adaln_single.emb.timestep_embedder", "patchify_proj"),
    _family("", "adaln_single.emb.timestep_embedder", "transformer_blocks.*"),
    _family("ltx2", "time_embed.emb.timestep_embedder", "audio_time_embed", "transformer_blocks.*"),
    _family("ltxv", "time_embed.emb.timestep_embedder", "proj_in", "caption_projection", "transformer_blocks.*"),
    _family("ace_step", "genre_embedder"),
    _family("pixart", "t_block.1"),
    _family("cosmos", "blocks.block0.blocks.*.block.attn.to_q"),
    _family("pid", "lq_proj.latent_proj.0"),
    _family("pixeldit", "core.pixel_embedder.proj"),
    _family("newbie", "cap_embedder.1", "noise_refiner.*.attention.k_norm", "clip_text_pooled_proj"),
    *(
        _family("z_image", "cap_embedder.1", "noise_refiner.*.attention", length=("cap_embedder.1.bias", 0, 3840)),
        _family("lumina2", "cap_embedder.1", "noise_refiner.*.attention.k_norm"),
        # diffusers splits q, k and v; of Lumina 2 it renames the embedders too.
        _family("z_image", "cap_embedder.1", "noise_refiner.*.attention.norm_k"),
    ),
    _family("cogvideox", "blocks.*.norm1.linear", "patch_embed.text_proj"),
    _family(
        "cogvideox", "transformer_blocks.*.norm1.linear", "patch_embed.text_proj", but_not=("time_condition_embed",)
    ),
    _family("cogvideox", "blocks.*.norm1.linear", "patch_embed.proj"),
    _family("seedvr2", "blocks.*.mlp.vid.proj_out"),
    _family("seedvr2", "blocks.*.mlp.all.proj_in_gate"),
    _family("wan2.1", "head.modulation", "vace_patch_embedding"),
    _family("wan2.1", "head.modulation", "control_adapter.conv", "img_emb.proj"),
    _family("wan2.2", "head.modulation", "control_adapter.conv"),
    _family("wan2.2", "head.modulation", "casual_audio_encoder"),
    _family("wan2.1", "head.modulation", "audio_proj.audio_proj_glob_1"),
    _family("wan2.2", "head.modulation", "face_adapter"),
    _family("wan2.1", "head.modulation", "patch_embedding_pose"),
    _family("wan2.1", "head.modulation", "patch_embedding_global"),
    _family("wan2.1", "head.modulation", "img_emb.proj"),
    _family("wan2.2", "head.modulation", length=("head.modulation", -1, 3072)),
    _family("wan2.1", "head.modulation", length=("head.modulation", -1, 1536)),
    _family("wan2.2", "head.modulation", length=("patch_embedding.weight", 1, 36)),
    _family("wan", "head.modulation"),
    _family("hunyuan3d", "latent_in", "cond_in"),
    _family("hunyuan3d", "t_embedder.mlp", "blocks.*.attn1.k_norm"),
    _family("triposplat", "cam_out_layer", "repo_layers.*.final_map"),
    _family("hidream", "caption_projection.0.linear", "double_stream_blocks"),
    _family("fibo", "caption_projection.0.linear", "single_transformer_blocks"),
    _family("anima", "blocks.*.mlp.layer1", "llm_adapter.blocks.*.cross_attn.q_proj"),
    _family("cosmos_predict2", "blocks.*.mlp.layer1"),
    _family("boogu", "double_stream_layers.*.img_instruct_attn"),
    _family("omnigen2", "time_caption_embed.timestep_embedder", "ref_image_refiner"),
    _family("lumina2", "time_caption_embed.timestep_embedder", "noise_refiner"),
    _family("lens", "transformer_blocks.*.attn.norm_added_q", "transformer_blocks.*.img_mlp.w1"),
    _family("mage_flow", "txt_norm", "transformer_blocks.*", length=("txt_norm.weight", 0, 2560)),
    _family("qwen_image_2.1", "txt_in.text_norm", "modulation.1", "transformer_blocks.*.attn.norm_q"),
    _family("qwen_image", "txt_norm", "txt_in", "img_in", "transformer_blocks.*"),
    _family("ideogram4", "embed_image_indicator"),
    _family("krea2", "txtfusion.projector"),
    _family("kandinsky5", "visual_transformer_blocks.*.cross_attention.key_norm"),
    _family("kandinsky6", "visual_embeddings.in_layer"),
    _family("rtdetr", "encoder.pan_blocks.*.cv4"),
    _family("ernie", "layers.*.mlp.linear_fc2", "layers.*.self_attention"),
    _family("ernie", "layers.*.mlp.linear_fc2", "x_embedder"),
    _family("joyimage", "double_blocks.*.attn.img_attn_qkv", "condition_embedder.time_embedder"),
    # Parts and other forms.
    _family("wan2.1", "vace_blocks.*.after_proj"),
    _family("flux2", "double_stream_modulation_img.linear"),
    _family("flux2", "double_stream_modulation_img.lin", "double_blocks.*"),
    _family("aura_flow", "joint_transformer_blocks.*.attn.add_k_proj", "single_transformer_blocks.*"),
    _family("chroma", "distilled_guidance_layer", "transformer_blocks.*"),
    _family("hunyuan_video_1.5", "cond_type_embed", "context_embedder", "transformer_blocks.*"),
    _family(
        *("hunyuan_image", "context_embedder.token_refiner", "transformer_blocks.*"),
        dimensions=("x_embedder.proj.weight", 4),
    ),
    _family("hunyuan_video", "context_embedder.token_refiner", "transformer_blocks.*"),
    _family("ovis", "context_embedder_norm", "single_transformer_blocks.*"),
    _family(
        *("flux", "single_transformer_blocks.*", "x_embedder", "context_embedder", "time_text_embed"),
        but_not=("x_embedder.proj",),
    ),
    _family("krea2", "text_fusion.projector"),
    _family("dit", "transformer_blocks.*.norm1.emb.timestep_embedder", "pos_embed.proj"),
    _family("sd3", "transformer_blocks.*.attn.add_q_proj", "pos_embed.proj", "time_text_embed"),
    _family("cogview3", "time_condition_embed", "patch_embed.text_proj", "patch_embed.pos_embed"),
    _family("cogview4", "time_condition_embed", "patch_embed.text_proj"),
    _family("mochi", "time_embed.caption_proj", "time_embed.pooler"),
    _family("sana", "caption_norm", "time_embed", "patch_embed.proj"),
    _family("wan2.2", "condition_embedder.time_embedder", "motion_encoder", "face_adapter"),
    _family(
        *("wan2.1", "condition_embedder.time_embedder", "blocks.*.attn2", "condition_embedder.image_embedder"),
        but_not=("motion_encoder",),
    ),
    _family("wan", "condition_embedder.time_embedder", "blocks.*.attn2", "patch_embedding"),
    _family("hunyuan_dit", "time_extra_emb", "blocks.*.attn2"),
    _family("cosmos", "time_embed.t_embedder", "transformer_blocks.*.attn2"),
    _family("stable_audio", "timestep_proj", "global_proj", "cross_attention_proj"),
    _family("lumina", "time_caption_embed.timestep_embedder", "patch_embedder.proj"),
    _family("kandinsky", "down_blocks.*", "up_blocks.*", "conv_in", "encoder_hid_proj.image_embeds"),
)

# A model whose family is not known here still shows that it denoises: blocks, what takes the time step, and an end.
PARTS = (
    (
        *("transformer_blocks.*", "single_transformer_blocks.*", "double_blocks.*", "joint_blocks.*", "blocks.*"),
        "layers.*",
    ),
    (
        *("time_embed", "time_text_embed", "time_condition_embed", "time_caption_embed", "time_embedding", "time_emb"),
        *("time_embedder", "to_timestep_embed", "timestep_embedder", "time_guidance_embed", "adaln_single", "time_in"),
        *("condition_embedder", "t_embedder"),
    ),
    ("proj_out", "norm_out", "final_layer", "all_final_layer"),
)
# What is made of the same parts for something else; the last is a voice.
_NOT_WITH = ("controlnet_blocks", "vocoder", "decoder", "text_embed.text_embed")

# What is left of one in a later shard, where neither its beginning nor its end is.
SHARDS = (
    _family("wan", "blocks.*.self_attn.norm_q", "blocks.*.modulation", "blocks.*.ffn.*"),
    _family("wan", "blocks.*.attn2.to_k", "blocks.*.scale_shift_table", "blocks.*.ffn.net"),
    _family("qwen_image", "transformer_blocks.*.attn.add_k_proj", "transformer_blocks.*.img_mlp"),
    _family("", "transformer_blocks.*.attn.add_k_proj", but_not=_NOT_WITH),
    _family("", "transformer_blocks.*.attn1.to_q", "transformer_blocks.*.scale_shift_table", but_not=_NOT_WITH),
    _family("", "single_transformer_blocks.*.attn.to_q", but_not=_NOT_WITH),
)

_UNETS = (
    _family("", "input_blocks.*", "output_blocks.*", "middle_block"),
    _family("", "conv_in", "down_blocks.*", "up_blocks.*", "time_embedding"),
)


def find_holding_encoders(names: Names) -> Kind | None:
    return first_that_fits(HOLDING_ENCODERS, names, PREFIXES)


def find(names: Names) -> Kind | None:
    return (
        first_that_fits(FAMILIES, names, PREFIXES)
        or _find_unet(names)
        or _find_by_parts(names)
        or first_that_fits(SHARDS, names, PREFIXES)
    )


def _find_unet(names: Names) -> Kind | None:
    for prefix in PREFIXES:
        if found := first_that_fits(_UNETS, names, (prefix,)):
            return Kind(found.kind, unet_base(names, prefix), found.why)
    return None


def _find_by_parts(names: Names) -> Kind | None:
    for prefix in PREFIXES:
        found = [next((part for part in parts if names.has(prefix + part)), "") for parts in PARTS]
        if all(found) and not any(names.has(prefix + part) for part in _NOT_WITH):
            return Kind("diffusion_model", "", f"the header has {in_words(tuple(found))} keys")
    return None


def base_model(names: Names) -> str:
    found = find_holding_encoders(names) or find(names)
    return found.base_model if found else ""
