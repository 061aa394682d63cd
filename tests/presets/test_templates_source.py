from __future__ import annotations

from typing import Any

import pytest

from presets import templates_source
from presets.catalogue import catalogue
from tests.presets.makers import HUB, ids, preset, write_catalogue


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


def test_templates_are_kept_in_the_data_folder_and_equal_what_is_read_anew(settings: Any) -> None:
    templates_source.templates.cache_clear()
    anew = templates_source.templates()
    assert (settings.DATA_DIR / "templates.json").exists()
    templates_source.templates.cache_clear()
    assert templates_source.templates() == anew


@pytest.mark.parametrize("kept", ["[]", '{"made_with": 7}', "not json"])
def test_what_was_kept_and_is_damaged_is_made_anew(settings: Any, kept: str) -> None:
    expected = templates_source.templates()
    (settings.DATA_DIR / "templates.json").write_text(kept)
    templates_source.templates.cache_clear()
    assert templates_source.templates() == expected


def test_without_the_package_a_sentence_says_how_to_get_it(no_templates: None) -> None:
    write_catalogue({"A": preset()})
    found = catalogue()
    assert list(found.presets) == ["A"]
    assert found.problems == (
        "The official templates are not installed. Run: pip install comfyui-workflow-templates-json",
    )
