"""Where the folder and the URL of a file come from, in order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.make import HUB, dump, entry, node, ui
from workflowfiles import Atlas, KnownModel, ModelUse, scan_bytes


def one(*nodes: dict[str, Any], atlas: Atlas | None = None, **more: Any) -> ModelUse:
    (use,) = scan_bytes(dump(ui(*nodes, **more)), atlas=atlas).models
    return use


def test_the_same_base_name_elsewhere_in_the_workflow_gives_the_folder():
    use = one(node("LoraLoader", ("a.safetensors", 1, 1), id=1), node("Unknown", ("a.safetensors",), id=2))
    assert (use.path, use.certainty) == ("loras/a.safetensors", "table")


def test_elsewhere_is_not_asked_for_names_that_say_nothing():
    found = scan_bytes(
        dump(ui(node("VAELoader", ("model.safetensors",), id=1), node("X", ("model.safetensors",), id=2)))
    )
    assert [(use.path, use.certainty) for use in found.models] == [
        ("vae/model.safetensors", "table"),
        ("model.safetensors", "unknown"),
    ]


def test_the_atlas_decides_when_it_knows_exactly_one_folder():
    one_folder = Atlas.of([KnownModel("loras", "a.safetensors", f"{HUB}/a.safetensors", "c" * 64)])
    two_folders = Atlas.of([KnownModel("loras", "a.safetensors"), KnownModel("vae", "a.safetensors")])

    use = one(node("Unknown"), atlas=one_folder)

    assert (use.path, use.certainty, use.url, use.url_source) == (
        "loras/a.safetensors",
        "atlas",
        f"{HUB}/a.safetensors",
        "atlas",
    )
    assert use.sha256 == "c" * 64
    assert one(node("Unknown"), atlas=two_folders).certainty == "unknown"


@pytest.mark.parametrize(
    ("custom", "directory"),
    [
        (node("Custom", {"lora_name_2": "a.safetensors"}), "loras"),
        (node("Custom", outputs=("MODEL", "CLIP", "VAE")), "checkpoints"),
        (node("MyFancyControlNetThing"), "controlnet"),
        (node("Custom", outputs=("CLIP",)), "text_encoders"),
    ],
)
def test_a_guess_is_marked_as_one(custom: dict[str, Any], directory: str):
    use = one(custom)
    assert (use.directory, use.certainty) == (directory, "guess")


def test_a_nodes_own_url_comes_before_the_atlas_and_the_notes():
    atlas = Atlas.of([KnownModel("checkpoints", "a.safetensors", "https://elsewhere.example/a.safetensors")])
    note = node("Note", ("https://third.example/a.safetensors",), id=2)
    assert one(node(models=[entry()]), note, atlas=atlas).url == f"{HUB}/checkpoints/a.safetensors"
    assert one(node(), note, atlas=atlas).url == "https://elsewhere.example/a.safetensors"


def test_the_atlas_gives_a_url_only_for_the_same_folder():
    atlas = Atlas.of([KnownModel("vae", "a.safetensors", f"{HUB}/a.safetensors"), KnownModel("loras", "a.safetensors")])
    assert one(node(), atlas=atlas).url == ""


def test_a_page_link_becomes_the_link_that_fetches():
    page = f"{HUB}/a.safetensors?download=true".replace("/resolve/", "/blob/")
    assert one(node(models=[entry(url=page)])).url == f"{HUB}/a.safetensors"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://example.org/a",
        "https://exa mple.org",
        "http://[",
        "https://example.org/\u202ea",
        7,
        None,
    ],
)
def test_what_is_no_link_is_left_out(url: Any):
    assert one(node(models=[entry(url=url)])).url == ""


@pytest.mark.parametrize("directory", ["../x", "/etc", "C:\\models", "a/../b", "", 5, None, "x" * 300, "a\0b"])
def test_a_declared_folder_outside_the_models_folder_does_not_count(directory: Any):
    assert one(node(models=[entry(directory=directory)])).directory == "checkpoints"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/x.safetensors",
        "/abs/x.safetensors",
        "C:\\models\\x.safetensors",
        "a/../x.safetensors",
        "a//x.safetensors",
        "nul\0.safetensors",
        "gpj.\u202esrosnetefas.safetensors",
        "\ud800.safetensors",
        "x" * 300 + ".safetensors",
    ],
)
def test_a_name_that_must_not_become_a_path_says_why_and_has_no_url(name: str):
    use = one(node(values=(name,), models=[entry(name)]))
    assert use.problem.endswith(".")
    assert use.url == ""
    use.name.encode()
