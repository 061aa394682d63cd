from __future__ import annotations

from pathlib import Path

import pytest

from comfyui import folders
from tests.workflows import make
from workflows import comfyui_user, library
from workflows.library import library as known

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


def ids() -> list[str]:
    library.forget()
    return list(known().workflows)


def test_workflows_saved_in_comfyui_are_known_by_user(workspace: Path) -> None:
    comfy = workspace / "ComfyUI"
    for user in ("default", "ann_1"):
        (comfy / "user" / user / "workflows").mkdir(parents=True)
        (comfy / "user" / user / "workflows" / "a.json").write_bytes(make.dump(make.ui()))
    (comfy / "custom_nodes").mkdir()
    folders.keep({"folders": {}, "custom_nodes": [str(comfy / "custom_nodes")]})
    comfyui_user.forget()
    assert ids() == ["comfyui-ann_1:a.json", "comfyui:a.json"]
