from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from derived.models import DerivedValue
from presets import catalogue as listing
from presets import starter, templates_source
from presets.catalogue import catalogue, wanted_files
from presets.document import parse_document
from presets.starter import STARTER
from tests.presets.makers import HUB, file, ids, preset, write_catalogue
from volumes.files import OLD

pytestmark = pytest.mark.django_db


def test_a_new_workspace_gets_the_starter_file_and_the_templates(settings: Any) -> None:
    found = catalogue()
    assert Path(settings.PRESETS_FILE).read_bytes() == STARTER.read_bytes()
    assert found.problems == ()
    assert sum(preset.source == "templates" for preset in found.presets.values()) > 250
    assert found.presets["SDXL_BASE_V1"].source == "file"


def test_a_catalogue_that_stepped_aside_is_not_taken_for_none(settings: Any) -> None:
    """A refresh was killed on a volume that replaces no names."""
    file = Path(settings.PRESETS_FILE)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_name(f"{file.name}{OLD}").write_bytes(b"presets: {}")
    assert starter.read_or_create(file) == b"presets: {}"
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_the_starter_file_has_no_faults() -> None:
    starter = parse_document(STARTER.read_bytes())
    assert starter.problems == ()
    assert {preset.id: preset.warnings for preset in starter.presets.values() if preset.warnings} == {}
    assert {preset.type for preset in starter.presets.values()} == {"image", "video", "audio"}
    assert all(file.size_guess for preset in starter.presets.values() for file in preset.files)
    assert len(starter.presets) >= 10


def test_a_workspace_that_cannot_be_written_still_shows_the_starter(settings: Any) -> None:
    settings.PRESETS_FILE = Path("/proc/no/such/presets.yaml")
    found = catalogue()
    assert "SDXL_BASE_V1" in found.presets
    assert found.problems == ()


def test_a_full_disk_leaves_no_half_starter(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "STARTER", Path("/proc/self/mem"))  # reading it fails after the file was opened
    with pytest.raises(OSError):
        starter.read_or_create(Path(settings.PRESETS_FILE))
    assert not Path(settings.PRESETS_FILE).exists()


def test_a_file_where_the_folder_should_be_is_a_problem(settings: Any, workspace: Path) -> None:
    (workspace / "config").write_text("a file where the folder should be")
    settings.PRESETS_FILE = workspace / "config" / "presets.yaml"
    found = catalogue()
    assert "SDXL_BASE_V1" not in found.presets
    assert "cannot be read" in found.problems[0]


def test_an_existing_file_is_left_alone(settings: Any) -> None:
    path = write_catalogue({"MINE": preset()})
    before = path.read_bytes()
    assert "MINE" in catalogue().presets
    assert path.read_bytes() == before


def test_a_change_of_the_file_is_seen_by_itself() -> None:
    path = write_catalogue({"OLD": preset()})
    old = catalogue()
    assert catalogue() is old
    path.write_bytes(path.read_bytes().replace(b"OLD", b"NEWER"))
    assert "NEWER" in catalogue().presets


def test_a_broken_file_leaves_the_templates_and_says_where_it_is_broken() -> None:
    path = write_catalogue({"A": preset()})
    path.write_text("presets:\n  A: [\n")
    listing.forget()
    found = catalogue()
    assert len(found.presets) > 250
    assert found.problems == (
        f"{path} cannot be used: Line 3, column 1: this is not YAML. "
        "Check the indentation, quotes and brackets here and in the line before. "
        "Repair it, or refresh the catalogue.",
    )


def test_a_folder_instead_of_the_file_is_a_problem_and_no_error(settings: Any) -> None:
    Path(settings.PRESETS_FILE).mkdir(parents=True)
    assert "cannot be read (Is a directory)" in catalogue().problems[0]


def test_problems_of_the_document_name_file_and_line() -> None:
    write_catalogue({"not an id": preset(), "A": preset()})
    (problem,) = catalogue().problems
    assert problem.startswith("presets.yaml, line 4: “not an id” cannot be an id")


