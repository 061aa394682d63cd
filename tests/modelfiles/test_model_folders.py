"""Which folder a kind belongs into, and which it contradicts."""

from __future__ import annotations

import pytest

from modelfiles.model_folders import FOLDERS, OLD_NAMES, contradicts, folder_for


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_kind_fits_into_each_of_its_folders(kind: str) -> None:
    assert folder_for(kind) == FOLDERS[kind][0]
    assert not any(contradicts(kind, folder) for folder in FOLDERS[kind])


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        ("lora", "checkpoints"),
        ("checkpoint", "loras"),
        ("checkpoint", "loras/sdxl"),
        ("vae", "checkpoints"),
        ("text_encoder", "diffusion_models"),
        ("text_encoder", "unet"),
        ("diffusion_model", "clip"),
        ("controlnet", "loras"),
        ("embedding", "loras"),
        ("upscale_model", "vae"),
        ("motion_lora", "loras"),
    ],
)
def test_a_folder_whose_loaders_do_not_take_it_is_contradicted(kind: str, folder: str) -> None:
    assert contradicts(kind, folder)


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        ("checkpoint", "diffusion_models"),
        ("checkpoint", "unet"),
        ("diffusion_model", "checkpoints"),
        ("diffusion_model", "unet"),
        ("text_encoder", "clip"),
        ("controlnet", "t2i_adapter"),
        ("vae", "vae_approx"),
        ("model_patch", "controlnet"),
        ("lora", "loras/flux/styles"),
        ("lora", "a_folder_of_a_node_pack"),
        ("unknown", "loras"),
        ("other", "loras"),
        ("lora", ""),
    ],
)
def test_what_is_loaded_from_there_or_not_known_is_not_contradicted(kind: str, folder: str) -> None:
    assert not contradicts(kind, folder)


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_both_names_of_a_folder_are_one(old: str, new: str) -> None:
    assert [contradicts(kind, old) for kind in FOLDERS] == [contradicts(kind, new) for kind in FOLDERS]


def test_what_is_not_known_goes_nowhere() -> None:
    assert folder_for("unknown") == ""
