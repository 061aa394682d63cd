"""Whole checkpoints: a diffusion model together with a VAE, text encoders or both."""

from __future__ import annotations

from modelfiles.kinds import diffusion_models
from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import Kind

MODELS = ("model.diffusion_model", "model.model", "net")
# Patches of SUPIR and connectors of LTX 2 stand below the model's name in files that hold no model.
NO_MODEL = ("project_modules", "audio_embeddings_connector", "video_embeddings_connector")
BESIDE = (
    *("first_stage_model", "cond_stage_model", "conditioner", "text_encoders", "text_encoder", "vae", "pretransform"),
    "audio_vae",
)
# A part alone, cut out of a checkpoint, is what it was there.
PARTS = {
    "vae": ("first_stage_model.", "vae.", "audio_vae.", "pretransform."),
    "text_encoder": ("cond_stage_model.", "conditioner.", "text_encoders.", "text_encoder."),
}


def find(names: Names) -> Kind | None:
    beside = [part for part in BESIDE if names.has(part)]
    model = next((part for part in MODELS if _holds_model(names, part)), "")
    if beside and model:
        return _checkpoint(names, model, beside[0])
    # Without a prefix of its own the model is below "model.", which encoders use as well: both others must be there.
    texts = [part for part in ("text_encoders", "conditioner") if names.has(part)]
    if texts and names.has("vae") and names.has("model"):
        return _checkpoint(names, "model", "vae")
    if names.has("detector.backbone.vision_backbone") and names.has("detector.transformer"):
        return Kind("checkpoint", "sam3", "the header has detector.backbone.vision_backbone keys, as SAM 3 has")
    return None


def _holds_model(names: Names, part: str) -> bool:
    others = tuple(f"{part}.{name}" for name in NO_MODEL)
    return any(name.startswith(f"{part}.") and not name.startswith(others) for name in names.patterns)


def _checkpoint(names: Names, model: str, beside: str) -> Kind:
    why = f"the header has {model} keys and {beside} keys beside them"
    return Kind("checkpoint", diffusion_models.base_model(names), why)


def find_part(names: Names) -> Kind | None:
    for kind, beginnings in PARTS.items():
        if names.all_begin(*beginnings):
            first = next(beginning for beginning in beginnings if names.any_begins(beginning))
            return Kind(kind, "", f"all keys of the header begin with {first}")
    return None
