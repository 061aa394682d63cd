"""Which folder of ComfyUI a kind of model belongs into."""

from __future__ import annotations

# ComfyUI reads both folders of a pair for the same kind of model. Source: folder_paths.py of ComfyUI.
OLD_NAMES = {"unet": "diffusion_models", "clip": "text_encoders", "t2i_adapter": "controlnet"}

# The first is where new files go; the others hold the same kind for other loaders. Source: folder_paths.py of ComfyUI
# for its own, and of the node packs that brought the kind for the rest.
FOLDERS: dict[str, tuple[str, ...]] = {
    "checkpoint": ("checkpoints",),
    "diffusion_model": ("diffusion_models", "unet"),
    "lora": ("loras",),
    "vae": ("vae",),
    "vae_approx": ("vae_approx",),
    "text_encoder": ("text_encoders", "clip"),
    "clip_vision": ("clip_vision",),
    "controlnet": ("controlnet", "t2i_adapter"),
    "model_patch": ("model_patches",),
    "embedding": ("embeddings",),
    "upscale_model": ("upscale_models",),
    "latent_upscale_model": ("latent_upscale_models",),
    "style_model": ("style_models",),
    "ipadapter": ("ipadapter", "instantid"),
    "audio_encoder": ("audio_encoders",),
    "gligen": ("gligen",),
    "hypernetwork": ("hypernetworks",),
    "motion_module": ("animatediff_models",),
    "motion_lora": ("animatediff_motion_lora",),
    "photomaker": ("photomaker",),
    "pulid": ("pulid",),
    "optical_flow": ("optical_flow",),
    "geometry_estimation": ("geometry_estimation",),
    "frame_interpolation": ("frame_interpolation",),
    "detector": ("detection",),
}
# Folders whose loaders take a kind that belongs elsewhere, or take it from some of its files.
ALSO_LOADED_FROM: dict[str, tuple[str, ...]] = {
    "checkpoint": ("diffusion_models",),  # the part that they need is found in it
    "diffusion_model": ("checkpoints",),  # nothing else is found in it, and the rest is loaded beside it
    "vae": ("vae_approx",),  # VAELoader lists the small ones of video models from there
    "text_encoder": ("clip_vision",),  # a whole CLIP has both
    "model_patch": ("controlnet", "diffusion_models"),  # where node packs that are older than the folder read them
    "latent_upscale_model": ("upscale_models",),  # ComfyUI-LTXVideo
}
_KNOWN = frozenset(OLD_NAMES.get(folder, folder) for folders in FOLDERS.values() for folder in folders)


def folder_for(kind: str) -> str:
    """Where a new file of this kind goes; empty where that is not known."""
    return FOLDERS.get(kind, ("",))[0]


def contradicts(kind: str, folder: str) -> bool:
    """Whether no loader that reads ``folder`` takes files of this kind. A folder below a folder is of its kind.

    What is not known contradicts nothing: no kind, and no folder of a node pack that is not in the tables here.
    """
    top = folder.strip("/").partition("/")[0]
    top = OLD_NAMES.get(top, top)
    if kind not in FOLDERS or top not in _KNOWN:
        return False
    right = (*FOLDERS[kind], *ALSO_LOADED_FROM.get(kind, ()))
    return top not in {OLD_NAMES.get(name, name) for name in right}
