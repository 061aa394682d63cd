"""From files and presets back to workflows."""

from __future__ import annotations

import pytest

from tests.presets.makers import file, preset
from tests.workflows.put import loader, put_model, put_workflow, write_catalogue
from workflows.reverse_lookup import workflows_needing, workflows_using

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


def test_a_file_names_the_workflows_that_need_it() -> None:
    put_model("unet/a.safetensors")
    put_model("loras/b.safetensors")
    put_workflow("one.json", loader("a.safetensors", "diffusion_models"))
    put_workflow("two.json", loader("a.safetensors", "unet"), loader("gone.safetensors", id=2))
    put_workflow("muted.json", loader("b.safetensors", "loras", mode=4))

    assert workflows_needing(["unet/a.safetensors", "loras/b.safetensors", "loras/c.safetensors"]) == {
        "unet/a.safetensors": ["one", "two"]
    }


@pytest.mark.usefixtures("templates")
def test_a_template_that_nobody_can_run_here_needs_nothing() -> None:
    put_model("vae/ae.safetensors")
    assert len(workflows_using(["vae/ae.safetensors"])) > 10
    assert workflows_needing(["vae/ae.safetensors"]) == {}


def test_a_file_names_the_workflows_that_use_it_the_nearest_to_ready_first() -> None:
    write_catalogue({"p": preset(file("checkpoints/a.safetensors"))})
    put_model("checkpoints/c.safetensors")
    put_workflow("completed.json", loader("a.safetensors"), loader("c.safetensors", id=2))
    put_workflow("lacks-more.json", loader("a.safetensors"), loader("b.safetensors", id=2))
    put_workflow("ready.json", loader("c.safetensors"))

    assert [entry.id for entry in workflows_using(["checkpoints/a.safetensors"])] == [
        "local:completed.json",
        "local:lacks-more.json",
    ]
