"""From a model to a picture: which workflows, and how each of them gets in front of the user."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client as Browser

from comfyui import generate
from comfyui.address import parse
from comfyui.client import Client, ComfyError
from comfyui.poller import Poller
from tests.comfyui.conftest import post, told
from tests.fakecomfy import FakeComfy
from tests.presets.makers import preset, write_catalogue
from tests.workflows.conftest import templates, workspace  # noqa: F401 - fixtures
from tests.workflows.make import api, dump
from tests.workflows.put import put_workflow
from workflows import library
from workflows.readiness import entries

pytestmark = pytest.mark.django_db


@pytest.fixture
def graph(mine: str, comfy: FakeComfy) -> str:
    place = Path(settings.WORKFLOW_DIRS[0]) / "graph.json"
    place.write_bytes(dump(api(CheckpointLoaderSimple={"ckpt_name": "a.safetensors"}, SaveImage={})))
    (comfy.root / "models/checkpoints/a.safetensors").touch()
    library.forget()
    return "local:graph.json"


@pytest.mark.usefixtures("templates")
def test_an_official_template_opens_by_a_link_on_the_browsers_host(
    comfy: FakeComfy, watched: Poller, admin_browser: Browser
) -> None:
    name = next(entry.workflow.path for entry in entries().values() if entry.needed).removesuffix(".json")
    comfy.templates = {name: {}}
    watched.step()
    page = " ".join(admin_browser.get(f"/generate/?workflow=templates:{name}.json").content.decode().split())
    assert f'href="http://localhost:{comfy.port}/?template={name}" target="_blank" rel="noopener"' in page


@pytest.mark.parametrize(("frontend", "opens"), [("1.32.9", True), ("1.32.8", False), ("1.49.6", True), ("", False)])
def test_only_frontends_that_know_links_get_one(comfy: FakeComfy, watched: Poller, frontend: str, opens: bool) -> None:
    comfy.frontend_version = frontend
    watched.step()
    assert bool(generate.template_link("http://here", "image_flux")) is opens


def test_a_template_newer_than_the_installed_package_gets_no_link(comfy: FakeComfy, watched: Poller) -> None:
    watched.step()
    assert generate.template_link("http://here", "from_next_year") == ""


def test_a_workflow_is_saved_and_never_over_another(comfy: FakeComfy, client: Client) -> None:
    assert generate.save(client, "wf", b"1") == "ComfyDash/wf.json"
    assert generate.save(client, "wf", b"1") == "ComfyDash/wf.json"
    assert generate.save(client, "wf", b"2") == "ComfyDash/wf-2.json"
    assert (comfy.root / "user/default/workflows/ComfyDash/wf.json").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["../../etc/passwd", "50%25 off", "a/b\\c", "..", "", "café ☕", "x" * 300])
def test_any_name_becomes_a_file_below_our_folder(comfy: FakeComfy, client: Client, name: str) -> None:
    saved = generate.save(client, name, b"{}")
    file = comfy.root / "user/default/workflows" / saved
    assert file.read_bytes() == b"{}"
    assert file.parent.name == "ComfyDash"
    assert "%" not in saved


def test_with_several_users_it_asks_whose(mine: str, comfy: FakeComfy, admin_browser: Browser) -> None:
    comfy.users = {"ann_1": "ann", "bob_2": "bob"}
    page = post(admin_browser, "open", mine)
    assert "Choose whose workflows" in page
    assert '<option value="bob_2">bob</option>' in page
    assert "Saved among the workflows" in post(admin_browser, "open", mine, user="bob_2")
    assert (comfy.root / "user/bob_2/workflows/ComfyDash/My café.json").exists()
    assert "Choose whose" in post(admin_browser, "open", mine, user="nobody")


def test_bringing_says_where_it_is(mine: str, comfy: FakeComfy, admin_browser: Browser) -> None:
    page = post(admin_browser, "open", mine)
    assert "ComfyDash/My café.json" in page
    assert "press <kbd>W</kbd>" in page
    kept = json.loads((comfy.root / "user/default/workflows/ComfyDash/My café.json").read_bytes())
    assert kept["nodes"]


def test_bringing_to_a_comfyui_that_is_down_says_so(mine: str, comfy: FakeComfy, admin_browser: Browser) -> None:
    comfy.stop()
    assert "Nothing answers at" in post(admin_browser, "open", mine)
    assert "Only a workflow in API format" in post(admin_browser, "queue", mine)


def test_a_graph_is_queued_and_followed(graph: str, comfy: FakeComfy, watched: Poller, admin_browser: Browser) -> None:
    assert "is queued in ComfyUI" in post(admin_browser, "queue", graph)
    extra = comfy.jobs.pending[0][3]
    assert extra["comfydash"] == {"source": "comfydash"}
    assert "extra_pnginfo" not in extra
    comfy.jobs.start()
    comfy.jobs.finish()
    for _ in range(2):
        watched.step()
    assert told()[-1][:2] == ("completed", "1 image generated")


def test_a_refusal_is_told_per_node(graph: str, comfy: FakeComfy, admin_browser: Browser) -> None:
    (comfy.root / "models/checkpoints/a.safetensors").unlink()
    page = post(admin_browser, "queue", graph)
    assert "<strong>CheckpointLoaderSimple #1</strong>" in page
    assert "Value not in list: ckpt_name" in page


@pytest.mark.parametrize(
    ("profile", "node", "words"),
    [("comfy", "X #1", "Node 'X' not found"), ("older", "#1", "node X does not exist")],
)
def test_a_missing_node_is_told_by_both_versions(
    request: pytest.FixtureRequest, profile: str, node: str, words: str
) -> None:
    fake = request.getfixturevalue(profile)
    with Client(parse(fake.url)) as client, pytest.raises(generate.NotQueued) as caught:
        generate.queue(client, json.dumps({"1": {"class_type": "X", "inputs": {}}}))
    [problem] = caught.value.problems
    assert problem.node == node
    assert words in problem.sentence


def test_what_was_sent_to_a_comfyui_that_hangs_may_still_be_queued(comfy: FakeComfy) -> None:
    comfy.hang()
    with Client(parse(comfy.url), read=0.2) as client, pytest.raises(ComfyError) as caught:
        generate.queue(client, json.dumps({"1": {"class_type": "SaveImage", "inputs": {}}}))
    assert "look at Activity before you queue it again" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": [], "links": []}', '{"1": {"class_type": 4}}'])
def test_only_graphs_are_sent(comfy: FakeComfy, client: Client, text: str) -> None:
    with pytest.raises(generate.NotQueued):
        generate.queue(client, text)
    assert comfy.log == []


def test_a_comfyui_that_answers_nonsense_fails_with_a_sentence(comfy: FakeComfy, client: Client) -> None:
    comfy.fixed["/prompt"] = (200, b"{}")
    with pytest.raises(ComfyError):
        generate.queue(client, json.dumps({"1": {"class_type": "SaveImage"}}))


def test_a_model_leads_to_the_workflows_that_use_it(mine: str, admin_browser: Browser) -> None:
    page = admin_browser.get("/generate/?model=A").content.decode()
    assert "My café" in page
    assert "Bring to ComfyUI" in page
    assert "press of <kbd>R</kbd>" in page


def test_ready_ones_come_first_and_missing_nodes_are_named(mine: str, admin_browser: Browser) -> None:
    from tests.workflows.put import loader

    put_workflow("aaa.json", loader(), loader("missing.safetensors", "vae", type="VAELoader"))
    lines = admin_browser.get("/generate/?model=A").context["lines"]
    assert [(line.entry.workflow.name, line.runs) for line in lines] == [("My café", True), ("aaa", False)]
    assert lines[1].unknown_nodes == ("VAELoader",)


def test_a_model_that_is_gone_and_one_that_nothing_uses(mine: str, admin_browser: Browser) -> None:
    assert admin_browser.get("/generate/?model=nothing").status_code == 404
    write_catalogue({"B": preset({"path": "vae/b.safetensors", "url": "https://example.org/b.safetensors"})})
    assert "No workflow here uses it yet" in admin_browser.get("/generate/?model=B").content.decode()


@pytest.mark.usefixtures("settings_read_once")
def test_the_number_of_queries_does_not_grow(mine: str, admin_browser: Browser, django_assert_max_num_queries) -> None:
    for number in range(30):
        put_workflow(f"{number}.json")
    admin_browser.get("/generate/?model=A")
    with django_assert_max_num_queries(12):
        assert len(admin_browser.get("/generate/?model=A").context["lines"]) == 31
