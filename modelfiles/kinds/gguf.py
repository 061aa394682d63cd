"""What the metadata of a GGUF file says it is. Its tensors say it better: their names are asked first."""

from __future__ import annotations

from modelfiles.gguf import ARCHITECTURE, PART, TYPE
from modelfiles.header import Header
from modelfiles.kinds.rules import Kind

# general.architecture → base model. Source: loader.py of ComfyUI-GGUF. One name may stand for several (flux for Chroma,
# lumina2 for Z-Image), so a base model is named here only where it stands for one.
DIFFUSION_MODELS = {
    **dict.fromkeys(("flux", "cosmos", "lumina2", "wan", "ltxv", "hyvid", "qwen_image"), ""),
    **{name: name for name in ("sd1", "sd3", "sdxl", "hidream")},
    "aura": "aura_flow",
}
TEXT_ENCODERS = frozenset(
    (
        *("t5", "t5encoder", "llama", "qwen2", "qwen2vl", "qwen3", "qwen3vl", "qwen35", "gemma", "gemma2", "gemma3"),
        *("mistral", "mistral3", "phi3", "gpt-oss", "gemma4", "umt5"),
    )
)
_SEES = ("clip", "mmproj")


def refused(header: Header) -> str:
    """Why the file is not judged; empty where it is."""
    part = header.metadata.get(PART, "0")
    if part != "0":
        return f"it is part {int(part) + 1} of a split file, which says nothing alone"
    if header.metadata.get(TYPE) == "adapter":
        return "it is an adapter in GGUF form, which ComfyUI does not load"
    return ""


def before_vocabulary(so_far: Header) -> Kind | None:
    """The names of its tensors stand behind megabytes of vocabulary, and could say nothing else."""
    if refused(so_far):
        return None
    found = by_metadata(so_far)
    return found if found and found.kind == "text_encoder" else None


def by_metadata(header: Header) -> Kind | None:
    architecture = header.metadata.get(ARCHITECTURE, "")
    if architecture in _SEES or header.metadata.get(TYPE) in _SEES:
        return Kind("text_encoder", "", "it is the part of a language model that sees, which lies beside it")
    if architecture in DIFFUSION_MODELS:
        return Kind("diffusion_model", DIFFUSION_MODELS[architecture], f"its architecture is {architecture}")
    if architecture in TEXT_ENCODERS:
        return Kind("text_encoder", "", f"its architecture is {architecture}")
    return None
