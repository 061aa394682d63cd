from __future__ import annotations

from typing import Any

import pytest

from derived.models import DerivedValue
from presets import templates_source
from presets.catalogue import catalogue
from tests.presets.makers import HUB, ids, preset, write_catalogue

pytestmark = pytest.mark.django_db


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
