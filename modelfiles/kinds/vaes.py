"""VAEs and what previews with less, in ComfyUI's order. Source: comfy/sd.py of ComfyUI (autumn 2026)."""

from __future__ import annotations

import re

from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import Kind, first_that_fits, rules_of

PREFIXES = ("", "first_stage_model.", "vae.", "module.")

_vae = rules_of("vae")
RULES = (
    _vae("chroma_radiance", "pixel_space_vae"),
    _vae("", "dec_in_proj"),
    _vae("svd", "decoder.mid.block_1.mix_factor"),
    _vae("svd", "decoder.mid_block.resnets.*.time_mixer"),
    _vae("", "taesd_decoder.1"),
    _vae("stable_cascade", "vquantizer.codebook"),
    _vae("stable_cascade", "backbone.*.*.block.*.*", "mapper"),
    _vae("stable_cascade", "backbone.1.0.block.0.1.num_batches_tracked"),
    _vae("stable_cascade", "encoder.backbone.1.0.block.0.1.num_batches_tracked"),
    _vae("stable_cascade", "blocks.11.num_batches_tracked"),
    _vae("trellis2", "shape_dec.blocks.*.*.to_subdiv"),
    _vae("trellis2", "txt_dec.blocks.*.*.conv2"),
    _vae("seedvr2", "decoder.up_blocks.*.upsamplers.*.upscale_conv"),
    _vae("mage_flow", "student.dconv_encoder.proj_out"),
    _vae("ltx2", "decoder.conv_in_x_t"),
    _vae("stable_audio", "decoder.layers.1.layers.0.beta"),
    _vae("stable_audio", "decoder.block.*.snake1", "encoder.block.*.snake1", but_not=("quantizer",)),
    _vae("mochi", "blocks.2.blocks.3.stack.5"),
    _vae("mochi", "decoder.blocks.2.blocks.3.stack.5"),
    _vae("mochi", "layers.4.layers.1.attn_block.attn.qkv"),
    _vae("mochi", "encoder.layers.4.layers.1.attn_block.attn.qkv"),
    _vae("ltxv", "decoder.up_blocks.0.res_blocks.0.conv1.conv"),
    _vae("ltxv", "decoder.conv_in.conv", "decoder.up_blocks.*.resnets", length=("decoder.conv_in.conv.weight", 1, 128)),
    _vae("hunyuan_video_1.5", "decoder.conv_in.conv", length=("decoder.conv_in.conv.weight", 1, 32)),
    _vae("cogvideox", "decoder.conv_in.conv", "decoder.mid_block.resnets.*.norm1.norm_layer"),
    _vae("mochi", "decoder.block_in.resnets"),
    _vae("allegro", "decoder.temp_conv_in", "decoder.temp_conv_out"),
    _vae("hunyuan_video", "decoder.conv_in.conv", "post_quant_conv"),
    _vae("", "decoder.conv_in.conv"),
    _vae("cosmos", "decoder.unpatcher3d"),
    _vae("hunyuan_image", "decoder.conv_in", length=("decoder.conv_in.weight", 1, 64)),
    _vae("flux2", "decoder.conv_in", "bn"),
    _vae("sana", "decoder.conv_in", "decoder.up_blocks.*.*"),
    # RestoreFormer mends faces with an autoencoder of the same names and a codebook.
    _vae("", "decoder.conv_in", "decoder.up", but_not=("quantize",)),
    _vae("", "decoder.conv_in", "decoder.up_blocks"),
    _vae("", "decoder.conv_in", "decoder.mid_block"),
    _vae("", "encoder.conv_in", "encoder.down", "encoder.conv_out", but_not=("quantize",)),
    _vae("", "encoder.conv_in", "encoder.down_blocks", "encoder.conv_out"),
    _vae("qwen_image_2.1", "decoder.middle.*.residual.*", length=("encoder.conv1.weight", 1, 4)),
    _vae("wan2.2", "decoder.middle.*.residual.*", "decoder.upsamples.*.upsamples"),
    _vae("", "decoder.middle.*.residual.*"),  # Wan 2.1 and Qwen Image have the same
    _vae("hunyuan3d", "geo_decoder"),
    _vae("ace_step", "vocoder.backbone.channel_layers"),
    _vae("", "vocoder.activation_post.downsample.lowpass.filter"),
    _vae("", "decoder.22"),
    _vae("ltx2", "vocoder.resblocks.*.convs1", "decoder.conv_in"),
    _vae("ltx2", "audio_vae", "vocoder"),
    _vae("stable_audio", "decoder.layers.3.transformers"),
    _vae("minimax_h3", "decoder.transformer_blocks.0.scale1", "encoder.down.5.block.0.conv1"),
    _vae("minimax_h3", "pre_block.attn.zero_k_bias"),
    _vae("triposplat", "gs.base_offset_scale", "octree.out_proj"),
)
_HALF_OF_TAESD = re.compile(r"\d+(?:\.conv\.\d+|\.skip)?\.(?:weight|bias)")


def find(names: Names) -> Kind | None:
    if names.has("3.conv.0") and all(_HALF_OF_TAESD.fullmatch(name) for name in names.tensors):
        return Kind("vae_approx", "", "the header has bare numbers as in 3.conv.0, as one half of TAESD has")
    # Below a prefix a VAE is a part, which says what the file is only where most of it is that part.
    return first_that_fits(RULES, names, [prefix for prefix in PREFIXES if names.most_begin(prefix)])
