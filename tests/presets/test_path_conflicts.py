"""Two spellings of one path, on a models folder that does not tell capital letters from small ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from presets.path_conflicts import warn_of_case
from presets.preset import Preset, PresetFile
from volumes.names import ignores_case


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A FAT disk in a file, which the kernel or a FUSE driver mounts; skips where neither does."""
    place, image = tmp_path / "volume", tmp_path / "fat"
    place.mkdir()
    if not shutil.which("mkfs.vfat"):
        pytest.skip("mkfs.vfat is needed to make a folder that ignores case")
    subprocess.run(["mkfs.vfat", "-C", image, "20000"], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", image, place], check=False, capture_output=True).returncode:
        pytest.skip("this machine mounts no FAT")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def preset(name: str, *paths: str) -> Preset:
    files = tuple(PresetFile(path, f"https://hub.example/{path}") for path in paths)
    return Preset(name, name, "c", "image", "", "", files, "", (), "file")


def presets() -> dict[str, Preset]:
    paths = {"small": "vae/a.safetensors", "large": "VAE/A.safetensors", "other": "vae/b.safetensors"}
    return {name: preset(name, path) for name, path in paths.items()}


def test_both_presets_are_warned_on_a_folder_that_ignores_case(folder: Path) -> None:
    (folder / "a").touch()
    assert (folder / "A").exists()
    warned = warn_of_case(presets(), folder)
    assert ["one file here" in " ".join(warned[name].warnings) for name in presets()] == [True, True, False]
    assert [file.name for file in folder.iterdir()] == ["a"]


def test_both_presets_are_warned_where_the_probe_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few machines mount a disk that ignores case; here the name in capitals is a second name of the probe."""
    real = os.path.lexists

    def lexists(path: os.PathLike[str]) -> bool:
        names = {file.name.lower() for file in Path(path).parent.iterdir()}
        return real(path) or Path(path).name.lower() in names

    monkeypatch.setattr(os.path, "lexists", lexists)
    models = tmp_path / "case"
    models.mkdir()
    assert ignores_case(models / "made later")
    warned = warn_of_case(presets(), models)
    assert "VAE/A.safetensors of large" in warned["small"].warnings[0]
    assert "vae/a.safetensors of small" in warned["large"].warnings[0]
    assert warned["other"].warnings == ()
    assert list(models.iterdir()) == []


def test_elsewhere_nobody_is_warned(tmp_path: Path) -> None:
    assert warn_of_case(presets(), tmp_path) == presets()
    assert warn_of_case(presets(), tmp_path / "missing") == presets()


def test_each_folder_is_asked_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One kind may lie on a volume of its own, and ext4 knows folders that ignore case."""
    monkeypatch.setattr("presets.path_conflicts.ignores_case", lambda folder: folder == tmp_path / "vae")
    paths = {"small": "vae/a.safetensors", "large": "vae/A.safetensors", "sub": "loras/a.gguf", "SUB": "loras/A.gguf"}
    warned = warn_of_case({name: preset(name, path) for name, path in paths.items()}, tmp_path)
    assert [bool(warned[name].warnings) for name in paths] == [True, True, False, False]
