"""A model against the disk and the catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.presets.makers import file, preset
from tests.workflows.make import HUB, entry, node
from tests.workflows.put import judged, loader, put_model, remote, safetensors, write_catalogue
from workflows.matching import ModelState
from workflows.readiness import Judged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


URL = f"{HUB}/checkpoints/a.safetensors"


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"


def state(found: Judged) -> ModelState:
    (only,) = found.states
    return only


@pytest.mark.parametrize(
    ("on_disk", "status", "verdict"),
    [
        ("checkpoints/a.safetensors", "installed", "ready"),
        ("checkpoints/sdxl/a.safetensors", "other_path", "fixable"),
        ("checkpoints/A.SafeTensors", "other_path", "fixable"),
        ("loras/a.safetensors", "wrong_folder", "fixable"),
        ("a.safetensors", "wrong_folder", "fixable"),
        ("checkpoints/b.safetensors", "missing", "missing"),
    ],
)
def test_where_a_file_lies_decides(on_disk: str, status: str, verdict: str) -> None:
    put_model(on_disk)
    found = judged(loader())
    assert (state(found).status, found.verdict) == (status, verdict)


@pytest.mark.parametrize(("declared", "on_disk"), [("unet", "diffusion_models"), ("text_encoders", "clip")])
def test_folders_of_one_group_are_one_place(declared: str, on_disk: str) -> None:
    put_model(f"{on_disk}/a.safetensors")
    assert judged(loader(directory=declared)).ready


@pytest.mark.parametrize("content", [b"", LFS_POINTER, safetensors()[:-1]])
def test_what_is_no_whole_model_is_not_installed(content: bytes) -> None:
    put_model("checkpoints/a.safetensors", content)
    found = judged(loader())
    assert (state(found).status, found.verdict, found.installable) == ("broken", "missing", True)


def test_a_begun_file_is_missing_by_the_rest(workspace: Path) -> None:
    remote(URL, size=1000)
    put_model("checkpoints/a.safetensors.part", b"x" * 400)
    found = judged(loader())
    assert (state(found).status, found.verdict) == ("partial", "missing")
    assert 0 < found.missing_bytes <= 1000


def test_a_file_in_a_folder_of_extra_model_paths_is_installed(workspace: Path, settings: Any) -> None:
    (workspace / "other" / "ckpt").mkdir(parents=True)
    (workspace / "other" / "ckpt" / "a.safetensors").write_bytes(safetensors())
    extra = workspace / "extra_model_paths.yaml"
    extra.write_text(f"a1111:\n  base_path: {workspace}/other\n  checkpoints: ckpt\nempty:\n")
    settings.EXTRA_MODEL_PATHS = str(extra)
    assert judged(loader()).ready


def test_the_same_name_of_another_size_is_another_file() -> None:
    remote(URL, size=10)
    put_model("loras/a.safetensors")
    assert state(judged(loader())).status == "missing"


@pytest.mark.parametrize(
    "name", ["model.safetensors", "diffusion_pytorch_model.safetensors", "x_model-00001-of-00002.bin"]
)
def test_a_name_that_says_nothing_counts_only_in_its_place(name: str) -> None:
    put_model(f"loras/{name}")
    assert state(judged(loader(name))).status == "missing"


def test_a_guess_never_sends_anybody_to_fetch_what_is_here() -> None:
    put_model("somewhere/a.safetensors")
    found = judged(node("CustomLoraThing"))
    assert (state(found).use.certainty, state(found).status, found.verdict) == ("guess", "installed", "ready")


def test_a_folder_that_nobody_knows_is_said_to_be_unknown() -> None:
    found = judged(node("Custom"))
    assert (state(found).status, found.verdict) == ("unknown", "unknown")


def test_a_muted_model_is_no_reason_to_fetch() -> None:
    found = judged(loader(mode=4))
    assert (state(found).status, found.verdict, found.missing) == ("missing", "ready", ())


def test_a_name_that_leaves_its_folder_is_never_touched(workspace: Path) -> None:
    (workspace / "a.safetensors").write_bytes(safetensors())
    found = judged(loader("../../a.safetensors"))
    assert (state(found).status, found.verdict, found.installable) == ("invalid", "missing", False)
    assert state(found).problem


def test_providers_come_in_order_and_the_same_link_only_once() -> None:
    elsewhere = "https://mirror.example/a.safetensors"
    write_catalogue(
        {
            "same": preset(file("checkpoints/a.safetensors", URL + "?download=true", size="2GB"), name="Same"),
            "other": preset(file("checkpoints/a.safetensors", elsewhere), name="Other"),
        }
    )
    providers = state(judged(loader())).providers
    assert [(p.source, p.url, p.preset_id, p.size_bytes, p.known_host) for p in providers] == [
        ("node", URL, "same", 2_000_000_000, True),
        ("preset", elsewhere, "other", None, True),
    ]


def test_the_catalogue_knows_folder_and_address_of_a_name_that_nothing_else_explains() -> None:
    write_catalogue({"p": preset(file("loras/a.safetensors", URL))})
    found = state(judged(node("Custom")))
    assert (found.use.certainty, found.path, found.status, found.can_fetch) == (
        "atlas",
        "loras/a.safetensors",
        "missing",
        True,
    )


def test_a_link_from_a_note_comes_last_and_its_host_is_a_stranger() -> None:
    note = node("Note", ("https://files.stranger.example/a.safetensors",), id=2)
    found = judged(node(), note)
    (provider,) = state(found).providers
    assert (provider.source, provider.host, provider.known_host) == ("note", "files.stranger.example", False)
    assert found.unknown_hosts == ["files.stranger.example"]


def test_what_the_host_said_is_the_size_and_the_lock() -> None:
    remote(URL, size=1234, gated=True)
    found = judged(loader())
    assert (found.missing_bytes, found.gated, found.exact_size) == (1234, True, True)


def test_files_of_unknown_size_share_what_the_sum_leaves() -> None:

    remote(f"{HUB}/checkpoints/a.safetensors", size=100)
    found = judged(
        loader(), loader("b.safetensors", id=2), node("VAELoader", ("v.pt",), id=3, models=[entry("v.pt", "vae")])
    )
    assert replace(found, size_hint=500).missing_bytes == 500
    assert found.missing_bytes == 100
    assert not found.exact_size
