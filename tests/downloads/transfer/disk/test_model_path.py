"""Names from outside: hundreds of ways to leave the models folder, none of which is taken."""

from __future__ import annotations

import unicodedata

import pytest

from downloads.transfer import (
    TransferError,
    parse_model_path,
)

ALLOWED = [
    "vae/a.safetensors",
    "text_encoders/PixArt-XL-2-1024-MS/text_encoder/model-00001-of-00002.safetensors",
    "checkpoints/Größe 1.ckpt",
    "a.gguf",
    "loras/日本語.safetensors",
    "diffusers/x/config.json",
    "loras/a..b.safetensors",
    "controlnet/control.v2.pth",
    "vae/v1.0 (fp16)[x].SAFETENSORS",
]


CLIMBS = [
    "..",
    "../..",
    "../../..",
    "a/..",
    "a/../..",
    "./..",
    ".",
    "",
    "a//b",
    "a/./b",
    "…/..",
    "..\u200b",
    ". .",
    "...",
]


SLASHES = ["\\", "\u2215", "\u2044", "\uff0f", "\u29f8", "\uff3c", "\u2216", "%2f\\"]


STARTS = [
    "/",
    "//",
    "///",
    "\\",
    "\\\\server\\share\\",
    "\\\\?\\C:\\",
    "C:",
    "C:/",
    "c:\\",
    "~",
    "~/",
    "~root/",
    "file:///",
]


CONTROLS = [
    chr(code) for code in (*range(32), 127, 0x85, 0xA0 - 1, 0x200B, 0x200E, 0x202E, 0x2028, 0xFEFF, 0xE000, 0xD800)
]


DEVICES = ["con", "PRN", "aux", "NUL", "COM1", "com9", "LPT1", "lpt9", "CONIN$", "conout$", "COM¹", "NUL.x"]


ENDINGS = [
    ".exe",
    ".sh",
    ".py",
    ".so",
    ".html",
    ".part",
    ".part.state",
    "",
    ".",
    ".safetensors.",
    ".safetensors ",
    ".SafeTensorsX",
]


FORBIDDEN = [
    *(f"{climb}/etc/a.safetensors" for climb in CLIMBS),
    *(f"vae/{climb}/a.safetensors" for climb in CLIMBS),
    *(f"vae/{climb}" for climb in CLIMBS),
    *(f"vae/..{slash}..{slash}a.safetensors" for slash in SLASHES),
    *(f"vae{slash}a.safetensors" for slash in SLASHES),
    *(f"{start}a.safetensors" for start in STARTS),
    *(f"{start}etc/vae/a.safetensors" for start in STARTS),
    *(f"vae/a{control}.safetensors" for control in CONTROLS),
    *(f"va{control}e/a.safetensors" for control in CONTROLS),
    *(f"vae/a.safetensors{control}" for control in CONTROLS),
    *(f"{device}/a.safetensors" for device in DEVICES),
    *(f"vae/{device}.safetensors" for device in DEVICES),
    *(f"vae/a{ending}" for ending in ENDINGS),
    *(f"vae{blank}/a.safetensors" for blank in (" ", ".", "\u3000", "\u00a0", "\t")),
    *(f"{blank}vae/a.safetensors" for blank in (" ", "\u3000", "\u00a0", "\t")),
    *(f"vae/{sign}a.safetensors" for sign in '<>:"|?*'),
    *(f"{sign}/a.safetensors" for sign in '<>:"|?*'),
    "vae/.hidden.safetensors",
    ".git/a.safetensors",
    "vae/\uff0e\uff0e/a.safetensors",
    "vae/\u2024\u2024/a.safetensors",
    "vae/\ufe52\ufe52/a.safetensors",
    "vae/" + "a" * 250 + ".safetensors",
    "vae/" + "ä" * 130 + ".safetensors",
    "/".join(["a" * 100] * 12) + "/a.safetensors",
    "",
    " ",
    "a.safetensors:stream",
    "vae/a.safetensors::$DATA.safetensors",
]  # fmt: skip


def test_there_are_enough_cases() -> None:
    assert len(set(FORBIDDEN)) >= 250


@pytest.mark.parametrize("path", ALLOWED)
def test_real_paths_are_taken(path: str) -> None:
    assert parse_model_path(path) == path


@pytest.mark.parametrize("path", FORBIDDEN, ids=ascii)
def test_a_path_that_could_leave_is_refused(path: str) -> None:
    with pytest.raises(TransferError) as refused:
        parse_model_path(path)
    assert refused.value.reason == "forbidden_path"
    assert str(refused.value).isprintable()


def test_normal_forms_become_one() -> None:
    decomposed = unicodedata.normalize("NFD", "vae/Größe.safetensors")
    assert decomposed != "vae/Größe.safetensors"
    assert parse_model_path(decomposed) == "vae/Größe.safetensors"
