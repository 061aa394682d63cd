"""ComfyUI's extra_model_paths.yaml: read as ComfyUI reads it, and each fault with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.checks import run_checks

from downloads import disk
from downloads.extra_paths import ExtraPaths, extra_model_paths


def written(folder: Path, data: str | bytes) -> Path:
    place = folder / "extra_model_paths.yaml"
    place.write_bytes(data.encode() if isinstance(data, str) else data)
    return place


def found(folder: Path, data: str | bytes) -> ExtraPaths:
    return extra_model_paths(str(written(folder, data)))


def test_it_is_read_as_comfyui_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("relative", "home", "env", "plain"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODELS_AT", str(tmp_path / "env"))
    text = """
    # a comment
    nothing:
    comfyui:
        base_path: relative/   # with one behind
        checkpoints: models/checkpoints/
        unet: |
            models/unet
            models/diffusion_models
    a1111: {base_path: ~/home, vae: models/VAE}
    pod: {base_path: $MODELS_AT, vae: VAE, loras: /abs/loras}
    first:
        is_default: true
        vae: |
            one
            two
    """
    read = found(tmp_path, text)
    assert read.faults == ()
    assert read.kinds == {
        "checkpoints": [tmp_path / "relative/models/checkpoints"],
        "diffusion_models": [tmp_path / "relative/models/unet", tmp_path / "relative/models/diffusion_models"],
        "vae": [tmp_path / "two", tmp_path / "one", tmp_path / "home/models/VAE", tmp_path / "env/VAE"],
        "loras": [Path("/abs/loras")],
    }


@pytest.mark.parametrize(
    ("data", "line", "words", "kinds"),
    [
        ("good: {vae: /v}\nbad:\n\tvae: /x\nmore: {loras: /l}\n", 3, "a tab cannot stand here", {"vae", "loras"}),
        ("checkpoints: /c\nvae: /v\n", 1, "“checkpoints” stands in no section", set()),
        ("- /c\n- /v\n", 1, "this is a list", set()),
        ("just a path\n", 1, "this is a text", set()),
        ("a:\n  vae: [/v, /w]\n  loras: /l\n", 2, "“vae” has a list", {"loras"}),
        ("a:\n  vae:\n  loras: /l\n", 2, "“vae” has no path", {"loras"}),
        (b"a:\n  vae: /v\nb:\n  loras: /Mod\xe8les\n", 4, "not UTF-8", {"vae"}),
        ('a:\n  vae: "C:\\models"\nb: {loras: /l}\n', 2, "a backslash in double quotes", {"loras"}),
        ("a:\n  base_path: /no/such/folder\n  vae: v\n", 2, "is not there", {"vae"}),
        ("a:\n  vae: /v\n   loras: /l\nb: {loras: /l}\n", 3, "this is not YAML", {"loras"}),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_hides_nothing_else(
    tmp_path: Path, data: str | bytes, line: int, words: str, kinds: set[str]
) -> None:
    read = found(tmp_path, data)
    assert f"line {line}: " in read.faults[0]
    assert words in read.faults[0]
    assert set(read.kinds) == kinds


def test_a_file_that_is_not_there_or_is_none_is_said(tmp_path: Path) -> None:
    assert extra_model_paths(str(tmp_path / "none.yaml")).faults == (f"There is no file {tmp_path / 'none.yaml'}.",)
    assert "is a folder" in extra_model_paths(str(tmp_path)).faults[0]
    assert "nothing but comments" in found(tmp_path, "# vae: /v\n").faults[0]


def test_an_edit_while_running_is_noticed_although_size_and_time_stay(tmp_path: Path) -> None:
    assert set(found(tmp_path, "a: {vae: /v}\n").kinds) == {"vae"}
    before = (tmp_path / "extra_model_paths.yaml").stat()
    place = written(tmp_path, "a: {abc: /v}\n")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert set(extra_model_paths(str(place)).kinds) == {"abc"}


def test_the_fault_is_a_check_of_the_start(tmp_path: Path, settings) -> None:
    settings.EXTRA_MODEL_PATHS = str(written(tmp_path, "a:\n\tvae: /v\n"))
    disk.forget()
    messages = [message for message in run_checks(tags=["comfydash"]) if message.id == "comfydash.W006"]
    assert ["line 2: a tab" in message.msg for message in messages] == [True]