def test_two_addresses_for_one_path_warn_on_both_presets() -> None:
    one = file("text_encoders/clip_l.safetensors", f"{HUB}/a/a/resolve/main/clip_l.safetensors")
    same = file("clip/clip_l.safetensors", f"{HUB}/a/a/blob/main/clip_l.safetensors?download=true")
    other = file("clip/clip_l.safetensors", f"{HUB}/b/b/resolve/main/clip_l.safetensors")
    write_catalogue({"ONE": preset(one), "SAME": preset(same), "OTHER": preset(other)})
    presets = catalogue().presets
    assert [len(presets[name].warnings) for name in ("ONE", "SAME", "OTHER")] == [1, 1, 1]
    assert presets["OTHER"].warnings[0].startswith("clip/clip_l.safetensors comes from another address in ONE, SAME.")
    assert (
        presets["ONE"].warnings[0].startswith("text_encoders/clip_l.safetensors comes from another address in OTHER.")
    )


def test_what_an_install_fetches_today() -> None:
    write_catalogue({"A": preset(file(size="2GB"), file("vae/b.pt", optional=True)), "BROKEN": preset(file("../x.pt"))})
    wanted = wanted_files("A")
    assert wanted is not None
    assert [(one.path, one.size, one.optional) for one in wanted] == [
        ("checkpoints/a.safetensors", 2_000_000_000, False),
        ("vae/b.pt", None, True),
    ]
    assert (wanted_files("GONE"), wanted_files("BROKEN")) == (None, None)


# --- the official templates --------------------------------------------------------------------------------------


def test_every_template_that_declares_models_is_a_preset() -> None:
    found = templates_source.templates()
    assert len(found.presets) == len(set(ids(found.presets))) >= 261
    assert all(preset.id.startswith("template:") and preset.files for preset in found.presets)
    assert {preset.type for preset in found.presets} == {"image", "video", "audio", "3d", "llm"}
    assert len({file.path for preset in found.presets for file in preset.files}) > 300


def test_a_template_is_what_its_workflow_selects() -> None:
    (turbo,) = (preset for preset in templates_source.templates().presets if preset.id == "template:sdxlturbo_example")
    assert turbo.name == "SDXL Turbo"
    assert [(file.path, file.url) for file in turbo.files] == [
        (
            "checkpoints/sd_xl_turbo_1.0_fp16.safetensors",
            f"{HUB}/stabilityai/sdxl-turbo/resolve/main/sd_xl_turbo_1.0_fp16.safetensors",
        )
    ]


def test_templates_are_kept_between_starts_and_equal_what_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    templates_source.templates.cache_clear()
    anew = templates_source.templates()
    templates_source.templates.cache_clear()
    monkeypatch.setattr(templates_source, "_read", None)
    assert templates_source.templates() == anew


@pytest.mark.parametrize("kept", [b"[]", b'{"presets": 7}', b"not json", b"\xff"])
def test_what_was_kept_and_is_damaged_is_made_anew(kept: bytes) -> None:
    templates_source.templates.cache_clear()
    expected = templates_source.templates()
    assert DerivedValue.objects.update(value=kept, value_bytes=len(kept)) == 1
    templates_source.templates.cache_clear()
    assert templates_source.templates() == expected


@pytest.mark.parametrize("changed", [{"version": "another"}, {"mtime_ns": 1}, {"size": 1}])
def test_templates_of_another_package_are_made_anew(changed: dict[str, Any]) -> None:
    templates_source.templates.cache_clear()
    expected = templates_source.templates()
    DerivedValue.objects.update(value=b'{"version": "", "presets": [], "categories": {}}', **changed)
    templates_source.templates.cache_clear()
    assert templates_source.templates() == expected


def test_without_the_package_a_sentence_says_how_to_get_it(no_templates: None) -> None:
    write_catalogue({"A": preset()})
    found = catalogue()
    assert list(found.presets) == ["A"]
    assert found.problems == (
        "The official templates are not installed. Run: pip install comfyui-workflow-templates-json",
    )
