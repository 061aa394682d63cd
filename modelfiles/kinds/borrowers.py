"""Files that carry keys of another kind, so they are asked for before it: adapters, modules and patches."""

from __future__ import annotations

from dataclasses import replace

from modelfiles.kinds.loras import is_adapter_name
from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import OF_UNET, Kind, first_that_fits, rules_of

PREFIXES = ("", "module.", "model.", "unet.")

_ipadapter, _pulid, _photomaker = rules_of("ipadapter"), rules_of("pulid"), rules_of("photomaker")
_motion, _gligen, _style = rules_of("motion_module"), rules_of("gligen"), rules_of("style_model")
_patch, _encoder = rules_of("model_patch"), rules_of("text_encoder")
_WHOLE_UNET = ("time_embedding", "time_embed")

RULES = (
    _pulid("sdxl", "image_proj.mapping_0", "ip_adapter"),
    _pulid("sdxl", "id_adapter", "id_adapter_attn_layers"),
    _pulid("flux", "pulid_ca"),
    _ipadapter("sd1", "image_proj", "ip_adapter", length=("ip_adapter.1.to_k_ip.weight", 1, 768)),
    _ipadapter("sdxl", "image_proj", "ip_adapter", length=("ip_adapter.1.to_k_ip.weight", 1, 2048)),
    _ipadapter("", "image_proj", "ip_adapter"),
    _ipadapter("flux", "ip_adapter_proj_model"),
    _photomaker("sdxl", "id_encoder", "lora_weights"),
    _motion(OF_UNET, "down_blocks.*.motion_modules", but_not=_WHOLE_UNET),
    _motion(OF_UNET, "up_blocks.*.motion_modules", but_not=_WHOLE_UNET),
    _motion(OF_UNET, "down_blocks.*.temporal_attentions", but_not=_WHOLE_UNET),
    _gligen("sd1", "position_net", but_not=_WHOLE_UNET),
    _style("flux", "redux_down"),
    _style("sd1", "style_embedding"),
    _patch("anima", "lllite_conditioning1.conv1"),
    _patch("qwen_image", "controlnet_blocks.*.y_rms"),
    _patch("flux", "feature_embedder.mid_layer_norm"),
    _patch("z_image", "control_all_x_embedder"),
    _patch("qwen_image_2.1", "control_img_in", "control_blocks.*.img_mlp.out"),
    _patch("minimax_h3", "control_proj_in", "control_blocks.*.attn.qkv_proj"),
    _patch("wan", "controlnet_patch_embedding"),
    _patch("ltx2", "duration_head"),
    _patch("ltx2", "attention_pooler.query_tokens"),
    _patch("wan2.1", "audio_proj.proj1", but_not=("head.modulation", "condition_embedder")),
)

# Whole checkpoints by their keys, and loaded as something else.
BEFORE_CHECKPOINTS = (
    _patch("sdxl", "control_model.input_hint_block", "project_modules"),
    _patch("sdxl", "control_model.input_hint_block", "diffusion_model.project_modules"),
    rules_of("controlnet")("sd1", "control_model.zero_convs.*", "control_model.input_hint_block"),
    # LTX 2 puts what leads from the language model to the diffusion model into a file of its own.
    _encoder("ltx2", "text_embedding_projection", but_not=("model.diffusion_model.transformer_blocks", "vae")),
)


def find_before_checkpoints(names: Names) -> Kind | None:
    return first_that_fits(BEFORE_CHECKPOINTS, names, PREFIXES)


def find(names: Names) -> Kind | None:
    found = first_that_fits(RULES, names, PREFIXES)
    if found is None:
        return None
    if found.kind == "motion_module":
        if names.most(is_adapter_name):
            return Kind("motion_lora", "", "the header has lora keys of motion_modules")
        four_levels = any(name.startswith("down_blocks.3.") for name in names.tensors)
        return replace(found, base_model="sd1" if four_levels else "sdxl")
    return found
