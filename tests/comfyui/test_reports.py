from comfyui import reports
from comfyui.poller import Poller
from tests.fakecomfy import FakeComfy


def test_node_types_templates_and_folders_are_asked_once_per_start(comfy: FakeComfy, watched: Poller) -> None:
    for _ in range(4):
        watched.step()
    assert len(comfy.asked("/object_info")) == 1
    assert reports.node_types() == {"CheckpointLoaderSimple", "AudioEncoderLoader", "SaveImage"}
    assert reports.template_names() == {"image_flux"}
    comfy.stop()
    watched.step()
    comfy.restart()
    watched.step()
    assert len(comfy.asked("/object_info")) == 2


def test_what_it_cannot_tell_now_keeps_its_last_answer(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    comfy.stop()
    watched.step()
    comfy.restart()
    comfy.fixed = dict.fromkeys(("/object_info", "/templates/index.json", "/experiment/models"), (500, b""))
    watched.step()
    watched.step()
    assert reports.node_types()
    assert reports.template_names()
