"""What works on finished pictures: upscalers, frame interpolation, depth, optical flow; and upscalers of latents.

Source for upscalers: the architectures of spandrel, by the names that none of the others has.
"""

from __future__ import annotations

from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import Kind, first_that_fits, rules_of

PREFIXES = ("", "module.", "model.", "params.", "params_ema.", "flownet.", "module.flownet.", "generator.")

_upscale, _latent = rules_of("upscale_model"), rules_of("latent_upscale_model")
_frames, _flow, _geometry = rules_of("frame_interpolation"), rules_of("optical_flow"), rules_of("geometry_estimation")

ARCHITECTURES = (
    *(("model.*.sub.*.RDB1",), ("body.*.rdb1",), ("RRDB_trunk",), ("conv_first",), ("m_head", "m_tail")),
    *(("residual_layer.*.residual_layer",), ("feats.*.lk",), ("feats.*.attn.f",), ("feats.*.safm",)),
    *(("feats.*.layers.*.safm",), ("block_1.c1_r",), ("head", "body.*.body", "tail"), ("gblocks.*",)),
    *(("sub_mean", "add_mean", "head"), ("intro", "ending"), ("B1.body.*", "fea_conv"), ("UFONE.*",)),
    *(("encoder_level1.*", "patch_embed.proj"), ("HVE_block0",), ("body.*.body.*.dau_top",)),
    *(("shallow_feat1",), ("layer1.blocks.*.conv3_19",), ("in_to_dim", "blocks.*.blocks.*")),
    *(("unet1.conv1", "unet2.conv1"), ("body.*.estimator", "body.*.denoiser"), ("body.*.local_block",)),
    *(("initial.cnn", "final_conv"), ("encoderlayer_0", "output_proj"), ("mid_block2", "final_res_block")),
    *(("multiscale_encoder", "decoder_group.*"), ("to_feat", "to_img"), ("body.*.plk", "upsampler")),
)
LATENT_RULES = (
    _latent("ltxv", "post_upsample_res_blocks"),
    _latent("hunyuan_video_1.5", "blocks.*.block.*.conv", "conv_in"),
    _latent("hunyuan_video_1.5", "blocks.*.block.*.conv", "in_conv"),
    _latent("hunyuan_video_1.5", "blocks.0.block.0.conv"),
    _latent("hunyuan_image", "up.*.block.*.conv1.conv"),
)
RULES = (
    _frames("", "block0.conv0", "block1.conv0"),
    _frames("", "encode.cnn0", "blocks.*.conv0"),
    _frames("", "extract.extract_sublevels"),
    _flow("", "feature_encoder", "context_encoder", "update_block"),
    _geometry("", "backbone.embeddings.patch_embeddings.projection", "head.scratch"),
    _geometry("", "points_head", "neck"),
    _geometry("", "backbone.blocks.*", "head.upsample_blocks"),
    *(_upscale("", *marks) for marks in ARCHITECTURES),
)


def find_latent(names: Names) -> Kind | None:
    return first_that_fits(LATENT_RULES, names, ("",))


def find(names: Names) -> Kind | None:
    return first_that_fits(RULES, names, PREFIXES) or _find_compact(names)


def _find_compact(names: Names) -> Kind | None:
    """Real-ESRGAN's compact form: convolutions and PReLUs in turn, with nothing but numbers for names."""
    plain = names.patterns <= {"body.*.weight", "body.*.bias"}
    if plain and len(names.shape("body.0.weight")) == 4 and len(names.shape("body.1.weight")) == 1:
        return Kind("upscale_model", "", "the header has convolutions and PReLUs in turn, as compact upscalers have")
    return None
