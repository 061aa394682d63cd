"""A file whose header says another kind than its folder: the install ends well, and says it."""

from __future__ import annotations

import pytest

from activity.models import Activity
from downloads.models import Status
from downloads.queue import enqueue
from downloads.worker.drain import drain_queue
from extension_points import WantedFile
from tests.downloads.worker.test_installer import finished
from tests.modelfiles.heads import head, safetensors_start

pytestmark = pytest.mark.django_db(transaction=True)
CHECKPOINT = "model.diffusion_model.input_blocks.0.0.weight first_stage_model.decoder.conv_in.weight"
LORA = "lora_unet_a.lora_up.weight lora_unet_a.lora_down.weight lora_unet_a.alpha"


def warnings_of(hub, path: str, names: str) -> list[str]:
    start, size = safetensors_start(head(names))
    file = hub.add_file("org/one", "one.safetensors", start.ljust(size, b"\0"))
    row, _ = enqueue("A", "A", [WantedFile(path, file.url)])
    drain_queue()
    assert finished(row) == (Status.COMPLETED, "")
    return list(Activity.objects.filter(status="warning").values_list("subtitle", flat=True))


def test_a_checkpoint_among_loras_is_said(hub, models):
    (said,) = warnings_of(hub, "loras/a.sft", CHECKPOINT)
    assert said.startswith("loras/a.sft is in a folder where ComfyUI does not look for it: it is a checkpoint")
    assert "those belong into checkpoints" in said


@pytest.mark.parametrize("path", ["loras/one.safetensors", "loras/deep/one.safetensors", "of_a_node_pack/one.sft"])
def test_what_is_in_its_folder_or_in_one_that_nobody_knows_is_not_spoken_of(hub, models, path):
    assert warnings_of(hub, path, LORA) == []


def test_what_is_of_no_known_kind_is_not_spoken_of(hub, models):
    assert warnings_of(hub, "loras/one.safetensors", "a b c") == []
