"""ComfyUI's extra_model_paths.yaml: read as ComfyUI reads it, and each fault with its line."""

# ruff: noqa: PTH100, PTH111, PTH117, PTH118, PTH120  # as_comfyui is written as ComfyUI is
from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from django.core.checks import run_checks

from downloads.inventory import scan
from downloads.inventory.extra_model_paths import ExtraPaths, extra_model_paths


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
    scan.forget()
    messages = [message for message in run_checks(tags=["comfydash"]) if message.id == "comfydash.W006"]
    assert ["line 2: a tab" in message.msg for message in messages] == [True]


def as_comfyui(text: str, place: Path) -> dict[str, list[str]]:
    """ComfyUI's utils/extra_config.py and folder_paths.add_model_folder_path, which are not installed here."""
    kinds: dict[str, list[str]] = {}
    here = os.path.dirname(os.path.abspath(place))
    for section in (config := yaml.safe_load(text)):
        conf = config[section]
        if conf is None:
            continue
        base = None
        if "base_path" in conf:
            base = os.path.expandvars(os.path.expanduser(conf.pop("base_path")))
            base = base if os.path.isabs(base) else os.path.abspath(os.path.join(here, base))
        first = conf.pop("is_default") if "is_default" in conf else False
        for kind in conf:
            for line in conf[kind].split("\n"):
                if line:
                    folder = os.path.normpath(os.path.join(base or here, line))
                    folders = kinds.setdefault(
                        {"unet": "diffusion_models", "clip": "text_encoders"}.get(kind, kind), []
                    )
                    if first and folder in folders:
                        folders.remove(folder)
                    if folder not in folders:
                        folders.insert(0 if first else len(folders), folder)
    return kinds


@pytest.mark.parametrize(
    "text",
    [
        *(f"a:\n  vae: /a\nb:\n  vae: /b\n  is_default: {word}\n" for word in ("1", "y", '"no"', "[1]", "on", "2.5")),
        *(f"a:\n  vae: /a\nb:\n  vae: /b\n  is_default: {word}\n" for word in ("0", "no", '""', "", "~", "off", "[]")),
        "a:\n  base_path: ~nobody_of_that_name/m\n  vae: v\n",
        "a:\n  base_path: $NO_SUCH_VARIABLE/x\n  vae: ~/v\n",
        "a:\n  vae: /a\na:\n  vae: /b\n",
        "a:\n  base_path: /x\n  base_path: /y\n  vae: v\n  vae: w\n",
        "a: &a\n  base_path: /x\n  vae: v\nb: *a\n",
        "a: &a\n  base_path: /x\n  vae: v\nb: &b\n  <<: *a\n  clip: c\nc:\n  <<: *b\n  base_path: /z\n",
        'a:\n  vae: "/v "\n  loras: |\n    /a\n      /b\n    /c \n',
        'a:\n  vae: "/v\u2028w"\n  loras: "/a\\n/b"\n  clip: >\n    /c\n    /d\n',
        "1:\n  base_path: /x\n  vae: v\n",
        "a:\n  vae: |\n    # no comment here\n    /v # nor here\n",
        '{"a": {"base_path": "/x", "vae": "v\\nw"}}',
    ],
)
def test_odd_forms_are_read_as_comfyui_reads_them(tmp_path: Path, text: str) -> None:
    read = found(tmp_path, text)
    assert {kind: list(map(str, folders)) for kind, folders in read.kinds.items()} == as_comfyui(
        text, tmp_path / "extra_model_paths.yaml"
    )


@pytest.mark.parametrize(
    ("data", "line", "words", "kinds"),
    [
        ("a:\n  vae: /v\na:\n  loras: /l\n", 3, "“a” is there twice in the file, in line 1 too", {"loras"}),
        ("a:\n  vae: /v\n  vae: /w\n", 3, "“vae” is there twice", {"vae"}),
        ("a: &a {base_path: /, vae: v}\nb: *a\n", 1, "without base_path", {"vae"}),
        ('a:\n  vae: "/v "\n', 2, "blanks", {"vae"}),
        ("a:\n  vae: 5\n", 2, "“5” is no text", {"vae"}),
        ("a:\n  base_path: [/x]\n  vae: v\n", 2, "“base_path” has a list", {"vae"}),
        ("a:\n  base_path:\n  vae: v\n", 2, "“base_path” has no path", {"vae"}),
        ("a:\n  vae: !x /v\n", 2, "the tag !x", {"vae"}),
        ("a:\n  <<: x\n  vae: /v\n", 2, "“<<” names nothing", {"vae"}),
        ("a:\n  vae: /v\n---\nb:\n  loras: /l\n", 3, "a second document", {"vae", "loras"}),
        ("a: {vae: /v}\nb:\n  x: y\n  loras: /l\0\n", 4, "a control character", {"vae"}),
        ('a:\n  vae: /v\n  loras: "/l\n  clip: /c\nb: {gligen: /g}\n', 3, "never closed", {"gligen"}),
        ("a:\n  loras: *x\nb: {vae: /v}\n", 2, "the alias here", {"vae"}),
        *(
            ("a:\n  vae: /v\n".encode(name), 1, "text, which ComfyUI cannot read", {"vae"})
            for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")
        ),
    ],
)
def test_what_stops_comfyui_or_means_something_else_is_said(
    tmp_path: Path, data: str | bytes, line: int, words: str, kinds: set[str]
) -> None:
    test_what_is_wrong_is_said_with_its_line_and_hides_nothing_else(tmp_path, data, line, words, kinds)


def test_sections_that_were_read_one_by_one_are_not_taken_for_aliases(tmp_path: Path) -> None:
    broken = "".join(f"s{number}: {{vae: /{number}}}\n" for number in range(200))
    read = found(tmp_path, "\tx\n" + broken)
    assert len(read.kinds["vae"]) == 200
    assert [fault for fault in read.faults if "alias" in fault] == []


def test_merges_of_merges_and_endless_lists_end(tmp_path: Path) -> None:
    bomb = "a0: &a0 {vae: /v}\n" + "".join(
        f"a{level}: &a{level}\n  <<: [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 15)
    )
    assert any("the rest is left out" in fault for fault in found(tmp_path, bomb).faults)
    lines = "a:\n  k0: &k |\n" + "".join(f"    /{number}\n" for number in range(500))
    read = found(tmp_path, lines + "".join(f"  k{number}: *k\n" for number in range(1, 50)))
    assert sum(map(len, read.kinds.values())) == 5000
    assert "kB and is not read" in found(tmp_path, "#" * 2**18 + "\na: {vae: /v}\n").faults[0]


def test_of_several_sections_that_are_merged_the_first_one_counts(tmp_path: Path) -> None:
    """As YAML's merge keys have it. PyYAML up to 6.0.3 does so, and so does ComfyUI with it; 6.0.4 takes the last."""
    text = "a: &a {base_path: /x, vae: v}\nb: &b {base_path: /y, vae: w, loras: l}\nc:\n  <<: [*a, *b]\n"
    kinds = {kind: list(map(str, folders)) for kind, folders in found(tmp_path, text).kinds.items()}
    assert kinds == {"vae": ["/x/v", "/y/w"], "loras": ["/y/l", "/x/l"]}
