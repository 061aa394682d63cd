"""What works on finished pictures or latents."""

from __future__ import annotations

import pytest

from tests.modelfiles.heads import kind

UPSCALERS = {
    "esrgan": "model.0.weight model.1.sub.0.RDB1.conv1.0.weight model.10.weight",
    "real-esrgan": "conv_first.weight body.0.rdb1.conv1.weight conv_last.weight",
    "bsrgan": "conv_first.weight RRDB_trunk.0.RDB1.conv1.weight trunk_conv.weight",
    "compact": "body.0.weight:64,3,3,3 body.0.bias:64 body.1.weight:64 body.2.weight:64,64,3,3",
    "swinir, hat, dat, …": "conv_first.weight layers.0.residual_group.blocks.0.norm1.weight conv_after_body.weight",
    "omnisr": "residual_layer.0.residual_layer.0.layer.0.fn.0.weight input.weight",
    "realplksr": "feats.0.weight feats.1.lk.conv.weight feats.1.channel_mixer.0.weight",
    "scunet": "m_head.0.weight m_body.0.conv1_1.weight m_tail.0.weight",
    "span": "block_1.c1_r.sk.weight conv_1.sk.weight",
    "real-cugan": "unet1.conv1.conv.0.weight unet2.conv1.conv.0.weight",
    "nafnet": "intro.weight middle_blks.0.beta ending.weight",
    "as saved in training": "params_ema.conv_first.weight params_ema.body.0.rdb1.conv1.weight",
}


@pytest.mark.parametrize("title", UPSCALERS)
def test_each_is_an_upscaler(title: str) -> None:
    assert kind(UPSCALERS[title]) == ("upscale_model", "")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("post_upsample_res_blocks.0.conv2.bias initial_conv.weight", ("latent_upscale_model", "ltxv")),
        ("blocks.0.block.0.conv.weight", ("latent_upscale_model", "hunyuan_video_1.5")),
        ("up.0.block.0.conv1.conv.weight conv_in.conv.weight", ("latent_upscale_model", "hunyuan_image")),
        ("block0.conv0.0.0.weight block1.conv0.0.0.weight", ("frame_interpolation", "")),
        ("module.flownet.block0.conv0.0.0.weight module.flownet.block1.conv0.0.0.weight", ("frame_interpolation", "")),
        ("extract.extract_sublevels.convs.0.0.conv.weight", ("frame_interpolation", "")),
        (
            "feature_encoder.convnormrelu.0.weight context_encoder.convnormrelu.0.weight update_block.x.weight",
            ("optical_flow", ""),
        ),
        (
            "backbone.embeddings.patch_embeddings.projection.weight head.scratch.refinenet1.out_conv.weight",
            ("geometry_estimation", ""),
        ),
    ],
)
def test_relatives_of_upscalers(names: str, expected: tuple[str, str]) -> None:
    assert kind(names) == expected
