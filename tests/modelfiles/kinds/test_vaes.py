"""VAEs by their names, and what shares them."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import below, kind

IMAGE = (
    "encoder.conv_in.weight encoder.down.0.block.0.conv1.weight decoder.conv_in.weight decoder.up.0.block.0.norm1.bias"
)
DIFFUSERS = "encoder.conv_in.weight decoder.conv_in.weight decoder.up_blocks.0.resnets.0.norm1.weight"
WAN = "decoder.middle.0.residual.0.gamma decoder.conv1.weight encoder.conv1.weight:96,3,3,3,3"

VAES = {
    "sd or flux": (IMAGE, ""),
    "by diffusers": (DIFFUSERS, ""),
    "flux 2": (IMAGE + " bn.running_mean bn.running_var", "flux2"),
    "hunyuan image": (IMAGE.replace("decoder.conv_in.weight", "decoder.conv_in.weight:1024,64,3,3"), "hunyuan_image"),
    "svd": (IMAGE + " decoder.mid.block_1.mix_factor:1", "svd"),
    "taesd, both halves": ("taesd_decoder.1.weight taesd_encoder.0.weight", ""),
    "cascade stage a": ("vquantizer.codebook.weight down_blocks.0.weight", "stable_cascade"),
    "cascade previewer": ("blocks.0.weight blocks.11.num_batches_tracked:0", "stable_cascade"),
    "stable audio": ("decoder.layers.1.layers.0.beta decoder.layers.1.layers.0.alpha", "stable_audio"),
    "mochi": ("decoder.blocks.2.blocks.3.stack.5.weight encoder.layers.4.layers.1.attn_block.attn.qkv.weight", "mochi"),
    "mochi decoder": ("blocks.2.blocks.3.stack.5.weight blocks.0.0.weight output_proj.weight", "mochi"),
    "ltxv": ("decoder.up_blocks.0.res_blocks.0.conv1.conv.weight decoder.conv_in.conv.weight", "ltxv"),
    "ltx 2.4": ("decoder.conv_in_x_t.weight decoder.conv_in.weight", "ltx2"),
    "hunyuan video": ("decoder.conv_in.conv.weight:512,16,3,3,3 post_quant_conv.weight", "hunyuan_video"),
    "hunyuan video 1.5": ("decoder.conv_in.conv.weight:1024,32,3,3,3", "hunyuan_video_1.5"),
    "cogvideox": (
        "decoder.conv_in.conv.weight:512,16,3,3,3 decoder.mid_block.resnets.0.norm1.norm_layer.weight",
        "cogvideox",
    ),
    "cosmos": ("decoder.unpatcher3d.wavelets:2 encoder.patcher3d.wavelets:2", "cosmos"),
    "wan 2.1 or qwen image": (WAN, ""),
    "wan 2.2": (WAN + " decoder.upsamples.0.upsamples.0.residual.2.weight", "wan2.2"),
    "hunyuan3d": ("geo_decoder.cross_attn_decoder.ln_1.bias", "hunyuan3d"),
    "ace step": ("vocoder.backbone.channel_layers.0.0.bias dcae.decoder.conv_in.weight", "ace_step"),
    "pixels": ("pixel_space_vae:0", "chroma_radiance"),
    "taehv": ("decoder.22.bias:3 decoder.1.weight:64,16,3,3 encoder.0.weight", ""),
    "ltx audio": ("audio_vae.decoder.conv_in.conv.weight vocoder.resblocks.0.convs1.0.weight", "ltx2"),
    "minimax h3": (
        "decoder.transformer_blocks.0.scale1 encoder.down.5.block.0.conv1.weight encoder.conv_in.weight",
        "minimax_h3",
    ),
    "triposplat": ("gs.base_offset_scale:1 octree.out_proj.weight", "triposplat"),
    "seedvr2": (
        "decoder.up_blocks.2.upsamplers.0.upscale_conv.weight decoder.conv_in.weight",
        "seedvr2",
    ),
}


@pytest.mark.parametrize("title", VAES)
def test_each_is_a_vae(title: str) -> None:
    names, base_model = VAES[title]
    assert kind(names) == ("vae", base_model)


@pytest.mark.parametrize("prefix", ["first_stage_model.", "vae."])
def test_whatever_the_prefix(prefix: str) -> None:
    assert kind(below(prefix, IMAGE))[0] == "vae"


def test_a_vae_that_is_the_smaller_part_of_a_file_does_not_say_what_it_is() -> None:
    assert kind(f"{below('vae.', IMAGE)} {below('something.new.', 'a.weight b.weight c.weight d.weight e.weight')}")[
        0
    ] == ("unknown")


def test_half_of_taesd_has_nothing_but_numbers() -> None:
    assert kind("1.weight 1.bias 3.conv.0.weight 3.conv.0.bias 3.skip.weight 7.weight") == ("vae_approx", "")


def test_what_mends_faces_with_an_autoencoder_is_no_vae() -> None:
    assert kind(IMAGE + " quantize.embedding.weight quant_conv.weight")[0] == "unknown"
